/*
 * load_slot.c - see load_slot.h.
 *
 *   IDLE --> STARTING --> (WAITING for the other of a pair) --> READY --> RELEASING --> RELEASED
 *                 \__________________\___________________________\___________\
 *                                                                             --> (CLEANING) --> FAILED
 *
 * A client that failed and may have left an allocation at the server is CLEANING until that is
 * released, too. With cycles READY is skipped, and RELEASED and FAILED lead back to IDLE. The
 * answer 437 to an Allocate leads to MOVING and back to STARTING. Both go through a list and an
 * event, because a client must not be freed in its own callback.
 */
#include "tools/load/load_slot.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/sockaddr.h"
#include "stun/chandata.h"
#include "stun/ms_registry.h"
#include "stun/registry.h"
#include "tools/client/clock.h"
#include "tools/load/load_peers.h"
#include "tools/load/load_streams.h"

#define COME_BACK_NS UINT64_C(10000000000)

enum {
	PORTS_MAX = 8, /* a client tries; RFC 8656 section 7.4 recommends three */
};

static void set_state(struct load_slot *slot, enum load_slot_state state)
{
	assert(state < SLOT_STATES && slot->all->count[slot->state] > 0);
	slot->all->count[slot->state]--;
	slot->state = state;
	slot->all->count[state]++;
}

static bool is_under_way(const struct load_slot *slot)
{
	return slot->state == SLOT_STARTING || slot->state == SLOT_WAITING;
}

bool load_slots_cycle(const struct load_slots *all)
{
	return all->config.options->task == LOAD_CYCLES;
}

static struct load_slot *other_of(struct load_slot *slot)
{
	assert(slot->all->config.options->between_clients);
	assert((slot->id ^ 1) < slot->all->config.options->clients);
	return &slot->all->slots[slot->id ^ 1];
}

static void reap_later(struct load_slot *slot)
{
	struct load_slots *all = slot->all;

	assert(all->reapable_count < all->config.options->clients);
	all->reapable[all->reapable_count++] = slot->id;
	event_active(all->reap, 0, 0);
}

/* --- events of its client ------------------------------------------------------------------- */

/*
 * The server permits no such peer. In the Microsoft dialect a refused Send is not answered; that the
 * peer is no destination then is.
 */
