/*
 * flow_of.c - see flow_of.h. Nothing goes so far.
 */
#include "relay/offload/flow_of.h"

enum flow_stays flow_of(const struct turn *turn, const struct allocation *al,
			struct channel *channel, bool by_balancer, uint64_t now_ms,
			struct flow_pair *pair)
{
	(void)turn;
	(void)al;
	(void)channel;
	(void)by_balancer;
	(void)now_ms;
	(void)pair;
	return FLOW_STAYS_TRANSPORT;
}
