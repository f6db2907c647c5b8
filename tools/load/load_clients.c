/*
 * load_clients.c - see load_clients.h. It says when each client starts and is released; what becomes
 * of one is in load_slot.c.
 */
#include "tools/load/load_clients.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "tools/client/client_loop.h"
#include "tools/load/load_slot.h"

enum {
	SEND_QUEUE = 1 << 20, /* bytes on a stream before packets are refused */
	CREDIT_MS = 5,        /* delayed set-ups of so long may start at once */
};

/* Releases are abandoned after so long without progress. */
#define RELEASE_PATIENCE_NS 5000000000u

struct load_clients {
	struct load_slots all;
	uint32_t next; /* to be started, or to be released */
	uint64_t cycles_started;
	uint64_t moves_due;            /* so far */
	uint64_t tick_ns, progress_ns; /* last call; last change while releasing */
	uint32_t releasing_before;
	double credit; /* set-ups that may start now */
	struct load_slot slots[];
};

static uint32_t under_way(const struct load_clients *clients)
{
	return clients->all.count[SLOT_STARTING] + clients->all.count[SLOT_WAITING] +
	       clients->all.count[SLOT_MOVING];
}

/* --- set-up ------------------------------------------------------------------------------- */

/* If as many as may be under way failed before any succeeded, the rest would fail, too. */
static bool is_hopeless(const struct load_clients *clients)
{
	const struct load_result *result = clients->all.config.result;

	return load_slots_cycle(&clients->all)
		       ? result->cycles_done == 0 &&
				 result->cycles_failed >= LOAD_UNDER_WAY_MAX
		       : result->ready == 0 && result->failed >= LOAD_UNDER_WAY_MAX;
}

bool load_clients_set_up(struct load_clients *clients, uint64_t now_ns)
{
	const struct load_options *options = clients->all.config.options;
	double most = options->setup_rate * CREDIT_MS / 1000.0 + 1;

	if (clients->tick_ns == 0)
		clients->credit = 1;
	else
		clients->credit +=
			(double)(now_ns - clients->tick_ns) * 1e-9 * options->setup_rate;
	clients->tick_ns = now_ns;
	if (clients->credit > most)
		clients->credit = most;
	if (is_hopeless(clients))
		load_clients_stop(clients);
	while (!clients->all.stopped && clients->next < options->clients &&
	       clients->credit >= 1 && under_way(clients) < LOAD_UNDER_WAY_MAX) {
		clients->credit--;
		load_slot_start(&clients->slots[clients->next++]);
	}
	return under_way(clients) == 0 &&
	       (clients->all.stopped || clients->next == options->clients);
}

/* --- cycles ------------------------------------------------------------------------------- */

static bool may_cycle(const struct load_clients *clients)
{
	return !clients->all.stopped && !is_hopeless(clients) &&
	       clients->cycles_started < clients->all.config.options->cycles;
}

static void start_cycle(struct load_clients *clients, struct load_slot *slot)
{
	clients->cycles_started++;
	load_slot_start(slot);
}

static void reap(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct load_clients *clients = arg;
	struct load_slots *all = &clients->all;
	uint32_t count = all->reapable_count;

	/* Only those listed now: a client that fails at once is listed again. */
	for (; count > 0; count--) {
		struct load_slot *slot =
			&all->slots[all->reapable[--all->reapable_count]];
		if (load_slot_reset(slot) && may_cycle(clients))
			start_cycle(clients, slot);
	}
}

bool load_clients_cycle(struct load_clients *clients, uint64_t now_ns)
{
	const struct load_options *options = clients->all.config.options;
	uint32_t slots = options->clients < LOAD_UNDER_WAY_MAX ? options->clients
							       : LOAD_UNDER_WAY_MAX;

	(void)now_ns;
	for (uint32_t i = 0; i < slots && may_cycle(clients); i++) {
		if (clients->slots[i].state == SLOT_IDLE)
			start_cycle(clients, &clients->slots[i]);
	}
	return !may_cycle(clients) && under_way(clients) == 0 &&
	       clients->all.count[SLOT_RELEASING] == 0 &&
	       clients->all.count[SLOT_CLEANING] == 0;
}

/* --- moves -------------------------------------------------------------------------------- */

void load_clients_move(struct load_clients *clients, uint64_t since_ns)
{
	const struct load_options *options = clients->all.config.options;
	double turns = (double)since_ns * 1e-9 / (double)options->move_every_s;
	uint64_t due = (uint64_t)(turns * options->clients);

	assert(options->move_every_s > 0);
	for (; clients->moves_due < due; clients->moves_due++) {
		struct load_slot *slot =
			&clients->slots[clients->moves_due % options->clients];
		if (slot->state == SLOT_READY)
			load_slot_move(slot);
	}
}

uint64_t load_clients_handshakes(const struct load_clients *clients)
{
	return client_loop_handshakes(clients->all.client.loop);
}

/* --- release ------------------------------------------------------------------------------ */

