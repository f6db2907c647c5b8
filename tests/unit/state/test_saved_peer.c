/*
 * test_saved_peer.c - connections with peers, and their bytes, as records and back; and records
 * that nothing here has written.
 */
#include "relay/state/saved_peer.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

static uint8_t buf[SAVED_PEER_BYTES_HEAD + SAVED_PEER_BYTES_MAX + 1];

static struct endpoint at(const char *text)
{
	struct endpoint ep;

	ck_assert(endpoint_parse(text, 0, &ep));
	return ep;
}

/* With the longest of everything that its kind has. */
static struct saved_peer make(enum saved_peer_kind kind)
{
	struct saved_peer saved = {
		.kind = kind,
		.serial = UINT64_MAX,
		.allocation = kind == SAVED_PEER_ENDING ? 0 : UINT64_MAX,
		.local = at("[2001:db8::1]:65535"),
		.peer = at("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
	};

	if (kind == SAVED_PEER_OPEN || kind == SAVED_PEER_ENDING ||
	    kind == SAVED_DATA_BOUND)
		saved.start = (struct saved_start){UINT64_MAX, UINT64_MAX - 1};
	if (!saved_peer_is_data(&saved))
		return saved;
	saved.id = UINT32_MAX;
	saved.is_incoming = true;
	saved.named = at("[2001:db8::2]:1");
	saved.created_ms = UINT64_MAX - 2;
	saved.until_ms = UINT64_MAX;
	if (kind == SAVED_DATA_CONNECTING) {
		memset(saved.txid, 0xA5, sizeof(saved.txid));
		saved.integrity = STUN_INTEGRITY_SHA256;
		saved.has_fingerprint = true;
	}
	if (kind == SAVED_DATA_BINDING || kind == SAVED_DATA_BOUND) {
		saved.front = (struct front){SIDE_OUTSIDE, TRANSPORT_TLS,
					     at("[2001:db8::3]:5349")};
		saved.client = at("[2001:db8::4]:40000");
		saved.is_tls = true;
	}
	if (kind == SAVED_DATA_BOUND) {
		saved.client_start = (struct saved_start){UINT64_MAX, UINT64_MAX};
		saved.first_to_peer = SAVED_PEER_BYTES_MAX;
		saved.first_to_client = SAVED_PEER_BYTES_MAX - 1;
	}
	return saved;
}

static void check_same(const struct saved_peer *a, const struct saved_peer *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_uint_eq(a->serial, b->serial);
	ck_assert_uint_eq(a->allocation, b->allocation);
	ck_assert(endpoint_equal(&a->local, &b->local));
	ck_assert(endpoint_equal(&a->peer, &b->peer));
	ck_assert_uint_eq(a->start.taken, b->start.taken);
	ck_assert_uint_eq(a->start.given, b->start.given);
	ck_assert_uint_eq(a->id, b->id);
	ck_assert_int_eq(a->is_incoming, b->is_incoming);
	ck_assert(endpoint_equal(&a->named, &b->named));
	ck_assert_uint_eq(a->created_ms, b->created_ms);
	ck_assert_uint_eq(a->until_ms, b->until_ms);
	ck_assert_mem_eq(a->txid, b->txid, sizeof(a->txid));
	ck_assert_int_eq(a->integrity, b->integrity);
	ck_assert_int_eq(a->has_fingerprint, b->has_fingerprint);
	ck_assert_int_eq(a->front.side, b->front.side);
	ck_assert_int_eq(a->front.transport, b->front.transport);
	ck_assert(endpoint_equal(&a->front.local, &b->front.local));
	ck_assert(endpoint_equal(&a->client, &b->client));
	ck_assert_int_eq(a->is_tls, b->is_tls);
	ck_assert_uint_eq(a->client_start.taken, b->client_start.taken);
	ck_assert_uint_eq(a->client_start.given, b->client_start.given);
	ck_assert_uint_eq(a->first_to_peer, b->first_to_peer);
	ck_assert_uint_eq(a->first_to_client, b->first_to_client);
}

START_TEST(every_kind_comes_back) /* one for each */
{
	const struct saved_peer saved = make((enum saved_peer_kind)_i);
	struct saved_peer again;
	size_t len = saved_peer_write(&saved, buf, sizeof(buf));

	ck_assert_uint_le(len, SAVED_PEER_MAX);
	ck_assert(saved_peer_read((struct slice){buf, len}, &again));
	check_same(&saved, &again);
}
END_TEST

START_TEST(no_part_of_a_record_is_one) /* one for each kind */
{
	const struct saved_peer saved = make((enum saved_peer_kind)_i);
	struct saved_peer again;
	size_t len = saved_peer_write(&saved, buf, sizeof(buf));

	for (size_t part = 0; part < len; part++)
		ck_assert(!saved_peer_read((struct slice){buf, part}, &again));
	buf[len] = 0;
	ck_assert(!saved_peer_read((struct slice){buf, len + 1}, &again));
}
END_TEST

START_TEST(other_versions_and_kinds_are_none)
{
	const struct saved_peer saved = make(SAVED_PEER_OPEN);
	struct saved_peer again;
	size_t len = saved_peer_write(&saved, buf, sizeof(buf));

	buf[0] = SAVED_PEER_VERSION + 1;
	ck_assert(!saved_peer_read((struct slice){buf, len}, &again));
	buf[0] = SAVED_PEER_VERSION;
	for (unsigned kind = 0; kind < 256; kind++) {
		buf[1] = (uint8_t)kind;
		ck_assert(!saved_peer_read((struct slice){buf, len}, &again) ||
			  kind == SAVED_PEER_OPEN);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *local, *peer;
	uint64_t allocation;
	enum saved_peer_kind kind;
} unsound[] = {
	{"two families", "192.0.2.1:1", "[2001:db8::1]:1", 1, SAVED_PEER_OPEN},
	{"no port", "192.0.2.1:1", "192.0.2.2:0", 1, SAVED_PEER_OPEN},
	{"no allocation", "192.0.2.1:1", "192.0.2.2:1", 0, SAVED_PEER_OPEN},
	{"an allocation that has ended", "192.0.2.1:1", "192.0.2.2:1", 1,
	 SAVED_PEER_ENDING},
};

START_TEST(what_contradicts_itself_is_none) /* one for each row */
{
	struct saved_peer saved = {
		.kind = unsound[_i].kind,
		.serial = 1,
		.allocation = unsound[_i].allocation,
		.local = at(unsound[_i].local),
		.peer = at(unsound[_i].peer),
	};
	size_t len = saved_peer_write(&saved, buf, sizeof(buf));

	ck_assert_msg(!saved_peer_read((struct slice){buf, len}, &saved), "%s",
		      unsound[_i].name);
}
END_TEST

START_TEST(bytes_come_back)
{
	static const uint8_t bytes[SAVED_PEER_BYTES_MAX] = {1, 2, 3};
	const size_t lengths[] = {1, 4096, SAVED_PEER_BYTES_MAX};

	for (size_t i = 0; i < 3; i++) {
		const struct saved_peer_bytes saved = {
			UINT64_MAX,
			(enum saved_peer_way)i,
			UINT64_MAX - SAVED_PEER_BYTES_MAX,
			{bytes, lengths[i]},
		};
		struct saved_peer_bytes again;
		size_t len = saved_peer_bytes_write(&saved, buf, sizeof(buf));

		ck_assert(saved_peer_bytes_read((struct slice){buf, len}, &again));
		ck_assert_uint_eq(again.serial, saved.serial);
		ck_assert_int_eq(again.way, saved.way);
		ck_assert_uint_eq(again.from, saved.from);
		ck_assert_uint_eq(again.bytes.len, lengths[i]);
		ck_assert_mem_eq(again.bytes.data, bytes, lengths[i]);
	}
}
END_TEST

START_TEST(bytes_that_cannot_be_are_none)
{
	static const uint8_t byte = 1;
	const struct saved_peer_bytes saved = {1, SAVED_TO_PEER, UINT64_MAX, {&byte, 1}};
	struct saved_peer_bytes again;
	size_t len = saved_peer_bytes_write(&saved, buf, sizeof(buf));

	/* They would end behind the last number that there is. */
	ck_assert(!saved_peer_bytes_read((struct slice){buf, len}, &again));
	ck_assert(!saved_peer_bytes_read((struct slice){buf, len - 1}, &again));
	buf[1] = SAVED_FROM_PEER + 1;
	ck_assert(!saved_peer_bytes_read((struct slice){buf, len}, &again));
	ck_assert(!saved_peer_bytes_read((struct slice){NULL, 0}, &again));
}
END_TEST

static void saved_peer_suite(Suite *suite)
{
	TCase *tc = tcase_create("saved_peer");
	int rows = sizeof(unsound) / sizeof(unsound[0]);

	tcase_add_loop_test(tc, every_kind_comes_back, SAVED_PEER_CONNECTING,
			    SAVED_DATA_BOUND + 1);
	tcase_add_loop_test(tc, no_part_of_a_record_is_one, SAVED_PEER_CONNECTING,
			    SAVED_DATA_BOUND + 1);
	tcase_add_test(tc, other_versions_and_kinds_are_none);
	tcase_add_loop_test(tc, what_contradicts_itself_is_none, 0, rows);
	tcase_add_test(tc, bytes_come_back);
	tcase_add_test(tc, bytes_that_cannot_be_are_none);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("saved_peer", saved_peer_suite)
