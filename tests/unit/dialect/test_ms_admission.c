/*
 * test_ms_admission.c - bandwidth that clients check, reserve and give back ([MS-TURNBWM]), by the
 * bytes of requests and answers.
 */
#include "relay/core/ms_reservation.h"
#include "tests/unit/dialect/ms_check.h"

/* Attributes as clients send them: type, length, value; no padding. */
#define CHECK 0x80, 0x56, 0, 4, 0, 0, 0, 0
#define COMMIT 0x80, 0x56, 0, 4, 0, 0, 0, 1
#define UPDATE 0x80, 0x56, 0, 4, 0, 0, 0, 2
#define KBIT(n) 0, 0, (uint8_t)((n) >> 8), (uint8_t)((n)&0xFF)
/* min send, max send, min receive, max receive */
#define AMOUNT(a, b, c, d) 0x80, 0x58, 0, 16, KBIT(a), KBIT(b), KBIT(c), KBIT(d)
/* Xored addresses: any bytes after the family. */
#define SITE(type) 0x80, type, 0, 8, 0, 1, 0x9A, 0x32, 0x12, 0x34, 0x56, 0x78
#define REMOTE SITE(0x59)
#define REMOTE_RELAY SITE(0x5A)
#define LOCAL SITE(0x5B)
#define LOCAL_RELAY SITE(0x5C)
#define PROFILE 0x80, 0x68, 0, 4, 1, 2, 1, 0
#define QUALITY 0x80, 0x55, 0, 4, 0, 2, 0, 0

/* What answers have. */
#define PATH(type, bits, send, receive) \
	0x80, type, 0, 12, bits, 0, 0, 0, KBIT(send), KBIT(receive)
#define OPEN(type, send, receive) PATH(type, 0x80, send, receive)
#define CLOSED(type) PATH(type, 0x00, 0, 0)

static void begin_managed(void)
{
	begin();
	fixture.settings.ms.bandwidth_management = true;
}

static struct turn_bandwidth *limits(void)
{
	return &fixture.settings.limits.bandwidth;
}

static uint64_t events(enum admission event)
{
	return fixture.turn.counters.admissions[event];
}

static struct ms_reserved_figures reserved(void)
{
	return ms_reserved_figures(fixture.shared.reserved);
}

static void add(struct ms_client *c, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t value = load_be16(bytes + 2);

		ck_assert_uint_ge(len, 4 + value);
		ms_builder_add(&c->b, load_be16(bytes), bytes + 4, value);
		bytes += 4 + value;
		len -= 4 + value;
	}
}

/* An Allocate with these attributes; returns the code. */
static int ask(struct ms_client *c, const uint8_t *bytes, size_t len)
{
	if (c->nonce_len == 0)
		ms_client_login(c);
	ms_client_start(c, MS_ALLOCATE_REQUEST);
	add(c, bytes, len);
	ms_client_ask(c);
	ck_assert_msg(c->fault == NULL, "%s", c->fault);
	return c->code;
}

