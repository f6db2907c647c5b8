/*
 * load_clients.c - see load_clients.h.
 *
 *   IDLE --> STARTING --> (WAITING for the other of a pair) --> READY --> RELEASING --> RELEASED
 *                 \__________________\___________________________\___________\
 *                                                                             --> (CLEANING) --> FAILED
 *
 * A client that failed and may have left an allocation at the server is CLEANING until that is
 * released, too. With cycles READY is skipped, and RELEASED and FAILED lead back to IDLE. The answer 437 to an
 * Allocate leads to MOVING and back to STARTING. Both go through a list and an event, because a
 * client must not be freed in its own callback.
 */
#include "tools/load/load_clients.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/sockaddr.h"
#include "stun/chandata.h"
#include "stun/ms_registry.h"
#include "stun/registry.h"
#include "tools/client/client_loop.h"
#include "tools/client/clock.h"
#include "tools/load/load_peers.h"
#include "tools/load/load_streams.h"

enum {
	SEND_QUEUE = 1 << 20, /* bytes on a stream before packets are refused */
	CREDIT_MS = 5,        /* delayed set-ups of so long may start at once */
	PORTS_MAX = 8,        /* a client tries; RFC 8656 section 7.4 recommends three */
};

/* Releases are abandoned after so long without progress. */
#define RELEASE_PATIENCE_NS 5000000000u

enum state {
	IDLE,
	STARTING,
	WAITING,
	READY,
	RELEASING,
	RELEASED,
	MOVING,
	CLEANING,
	FAILED,
	STATES,
};

/* What the packet path needs comes first. */
struct slot {
	struct client *client;
	struct load_clients *clients;
	uint32_t id;
	uint8_t ports; /* tried */
	bool bound;
	enum state state;
	struct load_stream *stream; /* of the peer, with streams */
	socklen_t relayed_len;
	struct sockaddr_storage relayed;
	uint64_t started_ns;
};

struct load_clients {
	struct load_clients_config config;
	struct client_config client; /* the same for all */
	struct event *reap;
	uint32_t *reapable; /* ids */
	uint32_t reapable_count;
	uint32_t count[STATES];
	uint32_t next; /* to be started, or to be released */
	uint64_t cycles_started;
	uint64_t tick_ns, progress_ns; /* last call; last change while releasing */
	uint32_t releasing_before;
	double credit;  /* set-ups that may start now */
	bool stopped;   /* start nothing more */
	bool releasing; /* and release all clients */
	struct slot slots[];
};

static void set_state(struct slot *slot, enum state state)
{
	assert(state < STATES && slot->clients->count[slot->state] > 0);
	slot->clients->count[slot->state]--;
	slot->state = state;
	slot->clients->count[state]++;
}

static bool is_under_way(const struct slot *slot)
{
	return slot->state == STARTING || slot->state == WAITING;
}

static uint32_t under_way(const struct load_clients *clients)
{
	return clients->count[STARTING] + clients->count[WAITING] +
	       clients->count[MOVING];
}

static bool cycles(const struct load_clients *clients)
{
	return clients->config.options->task == LOAD_CYCLES;
}

static struct slot *other_of(struct slot *slot)
{
	assert(slot->clients->config.options->between_clients);
	assert((slot->id ^ 1) < slot->clients->config.options->clients);
	return &slot->clients->slots[slot->id ^ 1];
}

static void reap_later(struct slot *slot)
{
	struct load_clients *clients = slot->clients;

	assert(clients->reapable_count < clients->config.options->clients);
	clients->reapable[clients->reapable_count++] = slot->id;
	event_active(clients->reap, 0, 0);
}

/* --- events of a client ------------------------------------------------------------------- */

/*
 * The server permits no such peer. In the Microsoft dialect a refused Send is not answered; that the
 * peer is no destination then is.
 */
static bool is_peer_refused(const struct slot *slot, int code)
{
	const struct load_options *options = slot->clients->config.options;

	return slot->relayed_len > 0 && !options->between_clients &&
	       code == (options->dialect_ms ? MS_NO_DESTINATION : STUN_FORBIDDEN);
}

static bool is_loopback(const struct ip_addr *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return ip->family == IP_V4
		       ? ip->bytes[0] == 127
		       : ip->family == IP_V6 && memcmp(ip->bytes, one, sizeof(one)) == 0;
}

static void peer_advice(const struct slot *slot, char *text, size_t size)
{
	const struct ip_addr *peer = &slot->clients->config.peer_address;
	char ip[ENDPOINT_TEXT_LEN];

	snprintf(text, size,
		 "; %sname %s in the relay's peers.allow, or use --between-clients",
		 is_loopback(peer) ? "relays refuse loopback addresses: " : "",
		 ip_addr_format(peer, ip, sizeof(ip)));
}

