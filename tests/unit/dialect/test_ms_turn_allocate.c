/*
 * test_ms_turn_allocate.c - Allocate of the MS dialect: make, refresh, release.
 */
#include <stdio.h>

#include "relay/core/bandwidth/traffic_class.h"
#include "tests/unit/dialect/ms_check.h"

START_TEST(response_has_all_that_the_client_needs)
{
	static const uint16_t order[] = {
		MS_VERSION,  MS_MAPPED_ADDRESS, MS_XOR_MAPPED_ADDRESS,
		MS_LIFETIME, MS_BANDWIDTH,      MS_SEQUENCE_NUMBER,
	};
	struct slice rest;
	struct stun_attr attr;
	size_t i = 0;

	ms_client_allocate(&alice);
	expect(&alice, 0, "allocate");
	ck_assert(alice.out.authenticated);
	/*
	 * The attributes of the worked example, in its order; the client checks the
	 * integrity.
	 */
	for (rest = alice.answer.body; ms_attr_next(&rest, &attr); i++) {
		ck_assert_uint_lt(i, ARRAY_LEN(order));
		ck_assert_uint_eq(attr.type, order[i]);
	}
	ck_assert_uint_eq(i, ARRAY_LEN(order));
	ck_assert_uint_eq(alice.out.reply_len, 128);
	ck_assert_uint_eq(ms_client_u32(&alice, MS_LIFETIME), 600);
	ck_assert_uint_eq(ms_client_u32(&alice, MS_BANDWIDTH), 750);

	const struct allocation *al = ms_client_allocation(&alice);
	struct endpoint relayed = allocation_relayed_public(&fixture.turn, al);
	struct endpoint told = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	ck_assert(endpoint_equal(&relayed, &told));
	ck_assert_int_eq(al->dialect, DIALECT_MS);
	ck_assert_int_eq(al->relay_transport, TRANSPORT_UDP);
}
END_TEST

START_TEST(connection_ids_are_drawn)
{
	ms_client_allocate(&alice);
	ms_client_allocate(&bob);
	ck_assert_mem_ne(alice.connection_id, bob.connection_id, MS_CONNECTION_ID_LEN);
}
END_TEST

START_TEST(mapped_address_is_the_public_one)
{
	fixture_stop(&fixture);
	begin_with(&(struct fixture_options){.nat = true});
	ms_client_allocate(&alice);
	struct endpoint told = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	char text[ENDPOINT_TEXT_LEN];
	ck_assert_str_eq(ip_addr_format(&told.ip, text, sizeof(text)), "203.0.113.1");
}
END_TEST

static const struct {
	const char *name;
	uint32_t theirs, ours, want; /* 0: not in the request, not in the answer */
} versions[] = {
	{"none", 0, 2, 0},      {"libnice", 1, 2, 1},
	{"R2", 2, 2, 2},        {"newer than ours", 6, 2, 2},
	{"ours is 1", 2, 1, 1}, {"ours is 4", 6, 4, 4},
};

START_TEST(version_is_the_lower_of_both)
{
	fixture.settings.ms.version = versions[_i].ours;
	alice.version = versions[_i].theirs;
	ms_client_login(&alice);
	expect(&alice, MS_UNAUTHORIZED, versions[_i].name);
	ck_assert_uint_eq(ms_client_u32(&alice, MS_VERSION), versions[_i].want);
	ms_client_allocate(&alice);
	expect(&alice, 0, versions[_i].name);
	ck_assert_uint_eq(ms_client_u32(&alice, MS_VERSION), versions[_i].want);
}
END_TEST

static const struct {
	const char *name;
	bool stream;
	int64_t requested; /* -1: not in the request */
	uint32_t want;
} lifetimes[] = {
	{"not asked", false, -1, 600},
	{"less than the minimum", false, 10, 600},
	{"between", false, 1000, 1000},
	{"more than the maximum", false, 100000, 3600},
	/*
	 * A client that never refreshes, or cannot handle the answer, gets the maximum.
	 */
	{"not asked, on a stream", true, -1, 3600},
	{"between, on a stream", true, 1000, 1000},
};

