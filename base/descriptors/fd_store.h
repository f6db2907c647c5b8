/*
 * fd_store.h - descriptors that outlive the process, in systemd's store of the service
 * (FDSTORE=1, sd_notify(3)). Does nothing where systemd does not listen.
 *
 * A name is for a group of descriptors: they are given back with it, and are removed by it. A
 * connection leaves the store by itself when both directions are shut down; close() alone does not
 * end it, because the store has a copy: fd_end() of connection_store.h.
 *
 * Messages go to PID 1, which may be slow: they never block. What it does not take is kept and
 * sent again, in order; what is given up is counted.
 *
 * Threads  any; a lock, so not for the packet path.
 */
#ifndef BASE_DESCRIPTORS_FD_STORE_H
#define BASE_DESCRIPTORS_FD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FD_STORE_NAME_MAX = 128, FD_STORE_BATCH = 253 /* SCM_MAX_FD */ };

/* Can a group be called that: [a-zA-Z0-9._-], shorter than FD_STORE_NAME_MAX, and not empty? */
bool fd_store_is_name(const char *name);

/* Is there a store? */
bool fd_store_is_there(void);

/*
 * Open the socket to it now, which is otherwise done when it is needed: early, so that a process that
 * has no descriptors left can still store what it has.
 */
void fd_store_open(void);

/*
 * Keep copies of count descriptors, at least 1, in batches. poll: let it drop those that hang up or
 * fail; for connections. name: [a-zA-Z0-9._-]. The descriptors are borrowed for the call: of those
 * that have to wait, copies wait. False: some were given up. True does not mean that systemd has room for
 * them (FileDescriptorStoreMax=): it drops what is too much, and does not answer.
 */
bool fd_store_put(const char *name, const int *fds, size_t count, bool poll);

/*
 * The same for thousands that neither hang up nor are removed one by one: as parcels (fd_parcel.h), of
 * which each is one descriptor in the store. Those that cannot be packed are given up.
 */
void fd_store_put_parcels(const char *name, const int *fds, size_t count);
void fd_store_remove(const char *name);
/*
 * The same before what is waiting, as far as that is of other names: for what has to go so that there is room
 * in the kernel for the rest (ETOOMANYREFS).
 */
void fd_store_remove_first(const char *name);

/*
 * Has systemd dropped something for lack of room, when it was last looked at? fd_store_look() finds that out with
 * a descriptor of no other use, one after the start and then at most every half minute, if something was put or the
 * store was full. Every two seconds, from main.
 */
bool fd_store_is_full(void);
void fd_store_look(void);
/* Somebody has seen that it has dropped a descriptor. */
void fd_store_refused(void);

/* Send what is waiting; false if something still is. From main, every now and then. */
bool fd_store_flush(void);
/* The same, for at most so many milliseconds: before the process ends. */
bool fd_store_wait(unsigned ms);

/*
 * The same, and wait until systemd has done all of it (BARRIER=1): what it was to let go of is closed. False
 * after so many milliseconds.
 */
bool fd_store_settle(unsigned ms);

struct fd_store_figures {
	uint64_t put, removed; /* descriptors that PID 1 has been sent; removals */
	uint64_t given_up;     /* descriptors and removals that it never will be */
	size_t waiting;        /* descriptors and removals */
};
struct fd_store_figures fd_store_figures(void);

/* Give up what is waiting, and the socket. Whatever is stored later opens it again. */
void fd_store_close(void);

#endif
