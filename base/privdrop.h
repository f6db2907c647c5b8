/*
 * privdrop.h - from root, or whatever we were started as, to what the work needs.
 *
 * Threads  call before any other thread exists: capabilities belong to threads.
 */
#ifndef BASE_PRIVDROP_H
#define BASE_PRIVDROP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Raise the soft limit of open files to the hard one; the limit that holds now. */
unsigned long privdrop_raise_files(void);

struct privdrop_identity {
	uid_t uid;
	gid_t gid;
};

/*
 * Look up whom to become. user NULL: stay who we are; group NULL: the user's own group. False
 * with a sentence in error if there is no such user or group. Numbers count as ids.
 */
bool privdrop_lookup(const char *user, const char *group, struct privdrop_identity *out,
		     char *error, size_t error_size);

/* A group by name or number; (gid_t)-1 if there is none. */
gid_t privdrop_group(const char *name);

/*
 * Become that identity with its supplementary groups, for good: no capabilities (but
 * CAP_NET_BIND_SERVICE where keep_bind and we have it), none to be had by executing anything
 * (no_new_privs), no core dumps and no ptrace by others, because keys are in memory. Changing
 * nothing but that needs no rights. False with a sentence in error; the process should end.
 */
bool privdrop_to(const struct privdrop_identity *who, bool keep_bind, char *error,
		 size_t error_size);

#endif