/* Nothing more to do for it. */
static void end_slot(struct slot *slot)
{
	set_state(slot, FAILED);
	if (cycles(slot->clients))
		reap_later(slot);
}

/* A client that failed has released what it left, or cannot. */
static void slot_cleaned(struct slot *slot, bool released)
{
	assert(slot->state == CLEANING);
	if (!released)
		slot->clients->config.result->unreleased++;
	end_slot(slot);
}

/* It failed: now, or once it has released what it left at the server. */
static void abandon(struct slot *slot, bool was_releasing)
{
	if (was_releasing || slot->client == NULL || !client_holds(slot->client)) {
		end_slot(slot);
		return;
	}
	set_state(slot, CLEANING);
	client_release(slot->client);
}

static void note_reason(struct slot *slot, int code, const char *what)
{
	struct load_result *result = slot->clients->config.result;

	char advice[160] = "";

	if (result->reason[0] != '\0')
		return;
	if (is_peer_refused(slot, code))
		peer_advice(slot, advice, sizeof(advice));
	else if (code == 0 && strstr(what, "server certificate"))
		snprintf(
			advice, sizeof(advice),
			"; --ca FILE trusts its issuer, --tls-name NAME takes another name, "
			"--insecure accepts any");
	result->reason_code = code;
	snprintf(result->reason, sizeof(result->reason), "%s%s", what, advice);
}

static void slot_failed(struct slot *slot, int code, const char *what)
{
	struct load_result *result = slot->clients->config.result;
	bool was_releasing = slot->state == RELEASING;
	bool was_under_way = is_under_way(slot);

	if (slot->state == FAILED)
		return;
	if (slot->state == CLEANING) {
		/* That there is none is as good. */
		slot_cleaned(slot, slot->client == NULL || !client_holds(slot->client));
		return;
	}
	note_reason(slot, code, what);
	/* What is counted before it is abandoned: that may fail at once, too. */
	if (cycles(slot->clients)) {
		result->cycles_failed++;
		abandon(slot, was_releasing);
		return;
	}
	abandon(slot, was_releasing);
	/* A set-up cut short by an interrupt is not a failure. */
	if (was_releasing)
		result->unreleased++;
	else if (!was_under_way || !slot->clients->releasing)
		result->failed++;
	if (was_under_way && slot->clients->config.options->between_clients &&
	    other_of(slot)->state == WAITING)
		slot_failed(other_of(slot), 0, "the other client of the pair failed");
}

/*
 * The server still has an allocation for that 5-tuple, perhaps from an earlier run: the client
 * retries from another port.
 */
static bool may_move(const struct slot *slot, int code)
{
	return code == STUN_ALLOCATION_MISMATCH && slot->state == STARTING &&
	       slot->relayed_len == 0 && slot->ports < PORTS_MAX;
}

static void client_failed(void *arg, int code, const char *what)
{
	struct slot *slot = arg;

	if (!may_move(slot, code)) {
		slot_failed(slot, code, what);
		return;
	}
	slot->clients->config.result->moved++;
	set_state(slot, MOVING);
	reap_later(slot);
}

static uint16_t channel_number(uint32_t id)
{
	return (uint16_t)(CHANNEL_NUMBER_MIN +
			  id % (CHANNEL_NUMBER_MAX - CHANNEL_NUMBER_MIN + 1));
}

static void bind_to(struct slot *slot, const struct endpoint *peer)
{
	client_bind(slot->client, channel_number(slot->id), peer);
}

static void release(struct slot *slot)
{
	slot->bound = false;
	set_state(slot, RELEASING);
	client_release(slot->client);
}

static void pair_up(struct slot *slot)
{
	struct slot *other = other_of(slot);

	if (other->state == FAILED) {
		slot_failed(slot, 0, "the other client of the pair failed");
	} else if (other->state == WAITING) {
		set_state(other, STARTING);
		bind_to(slot, client_relayed(other->client));
		bind_to(other, client_relayed(slot->client));
	} else if (other->state == IDLE && slot->clients->stopped) {
		release(slot);
	} else {
		set_state(slot, WAITING);
	}
}

/* A client is set up once it is bound and the server has connected to its peer. */
static void complete(struct slot *slot)
{
	struct load_result *result = slot->clients->config.result;

	if (!is_under_way(slot) || !slot->bound ||
	    (slot->stream != NULL && !load_stream_has_come(slot->stream)))
		return;
	histogram_add(&result->setup_ns, clock_monotonic_ns() - slot->started_ns);
	result->ready++;
	set_state(slot, READY);
	if (slot->clients->releasing)
		release(slot);
}

