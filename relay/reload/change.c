/*
 * change.c - see change.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "relay/reload/change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "relay/front/fronts.h"
#include "relay/reload/relay_config.h"

/* Retired and without allocations, as is the front that shares its socket. */
static bool front_is_over(const struct relay *relay, const struct network_view *view,
			  size_t front)
{
	if (view->front_states[front] != NETWORK_RETIRED)
		return false;
	switch (view->fronts[front].transport) {
	case TRANSPORT_TCP:
		assert(view->fronts[front + 1].transport == TRANSPORT_TLS);
		return relay_front_is_empty(relay, front) &&
		       relay_front_is_empty(relay, front + 1);
	case TRANSPORT_TLS:
		assert(view->fronts[front - 1].transport == TRANSPORT_TCP);
		return relay_front_is_empty(relay, front - 1) &&
		       relay_front_is_empty(relay, front);
	case TRANSPORT_UDP:
	case TRANSPORT_DTLS:
	case TRANSPORT_COUNT:
		break;
	}
	return relay_front_is_empty(relay, front);
}

/* Reserved ports are taken as well. */
static bool address_is_over(const struct relay *relay, const struct network_view *view,
			    size_t address)
{
	return view->relay_states[address] == NETWORK_RETIRED &&
	       port_pool_held(relay->shared.ports, address) == 0 &&
	       port_pool_held(relay->shared.tcp_ports, address) == 0;
}

/*
 * Only what the workers know to be retired can be over: nothing new begins there. What this
 * change retires may get its next allocation any moment.
 */
static void leave_out_what_is_over(struct change *change)
{
	const struct network_view *before = &change->before;
	struct network_view *plan = &change->plan;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (plan->front_states[i] == NETWORK_RETIRED &&
		    front_is_over(change->relay, before, i))
			plan->front_states[i] = NETWORK_FREE;
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (plan->relay_states[i] == NETWORK_RETIRED &&
		    address_is_over(change->relay, before, i))
			plan->relay_states[i] = NETWORK_FREE;
	}
}

/* A retired front for datagrams still has its sockets; one for streams does not listen. */
static void note_fronts(struct change *change)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		enum network_state before = change->before.front_states[i];
		enum network_state after = change->plan.front_states[i];
		bool stream = transport_is_stream(change->plan.fronts[i].transport);

		change->opened[i] =
			after == NETWORK_SERVING &&
			(before == NETWORK_FREE || (before == NETWORK_RETIRED && stream));
		change->retired[i] = before == NETWORK_SERVING &&
				     after == NETWORK_RETIRED;
		change->closed[i] = before != NETWORK_FREE && after == NETWORK_FREE;
	}
}

/* The address whose ports it shares: one of the same IP; itself if there is none. */
static size_t ports_like(const struct change *change, size_t address)
{
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		bool there = change->before.relay_states[i] != NETWORK_FREE ||
			     change->added[i];

		if (there && ip_addr_equal(&change->plan.relay[i].local,
					   &change->plan.relay[address].local))
			return i;
	}
	return address;
}

static bool add_address(struct change *change, size_t address)
{
	const struct turn_shared *shared = &change->relay->shared;
	size_t like = ports_like(change, address);

	if (!port_pool_add(shared->ports, address, like))
		return false;
	if (!port_pool_add(shared->tcp_ports, address, like)) {
		port_pool_remove(shared->ports, address);
		return false;
	}
	change->added[address] = true;
	return true;
}

static void remove_addresses(const struct change *change,
			     const bool addresses[PORT_POOL_ADDRESSES_MAX])
{
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (!addresses[i])
			continue;
		port_pool_remove(change->relay->shared.ports, i);
		port_pool_remove(change->relay->shared.tcp_ports, i);
	}
}

static bool add_addresses(struct change *change)
{
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		enum network_state before = change->before.relay_states[i];
		enum network_state after = change->plan.relay_states[i];

		change->removed[i] = before != NETWORK_FREE && after == NETWORK_FREE;
		if (before == NETWORK_FREE && after != NETWORK_FREE &&
		    !add_address(change, i))
			return false;
	}
	return true;
}

