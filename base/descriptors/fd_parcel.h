/*
 * fd_parcel.h - one descriptor that has many others in it: a socket in whose queue they lie
 * (SCM_RIGHTS). For thousands at once: systemd compares each one that it stores with all it has, so
 * 9,000 one by one keep it busy for seconds; a parcel is one (docs/decisions/0011).
 *
 * What is in a parcel stays open as long as the parcel does, and cannot be taken out but by reading all.
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

/* Is that a parcel? */
bool fd_parcel_is(int fd);

/*
 * Take everything out: add() is called for each and owns it. Closes the parcel.
 */
void fd_parcel_unpack(int parcel, void (*add)(void *arg, int fd), void *arg);

#endif
