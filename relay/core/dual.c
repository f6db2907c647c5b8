/*
 * dual.c - see dual.h.
 */
#include "relay/core/dual.h"

#include <assert.h>

#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/relay_port.h"
#include "relay/core/turn.h"

bool dual_has_both(const struct allocation *al)
{
	return al->families == (IP_V4 | IP_V6);
}

static uint8_t other_of(uint8_t family)
{
	assert(family == IP_V4 || family == IP_V6);
	return family == IP_V4 ? IP_V6 : IP_V4;
}

static uint64_t deadline_of(const struct allocation *al, uint8_t family)
{
	return al->dual.later_family == family ? al->dual.later_ms : al->expires_ms;
}

void dual_refresh(struct turn *turn, struct allocation *al, uint8_t family,
		  uint32_t lifetime_s, uint64_t now_ms)
{
	uint8_t other = other_of(family);
	uint64_t kept_ms = deadline_of(al, other);
	uint64_t new_ms = now_ms + (uint64_t)lifetime_s * 1000;

	assert(dual_has_both(al));
	changes_note(turn, al);
	if (new_ms > al->ends_ms)
		new_ms = al->ends_ms;
	al->expires_ms = new_ms < kept_ms ? new_ms : kept_ms;
	al->dual.later_ms = new_ms < kept_ms ? kept_ms : new_ms;
	if (new_ms == kept_ms)
		al->dual.later_family = IP_NONE;
	else
		al->dual.later_family = new_ms < kept_ms ? other : family;
	al->lifetime_s = lifetime_s;
	assert(al->dual.later_family == IP_NONE || al->expires_ms < al->dual.later_ms);
	assert(al->expires_ms <= al->ends_ms);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
}

void dual_end_half(struct turn *turn, struct allocation *al, uint8_t family,
		   uint64_t now_ms)
{
	uint64_t kept_ms = deadline_of(al, other_of(family));

	assert(dual_has_both(al));
	changes_note(turn, al);
	relay_port_close_half(turn, al, family, now_ms);
	/* Channels refer to permissions, so channels go first. */
	channels_forget(turn->table, al, family);
	permissions_forget(turn->table, al, family);
	assert(al->families == other_of(family) && al->dual.port == 0);
	al->expires_ms = kept_ms;
	al->dual.later_family = IP_NONE;
	expiry_set(&turn->table->expiry, al->slot, kept_ms);
}

uint32_t dual_left_s(const struct allocation *al, uint8_t family, uint64_t now_ms)
{
	uint64_t until_ms = deadline_of(al, family);

	return until_ms > now_ms ? (uint32_t)((until_ms - now_ms + 999) / 1000) : 0;
}
