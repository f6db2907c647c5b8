/*
 * state_memory.h - the memory of a state file: a memfd, whose descriptor the next process gets. Its
 * size is sealed, so that reading what was inherited cannot fault.
 *
 * Owner    the caller.
 */
#ifndef RELAY_STATE_STATE_MEMORY_H
#define RELAY_STATE_STATE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_memory {
	int fd; /* close-on-exec */
	void *memory;
	size_t bytes;
};

/*
 * New memory of that many bytes, all zero, which take room only once they are written; name: for
 * people who look at /proc. Returns 0, or -errno with *out holding nothing.
 */
int state_memory_make(struct state_memory *out, const char *name, size_t bytes);

/*
 * Map what was inherited, to be read only. Takes fd over, also if that fails. Returns 0, or -errno:
 *   -EINVAL  no memfd of a sealed size; nothing is mapped
 */
int state_memory_map(struct state_memory *out, int fd);

/* Unmap and close; one that holds nothing is allowed, and {.fd = -1} is one. */
void state_memory_release(struct state_memory *memory);

/* Of this boot of the machine; all zero where a sandbox hides it. False if the system does not say. */
bool state_boot_id(uint8_t out[16]);

#endif