#define ASK(c, ...) \
	ask(c, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The bandwidth part of the answer: all of its attributes from 0x8056 to 0x8060, in order. */
static size_t part_of(const struct ms_client *c, uint8_t *out)
{
	struct slice rest = c->answer.body;
	struct stun_attr attr;
	size_t len = 0;

	while (ms_attr_next(&rest, &attr)) {
		if (attr.type < MS_BANDWIDTH_MESSAGE ||
		    attr.type > MS_LOCAL_RELAY_SITE_RESPONSE)
			continue;
		store_be16(out + len, attr.type);
		store_be16(out + len + 2, (uint16_t)attr.value.len);
		memcpy(out + len + 4, attr.value.data, attr.value.len);
		len += 4 + attr.value.len;
	}
	return len;
}

static void expect_part(const struct ms_client *c, const uint8_t *want, size_t len,
			const char *name)
{
	uint8_t got[512];
	size_t got_len = part_of(c, got);

	ck_assert_msg(got_len == len, "%s: %zu bytes, not %zu", name, got_len, len);
	for (size_t i = 0; i < len; i++)
		ck_assert_msg(got[i] == want[i], "%s: byte %zu is %02x, not %02x", name,
			      i, got[i], want[i]);
}

#define EXPECT(c, name, ...)                           \
	expect_part(c, (const uint8_t[]){__VA_ARGS__}, \
		    sizeof((const uint8_t[]){__VA_ARGS__}), name)

static void expect_nothing(const struct ms_client *c, const char *name)
{
	expect_part(c, NULL, 0, name);
}

/* The identifier of the answer, as an attribute. */
static void id_of(const struct ms_client *c, uint8_t id[20])
{
	struct stun_attr attr;

	ck_assert(ms_client_find(c, MS_RESERVATION_ID, &attr));
	ck_assert_uint_eq(attr.value.len, 16);
	memcpy(id, "\x80\x57\0\x10", 4);
	memcpy(id + 4, attr.value.data, 16);
}

/* A commit of so much each way; its identifier. */
static void commit(struct ms_client *c, uint16_t send, uint16_t receive, uint8_t id[20])
{
	const uint8_t bytes[] = {COMMIT, AMOUNT(0, send, 0, receive), REMOTE, LOCAL,
				 PROFILE};

	ck_assert_int_eq(ask(c, bytes, sizeof(bytes)), 0);
	id_of(c, id);
}

static int update(struct ms_client *c, const uint8_t id[20], const uint8_t *more,
		  size_t len)
{
	uint8_t bytes[128] = {UPDATE};

	memcpy(bytes + 8, id, 20);
	if (len > 0)
		memcpy(bytes + 28, more, len);
	return ask(c, bytes, 28 + len);
}

#define UPDATE_WITH(c, id, ...)                       \
	update(c, id, (const uint8_t[]){__VA_ARGS__}, \
	       sizeof((const uint8_t[]){__VA_ARGS__}))

static void expect_update(const struct ms_client *c, const uint8_t id[20], uint16_t send,
			  uint16_t receive, const char *name)
{
	const uint8_t amount[] = {AMOUNT(0, send, 0, receive), UPDATE};
	uint8_t want[20 + sizeof(amount)];

	memcpy(want, id, 20);
	memcpy(want + 20, amount, sizeof(amount));
	expect_part(c, want, sizeof(want), name);
}

/* --- which part counts, and what answers it -------------------------------------------------- */

START_TEST(a_check_is_answered_with_its_paths)
{
	ck_assert_int_eq(ASK(&alice, CHECK, AMOUNT(10, 500, 20, 700), REMOTE, PROFILE),
			 0);
	EXPECT(&alice, "no relay of the peer", OPEN(0x5D, 500, 700), OPEN(0x5F, 500, 700),
	       OPEN(0x60, 500, 700), CHECK);
	ASK(&alice, CHECK, AMOUNT(10, 500, 20, 700), REMOTE, REMOTE_RELAY, LOCAL, PROFILE,
	    QUALITY);
	EXPECT(&alice, "a relay of the peer", OPEN(0x5D, 500, 700), OPEN(0x5E, 500, 700),
	       OPEN(0x5F, 500, 700), OPEN(0x60, 500, 700), CHECK);
	ck_assert_uint_eq(events(ADMISSION_CHECK_MET), 2);
	ck_assert_uint_eq(reserved().count, 0);
}
END_TEST

static const struct {
	const char *name;
	uint8_t len;
	uint8_t bytes[80];
} incomplete[] = {
	{"no message", 32, {AMOUNT(1, 2, 1, 2), REMOTE}},
	{"check without amount", 20, {CHECK, REMOTE}},
	{"check without remote site", 28, {CHECK, AMOUNT(1, 2, 1, 2)}},
	{"check with an amount of 15 bytes",
	 39,
	 {CHECK, 0x80, 0x58, 0, 15, [27] = REMOTE}},
	{"check with a minimum above its maximum",
	 40,
	 {CHECK, AMOUNT(3, 2, 1, 2), REMOTE}},
	{"check with a remote site of no family",
	 40,
	 {CHECK, AMOUNT(1, 2, 1, 2), 0x80, 0x59, 0, 8, 0, 7}},
	{"commit without amount", 32, {COMMIT, REMOTE, LOCAL}},
	{"commit without remote site", 40, {COMMIT, AMOUNT(1, 2, 1, 2), LOCAL}},
	{"commit without local site", 40, {COMMIT, AMOUNT(1, 2, 1, 2), REMOTE}},
	{"update without identifier", 28, {UPDATE, AMOUNT(1, 2, 1, 2)}},
	{"update of an unknown one",
	 48,
	 {UPDATE, 0x80, 0x57, 0, 16, 1, 2, 3, [28] = AMOUNT(1, 2, 1, 2)}},
	{"update of an identifier of zeros, nothing reserved",
	 48,
	 {UPDATE, 0x80, 0x57, 0, 16, [28] = AMOUNT(0, 0, 0, 0)}},
	{"update of an identifier of 15 bytes",
	 47,
	 {UPDATE, 0x80, 0x57, 0, 15, [27] = AMOUNT(1, 2, 1, 2)}},
	{"message 3", 40, {0x80, 0x56, 0, 4, 0, 0, 0, 3, AMOUNT(1, 2, 1, 2), REMOTE}},
	{"message of 3 bytes",
	 39,
	 {0x80, 0x56, 0, 3, 0, 0, 0, AMOUNT(1, 2, 1, 2), REMOTE}},
};

START_TEST(an_incomplete_part_is_ignored)
{
	/* An allocation exists, so that only the part is unknown. */
	ck_assert_int_eq(ms_client_allocate(&alice), 0);
	ck_assert_int_eq(ask(&alice, incomplete[_i].bytes, incomplete[_i].len), 0);
	expect_nothing(&alice, incomplete[_i].name);
	ck_assert_uint_eq(events(ADMISSION_IGNORED), _i == 0 ? 0 : 1);
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	ck_assert_uint_eq(reserved().count, 0);
}
END_TEST

START_TEST(turned_off_the_whole_part_is_ignored)
{
	fixture.settings.ms.bandwidth_management = false;
	ck_assert_int_eq(ASK(&alice, CHECK, AMOUNT(1, 2, 1, 2), REMOTE), 0);
	expect_nothing(&alice, "check");
	ck_assert_int_eq(ASK(&alice, COMMIT, AMOUNT(1, 2, 1, 2), REMOTE, LOCAL), 0);
	expect_nothing(&alice, "commit");
	ck_assert_uint_eq(events(ADMISSION_IGNORED), 0);
	ck_assert_uint_eq(reserved().count, 0);
}
END_TEST

START_TEST(a_refused_allocate_has_the_message_too)
{
	fixture.edge.refuse = -24;
	fixture.edge.refuse_times = 1;
	ck_assert_int_eq(ASK(&alice, CHECK, AMOUNT(1, 2, 1, 2), REMOTE), MS_SERVER_ERROR);
	EXPECT(&alice, "500", CHECK);
	turn_set_draining(&fixture.shared, true);
	ck_assert_int_eq(ASK(&alice, COMMIT, AMOUNT(1, 2, 1, 2), REMOTE, LOCAL),
			 MS_SERVER_ERROR);
	EXPECT(&alice, "draining", COMMIT);
	/* A challenge is sent before anything is read. */
	alice.bare = true;
	ck_assert_int_eq(ASK(&alice, CHECK, AMOUNT(1, 2, 1, 2), REMOTE), MS_UNAUTHORIZED);
	expect_nothing(&alice, "challenge");
}
END_TEST

/* --- what the limits leave ------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset; /* of the limit, 1 Mbit/s */
	bool of_alice,
		of_bob; /* what bob reserves counts for alice; for another user's */
} levels[] = {
	{"allocation", offsetof(struct turn_bandwidth, per_allocation[DIALECT_MS]), false,
	 false},
	{"user", offsetof(struct turn_bandwidth, per_user[DIALECT_MS]), true, false},
	{"prefix", offsetof(struct turn_bandwidth, per_prefix), true, false},
	{"side", offsetof(struct turn_bandwidth, per_side[SIDE_OUTSIDE]), true, true},
	{"total", offsetof(struct turn_bandwidth, total), true, true},
};

