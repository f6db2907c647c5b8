/*
 * binding.c - see binding.h.
 */
#include "relay/dialect/binding.h"

#include <assert.h>

#include "relay/dialect/attributes.h"
#include "relay/dialect/discovery.h"
#include "relay/dialect/reply.h"
#include "stun/attr.h"

void binding_request(struct request *rq)
{
	uint16_t unknown[ATTRIBUTES_UNKNOWN_MAX];
	struct stun_builder b;

	assert(rq->msg->method == STUN_BINDING && !rq->authenticated);
	if (!reply_allowed_to_stranger(rq))
		return;

	/* Binding is not authenticated, so this check comes first: ICE attributes get 420. */
	size_t count = attributes_unknown(rq->msg, discovery_understands(rq), unknown);
	if (count > 0) {
		reply_unknown_attributes(rq, unknown, count);
		return;
	}

	if (discovery_is_served(rq)) {
		discovery_binding(rq);
		return;
	}
	reply_success_start(rq, &b);
	if (rq->msg->has_cookie)
		stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, &rq->tuple->client);
	else
		stun_add_address(&b, STUN_MAPPED_ADDRESS, &rq->tuple->client);
	reply_finish(rq, &b, 0);
}