START_TEST(lifetime_is_granted)
{
	if (lifetimes[_i].stream)
		ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ms_client_login(&alice);
	for (int again = 0; again < 2; again++) {
		if (lifetimes[_i].requested < 0)
			ms_client_allocate(&alice);
		else
			ms_client_lifetime(&alice, (uint32_t)lifetimes[_i].requested);
		expect(&alice, 0, lifetimes[_i].name);
		ck_assert_uint_eq(ms_client_u32(&alice, MS_LIFETIME), lifetimes[_i].want);
		ck_assert_uint_eq(ms_client_allocation(&alice)->expires_ms,
				  fixture.now_ms + lifetimes[_i].want * 1000);
		advance(1234);
	}
}
END_TEST

START_TEST(stream_gets_a_relayed_address_of_its_own_transport)
{
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ms_client_allocate(&alice);
	expect(&alice, 0, "allocate");
	ck_assert_int_eq(ms_client_allocation(&alice)->relay_transport, TRANSPORT_TCP);
	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(repeated_request_gets_the_same_answer)
{
	uint8_t first[DISPATCH_REPLY_MAX];
	size_t len;

	ms_client_allocate(&alice);
	len = alice.out.reply_len;
	memcpy(first, alice.reply, len);
	advance(500);
	ms_client_again(&alice);
	expect(&alice, 0, "repeated");
	ck_assert_uint_eq(alice.out.reply_len, len);
	ck_assert_mem_eq(alice.reply, first, len);
	ck_assert_uint_eq(fixture.edge.opened, 1);
}
END_TEST

START_TEST(refresh_keeps_address_and_connection)
{
	uint8_t id[MS_CONNECTION_ID_LEN];
	struct endpoint before, after;

	ms_client_allocate(&alice);
	before = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	memcpy(id, alice.connection_id, sizeof(id));
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_activate(&alice, PEER);
	advance(540000);
	ms_client_allocate(&alice);
	expect(&alice, 0, "refresh");
	after = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	ck_assert(endpoint_equal(&before, &after));
	ck_assert_mem_eq(alice.connection_id, id, sizeof(id));
	ck_assert(ms_client_data(&alice, "y", 1));
	advance(599999);
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	advance(1);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(release_is_lifetime_zero)
{
	ms_client_allocate(&alice);
	struct endpoint relayed = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "release");
	ck_assert(ms_client_has(&alice, MS_LIFETIME));
	ck_assert_uint_eq(ms_client_u32(&alice, MS_LIFETIME), 0);
	/* Everything else is as in any other response. */
	struct endpoint told = ms_client_address(&alice, MS_MAPPED_ADDRESS);
	ck_assert(endpoint_equal(&relayed, &told));
	ck_assert(fixture_is_clean(&fixture));
	ck_assert_int_eq(fixture.edge.last.end_reason, END_RELEASED);

	/* libnice has two candidates on one TCP allocation and releases it twice. */
	ms_client_lifetime(&alice, 0);
	expect(&alice, MS_NO_BINDING, "second release");
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
	ms_client_again(&alice);
	expect(&alice, MS_NO_BINDING, "second release, repeated");
}
END_TEST

static void release_with_connection(const uint8_t *id, uint32_t number)
{
	struct ms_sequence sequence = {.number = number};

	memcpy(sequence.connection_id, id, MS_CONNECTION_ID_LEN);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_add_u32(&alice.b, MS_LIFETIME, 0);
	ms_add_sequence(&alice.b, &sequence);
	ms_client_ask(&alice);
}

/* A recorded release ends only the allocation it was meant for. */
START_TEST(release_of_another_connection_is_refused)
{
	uint8_t first[MS_CONNECTION_ID_LEN];

	ms_client_allocate(&alice);
	memcpy(first, alice.connection_id, sizeof(first));
	release_with_connection(first, 7);
	expect(&alice, 0, "release by its number");
	ms_client_allocate(&alice);
	ck_assert_mem_ne(alice.connection_id, first, sizeof(first));
	release_with_connection(first, 8);
	expect(&alice, MS_NO_BINDING, "release of the previous one");
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	release_with_connection(alice.connection_id, 0);
	expect(&alice, 0, "release of this one");
}
END_TEST

/* Not all clients number Allocate, and a repetition has no new effect. */
START_TEST(number_does_not_matter_to_refreshes)
{
	struct ms_sequence sequence = {.number = 0};

	ms_client_allocate(&alice);
	for (int i = 0; i < 3; i++) {
		memcpy(sequence.connection_id, alice.connection_id, MS_CONNECTION_ID_LEN);
		sequence.connection_id[0] ^= i == 2;
		ms_client_start(&alice, MS_ALLOCATE_REQUEST);
		ms_add_sequence(&alice.b, &sequence);
		ms_client_ask(&alice);
		expect(&alice, 0, "refresh");
	}
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
}
END_TEST

START_TEST(another_user_is_441)
{
	ms_client_allocate(&alice);
	ms_client_credential(&alice, "mallory", MS_FORM_BINARY, fixture.unix_s + 3600);
	ms_client_login(&alice);
	ms_client_allocate(&alice);
	expect(&alice, MS_WRONG_USERNAME, "refresh");
	ms_client_lifetime(&alice, 0);
	expect(&alice, MS_WRONG_USERNAME, "release");
	ms_client_activate(&alice, PEER);
	expect(&alice, MS_WRONG_USERNAME, "destination");
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
}
END_TEST

START_TEST(unknown_attributes_are_420)
{
	struct stun_attr attr;

	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_builder_add(&alice.b, 0x7FFF, "abc", 3);
	ms_builder_add(&alice.b, 0x0003, "", 0);
	ms_builder_add(&alice.b, 0x7FFF, "", 0);
	ms_builder_add(&alice.b, 0x8006, "ignored", 7);
	ms_client_ask(&alice);
	expect(&alice, MS_UNKNOWN_ATTRIBUTE, "two of them");
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
	ck_assert(ms_client_find(&alice, MS_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_uint_eq(attr.value.len, 4);
	ck_assert_mem_eq(attr.value.data, "\x7f\xff\x00\x03", 4);

	/* An unauthenticated client is told to authenticate. */
	alice.bare = true;
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_builder_add(&alice.b, 0x7FFF, "abc", 3);
	ms_client_ask(&alice);
	expect(&alice, MS_UNAUTHORIZED, "without integrity");
}
END_TEST

/* As clients of today send them: type, length, value, no padding. */
static const struct {
	const char *name;
	uint8_t bytes[12];
	uint8_t len;
	enum ms_attribute counted; /* MS_ATTRIBUTE_COUNT: ignored as any optional one */
} odd_attributes[] = {
	{"0x0800", {0x08, 0x00, 0x00, 0x04, 0, 0, 0, 1}, 8, MS_ATTRIBUTE_0800},
	{"0x24DF", {0x24, 0xDF, 0x00, 0x03, 'a', 'b', 'c'}, 7, MS_ATTRIBUTE_24DF},
	{"0x3802, empty", {0x38, 0x02, 0x00, 0x00}, 4, MS_ATTRIBUTE_3802},
	{"0x8006", {0x80, 0x06, 0x00, 0x04, 0, 0, 0, 1}, 8, MS_ATTRIBUTE_COUNT},
	{"0x8036", {0x80, 0x36, 0x00, 0x01, 7}, 5, MS_ATTRIBUTE_COUNT},
};

static void add_bytes(struct ms_client *c, const uint8_t *bytes, size_t len)
{
	void *to = ms_builder_reserve(&c->b, load_be16(bytes), len - MS_ATTR_HEADER_LEN);

	if (len > MS_ATTR_HEADER_LEN)
		memcpy(to, bytes + MS_ATTR_HEADER_LEN, len - MS_ATTR_HEADER_LEN);
}

START_TEST(attributes_of_todays_clients_are_ignored)
{
	const struct counters *counters = &fixture.turn.counters;
	struct attribute_count list[ATTRIBUTE_COUNTS_MAX];
	uint64_t sum = 0;
	size_t len = 0;

	ms_client_login(&alice);
	for (int i = 0; i < 2; i++) {
		ms_client_start(&alice, MS_ALLOCATE_REQUEST);
		add_bytes(&alice, odd_attributes[_i].bytes, odd_attributes[_i].len);
		ms_client_ask(&alice);
		expect(&alice, 0, odd_attributes[_i].name);
	}
	/* A Send with it passes, and is not counted: Sends are many. */
	ms_client_start(&alice, MS_SEND_REQUEST);
	ms_client_add_peer(&alice, PEER);
	add_bytes(&alice, odd_attributes[_i].bytes, odd_attributes[_i].len);
	ms_builder_add(&alice.b, MS_DATA, "x", 1);
	ms_client_ask(&alice);
	ck_assert_int_eq(alice.out.action, DISPATCH_FORWARD);

	for (int i = 0; i < MS_ATTRIBUTE_COUNT; i++)
		sum += counters->ms_attributes[i];
	attribute_counts_merge(&fixture.turn.unknown_attributes, list, &len);
	if (odd_attributes[_i].counted == MS_ATTRIBUTE_COUNT) {
		ck_assert_uint_eq(sum + len, 0);
		return;
	}
	ck_assert_uint_eq(counters->ms_attributes[odd_attributes[_i].counted], 2);
	ck_assert_uint_eq(sum, 2);
	ck_assert_uint_eq(len, 1);
	ck_assert_uint_eq(list[0].type, load_be16(odd_attributes[_i].bytes));
	ck_assert_uint_eq(list[0].count, 2);
}
END_TEST

START_TEST(refused_attributes_are_counted_by_number)
{
	struct attribute_count list[ATTRIBUTE_COUNTS_MAX];
	size_t len = 0;

	ms_client_login(&alice);
	for (int i = 0; i < 3; i++) {
		ms_client_start(&alice, MS_ALLOCATE_REQUEST);
		ms_builder_add(&alice.b, 0x0800, "", 0);
		ms_builder_add(&alice.b, 0x7FFF, "", 0);
		if (i == 0)
			ms_builder_add(&alice.b, 0x0018, "", 0);
		ms_client_ask(&alice);
		expect(&alice, MS_UNKNOWN_ATTRIBUTE, "0x7FFF");
	}
	ck_assert_uint_eq(fixture.turn.counters.ms_attributes[MS_ATTRIBUTE_OTHER], 4);
	ck_assert_uint_eq(fixture.turn.counters.ms_attributes[MS_ATTRIBUTE_0800], 3);
	attribute_counts_merge(&fixture.turn.unknown_attributes, list, &len);
	attribute_counts_sort(list, len);
	ck_assert_uint_eq(len, 3);
	ck_assert_uint_eq(list[0].type, 0x0800);
	ck_assert_uint_eq(list[1].type, 0x7FFF);
	ck_assert_uint_eq(list[1].count, 3);
	ck_assert_uint_eq(list[2].type, 0x0018);
	/* Nobody is counted who has not authenticated. */
	alice.bare = true;
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_builder_add(&alice.b, 0x7FFF, "", 0);
	ms_client_ask(&alice);
	ck_assert_uint_eq(fixture.turn.counters.ms_attributes[MS_ATTRIBUTE_OTHER], 4);
}
END_TEST

START_TEST(optional_attributes_are_ignored)
{
	static const uint16_t types[] = {
		0x8006,
		MS_ALTERNATE_HOST_NAME,
		MS_APP_ID,
		MS_SECURE_TAG,
		MS_CANDIDATE_IDENTIFIER,
		MS_IMPLEMENTATION_VERSION,
		MS_MULTIPLEXED_SESSION_ID,
		MS_SIP_CALL_ID,
		0xFFFF,
	};

	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		ms_builder_add(&alice.b, types[i], "odd length", 9);
	ms_client_ask(&alice);
	expect(&alice, 0, "optional attributes");
}
END_TEST

/* Signed, because the client has authenticated. */
START_TEST(malformed_lifetime_is_400)
{
	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_builder_add(&alice.b, MS_LIFETIME, "abc", 3);
	ms_client_ask(&alice);
	expect(&alice, MS_BAD_REQUEST, "three bytes");
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
	ck_assert_ptr_null(ms_client_allocation(&alice));
}
END_TEST

static const struct {
	const char *name;
	struct fixture_options options;
	enum refusal why;
} scarcities[] = {
	{"no port", {.first_port = 50000, .last_port = 50000}, REFUSAL_CAPACITY},
	{"quota of the user", {.allocations_per_user = 1}, REFUSAL_USER},
	{"quota of the prefix", {.allocations_per_prefix = 1}, REFUSAL_PREFIX},
	{"the whole relay", {.allocations_total = 1}, REFUSAL_TOTAL},
	{"the table", {.slots = 1}, REFUSAL_CAPACITY},
};

START_TEST(missing_resources_are_500)
{
	struct stun_attr attr;
	char reason[128];

	fixture_stop(&fixture);
	begin_with(&scarcities[_i].options);
	ms_client_init(&bob, &fixture, "192.0.2.200:5001", FRONT_OUTSIDE_UDP, "alice");
	ms_client_allocate(&alice);
	expect(&alice, 0, scarcities[_i].name);
	ms_client_allocate(&bob);
	expect(&bob, MS_SERVER_ERROR, scarcities[_i].name);
	ck_assert_int_eq(bob.answer.integrity, MS_INTEGRITY_SHA1);
	snprintf(reason, sizeof(reason), "%s: %s", ms_error_reason(MS_SERVER_ERROR),
		 refusal_text(scarcities[_i].why));
	ck_assert(ms_msg_find(&bob.answer, MS_ERROR_CODE, &attr));
	ck_assert_uint_eq(attr.value.len, 4 + strlen(reason));
	ck_assert(memcmp(attr.value.data + 4, reason, strlen(reason)) == 0);
	ck_assert_ptr_null(ms_client_allocation(&bob));
	ms_client_lifetime(&alice, 0);
	ms_client_allocate(&bob);
	expect(&bob, 0, "after the release");
}
END_TEST

/* Also on a stream, where it is a listening socket. */
START_TEST(refused_socket_is_500)
{
	fixture.edge.refuse = -95;
	fixture.edge.refuse_times = 1;
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ms_client_allocate(&alice);
	expect(&alice, MS_SERVER_ERROR, "on a stream");
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(tunnelled_client_is_600)
{
	ms_client_init(&alice, &fixture, "[2002:c000:201::1]:5000", FRONT_OUTSIDE_UDP6,
		       "alice");
	ms_client_allocate(&alice);
	expect(&alice, MS_GLOBAL_FAILURE, "6to4");
}
END_TEST

static const struct {
	const char *name;
	bool enabled;
	uint32_t ours, theirs;
	int asked; /* family; 0: not in the request; -1: malformed */
	uint8_t want;
	int code;
} families[] = {
	{"not asked", true, 4, 4, 0, IP_V4, 0},
	{"IPv4", true, 4, 4, 1, IP_V4, 0},
	{"IPv6", true, 4, 4, 2, IP_V6, 0},
	{"IPv6, client newer", true, 4, 6, 2, IP_V6, 0},
	{"family 3", true, 4, 4, 3, IP_V4, 400},
	{"malformed", true, 4, 4, -1, IP_V4, 400},
	{"client of version 3", true, 4, 3, 2, IP_V4, 0},
	{"client without version", true, 4, 0, 2, IP_V4, 0},
	{"client of version 3, malformed", true, 4, 3, -1, IP_V4, 0},
	{"relay of version 3", true, 3, 4, 2, IP_V4, 0},
	{"turned off", false, 4, 4, 2, IP_V4, 0},
};

START_TEST(family_can_be_requested_since_version_4)
{
	fixture.settings.ms.ipv6 = families[_i].enabled;
	fixture.settings.ms.version = families[_i].ours;
	alice.version = families[_i].theirs;
	ms_client_login(&alice);
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	if (families[_i].asked > 0)
		ms_add_family(&alice.b, (uint8_t)families[_i].asked);
	else if (families[_i].asked < 0)
		ms_builder_add(&alice.b, MS_REQUESTED_ADDRESS_FAMILY, "\x02", 1);
	ms_client_ask(&alice);
	expect(&alice, families[_i].code, families[_i].name);
	if (families[_i].code != 0)
		return;
	ck_assert_uint_eq(ms_client_address(&alice, MS_MAPPED_ADDRESS).ip.family,
			  families[_i].want);
	ck_assert(ms_client_send(&alice, families[_i].want == IP_V6 ? PEER_V6 : PEER, "x",
				 1));
}
END_TEST

START_TEST(family_without_address_is_500)
{
	fixture_stop(&fixture);
	begin_with(&(struct fixture_options){.no_v4 = true});
	ms_client_allocate(&alice);
	expect(&alice, MS_SERVER_ERROR, "no IPv4");
}
END_TEST

START_TEST(requested_bandwidth_is_granted_up_to_the_limit)
{
	ms_client_login(&alice);
	for (uint32_t limit = 0; limit <= 3000; limit += 3000) {
		fixture.settings.limits.bandwidth.per_allocation[DIALECT_MS] =
			limit * 1000;
		ms_client_start(&alice, MS_ALLOCATE_REQUEST);
		ms_add_u32(&alice.b, MS_BANDWIDTH, 4000);
		ms_client_ask(&alice);
		expect(&alice, 0, "bandwidth");
		ck_assert_uint_eq(ms_client_u32(&alice, MS_BANDWIDTH),
				  limit ? limit : 4000);
	}
}
END_TEST

static void allocate_with_quality(const void *value, size_t len)
{
	ms_client_start(&alice, MS_ALLOCATE_REQUEST);
	ms_builder_add(&alice.b, MS_SERVICE_QUALITY, value, len);
	ms_client_ask(&alice);
	expect(&alice, 0, "quality");
}

static void expect_quality(uint16_t stream_type, uint16_t quality,
			   enum traffic_class class)
{
	const struct allocation *al = ms_client_allocation(&alice);

	ck_assert_uint_eq(al->ms.stream_type, stream_type);
	ck_assert_uint_eq(al->ms.quality, quality);
	ck_assert_int_eq(traffic_class_of(al->ms.stream_type), class);
}

START_TEST(service_quality_is_kept)
{
	ms_client_allocate(&alice);
	expect_quality(MS_STREAM_AUDIO, MS_QUALITY_BEST_EFFORT, TRAFFIC_AUDIO);
	allocate_with_quality("\0\2\0\1", 4);
	expect_quality(MS_STREAM_VIDEO, MS_QUALITY_RELIABLE, TRAFFIC_VIDEO);
	ms_client_allocate(&alice);
	expect_quality(MS_STREAM_VIDEO, MS_QUALITY_RELIABLE, TRAFFIC_VIDEO);
	allocate_with_quality("\0\1\0", 3);
	expect_quality(MS_STREAM_VIDEO, MS_QUALITY_RELIABLE, TRAFFIC_VIDEO);
	allocate_with_quality("\0\3\0\0", 4);
	expect_quality(MS_STREAM_SUPPLEMENTAL_VIDEO, 0, TRAFFIC_SUPPLEMENTAL_VIDEO);
	allocate_with_quality("\0\4\0\0", 4);
	expect_quality(MS_STREAM_DATA, 0, TRAFFIC_DATA);
	allocate_with_quality("\1\2\0\7", 4);
	expect_quality(MS_UNKNOWN, 7, TRAFFIC_AUDIO);
}
END_TEST

START_TEST(requests_are_counted_by_result)
{
	const uint64_t *counted = fixture.turn.counters.requests[REQUEST_MS_ALLOCATE];

	ms_client_allocate(&alice);
	ms_client_allocate(&alice);
	ck_assert_uint_eq(counted[request_result_index(401)], 1);
	ck_assert_uint_eq(counted[request_result_index(0)], 2);
	ms_client_activate(&alice, PEER);
	counted = fixture.turn.counters.requests[REQUEST_MS_SET_ACTIVE_DESTINATION];
	ck_assert_uint_eq(counted[request_result_index(440)], 1);
}
END_TEST

static void allocate_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_allocate");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, response_has_all_that_the_client_needs);
	tcase_add_test(tc, connection_ids_are_drawn);
	tcase_add_test(tc, mapped_address_is_the_public_one);
	tcase_add_loop_test(tc, version_is_the_lower_of_both, 0, ROWS(versions));
	tcase_add_loop_test(tc, lifetime_is_granted, 0, ROWS(lifetimes));
	tcase_add_test(tc, stream_gets_a_relayed_address_of_its_own_transport);
	tcase_add_test(tc, repeated_request_gets_the_same_answer);
	tcase_add_test(tc, refresh_keeps_address_and_connection);
	tcase_add_test(tc, release_is_lifetime_zero);
	tcase_add_test(tc, release_of_another_connection_is_refused);
	tcase_add_test(tc, number_does_not_matter_to_refreshes);
	tcase_add_test(tc, another_user_is_441);
	tcase_add_test(tc, unknown_attributes_are_420);
	tcase_add_loop_test(tc, attributes_of_todays_clients_are_ignored, 0,
			    ROWS(odd_attributes));
	tcase_add_test(tc, refused_attributes_are_counted_by_number);
	tcase_add_test(tc, optional_attributes_are_ignored);
	tcase_add_test(tc, malformed_lifetime_is_400);
	tcase_add_loop_test(tc, missing_resources_are_500, 0, ROWS(scarcities));
	tcase_add_test(tc, refused_socket_is_500);
	tcase_add_test(tc, tunnelled_client_is_600);
	tcase_add_loop_test(tc, family_can_be_requested_since_version_4, 0,
			    ROWS(families));
	tcase_add_test(tc, family_without_address_is_500);
	tcase_add_test(tc, requested_bandwidth_is_granted_up_to_the_limit);
	tcase_add_test(tc, service_quality_is_kept);
	tcase_add_test(tc, requests_are_counted_by_result);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_allocate", allocate_suite)