/* 600 of 1000 kbit/s are reserved, by another allocation or another user: what is left? */
static void expect_left(uint16_t left, const char *name)
{
	const uint8_t check[] = {CHECK, AMOUNT(0, 1000, 0, 1000), REMOTE};
	const uint8_t want[] = {OPEN(0x5D, left / 2, left / 2),
				OPEN(0x5F, left / 2, left / 2),
				OPEN(0x60, left / 2, left / 2), CHECK};

	ck_assert_int_eq(ask(&alice, check, sizeof(check)), 0);
	expect_part(&alice, want, sizeof(want), name);
}

START_TEST(a_check_is_judged_by_every_limit)
{
	const char *name = levels[_i].name;
	const uint64_t limit = 1000000;
	uint8_t id[20];

	memcpy((char *)limits() + levels[_i].offset, &limit, sizeof(limit));
	expect_left(1000, name);
	/* The same user from the same address, on another 5-tuple. */
	ms_client_init(&bob, &fixture, "192.0.2.200:5001", FRONT_OUTSIDE_UDP, "alice");
	commit(&bob, 400, 200, id);
	expect_left(levels[_i].of_alice ? 400 : 1000, name);
	ck_assert_int_eq(ms_client_lifetime(&bob, 0), 0);
	expect_left(1000, name);
	/* Another user of another prefix. */
	ms_client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
	commit(&bob, 400, 200, id);
	expect_left(levels[_i].of_bob ? 400 : 1000, name);
}
END_TEST

