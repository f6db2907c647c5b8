/*
 * load_traffic.c - see load_traffic.h.
 */
#include "tools/load/load_traffic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/client/clock.h"

struct flow {
	uint64_t next; /* to be sent */
	struct stamp_flow arrived;
	/* In nanoseconds of CLOCK_REALTIME; 0: none so far. */
	uint64_t last_sent, last_arrived;
	uint64_t longest_silence;
};

struct load_traffic {
	const struct load_options *options;
	struct load_result *result;
	uint32_t run;
	uint8_t *packet; /* room for a stamp, then the filling */
	struct flow *flows[LOAD_DIRECTIONS];
};

struct load_traffic *load_traffic_new(const struct load_options *options,
				      struct load_result *result)
{
	struct load_traffic *traffic = calloc(1, sizeof(*traffic));

	if (traffic == NULL)
		return NULL;
	traffic->options = options;
	traffic->result = result;
	assert(options->packet_size >= STAMP_LEN);
	traffic->packet = malloc(options->packet_size);
	traffic->flows[LOAD_UP] = calloc(options->clients, sizeof(struct flow));
	traffic->flows[LOAD_DOWN] = calloc(options->clients, sizeof(struct flow));
	if (traffic->packet == NULL || traffic->flows[LOAD_UP] == NULL ||
	    traffic->flows[LOAD_DOWN] == NULL ||
	    getrandom(&traffic->run, sizeof(traffic->run), 0) != sizeof(traffic->run)) {
		load_traffic_free(traffic);
		return NULL;
	}
	for (uint32_t i = 0; i < options->packet_size; i++)
		traffic->packet[i] = (uint8_t)(i * 7 + (i >> 8));
	return traffic;
}

void load_traffic_free(struct load_traffic *traffic)
{
	if (traffic == NULL)
		return;
	free(traffic->packet);
	free(traffic->flows[LOAD_UP]);
	free(traffic->flows[LOAD_DOWN]);
	free(traffic);
}

struct slice load_traffic_next(struct load_traffic *traffic, uint32_t client,
			       enum load_direction direction)
{
	assert(client < traffic->options->clients && direction < LOAD_DIRECTIONS);
	struct stamp stamp = {
		.run = traffic->run,
		.client = client,
		.direction = direction,
		.sequence = traffic->flows[direction][client].next,
		.sent_ns = clock_realtime_ns(),
	};

	traffic->flows[direction][client].last_sent = stamp.sent_ns;
	stamp_write(traffic->packet, &stamp);
	return (struct slice){traffic->packet, traffic->options->packet_size};
}

void load_traffic_sent(struct load_traffic *traffic, uint32_t client,
		       enum load_direction direction, bool ok)
{
	struct load_figures *figures = &traffic->result->direction[direction];

	if (ok) {
		traffic->flows[direction][client].next++;
		figures->sent++;
	} else {
		figures->unsent++;
	}
}

bool load_traffic_read(struct load_traffic *traffic, struct slice payload,
		       struct stamp *stamp)
{
	if (!stamp_read(payload, stamp) || stamp->run != traffic->run ||
	    stamp->direction >= LOAD_DIRECTIONS ||
	    stamp->client >= traffic->options->clients) {
		traffic->result->strays++;
		return false;
	}
	if (payload.len != traffic->options->packet_size ||
	    memcmp(payload.data + STAMP_LEN, traffic->packet + STAMP_LEN,
		   payload.len - STAMP_LEN) != 0 ||
	    stamp->sequence >= traffic->flows[stamp->direction][stamp->client].next) {
		traffic->result->direction[stamp->direction].damaged++;
		return false;
	}
	return true;
}

static void end_silence(struct flow *flow, uint64_t now_ns)
{
	if (flow->last_arrived != 0 && now_ns > flow->last_arrived &&
	    now_ns - flow->last_arrived > flow->longest_silence)
		flow->longest_silence = now_ns - flow->last_arrived;
}

void load_traffic_arrived(struct load_traffic *traffic, const struct stamp *stamp,
			  uint64_t arrived_ns)
{
	struct load_figures *figures = &traffic->result->direction[stamp->direction];
	struct flow *flow = &traffic->flows[stamp->direction][stamp->client];
	assert(stamp->sequence < flow->next); /* load_traffic_read() has checked it */
	enum stamp_order order = stamp_flow_take(&flow->arrived, stamp->sequence);

	if (order == STAMP_DUPLICATED) {
		figures->duplicated++;
		return;
	}
	if (order == STAMP_REORDERED)
		figures->reordered++;
	figures->received++;
	end_silence(flow, arrived_ns);
	flow->last_arrived = arrived_ns;
	/* If the clock was set back, the delay counts as 0, not as centuries. */
	histogram_add(&figures->delay_ns,
		      arrived_ns > stamp->sent_ns ? arrived_ns - stamp->sent_ns : 0);
}

void load_traffic_misdelivered(struct load_traffic *traffic, const struct stamp *stamp)
{
	traffic->result->direction[stamp->direction].misdelivered++;
}

bool load_traffic_is_complete(const struct load_traffic *traffic)
{
	const struct load_figures *up = &traffic->result->direction[LOAD_UP];
	const struct load_figures *down = &traffic->result->direction[LOAD_DOWN];

	return up->received >= up->sent && down->received >= down->sent;
}

void load_traffic_end(struct load_traffic *traffic)
{
	for (int direction = 0; direction < LOAD_DIRECTIONS; direction++) {
		for (uint32_t i = 0; i < traffic->options->clients; i++) {
			struct flow *flow = &traffic->flows[direction][i];

			if (flow->last_arrived == 0)
				continue;
			/* A flow that has died is silent until its last packet was sent. */
			end_silence(flow, flow->last_sent);
			histogram_add(&traffic->result->direction[direction].silence_ns,
				      flow->longest_silence);
		}
	}
}
