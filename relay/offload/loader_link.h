/*
 * loader_link.h - the connection with the loader of the kernel plane (loader_message.h), as the relay has it.
 *
 * Owner    struct offload.
 * Threads  main's.
 */
#ifndef RELAY_OFFLOAD_LOADER_LINK_H
#define RELAY_OFFLOAD_LOADER_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/offload/loader_message.h"

struct event_base;
struct loader_link;

struct loader_link_ops {
	/* fds are closed afterwards. False, with a sentence in why: it makes no sense, so the connection ends. */
	bool (*answered)(void *arg, const struct loader_message *message, const int *fds,
			 size_t fd_count, char why[OFFLOAD_WHY_MAX]);
	/*
	 * It is over, for that reason; loader_link_free() it. Called from the loop and from
	 * loader_link_wait(), never from another function here.
	 */
	void (*ended)(void *arg, const char *why);
	void *arg;
};

/* Connect. NULL with a sentence in why; ops are copied. */
struct loader_link *loader_link_open(const char *path, struct event_base *base,
				     const struct loader_link_ops *ops,
				     char why[OFFLOAD_WHY_MAX]);
/* Without a word: the loader keeps everything in force, for FLOW_LEASE_MS. NULL is allowed. */
void loader_link_free(struct loader_link *link);

/* False: it could not be sent, and ended() follows from the loop. */
bool loader_link_send(struct loader_link *link, const struct loader_message *message);

/* Wait at most that long for one answer, or the end, and handle it here. */
void loader_link_wait(struct loader_link *link, int wait_ms);

/* Nothing is handled from the loop any more. */
void loader_link_hold(struct loader_link *link);

/* Ask that all be detached, and wait a moment until it is. Frees the link. */
void loader_link_close(struct loader_link *link);

#endif