START_TEST(the_quota_of_a_credential_comes_first)
{
	limits()->per_user[DIALECT_MS] = 100000;
	ck_assert_int_eq(ms_client_allocate(&alice), 0);
	ms_client_allocation(&alice)->owner.quota.bandwidth_bps = 600000;
	expect_left(600, "quota");
}
END_TEST

START_TEST(its_own_reservation_is_room)
{
	uint8_t id[20];

	limits()->total = 1000000;
	commit(&alice, 400, 200, id);
	expect_left(1000, "its own");
}
END_TEST

static const struct {
	const char *name;
	uint16_t kbit; /* of the limit */
	uint16_t min_send, max_send, min_receive, max_receive;
	bool usable;
	uint16_t send, receive;
} judged[] = {
	{"all", 300, 10, 100, 10, 200, true, 100, 200},
	{"the rest is divided", 200, 0, 500, 0, 500, true, 100, 100},
	{"what one does not want the other gets", 200, 0, 50, 0, 500, true, 50, 150},
	{"the same the other way", 200, 0, 500, 0, 50, true, 150, 50},
	{"minima come first", 200, 150, 500, 0, 500, true, 175, 25},
	{"only the minima", 200, 150, 500, 50, 500, true, 150, 50},
	{"not even the minima", 200, 150, 500, 51, 500, false, 0, 0},
	{"an odd rest", 101, 0, 500, 0, 500, true, 50, 51},
	{"nothing asked for", 64, 0, 0, 0, 0, true, 0, 0},
};

START_TEST(maxima_lie_within_what_is_asked)
{
	const uint8_t bytes[] = {
		CHECK,
		AMOUNT(judged[_i].min_send, judged[_i].max_send, judged[_i].min_receive,
		       judged[_i].max_receive),
		REMOTE,
	};
	const uint8_t bits = judged[_i].usable ? 0x80 : 0;
	const uint8_t want[] = {
		PATH(0x5D, bits, judged[_i].send, judged[_i].receive),
		PATH(0x5F, bits, judged[_i].send, judged[_i].receive),
		PATH(0x60, bits, judged[_i].send, judged[_i].receive),
		CHECK,
	};

	limits()->total = (uint64_t)judged[_i].kbit * 1000;
	ck_assert_int_eq(ask(&alice, bytes, sizeof(bytes)), 0);
	expect_part(&alice, want, sizeof(want), judged[_i].name);
	ck_assert_uint_eq(events(ADMISSION_CHECK_FAILED), !judged[_i].usable);
}
END_TEST

