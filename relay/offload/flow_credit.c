/*
 * flow_credit.c - see flow_credit.h.
 */
#include "relay/offload/flow_credit.h"

#include <assert.h>

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/turn.h"

enum {
	LEAST = 2048,
	/* With less left it may have had packets that came up. */
	NEARLY_NOTHING = 1500,
	AHEAD_S = 2,          /* with plenty of room, */
	AHEAD_FRACTION_S = 5, /* else one in so many of a second */
	MOST = 1 << 28,
};

static_assert(AHEAD_S * 1000 >= 2 * FLOW_LOOK_MS &&
		      1000 / AHEAD_FRACTION_S >= 2 * FLOW_LOOK_SOON_MS,
	      "twice what is used until the next look");

static uint32_t at_most(uint64_t bytes)
{
	return bytes < MOST ? (uint32_t)bytes : MOST;
}

uint32_t flow_credit_begin(struct flow_credit *credit, struct turn *turn,
			   struct allocation *al, bool paid, uint64_t now_ms)
{
	*credit = (struct flow_credit){.had = 0};
	if (bandwidth_grant(turn, al, LEAST, LEAST, paid, now_ms))
		credit->had = LEAST;
	return credit->had;
}

/* It rises at once and falls slowly; what ran out of credit may have wanted twice as much. */
static void note_rate(struct flow_credit *credit, uint32_t left, uint32_t elapsed_ms)
{
	uint64_t used = credit->had > left ? credit->had - left : 0;
	uint64_t rate = used * 1000 / elapsed_ms;

	if (left < NEARLY_NOTHING)
		rate *= 2;
	if (rate < credit->rate)
		rate = credit->rate - (credit->rate - rate + 3) / 4;
	credit->rate = at_most(rate);
}

/* Fill it up to `full`, if there is room for `times` as much. False: it has much less, and gets nothing. */
static bool fill(struct turn *turn, struct allocation *al, bool paid, uint32_t left,
		 uint32_t full, uint32_t times, uint64_t now_ms, uint32_t *more)
{
	uint32_t missing = full > left ? full - left : 0;

	*more = 0;
	if (missing < full / 4 || missing == 0)
		return true;
	if (!bandwidth_grant(turn, al, missing, (size_t)missing * times, paid, now_ms))
		return false;
	*more = missing;
	return true;
}

uint32_t flow_credit_renew(struct flow_credit *credit, struct turn *turn,
			   struct allocation *al, bool paid, int64_t has,
			   uint32_t elapsed_ms, uint64_t now_ms, uint32_t *more)
{
	const uint32_t left = has > 0 ? at_most((uint64_t)has) : 0;
	uint32_t soon, wait_ms = FLOW_LOOK_MS;

	assert(elapsed_ms > 0);
	note_rate(credit, left, elapsed_ms);
	soon = at_most((uint64_t)credit->rate / AHEAD_FRACTION_S + LEAST);
	/* Half of the room is left to others, who would find none. */
	if (left < NEARLY_NOTHING ||
	    !fill(turn, al, paid, left, at_most((uint64_t)credit->rate * AHEAD_S + LEAST),
		  2, now_ms, more)) {
		(void)fill(turn, al, paid, left, soon, 1, now_ms, more);
		wait_ms = FLOW_LOOK_SOON_MS;
	}
	credit->had = left + *more;
	return wait_ms;
}

void flow_credit_end(struct allocation *al, bool paid, int64_t has)
{
	/* What the other allocation has paid for does not pay for what others send. */
	if (paid || has <= 0)
		return;
	uint32_t room = UINT32_MAX - al->credit;

	al->credit += has < room ? (uint32_t)has : room;
}
