/*
 * network.c - see network.h.
 */
#include "relay/reload/network.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network {
	pthread_mutex_t lock;
	struct network_view view;
};

struct network *network_new(void)
{
	struct network *network = calloc(1, sizeof(*network));

	if (network != NULL)
		pthread_mutex_init(&network->lock, NULL);
	return network;
}

void network_free(struct network *network)
{
	if (network == NULL)
		return;
	pthread_mutex_destroy(&network->lock);
	free(network);
}

/* One wanted address. */
struct place {
	const struct relay_config *config;
	enum side side;
	size_t index;
	const struct ip_addr *address;
	char *error;
	size_t error_size;
};

#define REFUSE(place, ...)                                                       \
	config_error(&(place)->config->common, (place)->address, (place)->error, \
		     (place)->error_size, __VA_ARGS__)

/* A front of that port, whatever its side; FRONTS_MAX if there is none. */
static size_t find_front(const struct network_view *view, enum transport transport,
			 const struct endpoint *local)
{
	size_t i = 0;

	while (i < FRONTS_MAX && (view->front_states[i] == NETWORK_FREE ||
				  view->fronts[i].transport != transport ||
				  !endpoint_equal(&view->fronts[i].local, local)))
		i++;
	return i;
}

/* So many free indices in a row; FRONTS_MAX if there are not. */
static size_t find_room(const struct network_view *view, size_t wanted)
{
	size_t row = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		row = view->front_states[i] == NETWORK_FREE ? row + 1 : 0;
		if (row == wanted)
			return i + 1 - wanted;
	}
	return FRONTS_MAX;
}

/* The two fronts of a port: plain, and TLS or DTLS. */
static bool want_front(struct network_view *plan, const struct place *place,
		       enum transport transport, uint16_t port)
{
	const struct endpoint local = {*place->address, port};
	const enum transport both[] = {
		transport,
		transport == TRANSPORT_TCP ? TRANSPORT_TLS : TRANSPORT_DTLS,
	};
	const size_t wanted = sizeof(both) / sizeof(both[0]);
	size_t index = find_front(plan, transport, &local);
	char text[ENDPOINT_TEXT_LEN];

	assert(port != 0 && !transport_is_secure(transport));
	if (index < FRONTS_MAX && plan->fronts[index].side != place->side)
		return REFUSE(place,
			      "%s still serves its former clients on side %s; wait until "
			      "they are gone, or restart",
			      endpoint_format(&local, text, sizeof(text)),
			      side_name(plan->fronts[index].side));
	if (index == FRONTS_MAX)
		index = find_room(plan, wanted);
	if (index == FRONTS_MAX)
		return REFUSE(
			place,
			"all %d fronts are in use, including those that wait for their "
			"last client; wait, or list fewer addresses or ports",
			FRONTS_MAX);
	assert(index + wanted <= FRONTS_MAX);
	for (size_t i = 0; i < wanted; i++) {
		plan->fronts[index + i] = (struct front){
			.side = place->side,
			.transport = both[i],
			.local = local,
		};
		plan->front_states[index + i] = NETWORK_SERVING;
	}
	return true;
}

static bool want_ports(struct network_view *plan, const struct place *place,
		       enum transport transport, const uint16_t *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!want_front(plan, place, transport, ports[i]))
			return false;
	}
	return true;
}

static bool want_relay(struct network_view *plan, const struct place *place)
{
	const struct relay_address wanted = {
		.local = *place->address,
		.public = place->config->sides[SIDE_OUTSIDE].public[place->index],
	};
	size_t free_one = PORT_POOL_ADDRESSES_MAX;

	assert(place->index < place->config->sides[SIDE_OUTSIDE].public_count);
	for (size_t i = PORT_POOL_ADDRESSES_MAX; i-- > 0;) {
		if (plan->relay_states[i] == NETWORK_FREE) {
			free_one = i;
		} else if (ip_addr_equal(&plan->relay[i].local, &wanted.local) &&
			   ip_addr_equal(&plan->relay[i].public, &wanted.public)) {
			plan->relay_states[i] = NETWORK_SERVING;
			return true;
		}
	}
	if (free_one == PORT_POOL_ADDRESSES_MAX)
		return REFUSE(
			place,
			"all %d outside addresses are in use, including those that wait "
			"for their last allocation; wait, or name fewer",
			PORT_POOL_ADDRESSES_MAX);
	plan->relay_states[free_one] = NETWORK_SERVING;
	plan->relay[free_one] = wanted;
	return true;
}