START_TEST(the_telephone_is_suggested_if_configured)
{
	limits()->total = 64000;
	ASK(&alice, CHECK, AMOUNT(100, 200, 0, 0), REMOTE, REMOTE_RELAY);
	EXPECT(&alice, "not configured", CLOSED(0x5D), CLOSED(0x5E), CLOSED(0x5F),
	       CLOSED(0x60), CHECK);
	fixture.settings.ms.pstn_failover = true;
	ASK(&alice, CHECK, AMOUNT(100, 200, 0, 0), REMOTE, REMOTE_RELAY);
	/* The responses of relays have no such bit. */
	EXPECT(&alice, "configured", PATH(0x5D, 0x40, 0, 0), CLOSED(0x5E),
	       PATH(0x5F, 0x40, 0, 0), CLOSED(0x60), CHECK);
	ASK(&alice, CHECK, AMOUNT(10, 30, 0, 0), REMOTE);
	EXPECT(&alice, "there is room", OPEN(0x5D, 30, 0), OPEN(0x5F, 30, 0),
	       OPEN(0x60, 30, 0), CHECK);
}
END_TEST

START_TEST(the_unit_can_be_set)
{
	limits()->total = 800000;
	fixture.settings.ms.bandwidth_unit_bps = 8000; /* kilobytes */
	ASK(&alice, CHECK, AMOUNT(0, 500, 0, 0), REMOTE);
	EXPECT(&alice, "100 kilobytes", OPEN(0x5D, 100, 0), OPEN(0x5F, 100, 0),
	       OPEN(0x60, 100, 0), CHECK);
	uint8_t id[20];
	commit(&alice, 60, 40, id);
	ck_assert_uint_eq(reserved().bps, 800000);
}
END_TEST

START_TEST(the_largest_amounts_do_not_overflow)
{
#define ALL_ONES 0xFF, 0xFF, 0xFF, 0xFF
#define LARGEST 0x80, 0x58, 0, 16, ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES
#define LARGE_PATH(type) 0x80, type, 0, 12, 0x80, 0, 0, 0, ALL_ONES, ALL_ONES
	fixture.settings.ms.bandwidth_unit_bps = MS_BANDWIDTH_UNIT_MAX;
	ASK(&alice, CHECK, LARGEST, REMOTE);
	EXPECT(&alice, "no limit", LARGE_PATH(0x5D), LARGE_PATH(0x5F), LARGE_PATH(0x60),
	       CHECK);
	ck_assert_int_eq(ASK(&alice, COMMIT, LARGEST, REMOTE, LOCAL), 0);
	ck_assert_uint_eq(reserved().bps, UINT64_C(0x1FFFFFFFE) * MS_BANDWIDTH_UNIT_MAX);
	limits()->total = 1000000000000;
	ck_assert_int_eq(ASK(&bob, CHECK, LARGEST, REMOTE), 0);
	EXPECT(&bob, "all is reserved", CLOSED(0x5D), CLOSED(0x5F), CLOSED(0x60), CHECK);
}
END_TEST

/* --- commit ---------------------------------------------------------------------------------- */