static void client_bound(void *arg)
{
	struct slot *slot = arg;

	slot->bound = true;
	complete(slot);
}

static void stream_came(void *arg, bool ok)
{
	struct slot *slot = arg;

	if (ok)
		complete(slot);
	else if (is_under_way(slot))
		slot_failed(slot, 0, "the server did not connect to the peer");
}

static void bind_to_peer(struct slot *slot)
{
	const struct load_clients_config *config = &slot->clients->config;
	uint32_t index = load_clients_peer(slot->clients, slot->id);

	if (config->streams == NULL) {
		bind_to(slot, load_peers_endpoint(config->peers, index));
		return;
	}
	slot->stream = load_streams_expect(
		config->streams, index, client_relayed(slot->client), stream_came, slot);
	if (slot->stream == NULL)
		slot_failed(slot, 0, strerror(ENOMEM));
	else
		bind_to(slot, load_streams_endpoint(config->streams, index));
}

static void client_ready(void *arg)
{
	struct slot *slot = arg;
	struct load_clients *clients = slot->clients;

	slot->relayed_len =
		sockaddr_from_endpoint(client_relayed(slot->client), &slot->relayed);
	if (cycles(clients))
		histogram_add(&clients->config.result->setup_ns,
			      clock_monotonic_ns() - slot->started_ns);
	if (cycles(clients) || clients->releasing) {
		release(slot);
	} else if (clients->config.options->between_clients) {
		pair_up(slot);
	} else {
		bind_to_peer(slot);
	}
}

static void client_released(void *arg)
{
	struct slot *slot = arg;
	struct load_result *result = slot->clients->config.result;

	if (slot->state == CLEANING) {
		slot_cleaned(slot, true);
		return;
	}
	set_state(slot, RELEASED);
	if (cycles(slot->clients)) {
		result->cycles_done++;
		reap_later(slot);
	} else {
		result->released++;
	}
}

static void client_data(void *arg, const struct client_data *data)
{
	const struct slot *slot = arg;

	slot->clients->config.data(slot->clients->config.arg, slot->id, data);
}

static void open_client(struct slot *slot)
{
	struct client_events events = {
		.arg = slot,
		.ready = client_ready,
		.bound = client_bound,
		.data = client_data,
		.released = client_released,
		.failed = client_failed,
	};

	assert(slot->client == NULL);
	set_state(slot, STARTING);
	slot->ports++;
	slot->bound = false;
	slot->relayed_len = 0;
	slot->client = client_new(&slot->clients->client, &events);
	if (slot->client == NULL)
		slot_failed(slot, 0, strerror(errno));
}

static void start(struct slot *slot)
{
	slot->started_ns = clock_monotonic_ns();
	slot->ports = 0;
	open_client(slot);
}

/* --- set-up ------------------------------------------------------------------------------- */

/* If as many as may be under way failed before any succeeded, the rest would fail, too. */
static bool is_hopeless(const struct load_clients *clients)
{
	const struct load_result *result = clients->config.result;

	return cycles(clients)
		       ? result->cycles_done == 0 &&
				 result->cycles_failed >= LOAD_UNDER_WAY_MAX
		       : result->ready == 0 && result->failed >= LOAD_UNDER_WAY_MAX;
}

bool load_clients_set_up(struct load_clients *clients, uint64_t now_ns)
{
	const struct load_options *options = clients->config.options;
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
	while (!clients->stopped && clients->next < options->clients &&
	       clients->credit >= 1 && under_way(clients) < LOAD_UNDER_WAY_MAX) {
		clients->credit--;
		start(&clients->slots[clients->next++]);
	}
	return under_way(clients) == 0 &&
	       (clients->stopped || clients->next == options->clients);
}

/* --- cycles ------------------------------------------------------------------------------- */

static bool may_cycle(const struct load_clients *clients)
{
	return !clients->stopped && !is_hopeless(clients) &&
	       clients->cycles_started < clients->config.options->cycles;
}

static void start_cycle(struct slot *slot)
{
	slot->clients->cycles_started++;
	start(slot);
}

static void reap(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct load_clients *clients = arg;
	uint32_t count = clients->reapable_count;

	/* Only those listed now: a client that fails at once is listed again. */
	for (; count > 0; count--) {
		struct slot *slot =
			&clients->slots[clients->reapable[--clients->reapable_count]];
		client_free(slot->client);
		slot->client = NULL;
		if (slot->state == MOVING) {
			open_client(slot);
			continue;
		}
		set_state(slot, IDLE);
		if (may_cycle(clients))
			start_cycle(slot);
	}
}

