/*
 * proxy.c - see proxy.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/proxy.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/reload/relay_settings.h"

/*
 * An address that a client can have, as seen by the balancer there. One of this host or of an
 * inside network can be: it is judged like any other, and peers are judged without it. What the
 * header says is not sent to, so that a wrong one harms its client alone.
 */
static bool can_be_client(const struct endpoint *client, const struct ip_addr *balancer)
{
	static const struct ip_addr any_v6 = {.family = IP_V6};
	const uint8_t *bytes = client->ip.bytes;

	if (client->port == 0)
		return false;
	/* Loopback is another host's own business. */
	if (ip_addr_is_loopback(&client->ip))
		return ip_addr_is_loopback(balancer);
	if (client->ip.family == IP_V4)
		return bytes[0] != 0 &&
		       bytes[0] < 224; /* "this network"; multicast and above */
	return bytes[0] != 0xFF && !ip_addr_equal(&client->ip, &any_v6);
}

static enum side side_of(const struct delivery *delivery, const struct five_tuple *tuple)
{
	assert(tuple->front < FRONTS_MAX);
	return delivery->turn->shared->fronts[tuple->front].side;
}

static bool is_allowed(const struct delivery *delivery, const struct five_tuple *tuple)
{
	return relay_settings_client_allowed(delivery->settings, side_of(delivery, tuple),
					     &tuple->client.ip);
}

static enum proxy_result judge(const struct delivery *delivery,
			       const struct proxy_header *header,
			       struct five_tuple *tuple)
{
	switch (header->origin) {
	case PROXY_ORIGIN_LOCAL:
		return PROXY_RESULT_LOCAL;
	case PROXY_ORIGIN_UNKNOWN:
		return is_allowed(delivery, tuple) ? PROXY_RESULT_UNKNOWN
						   : PROXY_RESULT_CLIENT_ACL;
	case PROXY_ORIGIN_CLIENT:
		break;
	}
	if (!can_be_client(&header->client, &tuple->client.ip))
		return PROXY_RESULT_NO_CLIENT;
	tuple->client = header->client;
	if (!is_allowed(delivery, tuple))
		return PROXY_RESULT_CLIENT_ACL;
	return header->version == 1 ? PROXY_RESULT_V1 : PROXY_RESULT_V2;
}

/* Someone has configured one end and not the other; the counters have the rest. */
static void explain(const struct delivery *delivery, const struct five_tuple *tuple,
		    enum proxy_result result)
{
	static struct log_limit limit;
	char text[ENDPOINT_TEXT_LEN];
	const char *side = side_name(side_of(delivery, tuple));

	if (result == PROXY_RESULT_MISSING)
		log_limited(
			&limit, LOG_LEVEL_NOTICE,
			"refused %s, one of side.%s.balancers: no PROXY header; let the "
			"balancer send one, or remove it from \"balancers\"",
			endpoint_format(&tuple->client, text, sizeof(text)), side);
	else
		log_limited(&limit, LOG_LEVEL_NOTICE,
			    "refused a PROXY header from balancer %s on side %s: %s",
			    endpoint_format(&tuple->client, text, sizeof(text)), side,
			    proxy_result_text(result));
}

enum proxy_result proxy_judge(struct delivery *delivery, enum proxy_verdict verdict,
			      const struct proxy_header *header, struct five_tuple *tuple)
{
	struct five_tuple balancer = *tuple;
	enum proxy_result result = PROXY_RESULT_INVALID;

	switch (verdict) {
	case PROXY_COMPLETE:
		result = judge(delivery, header, tuple);
		break;
	case PROXY_NONE:
		result = PROXY_RESULT_MISSING;
		break;
	case PROXY_CHECKSUM:
		result = PROXY_RESULT_CHECKSUM;
		break;
	case PROXY_TOO_LONG:
		result = PROXY_RESULT_TOO_LONG;
		break;
	case PROXY_MORE:
	case PROXY_BROKEN:
		break;
	}
	counter_add(&delivery->turn->counters.proxy_results[result], 1);
	if (!proxy_lets_in(result) && result != PROXY_RESULT_CLIENT_ACL)
		explain(delivery, &balancer, result);
	return result;
}

static bool repeats(const struct delivery *delivery, const struct proxy_last *last,
		    struct slice datagram, const struct five_tuple *tuple)
{
	return last->len > 0 && last->len <= datagram.len &&
	       memcmp(last->bytes, datagram.data, last->len) == 0 &&
	       last->generation == delivery->settings->turn.generation &&
	       five_tuple_equal(&last->balancer, tuple);
}

enum proxy_result proxy_take(struct delivery *delivery, struct proxy_last *last,
			     struct slice *datagram, struct five_tuple *tuple)
{
	const struct five_tuple balancer = *tuple;
	struct proxy_header header;
	enum proxy_result result;
	size_t needed;

	if (repeats(delivery, last, *datagram, tuple)) {
		counter_add(&delivery->turn->counters.proxy_results[last->result], 1);
		*tuple = last->client;
		*datagram = slice_skip(*datagram, last->len);
		return last->result;
	}
	result = proxy_judge(delivery,
			     proxy_header_read(*datagram, PROXY_DGRAM, &header, &needed),
			     &header, tuple);
	if (!proxy_lets_in(result))
		return result;
	last->len = 0;
	if (header.len <= PROXY_LAST_MAX) {
		last->generation = delivery->settings->turn.generation;
		last->result = result;
		last->balancer = balancer;
		last->client = *tuple;
		last->len = header.len;
		memcpy(last->bytes, datagram->data, header.len);
	}
	*datagram = slice_skip(*datagram, header.len);
	return result;
}

void proxy_stranger(struct delivery *delivery, const struct five_tuple *tuple)
{
	static struct log_limit limit;
	char text[ENDPOINT_TEXT_LEN];

	counter_add(&delivery->turn->counters.proxy_results[PROXY_RESULT_NOT_BALANCER],
		    1);
	log_limited(&limit, LOG_LEVEL_NOTICE,
		    "refused a PROXY header from %s, which is not in side.%s.balancers; "
		    "add it there if it is a balancer",
		    endpoint_format(&tuple->client, text, sizeof(text)),
		    side_name(side_of(delivery, tuple)));
}