static void give_up_releases(struct load_clients *clients)
{
	for (uint32_t i = 0; i < clients->all.config.options->clients; i++) {
		if (clients->slots[i].state == SLOT_RELEASING ||
		    clients->slots[i].state == SLOT_CLEANING)
			load_slot_fail(&clients->slots[i], 0,
				       "the server did not answer a release");
	}
}

bool load_clients_release(struct load_clients *clients, uint64_t now_ns)
{
	uint32_t total = clients->all.config.options->clients;

	if (!clients->all.releasing) {
		clients->all.releasing = true;
		load_clients_stop(clients);
		clients->next = 0;
		clients->progress_ns = now_ns;
	}
	for (; clients->next < total &&
	       clients->all.count[SLOT_RELEASING] < LOAD_UNDER_WAY_MAX;
	     clients->next++) {
		struct load_slot *slot = &clients->slots[clients->next];
		if (slot->state != SLOT_READY)
			continue;
		load_slot_release(slot);
	}
	uint32_t left = clients->all.count[SLOT_READY] +
			clients->all.count[SLOT_RELEASING] +
			clients->all.count[SLOT_CLEANING] + under_way(clients);
	if (left != clients->releasing_before) {
		clients->releasing_before = left;
		clients->progress_ns = now_ns;
	} else if (now_ns - clients->progress_ns > RELEASE_PATIENCE_NS) {
		give_up_releases(clients);
		return true;
	}
	return left == 0;
}

/* --- all of them -------------------------------------------------------------------------- */

struct load_clients *load_clients_new(const struct load_clients_config *config)
{
	uint32_t total = config->options->clients;
	struct load_clients *clients =
		calloc(1, sizeof(*clients) + total * sizeof(struct load_slot));

	if (clients == NULL)
		return NULL;
	clients->all.config = *config;
	clients->all.slots = clients->slots;
	clients->all.count[SLOT_IDLE] = total;
	clients->all.client = (struct client_config){
		.loop = client_loop_new(config->base),
		.transport = config->options->transport,
		.ms = config->options->dialect_ms,
		.send_mode = config->options->send_mode,
		.tcp_relay = config->options->tcp_relay,
		.mobility = config->options->move_every_s > 0 ||
			    config->options->reconnect == LOAD_RECONNECT_TICKET,
		.come_back = config->options->reconnect == LOAD_RECONNECT_TICKET,
		.dont_fragment = config->options->dont_fragment,
		.proxied = config->options->proxied,
		.token = {config->options->token, config->options->token_len},
		.session_key = {config->options->session_key,
				config->options->session_key_len},
		.server = config->server,
		.tls = config->tls,
		.tls_name = config->options->insecure ? NULL : config->options->tls_name,
		.username = config->options->username,
		.password = config->options->password,
		.family = config->family,
		.send_queue = SEND_QUEUE,
	};
	clients->all.reap = event_new(config->base, -1, 0, reap, clients);
	clients->all.reapable = calloc(total, sizeof(*clients->all.reapable));
	if (clients->all.client.loop == NULL || clients->all.reap == NULL ||
	    clients->all.reapable == NULL) {
		load_clients_free(clients);
		return NULL;
	}
	for (uint32_t i = 0; i < total; i++) {
		clients->slots[i].all = &clients->all;
		clients->slots[i].id = i;
	}
	return clients;
}

void load_clients_free(struct load_clients *clients)
{
	if (clients == NULL)
		return;
	for (uint32_t i = 0; i < clients->all.config.options->clients; i++)
		load_slot_close(&clients->slots[i]);
	if (clients->all.reap != NULL)
		event_free(clients->all.reap);
	client_loop_free(clients->all.client.loop);
	free(clients->all.reapable);
	free(clients);
}

void load_clients_stop(struct load_clients *clients)
{
	struct load_slot *last = clients->next > 0 ? &clients->slots[clients->next - 1]
						   : NULL;

	/* The first of a pair whose second was never started would wait indefinitely. */
	if (!clients->all.stopped && last != NULL)
		load_slot_leave_pair(last);
	clients->all.stopped = true;
}

bool load_clients_is_ready(const struct load_clients *clients, uint32_t id)
{
	assert(id < clients->all.config.options->clients);
	return clients->slots[id].state == SLOT_READY;
}

uint32_t load_clients_peer(const struct load_clients *clients, uint32_t id)
{
	return load_slot_peer(&clients->slots[id]);
}

uint16_t load_clients_channel(const struct load_clients *clients, uint32_t id)
{
	return client_channel(clients->slots[id].client);
}

bool load_clients_send(struct load_clients *clients, uint32_t id, struct slice payload)
{
	assert(clients->slots[id].state == SLOT_READY);
	return client_send(clients->slots[id].client, payload);
}

bool load_clients_send_down(struct load_clients *clients, uint32_t id,
			    struct slice payload)
{
	return load_slot_send_down(&clients->slots[id], payload);
}
