/*
 * parity_relay.c - see parity_relay.h.
 */
#include "tests/unit/offload/parity_relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/destination.h"
#include "relay/core/permission.h"
#include "stun/chandata.h"

static const struct {
	const char *user, *client;
	uint16_t front;
	uint8_t family;
	enum dialect dialect;
} ones[PARITY_ONES] = {
	[ONE_OUTSIDE] = {"alice", "192.0.2.200:1001", 3, IP_V4, DIALECT_IETF},
	[ONE_INSIDE] = {"bob", "10.1.2.3:1002", 0, IP_V4, DIALECT_IETF},
	[ONE_V6] = {"carol", "[2001:db8:7::7]:1003", 4, IP_V6, DIALECT_IETF},
	[ONE_RFC5766] = {"dave", "192.0.2.200:1004", 3, IP_V4, DIALECT_IETF},
	[ONE_MS] = {"erin", "192.0.2.200:1005", 3, IP_V4, DIALECT_MS},
	[ONE_TWIN] = {"frank", "192.0.2.200:1006", 3, IP_V4, DIALECT_IETF},
	[ONE_OTHER_TWIN] = {"grace", "10.1.2.3:1007", 0, IP_V4, DIALECT_IETF},
	[ONE_ALONE] = {"heidi", "192.0.2.200:1008", 3, IP_V4, DIALECT_IETF},
};

const struct parity_way parity_ways[] = {
	{"to a peer", ONE_OUTSIDE, false, 0x4000, "192.0.2.1:9000", false},
	{"to a client", ONE_OUTSIDE, true, 0x4000, "192.0.2.1:9000", false},
	{"to another port", ONE_OUTSIDE, false, 0x4001, "192.0.2.1:9001", false},
	{"to a client, another channel", ONE_OUTSIDE, true, 0x4001, "192.0.2.1:9001",
	 false},
	{"to another address", ONE_OUTSIDE, false, 0x4FFF, "198.51.100.7:7", false},
	{"to a client from there", ONE_OUTSIDE, true, 0x4FFF, "198.51.100.7:7", false},
	{"from inside", ONE_INSIDE, false, 0x4000, "192.0.2.1:9000", false},
	{"to the inside", ONE_INSIDE, true, 0x4000, "192.0.2.1:9000", false},
	{"IPv6 to a peer", ONE_V6, false, 0x4000, "[2001:db8:9::9]:9000", false},
	{"IPv6 to a client", ONE_V6, true, 0x4000, "[2001:db8:9::9]:9000", false},
	{"RFC 5766 to a peer", ONE_RFC5766, false, 0x7ABC, "192.0.2.1:9000", false},
	{"RFC 5766 to a client", ONE_RFC5766, true, 0x7ABC, "192.0.2.1:9000", false},
	{"MS to a peer", ONE_MS, false, 0, "192.0.2.7:9", false},
	{"MS to a client", ONE_MS, true, 0, "192.0.2.7:9", false},
	{"from a twin", ONE_TWIN, false, 0x4000, NULL, false},
	{"from the other twin", ONE_OTHER_TWIN, false, 0x4000, NULL, false},
	{"to a twin", ONE_TWIN, true, 0x4000, NULL, true},
	{"to the other twin", ONE_OTHER_TWIN, true, 0x4000, NULL, true},
};
const size_t parity_way_count = sizeof(parity_ways) / sizeof(parity_ways[0]);

struct allocation *parity_relay_one(struct parity *parity, enum parity_one one)
{
	const struct five_tuple tuple = fixture_tuple(ones[one].client, ones[one].front);

	return allocation_find(parity->fixture.turn.table, &tuple);
}

static struct endpoint peer_of(struct parity *parity, enum parity_one one,
			       const char *peer, bool local)
{
	const struct allocation *other;

	if (peer != NULL)
		return ep(peer);
	other = parity_relay_one(parity, one == ONE_TWIN ? ONE_OTHER_TWIN : ONE_TWIN);
	return local ? allocation_relayed_local(&parity->fixture.turn, other)
		     : allocation_relayed_public(&parity->fixture.turn, other);
}

