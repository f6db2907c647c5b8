/*
 * fd_parcel.h - one descriptor that has many others in it: a socket in whose queue they lie
 * (SCM_RIGHTS). For thousands at once: systemd compares each one that it stores with all it has, so
 * 9,000 one by one keep it busy for seconds; a parcel is one (docs/decisions/0011).
 *
 * What is in a parcel stays open as long as the parcel does, and cannot be taken out but by reading all. One
 * that is open is added to until all of it has ended: connection_store.h.
 */
#ifndef BASE_DESCRIPTORS_FD_PARCEL_H
#define BASE_DESCRIPTORS_FD_PARCEL_H

#include <stdbool.h>
#include <stddef.h>

/* The one name that parcels have: whatever else is a socket like them, is none. */
#define FD_PARCEL_NAME "relay"

/*
 * Put copies of some of count borrowed descriptors into a new parcel: returns how many, 0 and errno if
 * none. What does not fit goes into another one.
 */
size_t fd_parcel_pack(const int *fds, size_t count, int *parcel);

/*
 * The same in steps: an empty parcel, and the end that sends into it. Both are the caller's; once the store has the
 * parcel, it needs the other end alone. An errno.
 */
int fd_parcel_open(int *to, int *parcel);
/*
 * Put copies of 1 to 253 (SCM_MAX_FD) into it. EAGAIN: it is full; EPIPE: nobody has it any more; ETOOMANYREFS:
 * this user has more than RLIMIT_NOFILE in queues; ENOMEM, ENOBUFS.
 */
int fd_parcel_send(int to, const int *fds, size_t count);

/* Is that a parcel? */
bool fd_parcel_is(int fd);

/*
 * Take everything out: add() is called for each and owns it. Closes the parcel.
 */
void fd_parcel_unpack(int parcel, void (*add)(void *arg, int fd), void *arg);

/* The same with copies, for as long as the caller likes: what is in it stays in it. False: it cannot be read. */
bool fd_parcel_peek(int parcel, void (*add)(void *arg, int fd), void *arg);

#endif
