/*
 * connection_store.h - TCP connections that outlive the process: put into parcels (fd_parcel.h) that the
 * store has already, so that PID 1, which compares each new descriptor with all it has, hears nothing of them
 * (docs/decisions/0011).
 *
 * What cannot be put into a parcel, because the store is full or too many descriptors are in parcels
 * (RLIMIT_NOFILE, ETOOMANYREFS), is not kept: it is counted, and connection_store_tend() tries again.
 *
 * One that has ended stays in its parcel, as a dead socket. When most of a parcel has ended, those that have not
 * are put into another one, and then the store is told to let go of the first: at any moment each is in one of
 * the two. The next process looks into all parcels and takes nothing out, so that one after it finds the same;
 * when it has taken over, it puts its connections into its own and removes the others.
 *
 * Threads  any; a lock, so not for the packet path.
 */
#ifndef BASE_DESCRIPTORS_CONNECTION_STORE_H
#define BASE_DESCRIPTORS_CONNECTION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name of connections in the store; that of a parcel of them has ".<number>" behind it. */
#define CONNECTIONS_NAME "tcp"

/*
 * Keep copies of count connections, each of which ends with fd_end() and not with close(). Nothing where there
 * is no store.
 */
void connection_store_put(const int *fds, size_t count);

/* Every two seconds, from main: notice parcels that the store has dropped, and try again what is not kept. */
void connection_store_tend(void);

/* End a TCP connection or listener of which the store may have a copy, and close it. reset: RST. */
void fd_end(int fd, bool reset);

/* Is that the name of a parcel of connections? Of one that was inherited: it is noted, and is not used for ours. */
bool connection_store_inherited(const char *name);
/* All connections have been put by this process: remove inherited parcels from the store, and have one of its own. */
void connection_store_settle(void);

struct connection_store_figures {
	size_t parcels;
	size_t live, ended; /* connections in them */
	size_t unkept;      /* connections that the next process will not have */
	bool is_crowded; /* the last one by the kernel's limit of descriptors in flight */
	uint64_t refused;  /* parcels that the store has dropped */
	uint64_t repacked; /* parcels that others have replaced */
};
struct connection_store_figures connection_store_figures(void);

/* For tests: forget all parcels, as the end of the process does. */
void connection_store_close(void);

#endif