static bool bind_sockets(struct change *change, char *error, size_t error_size)
{
	size_t workers = change->relay->worker_count;

	change->sockets = calloc(workers, sizeof(*change->sockets));
	if (change->sockets == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	if (fronts_bind(change->config, change->plan.fronts, change->opened,
			change->sockets, workers, error, error_size)) {
		if (fronts_try_outside(change->config, change->plan.relay, change->added,
				       error, error_size))
			return true;
		fronts_close(change->sockets, workers);
	}
	free(change->sockets);
	change->sockets = NULL;
	return false;
}

bool change_prepare(struct change *change, struct relay *relay,
		    const struct relay_config *config, char *error, size_t error_size)
{
	memset(change, 0, sizeof(*change));
	change->relay = relay;
	change->config = config;
	change->before = *network_view(relay->network);
	if (!network_plan(relay->network, config, &change->plan, error, error_size))
		return false;
	leave_out_what_is_over(change);
	note_fronts(change);
	if (!add_addresses(change)) {
		snprintf(error, error_size, "out of memory");
		change_abandon(change);
		return false;
	}
	if (!bind_sockets(change, error, error_size)) {
		change_abandon(change);
		return false;
	}
	return true;
}

static void close_sockets(struct change *change)
{
	if (change->sockets != NULL)
		fronts_close(change->sockets, change->relay->worker_count);
	free(change->sockets);
	change->sockets = NULL;
}

void change_abandon(struct change *change)
{
	close_sockets(change);
	remove_addresses(change, change->added);
}

static bool any(const bool fronts[FRONTS_MAX])
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts[i])
			return true;
	}
	return false;
}

/* Close the fronts that are new and serve already. */
static void take_back(struct change *change)
{
	bool fresh[FRONTS_MAX];

	for (size_t i = 0; i < FRONTS_MAX; i++)
		fresh[i] = change->opened[i] &&
			   change->before.front_states[i] == NETWORK_FREE;
	relay_retire_fronts(change->relay, change->opened);
	relay_close_fronts(change->relay, fresh);
	network_set(change->relay->network, &change->before);
}

/*
 * The rows come first: workers look them up as soon as they serve. Strangers may be answered
 * before the settings of a new front are published, which does no harm.
 */
bool change_open(struct change *change, char *error, size_t error_size)
{
	struct relay *relay = change->relay;

	assert(change->sockets != NULL); /* prepared, and not abandoned */
	network_set(relay->network, &change->plan);
	if (!any(change->opened) || relay_open_fronts(relay, change->sockets))
		return true;
	snprintf(error, error_size, "out of memory");
	take_back(change);
	change_abandon(change);
	return false;
}

static void say(const struct change *change, const bool fronts[FRONTS_MAX],
		const char *what)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		const struct front *front = &change->plan.fronts[i];

		if (fronts[i] && front->transport != TRANSPORT_TLS)
			log_notice("%s %s on side %s %s",
				   transport_name(front->transport),
				   endpoint_format(&front->local, text, sizeof(text)),
				   side_name(front->side), what);
	}
}

static size_t ports_of(const struct relay_config *config)
{
	return (size_t)(config->relay.ports.last - config->relay.ports.first + 1) *
	       config->sides[SIDE_OUTSIDE].address_count;
}

void change_finish(struct change *change)
{
	struct relay *relay = change->relay;
	const struct relay_config *config = change->config;

	assert(change->relay->config != NULL && config->relay.ports.first != 0);
	close_sockets(change);
	port_pool_move(relay->shared.ports, config->relay.ports.first,
		       config->relay.ports.last, config->relay.rest_ms);
	port_pool_move(relay->shared.tcp_ports, config->relay.ports.first,
		       config->relay.ports.last, config->relay.rest_ms);
	if (any(change->retired))
		relay_retire_fronts(relay, change->retired);
	if (any(change->closed))
		relay_close_fronts(relay, change->closed);
	remove_addresses(change, change->removed);
	say(change, change->opened, "is open");
	say(change, change->retired, "takes no new clients");
	say(change, change->closed, "is closed");
	if (ports_of(config) > ports_of(relay->config) &&
	    config->fixed_limits.allocations_total == 0)
		log_warning(
			"the tables are sized for the %zu relay ports at start, now there "
			"are %zu; restart to use all at once",
			ports_of(relay->config), ports_of(config));
}

bool change_is_due(const struct relay *relay)
{
	const struct network_view *view = network_view(relay->network);

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (front_is_over(relay, view, i))
			return true;
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (address_is_over(relay, view, i))
			return true;
	}
	return false;
}
