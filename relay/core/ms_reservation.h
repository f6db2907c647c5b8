/*
 * ms_reservation.h - bandwidth that clients of the MS dialect reserve for their calls
 * ([MS-TURNBWM] section 3.3.5): what the limits still leave, and who has reserved how much.
 *
 * A reservation belongs to an allocation, which has one at most, so there are never more of them
 * than allocations. It ends with its allocation, when the client gives it back, or when its
 * lifetime is over. It admits calls and enforces nothing: packets meet the limits as without.
 *
 * The limits are those of bandwidth.h. They count both directions together, so what a client
 * asks for sending and for receiving is added up.
 *
 * Owner    the table of allocations, under the slot of its allocation; what is reserved of a side and of the whole relay
 *          is main's, what is reserved of a user and of a prefix lies in its struct owner_row.
 * Threads  shared by all workers; a mutex, touched by messages that ask for bandwidth and when a
 *          reservation ends.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_MS_RESERVATION_H
#define RELAY_CORE_MS_RESERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "relay/core/ms_state.h"

struct allocation;
struct turn;

/* What all workers have reserved. */
struct ms_reserved;
struct ms_reserved *ms_reserved_new(void);           /* NULL if out of memory */
void ms_reserved_free(struct ms_reserved *reserved); /* NULL is allowed */

/* For display; any thread. */
struct ms_reserved_figures {
	uint64_t count; /* reservations */
	uint64_t bps, bps_of_side[SIDE_COUNT];
};
struct ms_reserved_figures ms_reserved_figures(struct ms_reserved *reserved);

/* Borrowed; of state MS_RESERVATION_NONE if the allocation never had one. */
const struct ms_reservation *ms_reservation_of(const struct turn *turn,
					       const struct allocation *al);

/*
 * What this allocation could reserve, in the client's units: maxima within what it asks for, or
 * false if not even its minima fit, and then 0. Its own reservation counts as free.
 */
bool ms_reservation_judge(struct turn *turn, const struct allocation *al,
			  const struct ms_reservation_amount *amount, uint32_t *max_send,
			  uint32_t *max_receive);

/*
 * Reserve the maxima under that identifier (MS_RESERVATION_ID_LEN bytes, copied), instead of what
 * the allocation had reserved. False, with nothing changed, if they do not fit.
 */
bool ms_reservation_commit(struct turn *turn, struct allocation *al, const uint8_t *id,
			   const struct ms_reservation_amount *amount, uint64_t now_ms);

/*
 * The reservation, which is made, becomes that much: less always, more if it fits. False: it stays
 * as it is. Its lifetime starts again in either case.
 */
bool ms_reservation_update(struct turn *turn, struct allocation *al,
			   const struct ms_reservation_amount *amount, uint64_t now_ms);

/*
 * What a new allocation had in the process before: reserved again, without limits, unless it has expired
 * by now. was: of a state that there is, with a valid amount.
 */
void ms_reservation_restore(struct turn *turn, struct allocation *al,
			    const struct ms_reservation *was, uint64_t now_ms);

/* Its lifetime starts again; nothing if there is none. */
void ms_reservation_refresh(struct turn *turn, struct allocation *al, uint64_t now_ms);

/* Give it back; nothing if there is none. Its identifier remains known to the allocation. */
void ms_reservation_end(struct turn *turn, struct allocation *al);

/* The same, identifier included: the allocation ends. */
void ms_reservation_forget(struct turn *turn, struct allocation *al);

/* What has passed so far; ms_reservation_has_relayed() compares. */
void ms_reservation_report(struct turn *turn, const struct allocation *al);
/* Did anything pass since the last report? */
bool ms_reservation_has_relayed(const struct turn *turn, const struct allocation *al);

/* End those whose lifetime is over; when to call again, UINT64_MAX for never. */
uint64_t ms_reservation_expire(struct turn *turn, uint64_t now_ms);

#endif
