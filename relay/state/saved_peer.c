/*
 * saved_peer.c - see saved_peer.h.
 */
#include "relay/state/saved_peer.h"

#include <assert.h>

#include "relay/state/state_bytes.h"

/* Bits of a byte of its own. */
enum { IS_INCOMING = 1, HAS_FINGERPRINT = 2, IS_TLS = 4, ALL_FLAGS = 7 };

static bool has_start(enum saved_peer_kind kind)
{
	return kind == SAVED_PEER_OPEN || kind == SAVED_PEER_ENDING ||
	       kind == SAVED_DATA_BOUND;
}

static bool has_client(enum saved_peer_kind kind)
{
	return kind == SAVED_DATA_BINDING || kind == SAVED_DATA_BOUND;
}

static void write_start(struct state_writer *w, const struct saved_start *start)
{
	state_write_number(w, start->taken);
	state_write_number(w, start->given);
}

static void write_front(struct state_writer *w, const struct front *front)
{
	state_write_u8(w, (uint8_t)front->side);
	state_write_u8(w, (uint8_t)front->transport);
	state_write_endpoint(w, &front->local);
}

static void write_data(struct state_writer *w, const struct saved_peer *saved)
{
	unsigned flags = (saved->is_incoming ? IS_INCOMING : 0u) |
			 (saved->has_fingerprint ? HAS_FINGERPRINT : 0u) |
			 (saved->is_tls ? IS_TLS : 0u);

	state_write_u8(w, (uint8_t)flags);
	state_write_number(w, saved->id);
	state_write_endpoint(w, &saved->named);
	state_write_number(w, saved->created_ms);
	state_write_number(w, saved->until_ms);
	if (saved->kind == SAVED_DATA_CONNECTING) {
		state_write_bytes(w, saved->txid, sizeof(saved->txid));
		state_write_u8(w, (uint8_t)saved->integrity);
	}
	if (has_client(saved->kind)) {
		write_front(w, &saved->front);
		state_write_endpoint(w, &saved->client);
	}
	if (saved->kind == SAVED_DATA_BOUND) {
		write_start(w, &saved->client_start);
		state_write_number(w, saved->first_to_peer);
		state_write_number(w, saved->first_to_client);
	}
}

size_t saved_peer_write(const struct saved_peer *saved, uint8_t *buf, size_t size)
{
	struct state_writer w = {.data = buf, .size = size};

	assert(size >= SAVED_PEER_MAX);
	state_write_u8(&w, SAVED_PEER_VERSION);
	state_write_u8(&w, (uint8_t)saved->kind);
	state_write_number(&w, saved->serial);
	state_write_number(&w, saved->allocation);
	state_write_endpoint(&w, &saved->local);
	state_write_endpoint(&w, &saved->peer);
	if (has_start(saved->kind))
		write_start(&w, &saved->start);
	if (saved_peer_is_data(saved))
		write_data(&w, saved);
	assert(!w.failed);
	return w.len;
}

static void read_start(struct state_reader *r, struct saved_start *start)
{
	start->taken = state_read_number(r);
	start->given = state_read_number(r);
}

/* Of a socket: it has a port and an address. */
static void read_endpoint(struct state_reader *r, struct endpoint *ep)
{
	state_read_endpoint(r, ep);
	if (ep->ip.family == IP_NONE || ep->port == 0)
		r->failed = true;
}

static void read_front(struct state_reader *r, struct front *front)
{
	front->side = (enum side)state_read_up_to(r, SIDE_COUNT - 1);
	front->transport = (enum transport)state_read_up_to(r, TRANSPORT_COUNT - 1);
	state_read_endpoint(r, &front->local);
}

static void read_data(struct state_reader *r, struct saved_peer *saved)
{
	unsigned flags = (unsigned)state_read_up_to(r, ALL_FLAGS);

	saved->is_incoming = flags & IS_INCOMING;
	saved->has_fingerprint = flags & HAS_FINGERPRINT;
	saved->is_tls = flags & IS_TLS;
	saved->id = (uint32_t)state_read_up_to(r, UINT32_MAX);
	read_endpoint(r, &saved->named);
	saved->created_ms = state_read_number(r);
	saved->until_ms = state_read_number(r);
	if (saved->kind == SAVED_DATA_CONNECTING) {
		state_read_bytes(r, saved->txid, sizeof(saved->txid));
		saved->integrity =
			(enum stun_integrity)state_read_up_to(r, STUN_INTEGRITY_SHA256);
	}
	if (has_client(saved->kind)) {
		read_front(r, &saved->front);
		read_endpoint(r, &saved->client);
	}
	if (saved->kind == SAVED_DATA_BOUND) {
		read_start(r, &saved->client_start);
		saved->first_to_peer =
			(uint32_t)state_read_up_to(r, SAVED_PEER_BYTES_MAX);
		saved->first_to_client =
			(uint32_t)state_read_up_to(r, SAVED_PEER_BYTES_MAX);
	}
}

/* Its socket goes from one address to another of the same family. */
static bool is_sound(const struct saved_peer *saved)
{
	return saved->local.ip.family == saved->peer.ip.family &&
	       (saved->kind == SAVED_PEER_ENDING) == (saved->allocation == 0);
}

bool saved_peer_read(struct slice record, struct saved_peer *saved)
{
	struct state_reader r = {record, false};

	*saved = (struct saved_peer){0};
	if (state_read_u8(&r) != SAVED_PEER_VERSION)
		return false;
	saved->kind = (enum saved_peer_kind)state_read_up_to(&r, SAVED_DATA_BOUND);
	if (saved->kind < SAVED_PEER_CONNECTING)
		return false;
	saved->serial = state_read_number(&r);
	saved->allocation = state_read_number(&r);
	read_endpoint(&r, &saved->local);
	read_endpoint(&r, &saved->peer);
	if (has_start(saved->kind))
		read_start(&r, &saved->start);
	if (saved_peer_is_data(saved))
		read_data(&r, saved);
	return state_reader_is_done(&r) && is_sound(saved);
}

size_t saved_peer_bytes_write(const struct saved_peer_bytes *saved, uint8_t *buf,
			      size_t size)
{
	struct state_writer w = {.data = buf, .size = size};

	assert(saved->bytes.len > 0 && saved->bytes.len <= SAVED_PEER_BYTES_MAX);
	state_write_u8(&w, SAVED_PEER_VERSION);
	state_write_u8(&w, (uint8_t)saved->way);
	state_write_number(&w, saved->serial);
	state_write_number(&w, saved->from);
	assert(w.len <= SAVED_PEER_BYTES_HEAD);
	state_write_bytes(&w, saved->bytes.data, saved->bytes.len);
	assert(!w.failed);
	return w.len;
}

bool saved_peer_bytes_read(struct slice record, struct saved_peer_bytes *saved)
{
	struct state_reader r = {record, false};

	*saved = (struct saved_peer_bytes){0};
	if (state_read_u8(&r) != SAVED_PEER_VERSION)
		return false;
	saved->way = (enum saved_peer_way)state_read_up_to(&r, SAVED_FROM_PEER);
	saved->serial = state_read_number(&r);
	saved->from = state_read_number(&r);
	saved->bytes = r.rest;
	return !r.failed && saved->bytes.len > 0 &&
	       saved->bytes.len <= SAVED_PEER_BYTES_MAX &&
	       saved->from <= UINT64_MAX - saved->bytes.len;
}
