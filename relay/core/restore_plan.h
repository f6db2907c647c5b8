/*
 * restore_plan.h - what an allocation of the process before becomes here, or why it does not come back:
 * the half of allocation_restore.h that judges and changes nothing.
 *
 * Time     monotonic milliseconds, the same clock as in the image, and Unix seconds.
 */
#ifndef RELAY_CORE_RESTORE_PLAN_H
#define RELAY_CORE_RESTORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"
#include "relay/core/counters.h"

struct turn;

enum { RESTORE_HALVES = 2 };

/* One relayed address; port 0: there is none, or it does not come back. */
struct restore_half {
	uint16_t address, port;
	uint64_t until_ms;
};

struct restore_plan {
	uint16_t front, to_front, from_front; /* FRONTS_MAX: there is none */
	struct restore_half halves[RESTORE_HALVES];
	struct owner owner;
	uint64_t ends_ms;
	bool client_gone;
	uint32_t refused_peers; /* that policy refuses by now, left out */
	uint16_t permission_count, channel_count;
	struct permission permissions[ENTRIES_EACH_MAX];
	struct channel channels[ENTRIES_EACH_MAX];
};

/*
 * RESTORED: as far as settings and tables go it comes back; whether its ports and sockets can be had is
 * another question. connection_gone: of its client, if that is a stream. Release it in any case.
 */
enum restore_result restore_plan_make(struct restore_plan *plan, const struct turn *turn,
				      const struct allocation_image *image,
				      bool connection_gone, uint64_t now_ms,
				      int64_t unix_s);
/* It holds a key. */
void restore_plan_release(struct restore_plan *plan);

/* The front that is the same, by what it is; FRONTS_MAX: it is not configured. */
uint16_t restore_front(const struct turn *turn, const struct front *front);
/* Of a tuple in an image: on a front of this process. */
struct five_tuple restore_tuple(const struct five_tuple *tuple, uint16_t front);

/*
 * Does policy refuse that peer? One that is a relayed address of ours may come back later than this
 * allocation, so only its IP address counts; packets judge its port.
 */
bool restore_forbids(const struct turn *turn, enum transport relay,
		     const struct endpoint *peer);

#endif
