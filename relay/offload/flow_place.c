/*
 * flow_place.c - see flow_place.h.
 */
#include "relay/offload/flow_place.h"

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/offload/flow_of.h"

static const struct {
	const char *why, *text;
} reasons[FLOW_STAYS_COUNT] = {
#define X(id, name, text) [FLOW_STAYS_##id] = {name, text},
	FLOW_STAYS(X)
#undef X
};

static struct flow_place stays(const char *why, const char *text)
{
	return (struct flow_place){.why = why, .text = text};
}

static enum flow_stays reason_of(const struct turn *turn, const struct allocation *al,
				 uint32_t channel, bool by_balancer, uint64_t now_ms)
{
	struct channel *ch = channel != SLOT_NONE ? channel_at(turn->table, channel)
						  : NULL;
	struct flow_pair unused;

	return flow_of(turn, al, ch, by_balancer, now_ms, &unused);
}

struct flow_place flow_place_of(const struct turn *turn, const struct flows *flows,
				const struct allocation *al, uint32_t channel,
				bool by_balancer, uint64_t now_ms)
{
	enum flow_stays reason = reason_of(turn, al, channel, by_balancer, now_ms);
	struct flow_place place = stays("", "");

	if (flows == NULL)
		return stays("off", "the kernel plane is off");
	if (reason != FLOW_GOES)
		return stays(reasons[reason].why, reasons[reason].text);
	if (!flows_directions(flows, al, channel, &place.to_peer, &place.to_client))
		return stays("idle", "it has little traffic");
	if (!place.to_peer || !place.to_client) {
		place.why = "no-way";
		place.text = "no program on a device, no way known, or no room";
	}
	return place;
}
