/*
 * association_times.c - see association_times.h.
 */
#include "relay/front/dtls/association_times.h"

#include <assert.h>

#include <event2/event.h>

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/clients.h"
#include "relay/front/dtls/association.h"
#include "relay/front/stream_times.h"
#include "relay/loop.h"

enum {
	HANDSHAKES_MS = 200, /* how often handshakes are looked at, and ... */
	OTHERS_MS = 1000,    /* ... the others, if there is no handshake */
	ROUND = 8,           /* looks until each of the others has had its turn */
	ROUND_MIN = 16,
	REST_MS = 2000, /* unused for so long, an association gives its buffers back */
};

static uint64_t now_ms(const struct association_times *times)
{
	return times->delivery->loop->now_ms;
}

static void arm(struct association_times *times)
{
	uint64_t wait_ms = TAILQ_EMPTY(&times->opening) ? OTHERS_MS : HANDSHAKES_MS;

	times->timer_is_armed = true;
	loop_arm(times->delivery->loop, &times->timer, now_ms(times) + wait_ms);
}

/* --- which there are ------------------------------------------------------------------------- */

void association_times_enter(struct association_times *times, struct association *as)
{
	TAILQ_INSERT_TAIL(&times->roster, as, roster);
	TAILQ_INSERT_TAIL(&times->opening, as, opening);
	times->count++;
}

void association_times_begun(struct association_times *times,
			     const struct association *as)
{
	if (!times->timer_is_armed || TAILQ_FIRST(&times->opening) == as)
		arm(times);
}

void association_times_opened(struct association_times *times, struct association *as)
{
	TAILQ_REMOVE(&times->opening, as, opening);
	as->last_use_ms = as->last_record_ms = now_ms(times);
}

void association_times_leave(struct association_times *times, struct association *as)
{
	assert(times->count > 0);
	if (as->state == ASSOCIATION_HANDSHAKE)
		TAILQ_REMOVE(&times->opening, as, opening);
	TAILQ_REMOVE(&times->roster, as, roster);
	times->count--;
}

/* --- looks ----------------------------------------------------------------------------------- */

/* Is one of its deadlines over? */
static bool is_over(const struct association_times *times, struct association *as,
		    enum connection_end *why)
{
	const struct delivery *delivery = times->delivery;
	const struct stream_times stamps = {
		.accepted_ms = as->began_ms,
		.last_use_ms = as->last_use_ms,
	};
	const struct stream_waits waits = {
		.state = as->state == ASSOCIATION_OPEN ? STREAM_OPEN : STREAM_HANDSHAKE,
		.authenticated = as->authenticated,
		.has_allocation = as->state == ASSOCIATION_OPEN &&
				  allocation_find_any(delivery->turn->table,
						      &as->client.tuple) != NULL,
		.pressure = as->authenticated
				    ? 0
				    : clients_pressure(times->clients, &as->client),
	};
	struct stream_deadline deadline =
		stream_times_deadline(&stamps, &waits, delivery->settings);

	*why = as->failed ? as->why : deadline.why;
	return as->failed || deadline.at_ms <= now_ms(times);
}

static void look_at(struct association_times *times, struct association *as)
{
	enum connection_end why;

	if (is_over(times, as, &why)) {
		counter_add(&times->delivery->turn->counters.connections_timed_out, 1);
		times->end(times->self, as, why);
		return;
	}
	if (as->state == ASSOCIATION_HANDSHAKE) {
		if (!association_retransmit(as))
			times->end(times->self, as, as->why);
		return;
	}
	if (now_ms(times) - as->last_record_ms >= REST_MS)
		association_rest(as);
}

static void look_at_handshakes(struct association_times *times)
{
	struct association *as = TAILQ_FIRST(&times->opening), *next;

	for (; as != NULL; as = next) {
		next = TAILQ_NEXT(as, opening);
		look_at(times, as);
	}
}

static void look_at_others(struct association_times *times)
{
	size_t some = times->count / ROUND + ROUND_MIN;

	if (some > times->count)
		some = times->count;
	for (; some > 0 && !TAILQ_EMPTY(&times->roster); some--) {
		struct association *as = TAILQ_FIRST(&times->roster);

		TAILQ_REMOVE(&times->roster, as, roster);
		TAILQ_INSERT_TAIL(&times->roster, as, roster);
		if (as->state == ASSOCIATION_OPEN)
			look_at(times, as);
	}
}

void association_times_look(struct association_times *times)
{
	look_at_handshakes(times);
	look_at_others(times);
	if (times->count > 0 && !times->timer_is_armed)
		arm(times);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct association_times *times = arg;

	times->timer_is_armed = false;
	loop_turn(times->delivery->loop);
	association_times_look(times);
}

/* --- all of them ----------------------------------------------------------------------------- */

bool association_times_init(struct association_times *times, struct delivery *delivery,
			    struct clients *clients,
			    void (*end)(void *self, struct association *as,
					enum connection_end why),
			    void *self)
{
	*times = (struct association_times){
		.delivery = delivery, .clients = clients, .end = end, .self = self};
	TAILQ_INIT(&times->roster);
	TAILQ_INIT(&times->opening);
	return event_assign(&times->timer, delivery->loop->base, -1, 0, timer_due,
			    times) == 0;
}

void association_times_release(struct association_times *times)
{
	assert(times->count == 0);
	if (times->timer_is_armed)
		event_del(&times->timer);
}