START_TEST(a_commit_reserves_its_maxima)
{
	uint8_t id[20], want[28] = {[20] = COMMIT};

	ck_assert_int_eq(ASK(&alice, COMMIT, AMOUNT(10, 100, 20, 200), REMOTE,
			     REMOTE_RELAY, LOCAL, LOCAL_RELAY, PROFILE),
			 0);
	id_of(&alice, id);
	memcpy(want, id, 20);
	expect_part(&alice, want, sizeof(want), "no path, an identifier");
	ck_assert_uint_eq(reserved().count, 1);
	ck_assert_uint_eq(reserved().bps, 300000);
	ck_assert_uint_eq(reserved().bps_of_side[SIDE_OUTSIDE], 300000);
	ck_assert_uint_eq(reserved().bps_of_side[SIDE_INSIDE], 0);
	/* A repetition of the same bytes gets the same answer and reserves nothing more. */
	ms_client_again(&alice);
	expect_part(&alice, want, sizeof(want), "again");
	ck_assert_uint_eq(reserved().bps, 300000);
	ck_assert_uint_eq(events(ADMISSION_COMMITTED), 1);
}
END_TEST

START_TEST(a_commit_that_does_not_fit_gets_no_identifier)
{
	uint8_t id[20], other[20];

	limits()->total = 500000;
	commit(&bob, 300, 0, id);
	ck_assert_int_eq(ASK(&alice, COMMIT, AMOUNT(10, 201, 0, 0), REMOTE, LOCAL), 0);
	EXPECT(&alice, "one too many", COMMIT);
	ck_assert_uint_eq(events(ADMISSION_COMMIT_DENIED), 1);
	ck_assert_uint_eq(reserved().count, 1);
	commit(&alice, 150, 50, other);
	ck_assert_mem_ne(id, other, 20);
	ck_assert_uint_eq(reserved().bps, 500000);
}
END_TEST

START_TEST(a_second_commit_replaces_the_first)
{
	uint8_t first[20], second[20];

	limits()->total = 500000;
	commit(&alice, 300, 0, first);
	commit(&alice, 400, 0, second);
	ck_assert_mem_ne(first, second, 20);
	ck_assert_uint_eq(reserved().count, 1);
	ck_assert_uint_eq(reserved().bps, 400000);
	UPDATE_WITH(&alice, first, AMOUNT(0, 1, 0, 1));
	expect_nothing(&alice, "the first is unknown");
	/* One that does not fit leaves what there is. */
	ASK(&alice, COMMIT, AMOUNT(0, 501, 0, 0), REMOTE, LOCAL);
	EXPECT(&alice, "denied", COMMIT);
	ck_assert_uint_eq(reserved().bps, 400000);
	UPDATE_WITH(&alice, second, AMOUNT(0, 1, 0, 1));
	expect_update(&alice, second, 1, 1, "the second");
}
END_TEST

/* --- update ---------------------------------------------------------------------------------- */

START_TEST(an_update_lowers_and_raises)
{
	uint8_t id[20], other[20];

	limits()->total = 500000;
	commit(&alice, 200, 100, id);
	UPDATE_WITH(&alice, id, AMOUNT(0, 50, 0, 50));
	expect_update(&alice, id, 50, 50, "lower");
	ck_assert_uint_eq(reserved().bps, 100000);
	UPDATE_WITH(&alice, id, AMOUNT(0, 250, 0, 50));
	expect_update(&alice, id, 250, 50, "higher");
	commit(&bob, 200, 0, other);
	UPDATE_WITH(&alice, id, AMOUNT(0, 251, 0, 50));
	expect_update(&alice, id, 250, 50, "denied: what is reserved now");
	ck_assert_uint_eq(events(ADMISSION_UPDATE_DENIED), 1);
	/* A shift from one direction to the other is no more. */
	UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 300));
	expect_update(&alice, id, 0, 300, "shifted");
	update(&alice, id, NULL, 0);
	expect_update(&alice, id, 0, 300, "without amount");
	ck_assert_uint_eq(reserved().bps, 500000);
	/* After a reload that lowers the limit less is still granted. */
	limits()->total = 100000;
	UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 299));
	expect_update(&alice, id, 0, 299, "lower than before");
}
END_TEST

