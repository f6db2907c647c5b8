/*
 * test_ms_turn_destination.c - the MS dialect: Set Active Destination, sequence numbers, and
 * what keeps an allocation alive.
 */
#include "relay/core/forward_ms.h"
#include "tests/unit/dialect/ms_check.h"

static struct forward out;

START_TEST(response_to_destination_echoes_the_number)
{
	struct ms_sequence sequence;
	struct stun_attr attr;
	struct slice rest;

	permit();
	activate(PEER);
	rest = alice.answer.body;
	ck_assert(ms_attr_next(&rest, &attr));
	ck_assert_uint_eq(attr.type, MS_SEQUENCE_NUMBER);
	ck_assert(ms_attr_sequence(&attr, &sequence));
	ck_assert_uint_eq(sequence.number, alice.number);
	ck_assert_mem_eq(sequence.connection_id, alice.connection_id,
			 MS_CONNECTION_ID_LEN);
	ck_assert(!ms_attr_next(&rest, &attr));
	ck_assert_uint_eq(alice.out.reply_len, 80);

	alice.wrong = MS_NO_SEQUENCE;
	activate(PEER);
	ck_assert(!ms_client_has(&alice, MS_SEQUENCE_NUMBER));
}
END_TEST

/* An error leaves the destination unchanged. All of these are signed. */
static const struct {
	const char *name;
	unsigned wrong;
	uint16_t type; /* 0: none */
	const char *value;
	size_t len;
	int want;
} bad_destinations[] = {
	{"no address", 0, 0, "", 0, 400},
	{"address of 7 bytes", 0, MS_DESTINATION_ADDRESS, "\0\1\x1b\x58\xc0\0\2", 7, 400},
	{"family 3", 0, MS_DESTINATION_ADDRESS, "\0\3\x1b\x58\xc0\0\2\1", 8, 400},
	{"another address, not permitted", 0, MS_DESTINATION_ADDRESS,
	 "\0\1\x1b\x58\xc0\0\2\x09", 8, 440},
	{"port 0", 0, MS_DESTINATION_ADDRESS, "\0\1\0\0\xc0\0\2\1", 8, 440},
	{"IPv6", 0, MS_DESTINATION_ADDRESS,
	 "\0\2\x1b\x58\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 20, 440},
	{"unknown attribute", 0, 0x0018, "", 0, 420},
	{"another connection", MS_WRONG_CONNECTION, MS_DESTINATION_ADDRESS,
	 "\0\1\x1b\x58\xc0\0\2\2", 8, 437},
	{"malformed number", MS_NO_SEQUENCE, MS_SEQUENCE_NUMBER, "abc", 3, 400},
};

START_TEST(refused_destination_changes_nothing)
{
	permit();
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	for (int set = 0; set < 2; set++) {
		alice.wrong = bad_destinations[_i].wrong;
		ms_client_start(&alice, MS_SET_ACTIVE_DESTINATION_REQUEST);
		if (bad_destinations[_i].type != 0)
			ms_builder_add(&alice.b, bad_destinations[_i].type,
				       bad_destinations[_i].value,
				       bad_destinations[_i].len);
		ms_client_ask(&alice);
		expect(&alice, bad_destinations[_i].want, bad_destinations[_i].name);
		ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
		ck_assert(ms_client_data(&alice, "x", 1) == (set == 1));
		ck_assert(set == 0 || is_peer(sent_to(&alice), PEER));
		alice.wrong = 0;
		activate(PEER);
	}
}
END_TEST

START_TEST(destination_without_allocation_is_437)
{
	ms_client_login(&alice);
	ms_client_activate(&alice, PEER);
	expect(&alice, MS_NO_BINDING, "no allocation");
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
}
END_TEST

/* The same bytes again: the answer is repeated, the destination stays. */
START_TEST(repeated_destination_is_answered_without_effect)
{
	static uint8_t request[512], answer[512];

	permit();
	ck_assert(ms_client_send(&alice, PEER_B, "x", 1));
	activate(PEER);
	size_t len = alice.message_len, answer_len = alice.out.reply_len;
	memcpy(request, alice.message, len);
	memcpy(answer, alice.reply, answer_len);
	activate(PEER_B);

	ms_client_raw(&alice, request, len);
	expect(&alice, 0, "repeated");
	ck_assert_uint_eq(alice.out.reply_len, answer_len);
	ck_assert_mem_eq(alice.reply, answer, answer_len);
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert(is_peer(sent_to(&alice), PEER_B));

	/* No client repeats after that long. */
	advance(40000);
	uint64_t before = fixture_drops(&fixture, DROP_REPLAYED);
	ms_client_raw(&alice, request, len);
	expect_drop(&alice, DROP_REPLAYED, before, "recorded");
}
END_TEST

START_TEST(repeated_refusal_is_refused_again)
{
	ms_client_allocate(&alice);
	ms_client_activate(&alice, PEER);
	expect(&alice, MS_NO_DESTINATION, "no permission");
	static uint8_t request[512];
	size_t len = alice.message_len;
	memcpy(request, alice.message, len);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_raw(&alice, request, len);
	expect(&alice, MS_NO_DESTINATION, "the same answer, though there is one now");
	ck_assert(!destination_is_set(&ms_client_allocation(&alice)->active));
}
END_TEST

/* The number was used, and this is not the request that used it. */
START_TEST(used_number_of_another_request_is_dropped)
{
	permit();
	uint64_t before = fixture_drops(&fixture, DROP_REPLAYED);
	alice.wrong = MS_SAME_NUMBER;
	ms_client_activate(&alice, PEER);
	expect_drop(&alice, DROP_REPLAYED, before, "destination");
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	expect_drop(&alice, DROP_REPLAYED, before + 1, "send");
	alice.wrong = 0;
	activate(PEER);
}
END_TEST

START_TEST(send_is_not_forwarded_twice)
{
	permit();
	uint64_t before = fixture_drops(&fixture, DROP_REPLAYED);
	ms_client_again(&alice);
	expect_drop(&alice, DROP_REPLAYED, before, "the same Send");
}
END_TEST

START_TEST(numbers_may_arrive_out_of_order)
{
	ms_client_allocate(&alice);
	alice.number = 100;
	ck_assert(ms_client_send(&alice, PEER, "x", 1)); /* 101 */
	alice.number = 37;
	ck_assert(ms_client_send(&alice, PEER, "x", 1)); /* 38 */
	uint64_t before = fixture_drops(&fixture, DROP_REPLAYED);
	alice.number = 36;
	ck_assert(!ms_client_send(&alice, PEER, "x", 1)); /* 37 */
	expect_drop(&alice, DROP_REPLAYED, before, "too old");
	alice.number = 37;
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	expect_drop(&alice, DROP_REPLAYED, before + 1, "used");
}
END_TEST

/* A message without a valid signature does not move the window. */
START_TEST(forged_number_does_not_move_the_window)
{
	permit();
	alice.wrong = MS_WRONG_MAC;
	alice.number = 1000000;
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	alice.wrong = 0;
	alice.number = 1;
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
}
END_TEST

/* A message recorded on one allocation is not valid on the next. */
START_TEST(replay_from_the_previous_allocation_is_dropped)
{
	static uint8_t send[512], set[512];
	size_t send_len, set_len;

	permit();
	send_len = alice.message_len;
	memcpy(send, alice.message, send_len);
	activate(PEER);
	set_len = alice.message_len;
	memcpy(set, alice.message, set_len);
	ms_client_lifetime(&alice, 0);
	ms_client_allocate(&alice);

	uint64_t before = fixture_drops(&fixture, DROP_OTHER_CONNECTION);
	ms_client_raw(&alice, send, send_len);
	expect_drop(&alice, DROP_OTHER_CONNECTION, before, "send");
	ms_client_raw(&alice, set, set_len);
	expect(&alice, MS_NO_BINDING, "destination");
	ck_assert_uint_eq(ms_client_allocation(&alice)->permission_count, 0);
}
END_TEST

/* What keeps an allocation alive. */
enum act {
	ACT_NOTHING,
	ACT_ALLOCATE,
	ACT_SEND,
	ACT_SET,
	ACT_DATA,
	ACT_PEER_DATA,
	ACT_BAD_SEND,
	ACT_BAD_SET,
	ACT_CHALLENGE,
};

static const struct {
	const char *name;
	enum act act;
	bool lives;
} acts[] = {
	{"nothing", ACT_NOTHING, false},
	{"Allocate", ACT_ALLOCATE, true},
	{"Send", ACT_SEND, true},
	{"Set Active Destination", ACT_SET, true},
	{"data from the client", ACT_DATA, true},
	{"data from the peer", ACT_PEER_DATA, false},
	{"Send that is dropped", ACT_BAD_SEND, false},
	{"Set Active Destination that is refused", ACT_BAD_SET, false},
	{"Allocate without integrity", ACT_CHALLENGE, false},
};

static void act(enum act what)
{
	switch (what) {
	case ACT_NOTHING:
		break;
	case ACT_ALLOCATE:
		ms_client_allocate(&alice);
		break;
	case ACT_SEND:
		ck_assert(ms_client_send(&alice, PEER, "x", 1));
		break;
	case ACT_SET:
		activate(PEER);
		break;
	case ACT_DATA:
		ck_assert(ms_client_data(&alice, "x", 1));
		break;
	case ACT_PEER_DATA:
		ck_assert(ms_client_from_peer(&alice, PEER, "x", 1, &out));
		break;
	case ACT_BAD_SEND:
		ck_assert(!ms_client_send(&alice, PEER_REFUSED, "x", 1));
		break;
	case ACT_BAD_SET:
		ms_client_activate(&alice, PEER_B);
		expect(&alice, MS_NO_DESTINATION, "refused");
		break;
	case ACT_CHALLENGE:
		ms_client_login(&alice);
		break;
	}
}

START_TEST(activity_of_the_client_restarts_the_lifetime)
{
	permit();
	activate(PEER);
	advance(500000);
	act(acts[_i].act);
	advance(100000 - 1);
	ck_assert_ptr_nonnull(ms_client_allocation(&alice));
	advance(1);
	ck_assert_msg((ms_client_allocation(&alice) != NULL) == acts[_i].lives, "%s",
		      acts[_i].name);
	advance(500000 - 1);
	ck_assert_msg((ms_client_allocation(&alice) != NULL) == acts[_i].lives, "%s",
		      acts[_i].name);
	advance(1);
	ck_assert_ptr_null(ms_client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

/* Data moves the deadline; the heap is updated when the old one is due. */
START_TEST(timer_gets_the_current_deadline)
{
	permit();
	activate(PEER);
	uint64_t first = dispatch_expire(&fixture.turn, fixture.now_ms);
	ck_assert_uint_eq(first, fixture.now_ms + 600000);
	fixture.now_ms += 400000;
	ck_assert(ms_client_data(&alice, "x", 1));
	ck_assert_uint_eq(dispatch_expire(&fixture.turn, fixture.now_ms), first);
	fixture.now_ms = first;
	ck_assert_uint_eq(dispatch_expire(&fixture.turn, fixture.now_ms), first + 400000);
	fixture.now_ms = first + 400000;
	ck_assert_uint_eq(dispatch_expire(&fixture.turn, fixture.now_ms), UINT64_MAX);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

/* Past the deadline, although the table has not been swept yet. */
START_TEST(overdue_allocation_forwards_nothing)
{
	permit();
	activate(PEER);
	uint32_t slot = ms_client_allocation(&alice)->slot;
	struct endpoint peer = ep(PEER);
	fixture.now_ms += 600000;
	dispatch_from_peer(&fixture.turn, slot, &peer,
			   (struct slice){(const uint8_t *)"x", 1}, fixture.now_ms, &out);
	ck_assert_int_eq(out.reason, DROP_NO_ALLOCATION);

	/* Dispatch would have ended it by now, but the verdicts do not rely on that. */
	struct allocation *al = ms_client_allocation(&alice);
	forward_ms_raw(&fixture.turn, al, (struct slice){NULL, 0}, fixture.now_ms, &out);
	ck_assert_int_eq(out.reason, DROP_NO_ALLOCATION);
	forward_ms_send(&fixture.turn, al, &peer, (struct slice){NULL, 0}, fixture.now_ms,
			&out);
	ck_assert_int_eq(out.reason, DROP_NO_ALLOCATION);
	ck_assert(!ms_client_data(&alice, "x", 1));
	ck_assert_ptr_null(ms_client_allocation(&alice));
}
END_TEST

static void destination_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_destination");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, response_to_destination_echoes_the_number);
	tcase_add_loop_test(tc, refused_destination_changes_nothing, 0,
			    ROWS(bad_destinations));
	tcase_add_test(tc, destination_without_allocation_is_437);
	tcase_add_test(tc, repeated_destination_is_answered_without_effect);
	tcase_add_test(tc, repeated_refusal_is_refused_again);
	tcase_add_test(tc, used_number_of_another_request_is_dropped);
	tcase_add_test(tc, send_is_not_forwarded_twice);
	tcase_add_test(tc, numbers_may_arrive_out_of_order);
	tcase_add_test(tc, forged_number_does_not_move_the_window);
	tcase_add_test(tc, replay_from_the_previous_allocation_is_dropped);
	tcase_add_loop_test(tc, activity_of_the_client_restarts_the_lifetime, 0,
			    ROWS(acts));
	tcase_add_test(tc, timer_gets_the_current_deadline);
	tcase_add_test(tc, overdue_allocation_forwards_nothing);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_destination", destination_suite)