static bool make_one(struct parity *parity, enum parity_one one)
{
	struct allocation *al;
	const struct allocation_request request = {
		.tuple = fixture_tuple(ones[one].client, ones[one].front),
		.family = ones[one].family,
		.dialect = ones[one].dialect,
	};

	return fixture_create(&parity->fixture, ones[one].user, request, &al) == 0;
}

static bool bind_one(struct parity *parity, enum parity_one one, uint16_t number,
		     const char *peer)
{
	struct turn *turn = &parity->fixture.turn;
	struct allocation *al = parity_relay_one(parity, one);
	const struct endpoint to = peer_of(parity, one, peer, false);
	uint64_t now_ms = parity->fixture.now_ms;
	const struct channel *ch;

	if (number == 0)
		return permission_install(turn, al, &to, 1, now_ms, NULL) == 0 &&
		       destination_set(turn, al, &to, now_ms) &&
		       parity_add(parity, al, SLOT_NONE);
	if (channel_bind(turn, al, number, &to, now_ms, NULL) != 0)
		return false;
	ch = channel_by_number(turn, al, number, now_ms);
	return parity_add(parity, al, channel_entry(turn->table, ch));
}

bool parity_relay_make(struct parity *parity)
{
	struct turn *turn = &parity->fixture.turn;
	struct endpoint alone;

	for (int one = 0; one < PARITY_ONES; one++) {
		if (!make_one(parity, (enum parity_one)one))
			return false;
	}
	for (size_t i = 0; i < parity_way_count; i++) {
		const struct parity_way *way = &parity_ways[i];

		if (!way->to_client &&
		    !bind_one(parity, way->one, way->number, way->peer))
			return false;
	}
	if (!bind_one(parity, ONE_ALONE, 0x4000, NULL))
		return false;
	alone = allocation_relayed_public(turn, parity_relay_one(parity, ONE_ALONE));
	return permission_install(turn, parity_relay_one(parity, ONE_TWIN), &alone, 1,
				  parity->fixture.now_ms, NULL) == 0;
}

bool parity_relay_has(struct parity *parity, const struct parity_way *way)
{
	return parity_relay_one(parity, way->one) != NULL &&
	       (way->peer != NULL || (parity_relay_one(parity, ONE_TWIN) != NULL &&
				      parity_relay_one(parity, ONE_OTHER_TWIN) != NULL));
}

void parity_relay_again(struct parity *parity, enum parity_one one)
{
	if (parity_relay_one(parity, one) == NULL && !make_one(parity, one))
		return;
	for (size_t i = 0; i < parity_way_count; i++) {
		const struct parity_way *way = &parity_ways[i];

		if (way->one == one && !way->to_client && parity_relay_has(parity, way))
			bind_one(parity, one, way->number, way->peer);
	}
}

struct datagram parity_relay_datagram(struct parity *parity, const struct parity_way *way,
				      struct slice payload, uint8_t *bytes)
{
	struct turn *turn = &parity->fixture.turn;
	struct allocation *al = parity_relay_one(parity, way->one);
	size_t header_len = !way->to_client && way->number != 0 ? CHANDATA_HEADER_LEN : 0;
	struct datagram datagram = {
		.source = way->to_client ? peer_of(parity, way->one, way->peer, true)
					 : al->tuple.client,
		.destination = way->to_client
				       ? allocation_relayed_local(turn, al)
				       : parity->fixture.fronts[al->tuple.front].local,
		.hop_limit = 57,
		.payload = {bytes, header_len + payload.len},
	};

	assert(header_len + payload.len <= FRAME_MAX);
	if (header_len > 0)
		chandata_write_header(bytes, way->number, payload.len);
	if (payload.len > 0)
		memcpy(bytes + header_len, payload.data, payload.len);
	return datagram;
}
