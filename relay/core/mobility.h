/*
 * mobility.h - allocations whose client may go to another 5-tuple (RFC 8016): another address,
 * address family or transport, on any front of either side.
 *
 *	still  --Refresh with ticket-->  moving  --first data from the new 5-tuple-->  still
 *	                                         --Connect from there (RFC 6062)------>
 *	                                         --connection of the old one closed-->
 *	                                         --that of the new one closed, its front closed,
 *	                                           or another ticket from elsewhere-->  as before
 *	still  --connection closed----->  nobody --Refresh with ticket, then as above
 *
 * While it is moving, both 5-tuples send and only the old one receives (make before break); the
 * requests of both are served. A client that is nobody receives nothing: what peers send is dropped
 * and counted until it is back, or until the allocation's lifetime is over.
 *
 * Tickets are numbered. One is valid; the one before is known to the Refresh that used it up,
 * whose repetitions get the same answer for 40 s. Over a connection nothing is repeated: if it ended
 * before its client had moved, because the process was killed for instance, the client may not have the
 * answer, so for those 40 s the ticket before is good as well, and gets the valid one again. A ticket proves nothing: the
 * Refresh is authenticated as any, and its user has to be the owner. All access tokens (RFC 7635) are
 * of one owner, so there it has to be signed with the allocation's own key; a client that has a new
 * token refreshes with that before it moves, or after.
 *
 * Sides. A client may leave the inside and go on from the outside, and come back: relayed addresses
 * are outside in any case, and the side only decides what it counts against and how its packets are
 * marked. Both follow it: its new side, prefix and user are charged before the move is granted, the
 * old ones returned when it is complete (charge.h), so tickets are no way around a limit.
 *
 * Only allocations of the IETF dialect are mobile.
 *
 * The parts that the end of an allocation needs are in mobility_end.h.
 *
 * Owner    struct mobility of the table, under the allocation's slot.
 * Threads  the worker that has the allocation.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_MOBILITY_H
#define RELAY_CORE_MOBILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "relay/core/mobility_ticket.h"
#include "relay/core/owner.h"

struct allocation;
struct turn;

/* A new allocation becomes mobile, with its first ticket. False if there is no room. */
bool mobility_begin(struct turn *turn, struct allocation *al);
/* Which worker has the allocation of that mobility_name(); false if it has ended. */
bool mobility_locate(const struct turn *turn, uint64_t name, unsigned *worker);
/* The one of this worker with that name, wherever it was made; NULL if it has none. */
struct allocation *mobility_find(const struct turn *turn, uint64_t name);

/* The valid ticket, for an answer. False if it cannot be sealed. */
bool mobility_ticket(const struct turn *turn, const struct allocation *al,
		     uint8_t out[MOBILITY_TICKET_LEN]);

/* A Refresh with a ticket of this allocation, which is mobile. */
struct mobility_move {
	const struct mobility_ticket *ticket;
	const struct five_tuple *to; /* where it came from */
	const struct owner *owner;   /* who it is from */
	const uint8_t *txid;
	unsigned via; /* the worker that receives from there */
	bool fingerprint;
};

/* Has it been answered? Then *answered_s is the lifetime that it was told. */
bool mobility_is_repeated(const struct turn *turn, const struct allocation *al,
			  const struct mobility_move *move, uint64_t now_ms,
			  uint32_t *answered_s);

/*
 * May the client go there? MOBILITY_PREPARED: it may; else the first that refuses it: OLD_TICKET,
 * SAME_ADDRESS, WRONG_OWNER, IN_USE, TRANSPORT, FORBIDDEN, ADDRESS.
 */
enum mobility_event mobility_judge(const struct turn *turn, const struct allocation *al,
				   const struct mobility_move *move, uint64_t now_ms);

/*
 * Begin a move that was judged: charge it, use the ticket up and make the next one. False, with
 * nothing changed, if a limit is reached; *why says which.
 */
bool mobility_prepare(struct turn *turn, struct allocation *al,
		      const struct mobility_move *move, uint64_t now_ms,
		      enum refusal *why);
/* What it is answered: LIFETIME in seconds. */
void mobility_answered(struct turn *turn, const struct allocation *al,
		       uint32_t lifetime_s);

/*
 * Data came from the new 5-tuple to this worker: it is the client now, and the old one is nobody's.
 * The worker that received the Refresh, if it is another, is told that the arrival has ended.
 */
void mobility_complete(struct turn *turn, struct allocation *al);
/*
 * The connection of that 5-tuple, the allocation's or the one to which it moves, is closed. True if
 * the allocation goes on; else it is not mobile, and for the caller to end.
 */
bool mobility_client_gone(struct turn *turn, struct allocation *al,
			  const struct five_tuple *tuple);

#endif