static bool is_peer_refused(const struct load_slot *slot, int code)
{
	const struct load_options *options = slot->all->config.options;

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

static void peer_advice(const struct load_slot *slot, char *text, size_t size)
{
	const struct ip_addr *peer = &slot->all->config.peer_address;
	char ip[ENDPOINT_TEXT_LEN];

	snprintf(text, size,
		 "; %sname %s in the relay's peers.allow, or use --between-clients",
		 is_loopback(peer) ? "relays refuse loopback addresses: " : "",
		 ip_addr_format(peer, ip, sizeof(ip)));
}

/* Nothing more to do for it. */
static void end_slot(struct load_slot *slot)
{
	set_state(slot, SLOT_FAILED);
	if (load_slots_cycle(slot->all))
		reap_later(slot);
}

/* A client that failed has released what it left, or cannot. */
static void slot_cleaned(struct load_slot *slot, bool released)
{
	assert(slot->state == SLOT_CLEANING);
	if (!released)
		slot->all->config.result->unreleased++;
	end_slot(slot);
}

/* It failed: now, or once it has released what it left at the server. */
static void abandon(struct load_slot *slot, bool was_releasing)
{
	if (was_releasing || slot->client == NULL || !client_holds(slot->client)) {
		end_slot(slot);
		return;
	}
	set_state(slot, SLOT_CLEANING);
	client_release(slot->client);
}

static void note_reason(struct load_slot *slot, int code, const char *what)
{
	struct load_result *result = slot->all->config.result;

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

void load_slot_fail(struct load_slot *slot, int code, const char *what)
{
	struct load_result *result = slot->all->config.result;
	bool was_releasing = slot->state == SLOT_RELEASING;
	bool was_under_way = is_under_way(slot);

	if (slot->state == SLOT_FAILED)
		return;
	if (slot->state == SLOT_CLEANING) {
		/* That there is none is as good. */
		slot_cleaned(slot, slot->client == NULL || !client_holds(slot->client));
		return;
	}
	note_reason(slot, code, what);
	/* What is counted before it is abandoned: that may fail at once, too. */
	if (load_slots_cycle(slot->all)) {
		result->cycles_failed++;
		abandon(slot, was_releasing);
		return;
	}
	abandon(slot, was_releasing);
	/* A set-up cut short by an interrupt is not a failure. */
	if (was_releasing)
		result->unreleased++;
	else if (!was_under_way || !slot->all->releasing)
		result->failed++;
	if (was_under_way && slot->all->config.options->between_clients &&
	    other_of(slot)->state == SLOT_WAITING)
		load_slot_fail(other_of(slot), 0, "the other client of the pair failed");
}

/*
 * The server still has an allocation for that 5-tuple, perhaps from an earlier run: the client
 * retries from another port.
 */
static bool may_move(const struct load_slot *slot, int code)
{
	return code == STUN_ALLOCATION_MISMATCH && slot->state == SLOT_STARTING &&
	       slot->relayed_len == 0 && slot->ports < PORTS_MAX;
}

/* It was set up, and comes back with another allocation until nobody has answered for ten seconds. */
static bool may_come_back(struct load_slot *slot, int code)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (slot->all->config.options->reconnect != LOAD_RECONNECT_ALLOCATE ||
	    slot->all->releasing || code != 0 || !slot->was_ready)
		return false;
	if (slot->state == SLOT_READY)
		slot->left_ns = now_ns;
	slot->ports = 0;
	return (slot->state == SLOT_READY || slot->state == SLOT_STARTING) &&
	       now_ns - slot->left_ns < COME_BACK_NS;
}

static void client_failed(void *arg, int code, const char *what)
{
	struct load_slot *slot = arg;

	if (may_come_back(slot, code)) {
		set_state(slot, SLOT_MOVING);
		reap_later(slot);
		return;
	}
	if (!may_move(slot, code)) {
		load_slot_fail(slot, code, what);
		return;
	}
	slot->all->config.result->moved++;
	set_state(slot, SLOT_MOVING);
	reap_later(slot);
}

static uint16_t channel_number(uint32_t id)
{
	return (uint16_t)(CHANNEL_NUMBER_MIN +
			  id % (CHANNEL_NUMBER_MAX - CHANNEL_NUMBER_MIN + 1));
}

static void bind_to(struct load_slot *slot, const struct endpoint *peer)
{
	client_bind(slot->client, channel_number(slot->id), peer);
}

void load_slot_release(struct load_slot *slot)
{
	slot->bound = false;
	set_state(slot, SLOT_RELEASING);
	client_release(slot->client);
}

static void pair_up(struct load_slot *slot)
{
	struct load_slot *other = other_of(slot);

	if (other->state == SLOT_FAILED) {
		load_slot_fail(slot, 0, "the other client of the pair failed");
	} else if (other->state == SLOT_WAITING) {
		set_state(other, SLOT_STARTING);
		if (slot->all->config.options->tcp_relay) {
			/* Connects to it once that is permitted there. */
			client_await(other->client, client_relayed(slot->client));
			return;
		}
		bind_to(slot, client_relayed(other->client));
		bind_to(other, client_relayed(slot->client));
	} else if (other->state == SLOT_IDLE && slot->all->stopped) {
		load_slot_release(slot);
	} else {
		set_state(slot, SLOT_WAITING);
	}
}

/* A client is set up once it is bound and the server has connected to its peer. */
static void complete(struct load_slot *slot)
{
	struct load_result *result = slot->all->config.result;

	if (!is_under_way(slot) || !slot->bound ||
	    (slot->stream != NULL && !load_stream_has_come(slot->stream)))
		return;
	if (slot->was_ready) {
		result->reconnected++;
	} else {
		histogram_add(&result->setup_ns, clock_monotonic_ns() - slot->started_ns);
		result->ready++;
	}
	slot->was_ready = true;
	set_state(slot, SLOT_READY);
	if (slot->all->releasing)
		load_slot_release(slot);
}

static void client_permitted(void *arg)
{
	struct load_slot *slot = arg, *other = other_of(slot);

	if (is_under_way(slot) && is_under_way(other))
		bind_to(other, client_relayed(slot->client));
}

static void client_bound(void *arg)
{
	struct load_slot *slot = arg;

	if (slot->all->config.options->tcp_relay)
		slot->all->config.result->data_connections++;
	slot->bound = true;
	complete(slot);
}

static void stream_came(void *arg, bool ok)
{
	struct load_slot *slot = arg;

	if (ok)
		complete(slot);
	else if (is_under_way(slot))
		load_slot_fail(slot, 0, "the server did not connect to the peer");
}

static void bind_to_peer(struct load_slot *slot)
{
	const struct load_clients_config *config = &slot->all->config;
	uint32_t index = load_slot_peer(slot);

	if (config->streams == NULL) {
		bind_to(slot, load_peers_endpoint(config->peers, index));
		return;
	}
	slot->stream = load_streams_expect(
		config->streams, index, client_relayed(slot->client), stream_came, slot);
	if (slot->stream == NULL)
		load_slot_fail(slot, 0, strerror(ENOMEM));
	else
		bind_to(slot, load_streams_endpoint(config->streams, index));
}

static void client_ready(void *arg)
{
	struct load_slot *slot = arg;
	struct load_slots *all = slot->all;

	slot->relayed_len =
		sockaddr_from_endpoint(client_relayed(slot->client), &slot->relayed);
	if (load_slots_cycle(all))
		histogram_add(&all->config.result->setup_ns,
			      clock_monotonic_ns() - slot->started_ns);
	if (load_slots_cycle(all) || all->releasing) {
		load_slot_release(slot);
	} else if (all->config.options->between_clients) {
		pair_up(slot);
	} else {
		bind_to_peer(slot);
	}
}

static void client_released(void *arg)
{
	struct load_slot *slot = arg;
	struct load_result *result = slot->all->config.result;

	if (slot->state == SLOT_CLEANING) {
		slot_cleaned(slot, true);
		return;
	}
	set_state(slot, SLOT_RELEASED);
	if (load_slots_cycle(slot->all)) {
		result->cycles_done++;
		reap_later(slot);
	} else {
		result->released++;
	}
}

static void client_moved(void *arg)
{
	struct load_slot *slot = arg;
	struct load_result *result = slot->all->config.result;

	if (slot->move_ns == 0) {
		result->reconnected++;
		return;
	}
	histogram_add(&result->move_ns, clock_monotonic_ns() - slot->move_ns);
	result->moves++;
	result->unfinished--;
	slot->move_ns = 0;
}

static void client_icmp(void *arg, const struct client_icmp *icmp)
{
	const struct load_slot *slot = arg;
	struct load_result *result = slot->all->config.result;

	if (result->icmp_errors++ > 0)
		return;
	result->icmp_type = icmp->type;
	result->icmp_code = icmp->code;
}

static void client_data(void *arg, const struct client_data *data)
{
	const struct load_slot *slot = arg;

	slot->all->config.data(slot->all->config.arg, slot->id, data);
}

static void open_client(struct load_slot *slot)
{
	struct client_events events = {
		.arg = slot,
		.ready = client_ready,
		.bound = client_bound,
		.permitted = client_permitted,
		.moved = client_moved,
		.icmp = client_icmp,
		.data = client_data,
		.released = client_released,
		.failed = client_failed,
	};

	assert(slot->client == NULL);
	set_state(slot, SLOT_STARTING);
	slot->ports++;
	slot->bound = false;
	slot->relayed_len = 0;
	slot->client = client_new(&slot->all->client, &events);
	if (slot->client == NULL)
		load_slot_fail(slot, 0, strerror(errno));
}

void load_slot_start(struct load_slot *slot)
{
	slot->started_ns = clock_monotonic_ns();
	slot->ports = 0;
	slot->was_ready = false;
	open_client(slot);
}

/* --- what the run asks of it -------------------------------------------------------------- */

bool load_slot_reset(struct load_slot *slot)
{
	client_free(slot->client);
	slot->client = NULL;
	if (slot->state == SLOT_MOVING) {
		open_client(slot);
		return false;
	}
	set_state(slot, SLOT_IDLE);
	return true;
}

void load_slot_leave_pair(struct load_slot *slot)
{
	if (slot->state == SLOT_WAITING && other_of(slot)->state == SLOT_IDLE)
		load_slot_release(slot);
}

void load_slot_move(struct load_slot *slot)
{
	assert(slot->state == SLOT_READY);
	if (slot->move_ns != 0 || !client_move(slot->client))
		return;
	slot->move_ns = clock_monotonic_ns();
	slot->all->config.result->unfinished++;
}

uint32_t load_slot_peer(const struct load_slot *slot)
{
	const struct load_options *options = slot->all->config.options;

	/* Neighbours share a peer: they send at the same time, so it receives in batches. */
	return (uint32_t)((uint64_t)slot->id * options->peers / options->clients);
}

bool load_slot_send_down(struct load_slot *slot, struct slice payload)
{
	assert(slot->state == SLOT_READY && slot->relayed_len > 0);
	if (slot->stream != NULL)
		return load_stream_send(slot->stream, payload);
	return load_peers_send(slot->all->config.peers, load_slot_peer(slot),
			       &slot->relayed, slot->relayed_len, payload);
}

void load_slot_close(struct load_slot *slot)
{
	client_free(slot->client);
	load_stream_forget(slot->stream);
}
