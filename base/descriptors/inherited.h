/*
 * inherited.h - descriptors that this process was given by the one before it: by systemd's store
 * (LISTEN_FDS, LISTEN_FDNAMES), or by a running process (--take-over). One list, whatever the way; a
 * parcel (fd_parcel.h) is unpacked, and what was in it has the parcel's name; connections that have not ended are
 * copied out of theirs (connection_store.h), under the name of connections.
 *
 * Owner    struct inherited owns those that nobody has taken, and closes them in the end.
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_INHERITED_H
#define BASE_DESCRIPTORS_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

struct inherited;

/* An empty list; NULL if out of memory. */
struct inherited *inherited_new(void);
/* Closes what is left: connections are ended, as the store may have copies. NULL is allowed. */
void inherited_free(struct inherited *inherited);
/* The same without ending anything, if the start fails: the store has copies for another try. */
void inherited_leave(struct inherited *inherited);

/* Those of the environment, made close-on-exec; the variables are unset. False: out of memory. */
bool inherited_from_environment(struct inherited *inherited);
/*
 * One more. name is copied. One with a name that the store does not take (fd_store_is_name()) is closed and
 * logged. False: out of memory: fd is still the caller's.
 */
bool inherited_add(struct inherited *inherited, const char *name, int fd);

size_t inherited_count(const struct inherited *inherited);

/*
 * Take one of that name out of the list, the one that came first; -1: there is none. What it is bound to, the
 * caller looks at.
 */
int inherited_take(struct inherited *inherited, const char *name);

/* Walk without taking: *cursor starts at 0; false at the end. What it gives may be taken. */
bool inherited_next(const struct inherited *inherited, size_t *cursor, const char **name,
		    int *fd);
/* That one of the list is the caller's now. */
void inherited_taken(struct inherited *inherited, int fd);

/* What the system says of a descriptor, whatever its name. */
enum inherited_kind {
	INHERITED_OTHER,
	INHERITED_UDP,
	INHERITED_LISTENER,
	INHERITED_CONNECTION, /* TCP, whether it still is connected or not */
};
enum inherited_kind inherited_kind(int fd);

/* Close one that is of no use; a connection or listener is ended, as the store may have a copy. */
void inherited_close(int fd);

#endif
