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

/* A plain front and the secure one after it share a socket, so they go together. */
static bool is_second_of_pair(const struct network_view *view, size_t row)
{
	return row < FRONTS_MAX && view->front_states[row] != NETWORK_FREE &&
	       transport_is_secure(view->fronts[row].transport);
}

static bool front_is_empty(const struct relay *relay, const struct network_view *view,
			   size_t front)
{
	const struct front *fronts = view->fronts;

	assert(!transport_is_secure(fronts[front].transport));
	assert(front + 1 < FRONTS_MAX && is_second_of_pair(view, front + 1) &&
	       endpoint_equal(&fronts[front + 1].local, &fronts[front].local));
	return relay_front_is_empty(relay, front) &&
	       relay_front_is_empty(relay, front + 1);
}

/*
 * Retired and without allocations; a pair is judged at its first row. Of an address, reserved
 * ports are taken as well.
 */
static bool is_over(const struct relay *relay, const struct network_view *view,
		    size_t row)
{
	assert(row < NETWORK_ROWS);
	if (view->states[row] != NETWORK_RETIRED || is_second_of_pair(view, row))
		return false;
	if (row < FRONTS_MAX)
		return front_is_empty(relay, view, row);
	return port_pool_held(relay->shared.ports, row - FRONTS_MAX) == 0 &&
	       port_pool_held(relay->shared.tcp_ports, row - FRONTS_MAX) == 0;
}

/*
 * Only what the workers know to be retired can be over: nothing new begins there. What this
 * change retires may get its next allocation any moment.
 */
static void leave_out_what_is_over(struct change *change)
{
	for (size_t i = 0; i < NETWORK_ROWS; i++) {
		if (change->plan.states[i] != NETWORK_RETIRED ||
		    !is_over(change->relay, &change->before, i))
			continue;
		change->plan.states[i] = NETWORK_FREE;
		/* Asked once: the last allocation may end between two questions. */
		if (i < FRONTS_MAX)
			change->plan.states[i + 1] = NETWORK_FREE;
	}
}

/* A retired front for streams does not listen; all else that is retired is still open. */
static void note_rows(struct change *change)
{
	for (size_t i = 0; i < NETWORK_ROWS; i++) {
		enum network_state before = change->before.states[i];
		enum network_state after = change->plan.states[i];
		bool stream = i < FRONTS_MAX &&
			      transport_is_stream(change->plan.fronts[i].transport);

		change->opened[i] =
			after == NETWORK_SERVING &&
			(before == NETWORK_FREE || (before == NETWORK_RETIRED && stream));
		change->retired[i] = before == NETWORK_SERVING &&
				     after == NETWORK_RETIRED;
		change->closed[i] = before != NETWORK_FREE && after == NETWORK_FREE;
	}
}

/* --- relay ports --------------------------------------------------------------------------- */

/* The address whose ports it shares: one of the same IP; itself if there is none. */
static size_t ports_like(const struct change *change, size_t address)
{
	const struct relay_address *relay = change->plan.relay;

	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		bool there = change->before.relay_states[i] != NETWORK_FREE ||
			     (i < address && change->opened[FRONTS_MAX + i]);

		if (there && ip_addr_equal(&relay[i].local, &relay[address].local))
			return i;
	}
	return address;
}

static bool add_address(const struct change *change, size_t address)
{
	assert(change->before.relay_states[address] == NETWORK_FREE);

	const struct turn_shared *shared = &change->relay->shared;
	size_t like = ports_like(change, address);

	if (!port_pool_add(shared->ports, address, like))
		return false;
	if (port_pool_add(shared->tcp_ports, address, like))
		return true;
	port_pool_remove(shared->ports, address);
	return false;
}

/* Out of memory, none that comes later is open either. */
static bool add_addresses(struct change *change)
{
	for (size_t i = FRONTS_MAX; i < NETWORK_ROWS; i++) {
		if (!change->opened[i] || add_address(change, i - FRONTS_MAX))
			continue;
		memset(&change->opened[i], 0, NETWORK_ROWS - i);
		return false;
	}
	return true;
}

static void remove_addresses(const struct change *change, const bool rows[NETWORK_ROWS])
{
	for (size_t i = FRONTS_MAX; i < NETWORK_ROWS; i++) {
		if (!rows[i])
			continue;
		port_pool_remove(change->relay->shared.ports, i - FRONTS_MAX);
		port_pool_remove(change->relay->shared.tcp_ports, i - FRONTS_MAX);
	}
}

/* --- steps --------------------------------------------------------------------------------- */

static bool bind_sockets(struct change *change, char *error, size_t error_size)
{
	size_t workers = change->relay->worker_count;

	assert(workers > 0 && change->sockets == NULL);
	change->sockets = calloc(workers, sizeof(*change->sockets));
	if (change->sockets == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	if (fronts_bind(change->config, change->plan.fronts, change->opened, NULL,
			change->sockets, workers, error, error_size)) {
		if (fronts_try_outside(change->config, change->plan.relay,
				       &change->opened[FRONTS_MAX], error, error_size))
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
	note_rows(change);
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
	fronts_unstore(change->plan.fronts, change->opened, change->relay->worker_count);
	close_sockets(change);
	remove_addresses(change, change->opened);
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

/* Before they are closed. A retired front for datagrams is still open. */
static void unstore(const struct change *change)
{
	const struct front *fronts = change->plan.fronts;
	bool gone[FRONTS_MAX];

	for (size_t i = 0; i < FRONTS_MAX; i++)
		gone[i] = change->closed[i] || (change->retired[i] &&
						transport_is_stream(fronts[i].transport));
	fronts_unstore(fronts, gone, change->relay->worker_count);
}

static void say(const struct change *change, const bool fronts[FRONTS_MAX],
		const char *what)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		const struct front *front = &change->plan.fronts[i];

		if (fronts[i] && !transport_is_secure(front->transport))
			log_notice("%s %s on side %s %s",
				   transport_name(front->transport),
				   endpoint_format(&front->local, text, sizeof(text)),
				   side_name(front->side), what);
	}
}

static size_t ports_of(const struct relay_config *config)
{
	assert(config->relay.ports.first <= config->relay.ports.last);
	return (size_t)(config->relay.ports.last - config->relay.ports.first + 1) *
	       config->sides[SIDE_OUTSIDE].address_count;
}

void change_finish(struct change *change)
{
	struct relay *relay = change->relay;
	const struct relay_config *config = change->config;

	assert(change->sockets != NULL && change->relay->config != NULL);
	close_sockets(change);
	port_pool_move(relay->shared.ports, config->relay.ports.first,
		       config->relay.ports.last, config->relay.rest_ms);
	port_pool_move(relay->shared.tcp_ports, config->relay.ports.first,
		       config->relay.ports.last, config->relay.rest_ms);
	unstore(change);
	if (any(change->retired))
		relay_retire_fronts(relay, change->retired);
	if (any(change->closed))
		relay_close_fronts(relay, change->closed);
	remove_addresses(change, change->closed);
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

	for (size_t i = 0; i < NETWORK_ROWS; i++) {
		if (is_over(relay, view, i))
			return true;
	}
	return false;
}
