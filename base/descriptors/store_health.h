/*
 * store_health.h - does the next process get what it needs? Looks after the store of descriptors, and logs
 * when its health changes: once, not for each connection.
 *
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_STORE_HEALTH_H
#define BASE_DESCRIPTORS_STORE_HEALTH_H

#include <stdint.h>

enum store_state {
	STORE_GOOD,
	STORE_FULL,    /* FileDescriptorStoreMax= */
	STORE_CROWDED, /* too many descriptors in flight for RLIMIT_NOFILE */
};

/* Begins with zeros. */
struct store_health {
	enum store_state told;
	uint64_t given_up; /* of fd_store_figures, as told */
};

/* Every two seconds: sends what waits, tries again what is not kept, and says what has changed. */
void store_health_look(struct store_health *health);

#endif
