/*
 * privdrop.h - from the user we were started as, often root, down to what the work needs.
 *
 * Threads  call before any other thread exists: capabilities belong to threads.
 */
#ifndef BASE_PRIVDROP_H
#define BASE_PRIVDROP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Raise the soft limit of open files to the hard one; returns the limit in force. */
unsigned long privdrop_raise_files(void);

struct privdrop_identity {
	uid_t uid;
	gid_t gid;
};

/*
 * Look up the identity to switch to. user NULL: keep the current one; group NULL: the
 * user's own. False with a sentence in error if there is no such user or group. Numbers
 * are ids.
 */
bool privdrop_lookup(const char *user, const char *group, struct privdrop_identity *out,
		     char *error, size_t error_size);

/*
 * Could that identity open the file for reading? True also where this cannot be found out: only
 * root can, and only with CAP_SETGID. Opens the file as that identity and closes it.
 */
bool privdrop_may_read(const struct privdrop_identity *who, const char *path);

/* A group by name or number; (gid_t)-1 if there is none. */
gid_t privdrop_group(const char *name);

/*
 * Switch to that identity and its supplementary groups for good: no capabilities (except
 * CAP_NET_BIND_SERVICE if keep_bind and we have it), none gained by executing anything
 * (no_new_privs), no core dumps and no ptrace by others, because keys are in memory.
 * Needs no privileges if the identity stays the same. False with a sentence in error; the
 * process should end.
 */
bool privdrop_to(const struct privdrop_identity *who, bool keep_bind, char *error,
		 size_t error_size);

#endif