START_TEST(only_its_own_client_can_update)
{
	uint8_t id[20];

	commit(&alice, 200, 100, id);
	UPDATE_WITH(&bob, id, AMOUNT(0, 0, 0, 0));
	ck_assert_int_eq(bob.code, MS_NO_BINDING);
	EXPECT(&bob, "another user without an allocation", UPDATE);
	UPDATE_WITH(&bob, id, AMOUNT(0, 1, 0, 0));
	expect_nothing(&bob, "another user");
	ms_client_allocate(&bob);
	UPDATE_WITH(&bob, id, AMOUNT(0, 1, 0, 0));
	ck_assert_int_eq(bob.code, 0);
	expect_nothing(&bob, "another user with an allocation");
	ck_assert_uint_eq(reserved().bps, 300000);
}
END_TEST

START_TEST(zeros_give_it_back)
{
	uint8_t id[20];

	permit();
	activate(PEER);
	commit(&alice, 200, 100, id);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 0));
		else
			ms_client_again(&alice);
		expect_update(&alice, id, 0, 0, i == 0 ? "zeros" : "zeros again");
		ck_assert_uint_eq(reserved().count, 0);
		ck_assert_uint_eq(reserved().bps, 0);
		ck_assert_msg(ms_client_allocation(&alice) != NULL,
			      "it has a destination");
		ck_assert_uint_gt(ms_client_u32(&alice, MS_LIFETIME), 0);
	}
	ck_assert_uint_eq(events(ADMISSION_CANCELLED), 1);
	UPDATE_WITH(&alice, id, AMOUNT(0, 1, 0, 1));
	expect_nothing(&alice, "it does not come back");
	ck_assert(ms_client_data(&alice, "x", 1));
}
END_TEST

START_TEST(zeros_end_a_session_that_relays_nothing)
{
	uint8_t id[20];

	commit(&alice, 200, 100, id);
	UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 0));
	expect_update(&alice, id, 0, 0, "zeros");
	ck_assert_uint_eq(ms_client_u32(&alice, MS_LIFETIME), 0);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert_int_eq(fixture.edge.last.end_reason, END_RELEASED);
	ck_assert(fixture_is_clean(&fixture));
	/* The same again makes no new allocation. */
	ms_client_again(&alice);
	ck_assert_int_eq(alice.code, MS_NO_BINDING);
	EXPECT(&alice, "437", UPDATE);
	ck_assert_ptr_null(ms_client_allocation(&alice));
}
END_TEST

START_TEST(zeros_spare_a_session_that_relayed_since_the_last_report)
{
	uint8_t id[20];

	commit(&alice, 200, 100, id);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 0));
	expect_update(&alice, id, 0, 0, "zeros");
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	/* Nothing more came: the repeated report ends it. */
	UPDATE_WITH(&alice, id, AMOUNT(0, 0, 0, 0));
	ck_assert_ptr_null(ms_client_allocation(&alice));
}
END_TEST

/* --- lifetime -------------------------------------------------------------------------------- */

/* Half an hour in steps in which the allocation does not expire, by data. */
static void wait_s(unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s += 100) {
		advance(100000);
		ck_assert(ms_client_send(&alice, PEER, "x", 1));
	}
}

START_TEST(a_reservation_has_a_lifetime)
{
	uint8_t id[20];

	permit();
	commit(&alice, 200, 100, id);
	wait_s(1700);
	ck_assert_uint_eq(reserved().count, 1);
	advance(99999);
	ck_assert_uint_eq(reserved().count, 1);
	advance(1);
	ck_assert_uint_eq(reserved().count, 0);
	ck_assert_uint_eq(reserved().bps, 0);
	ck_assert_uint_eq(events(ADMISSION_EXPIRED), 1);
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	UPDATE_WITH(&alice, id, AMOUNT(0, 1, 0, 1));
	expect_nothing(&alice, "expired");
}
END_TEST

START_TEST(refresh_and_update_restart_its_lifetime)
{
	uint8_t id[20];

	permit();
	commit(&alice, 200, 100, id);
	wait_s(1700);
	if (_i == 0)
		ck_assert_int_eq(ms_client_allocate(&alice), 0);
	else
		update(&alice, id, NULL, 0);
	wait_s(1700);
	ck_assert_uint_eq(reserved().count, 1);
	wait_s(100);
	ck_assert_uint_eq(reserved().count, 0);
}
END_TEST