bool network_plan(const struct network *network, const struct relay_config *config,
		  struct network_view *plan, char *error, size_t error_size)
{
	*plan = network->view;
	/* Whatever the configuration does not name again stays so. */
	for (size_t i = 0; i < NETWORK_ROWS; i++) {
		if (plan->states[i] == NETWORK_SERVING)
			plan->states[i] = NETWORK_RETIRED;
	}
	for (int s = 0; s < SIDE_COUNT; s++) {
		const struct relay_config_side *side = &config->sides[s];

		for (size_t i = 0; i < side->address_count; i++) {
			const struct place place = {config, (enum side)s,
						    i,      &side->addresses[i],
						    error,  error_size};

			if (!want_ports(plan, &place, TRANSPORT_UDP, side->udp_ports,
					side->udp_port_count) ||
			    !want_ports(plan, &place, TRANSPORT_TCP, side->tcp_ports,
					side->tcp_port_count) ||
			    (s == SIDE_OUTSIDE && !want_relay(plan, &place)))
				return false;
		}
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++)
		plan->relay[i].retired = plan->relay_states[i] == NETWORK_RETIRED;
	return true;
}

/*
 * Rows that do not change are not written: their workers read them all the while. A row changes
 * only while it is free, or where "retired" is all that does, which no worker asks.
 */
void network_set(struct network *network, const struct network_view *view)
{
	struct network_view *now = &network->view;

	pthread_mutex_lock(&network->lock);
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (now->front_states[i] == NETWORK_FREE &&
		    view->front_states[i] != NETWORK_FREE)
			now->fronts[i] = view->fronts[i];
		assert(view->front_states[i] == NETWORK_FREE ||
		       endpoint_equal(&now->fronts[i].local, &view->fronts[i].local));
		now->front_states[i] = view->front_states[i];
	}
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (now->relay_states[i] == NETWORK_FREE &&
		    view->relay_states[i] != NETWORK_FREE)
			now->relay[i] = view->relay[i];
		now->relay[i].retired = view->relay_states[i] == NETWORK_RETIRED;
		assert(view->relay_states[i] == NETWORK_FREE ||
		       ip_addr_equal(&now->relay[i].local, &view->relay[i].local));
		now->relay_states[i] = view->relay_states[i];
	}
	pthread_mutex_unlock(&network->lock);
}

const struct network_view *network_view(const struct network *network)
{
	return &network->view;
}

size_t network_fronts(struct network *network, struct network_front rows[FRONTS_MAX])
{
	const struct network_view *view = &network->view;
	size_t count = 0;

	pthread_mutex_lock(&network->lock);
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (view->front_states[i] == NETWORK_FREE)
			continue;
		rows[count++] = (struct network_front){
			.index = (uint16_t)i,
			.front = view->fronts[i],
			.retired = view->front_states[i] == NETWORK_RETIRED,
		};
	}
	pthread_mutex_unlock(&network->lock);
	return count;
}

size_t network_addresses(struct network *network,
			 struct network_address rows[PORT_POOL_ADDRESSES_MAX])
{
	const struct network_view *view = &network->view;
	size_t count = 0;

	pthread_mutex_lock(&network->lock);
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		if (view->relay_states[i] != NETWORK_FREE)
			rows[count++] =
				(struct network_address){(uint16_t)i, view->relay[i]};
	}
	pthread_mutex_unlock(&network->lock);
	return count;
}
