/*
 * throttle.h - streams that are not read from because bandwidth is used up (core/bandwidth):
 * the client of an allocation, if it is on TCP or TLS, and its TCP peers. Meanwhile the
 * kernel's window closes and the sender slows down; nothing of a stream is lost.
 *
 * Owner    its worker; its thread only.
 * Memory   arrays over the slots, reserved at start and untouched until used.
 */
#ifndef RELAY_THROTTLE_H
#define RELAY_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct throttle;

/* Stop reading the streams of that slot, or resume; there may be none. */
typedef void throttle_pause_fn(void *arg, uint32_t slot, bool pause);

/* slots: as many as the table has. NULL if out of memory. */
struct throttle *throttle_new(struct loop *loop, size_t slots, throttle_pause_fn *pause,
			      void *arg);
void throttle_free(struct throttle *throttle); /* NULL is allowed */

/* Read nothing of that allocation for so long; a later call replaces the time. */
void throttle_slot(struct throttle *throttle, uint32_t slot, uint32_t wait_ms);

/* Its allocation is about to end; its client may have more to ask for. */
void throttle_forget(struct throttle *throttle, uint32_t slot);

#endif