static const struct {
	const char *name;
	bool by_client; /* else it expires */
} ends[] = {{"released", true}, {"expired", false}};

START_TEST(it_ends_with_its_allocation)
{
	uint8_t id[20];

	limits()->total = 300000;
	commit(&alice, 200, 100, id);
	if (ends[_i].by_client)
		ck_assert_int_eq(ms_client_lifetime(&alice, 0), 0);
	else
		advance(600000);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert_msg(reserved().count == 0 && reserved().bps == 0, "%s", ends[_i].name);
	/* The next one in the slot has nothing of it. */
	commit(&bob, 200, 100, id);
	ms_client_login(&alice);
	UPDATE_WITH(&alice, id, AMOUNT(0, 1, 0, 1));
	expect_nothing(&alice, "bob's");
	advance(2000000);
	ck_assert_uint_eq(events(ADMISSION_EXPIRED), 0);
}
END_TEST

START_TEST(a_release_gives_back_and_answers)
{
	uint8_t id[20], bytes[64] = {0x00, 0x0D, 0, 4, 0, 0, 0, 0, UPDATE};

	commit(&alice, 200, 100, id);
	memcpy(bytes + 16, id, 20);
	ck_assert_int_eq(ask(&alice, bytes, 36), 0);
	expect_update(&alice, id, 0, 0, "an update in a release");
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert_int_eq(ms_client_allocate(&alice), 0);
	ck_assert_int_eq(ASK(&alice, 0x00, 0x0D, 0, 4, 0, 0, 0, 0, COMMIT,
			     AMOUNT(0, 9, 0, 9), REMOTE, LOCAL),
			 0);
	EXPECT(&alice, "a commit in a release reserves nothing", COMMIT);
	ck_assert_uint_eq(reserved().count, 0);
}
END_TEST

static void admission_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_admission");

	tcase_add_checked_fixture(tc, begin_managed, end);
	tcase_add_test(tc, a_check_is_answered_with_its_paths);
	tcase_add_loop_test(tc, an_incomplete_part_is_ignored, 0, ROWS(incomplete));
	tcase_add_test(tc, turned_off_the_whole_part_is_ignored);
	tcase_add_test(tc, a_refused_allocate_has_the_message_too);
	tcase_add_loop_test(tc, a_check_is_judged_by_every_limit, 0, ROWS(levels));
	tcase_add_test(tc, the_quota_of_a_credential_comes_first);
	tcase_add_test(tc, its_own_reservation_is_room);
	tcase_add_loop_test(tc, maxima_lie_within_what_is_asked, 0, ROWS(judged));
	tcase_add_test(tc, the_telephone_is_suggested_if_configured);
	tcase_add_test(tc, the_unit_can_be_set);
	tcase_add_test(tc, the_largest_amounts_do_not_overflow);
	tcase_add_test(tc, a_commit_reserves_its_maxima);
	tcase_add_test(tc, a_commit_that_does_not_fit_gets_no_identifier);
	tcase_add_test(tc, a_second_commit_replaces_the_first);
	tcase_add_test(tc, an_update_lowers_and_raises);
	tcase_add_test(tc, only_its_own_client_can_update);
	tcase_add_test(tc, zeros_give_it_back);
	tcase_add_test(tc, zeros_end_a_session_that_relays_nothing);
	tcase_add_test(tc, zeros_spare_a_session_that_relayed_since_the_last_report);
	tcase_add_test(tc, a_reservation_has_a_lifetime);
	tcase_add_loop_test(tc, refresh_and_update_restart_its_lifetime, 0, 2);
	tcase_add_loop_test(tc, it_ends_with_its_allocation, 0, ROWS(ends));
	tcase_add_test(tc, a_release_gives_back_and_answers);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_admission", admission_suite)
