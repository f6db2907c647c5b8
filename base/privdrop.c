/*
 * privdrop.c - see privdrop.h.
 */
#include "base/privdrop.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { GROUPS_MAX = 1024 }; /* of one user; with more nothing is found out */

unsigned long privdrop_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {limit.rlim_max, limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur;
}

static bool parse_id(const char *text, unsigned *id)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;

	unsigned long n = strtoul(text, &end, 10);
	/* All ones means "no id" to the kernel. */
	if (*end || errno || n >= UINT_MAX)
		return false;
	*id = (unsigned)n;
	return true;
}

gid_t privdrop_group(const char *name)
{
	const struct group *group = getgrnam(name);
	unsigned id;

	if (group)
		return group->gr_gid;
	return parse_id(name, &id) ? (gid_t)id : (gid_t)-1;
}

bool privdrop_lookup(const char *user, const char *group, struct privdrop_identity *out,
		     char *error, size_t error_size)
{
	unsigned id;

	*out = (struct privdrop_identity){.uid = getuid(), .gid = getgid()};
	if (user) {
		const struct passwd *entry = getpwnam(user);

		if (!entry && parse_id(user, &id)) {
			out->uid = (uid_t)id;
			entry = getpwuid(out->uid);
		} else if (entry) {
			out->uid = entry->pw_uid;
		} else {
			snprintf(error, error_size,
				 "no user \"%s\"; create it or change \"user\"", user);
			return false;
		}
		if (entry)
			out->gid = entry->pw_gid;
	}
	if (group) {
		out->gid = privdrop_group(group);
		if (out->gid == (gid_t)-1) {
			snprintf(error, error_size,
				 "no group \"%s\"; create it or change \"group\"", group);
			return false;
		}
	}
	return true;
}

/* The supplementary groups that it will have; see change_identity(). */
static bool take_groups(const struct privdrop_identity *who)
{
	const struct passwd *entry = getpwuid(who->uid);
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX;

	if (!entry)
		return setgroups(0, NULL) == 0;
	return getgrouplist(entry->pw_name, who->gid, groups, &count) >= 0 &&
	       setgroups((size_t)count, groups) == 0;
}

/* The kernel judges as for the identity itself: directories, access lists and mounts, too. */
bool privdrop_may_read(const struct privdrop_identity *who, const char *path)
{
	gid_t own[GROUPS_MAX];
	int own_count = getgroups(GROUPS_MAX, own);
	int fd = -1, error = 0;

	if (geteuid() != 0 || who->uid == 0 || own_count < 0 || !take_groups(who))
		return true;
	/* Of this thread alone; without user 0 it has no capability that overrides modes. */
	setfsgid(who->gid);
	setfsuid(who->uid);
	if ((uid_t)setfsuid((uid_t)-1) == who->uid) {
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		error = errno;
	}
	setfsuid(geteuid());
	setfsgid(getegid());
	if (setgroups((size_t)own_count, own) < 0)
		abort(); /* going on with the groups of another is no choice */
	if (fd >= 0)
		close(fd);
	return fd >= 0 || error != EACCES;
}

static bool is_already(const struct privdrop_identity *who)
{
	return getuid() == who->uid && geteuid() == who->uid && getgid() == who->gid &&
	       getegid() == who->gid;
}

/* Choose before the identity changes; libcap-ng carries the choice across. */
static void choose_capabilities(bool keep_bind)
{
	capng_get_caps_process();

	bool keep = keep_bind &&
		    capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
	capng_clear(CAPNG_SELECT_CAPS);
	if (keep)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			     CAP_NET_BIND_SERVICE);
}

static bool change_identity(const struct privdrop_identity *who, bool keep_bind,
			    char *error, size_t error_size)
{
	if (geteuid() != 0) {
		snprintf(
			error, error_size,
			"cannot switch to user %u, group %u: started as user %u; start as root, or remove \"user\" and \"group\"",
			who->uid, who->gid, getuid());
		return false;
	}

	/* In a container, root may not be allowed to shrink the bounding set. */
	int flags = getpwuid(who->uid) ? CAPNG_INIT_SUPP_GRP : CAPNG_DROP_SUPP_GRP;
	capng_get_caps_process();
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		flags |= CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT;
	choose_capabilities(keep_bind);

	int result = capng_change_id((int)who->uid, (int)who->gid, (capng_flags_t)flags);
	if (result != 0) {
		snprintf(
			error, error_size,
			"cannot switch to user %u, group %u (step %d: %s); needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP",
			who->uid, who->gid, -result, strerror(errno));
		return false;
	}
	return true;
}

bool privdrop_to(const struct privdrop_identity *who, bool keep_bind, char *error,
		 size_t error_size)
{
	/* All ones would change nothing, and be reported as a success. */
	assert(who->uid != (uid_t)-1 && who->gid != (gid_t)-1);
	if (!is_already(who)) {
		if (!change_identity(who, keep_bind, error, error_size))
			return false;
	} else if (who->uid != 0) {
		choose_capabilities(keep_bind);
		if (capng_apply(CAPNG_SELECT_CAPS) != 0) {
			snprintf(error, error_size, "cannot drop capabilities: %s",
				 strerror(errno));
			return false;
		}
	}
	assert(is_already(who));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		snprintf(error, error_size, "cannot drop privileges: %s",
			 strerror(errno));
		return false;
	}
	return true;
}