bool load_clients_cycle(struct load_clients *clients, uint64_t now_ns)
{
	const struct load_options *options = clients->config.options;
	uint32_t slots = options->clients < LOAD_UNDER_WAY_MAX ? options->clients
							       : LOAD_UNDER_WAY_MAX;

	(void)now_ns;
	for (uint32_t i = 0; i < slots && may_cycle(clients); i++) {
		if (clients->slots[i].state == IDLE)
			start_cycle(&clients->slots[i]);
	}
	return !may_cycle(clients) && under_way(clients) == 0 &&
	       clients->count[RELEASING] == 0 && clients->count[CLEANING] == 0;
}

/* --- release ------------------------------------------------------------------------------ */

static void give_up_releases(struct load_clients *clients)
{
	for (uint32_t i = 0; i < clients->config.options->clients; i++) {
		if (clients->slots[i].state == RELEASING ||
		    clients->slots[i].state == CLEANING)
			slot_failed(&clients->slots[i], 0,
				    "the server did not answer a release");
	}
}

bool load_clients_release(struct load_clients *clients, uint64_t now_ns)
{
	uint32_t total = clients->config.options->clients;

	if (!clients->releasing) {
		clients->releasing = true;
		load_clients_stop(clients);
		clients->next = 0;
		clients->progress_ns = now_ns;
	}
	for (; clients->next < total && clients->count[RELEASING] < LOAD_UNDER_WAY_MAX;
	     clients->next++) {
		struct slot *slot = &clients->slots[clients->next];
		if (slot->state != READY)
			continue;
		release(slot);
	}
	uint32_t left = clients->count[READY] + clients->count[RELEASING] +
			clients->count[CLEANING] + under_way(clients);
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
		calloc(1, sizeof(*clients) + total * sizeof(struct slot));

	if (clients == NULL)
		return NULL;
	clients->config = *config;
	clients->count[IDLE] = total;
	clients->client = (struct client_config){
		.loop = client_loop_new(config->base),
		.transport = config->options->transport,
		.ms = config->options->dialect_ms,
		.send_mode = config->options->send_mode,
		.server = config->server,
		.tls = config->tls,
		.tls_name = config->options->insecure ? NULL : config->options->tls_name,
		.username = config->options->username,
		.password = config->options->password,
		.family = config->family,
		.send_queue = SEND_QUEUE,
	};
	clients->reap = event_new(config->base, -1, 0, reap, clients);
	clients->reapable = calloc(total, sizeof(*clients->reapable));
	if (clients->client.loop == NULL || clients->reap == NULL ||
	    clients->reapable == NULL) {
		load_clients_free(clients);
		return NULL;
	}
	for (uint32_t i = 0; i < total; i++) {
		clients->slots[i].clients = clients;
		clients->slots[i].id = i;
	}
	return clients;
}

void load_clients_free(struct load_clients *clients)
{
	if (clients == NULL)
		return;
	for (uint32_t i = 0; i < clients->config.options->clients; i++) {
		client_free(clients->slots[i].client);
		load_stream_forget(clients->slots[i].stream);
	}
	if (clients->reap != NULL)
		event_free(clients->reap);
	client_loop_free(clients->client.loop);
	free(clients->reapable);
	free(clients);
}

void load_clients_stop(struct load_clients *clients)
{
	struct slot *last = clients->next > 0 ? &clients->slots[clients->next - 1] : NULL;

	/* The first of a pair whose second was never started would wait indefinitely. */
	if (!clients->stopped && last != NULL && last->state == WAITING &&
	    other_of(last)->state == IDLE)
		release(last);
	clients->stopped = true;
}

bool load_clients_is_ready(const struct load_clients *clients, uint32_t id)
{
	assert(id < clients->config.options->clients);
	return clients->slots[id].state == READY;
}

uint32_t load_clients_peer(const struct load_clients *clients, uint32_t id)
{
	const struct load_options *options = clients->config.options;

	/* Neighbours share a peer: they send at the same time, so it receives in batches. */
	return (uint32_t)((uint64_t)id * options->peers / options->clients);
}

uint16_t load_clients_channel(const struct load_clients *clients, uint32_t id)
{
	return client_channel(clients->slots[id].client);
}

bool load_clients_send(struct load_clients *clients, uint32_t id, struct slice payload)
{
	assert(clients->slots[id].state == READY);
	return client_send(clients->slots[id].client, payload);
}

bool load_clients_send_down(struct load_clients *clients, uint32_t id,
			    struct slice payload)
{
	const struct slot *slot = &clients->slots[id];

	assert(slot->state == READY && slot->relayed_len > 0);
	if (slot->stream != NULL)
		return load_stream_send(slot->stream, payload);
	return load_peers_send(clients->config.peers, load_clients_peer(clients, id),
			       &slot->relayed, slot->relayed_len, payload);
}
