/*
 * test_tcp_relay.c - which peers may connect to a TCP relayed address, which are held and
 * which are reset.
 */
#include "relay/core/tcp_relay.h"

#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/destination.h"
#include "relay/core/permission.h"
#include "tests/unit/core/random.h"
#include "tests/unit/core/tcp_fixture.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	enum dialect dialect;
	uint64_t age_ms;
	const char *permitted, *peer;
	struct tcp_relay_load load;
	enum tcp_relay_verdict want;
	enum peer_event counted;
} incoming[] = {
	{"permitted",
	 DIALECT_IETF,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.1:9",
	 {0, 0, 0},
	 TCP_RELAY_ACCEPT,
	 PEER_ACCEPTED},
	{"permitted, old allocation",
	 DIALECT_MS,
	 99999,
	 "192.0.2.1:7",
	 "192.0.2.1:9",
	 {0, 0, 0},
	 TCP_RELAY_ACCEPT,
	 PEER_ACCEPTED},
	{"permitted, the last that fits",
	 DIALECT_IETF,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.1:9",
	 {CONNECTIONS - 1, 0, 0},
	 TCP_RELAY_ACCEPT,
	 PEER_ACCEPTED},
	{"permitted, one too many",
	 DIALECT_IETF,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.1:9",
	 {CONNECTIONS, 0, 0},
	 TCP_RELAY_RESET,
	 PEER_FULL},
	{"permitted, and held ones do not count",
	 DIALECT_MS,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.1:9",
	 {0, CONNECTIONS, HELD_TOTAL},
	 TCP_RELAY_ACCEPT,
	 PEER_ACCEPTED},
	{"stranger, IETF (T-423)",
	 DIALECT_IETF,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.2:7",
	 {0, 0, 0},
	 TCP_RELAY_RESET,
	 PEER_STRANGER},
	{"stranger, MS, at once",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {0, 0, 0},
	 TCP_RELAY_HOLD,
	 PEER_HELD},
	{"stranger, MS, young",
	 DIALECT_MS,
	 AGE_MS - 1,
	 NULL,
	 "192.0.2.2:7",
	 {0, 0, 0},
	 TCP_RELAY_HOLD,
	 PEER_HELD},
	{"stranger, MS, no longer young",
	 DIALECT_MS,
	 AGE_MS,
	 NULL,
	 "192.0.2.2:7",
	 {0, 0, 0},
	 TCP_RELAY_RESET,
	 PEER_STRANGER},
	{"stranger, MS, the last to be held here",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {0, CONNECTIONS - 1, CONNECTIONS - 1},
	 TCP_RELAY_HOLD,
	 PEER_HELD},
	{"stranger, MS, too many held here",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {0, CONNECTIONS, CONNECTIONS},
	 TCP_RELAY_RESET,
	 PEER_HELD_FULL},
	{"stranger, MS, the last to be held at all",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {0, 0, HELD_TOTAL - 1},
	 TCP_RELAY_HOLD,
	 PEER_HELD},
	{"stranger, MS, too many held",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {0, 0, HELD_TOTAL},
	 TCP_RELAY_RESET,
	 PEER_HELD_FULL},
	{"stranger, MS, connections do not count",
	 DIALECT_MS,
	 0,
	 NULL,
	 "192.0.2.2:7",
	 {CONNECTIONS, 0, 0},
	 TCP_RELAY_HOLD,
	 PEER_HELD},
	{"from inside",
	 DIALECT_MS,
	 0,
	 NULL,
	 "10.0.0.7:7",
	 {0, 0, 0},
	 TCP_RELAY_RESET,
	 PEER_REFUSED},
	{"from port 0",
	 DIALECT_MS,
	 0,
	 "192.0.2.1:7",
	 "192.0.2.1:0",
	 {0, 0, 0},
	 TCP_RELAY_RESET,
	 PEER_STRANGER},
};

START_TEST(a_connection_is_accepted_held_or_reset)
{
	struct allocation *al = tcp_allocation(incoming[_i].dialect);
	const struct endpoint peer = ep(incoming[_i].peer);
	uint64_t until_ms = 0;

	if (incoming[_i].permitted)
		permit(al, incoming[_i].permitted);
	fixture.now_ms += incoming[_i].age_ms;
	enum tcp_relay_verdict got = tcp_relay_incoming(
		&fixture.turn, al, &peer, &incoming[_i].load, fixture.now_ms, &until_ms);
	ck_assert_msg(got == incoming[_i].want, "%s: got %d", incoming[_i].name, got);
	for (int i = 0; i < PEER_EVENT_COUNT; i++)
		ck_assert_msg(events((enum peer_event)i) ==
				      ((enum peer_event)i == incoming[_i].counted),
			      "%s: %s", incoming[_i].name,
			      peer_event_name((enum peer_event)i));
	if (got == TCP_RELAY_HOLD)
		ck_assert_uint_eq(until_ms, fixture.now_ms + HOLD_MS);
}
END_TEST

/* As operators test with telnet: during a call no other peer can connect. */
START_TEST(a_chosen_destination_ends_the_wait_for_others)
{
	struct allocation *al = tcp_allocation(DIALECT_MS);
	const struct endpoint chosen = ep("192.0.2.1:7"), stranger = ep("192.0.2.2:7");
	const struct tcp_relay_load one = {0, 1, 1};
	uint64_t until_ms;

	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &stranger, &one,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_HOLD);
	permit(al, "192.0.2.1:7");
	ck_assert_int_eq(tcp_relay_waiting(&fixture.turn, al, &stranger, &one, until_ms,
					   fixture.now_ms),
			 TCP_RELAY_HOLD);
	ck_assert_uint_eq(fixture.edge.permitted, 1);
	ck_assert(destination_set(&fixture.turn, al, &chosen, fixture.now_ms));
	ck_assert_uint_eq(fixture.edge.permitted, 2);
	ck_assert_int_eq(tcp_relay_waiting(&fixture.turn, al, &stranger, &one, until_ms,
					   fixture.now_ms),
			 TCP_RELAY_RESET);
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &stranger, &one,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_RESET);
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &chosen, &one,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_ACCEPT);
}
END_TEST

START_TEST(no_connection_is_held_when_that_is_off)
{
	struct allocation *al = tcp_allocation(DIALECT_MS);
	const struct endpoint peer = ep("192.0.2.2:7");
	const struct tcp_relay_load load = {0};
	uint64_t until_ms;

	fixture.settings.limits.early_peer_hold_ms = 0;
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &peer, &load,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_RESET);
	ck_assert_uint_eq(events(PEER_STRANGER), 1);
}
END_TEST

START_TEST(an_ended_allocation_accepts_no_connection)
{
	struct allocation *al = tcp_allocation(DIALECT_MS);
	const struct endpoint peer = ep("192.0.2.2:7");
	const struct tcp_relay_load load = {0, 1, 1};
	uint64_t until_ms;

	permit(al, "192.0.2.2:7");
	fixture.now_ms = al->expires_ms;
	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &peer, &load,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_RESET);
	ck_assert_int_eq(tcp_relay_waiting(&fixture.turn, al, &peer, &load,
					   fixture.now_ms + 1, fixture.now_ms),
			 TCP_RELAY_RESET);
}
END_TEST

static const struct {
	const char *name;
	uint64_t waited_ms;
	const char *permitted, *denied;
	struct tcp_relay_load load;
	enum tcp_relay_verdict want;
	enum peer_event counted; /* COUNT: none */
} waiting[] = {
	{"nothing yet", 1, NULL, NULL, {0, 1, 1}, TCP_RELAY_HOLD, PEER_EVENT_COUNT},
	{"a permission for another peer",
	 1,
	 "192.0.2.1:7",
	 NULL,
	 {0, 1, 1},
	 TCP_RELAY_HOLD,
	 PEER_EVENT_COUNT},
	{"a permission, of any port",
	 1,
	 "192.0.2.2:1",
	 NULL,
	 {0, 1, 1},
	 TCP_RELAY_ACCEPT,
	 PEER_ADMITTED},
	{"a permission, and the last place",
	 1,
	 "192.0.2.2:1",
	 NULL,
	 {CONNECTIONS - 1, 1, 1},
	 TCP_RELAY_ACCEPT,
	 PEER_ADMITTED},
	{"a permission, and no place",
	 1,
	 "192.0.2.2:1",
	 NULL,
	 {CONNECTIONS, 1, 1},
	 TCP_RELAY_RESET,
	 PEER_FULL},
	{"a permission in the last moment",
	 HOLD_MS,
	 "192.0.2.2:1",
	 NULL,
	 {0, 1, 1},
	 TCP_RELAY_ACCEPT,
	 PEER_ADMITTED},
	{"just before its time is up",
	 HOLD_MS - 1,
	 NULL,
	 NULL,
	 {0, 1, 1},
	 TCP_RELAY_HOLD,
	 PEER_EVENT_COUNT},
	{"its time is up",
	 HOLD_MS,
	 NULL,
	 NULL,
	 {0, 1, 1},
	 TCP_RELAY_RESET,
	 PEER_HELD_EXPIRED},
	{"others fill all places meanwhile",
	 1,
	 NULL,
	 NULL,
	 {CONNECTIONS, CONNECTIONS, HELD_TOTAL},
	 TCP_RELAY_HOLD,
	 PEER_EVENT_COUNT},
	{"the policy has changed",
	 1,
	 "192.0.2.2:1",
	 "192.0.2.0/25",
	 {0, 1, 1},
	 TCP_RELAY_RESET,
	 PEER_REFUSED},
};

START_TEST(a_held_connection_is_accepted_or_reset)
{
	struct allocation *al = tcp_allocation(DIALECT_MS);
	const struct endpoint peer = ep("192.0.2.2:7");
	const struct tcp_relay_load none = {0};
	uint64_t until_ms = 0;

	ck_assert_int_eq(tcp_relay_incoming(&fixture.turn, al, &peer, &none,
					    fixture.now_ms, &until_ms),
			 TCP_RELAY_HOLD);
	memset(fixture.turn.counters.peer_events, 0,
	       sizeof(fixture.turn.counters.peer_events));
	fixture.now_ms += waiting[_i].waited_ms;
	if (waiting[_i].permitted)
		permit(al, waiting[_i].permitted);
	if (waiting[_i].denied)
		ck_assert(fixture_deny(&fixture, waiting[_i].denied));

	enum tcp_relay_verdict got = tcp_relay_waiting(
		&fixture.turn, al, &peer, &waiting[_i].load, until_ms, fixture.now_ms);
	ck_assert_msg(got == waiting[_i].want, "%s: got %d", waiting[_i].name, got);
	for (int i = 0; i < PEER_EVENT_COUNT; i++)
		ck_assert_msg(events((enum peer_event)i) ==
				      ((enum peer_event)i == waiting[_i].counted),
			      "%s: %s", waiting[_i].name,
			      peer_event_name((enum peer_event)i));
}
END_TEST

START_TEST(connections_are_capped)
{
	const struct tcp_relay_load some = {CONNECTIONS - 1, CONNECTIONS, HELD_TOTAL};
	const struct tcp_relay_load all = {CONNECTIONS, 0, 0};

	ck_assert(tcp_relay_outgoing(&fixture.turn, &some));
	ck_assert_uint_eq(events(PEER_FULL), 0);
	ck_assert(!tcp_relay_outgoing(&fixture.turn, &all));
	ck_assert_uint_eq(events(PEER_FULL), 1);
}
END_TEST

/*
 * Random histories against another formulation of the rules: the reference keeps a list
 * of facts and derives each answer from it.
 */
enum { PEERS = 4 };

struct facts {
	struct allocation *al;
	uint64_t permitted_until[PEERS];
	bool denied; /* the upper half of the peers */
	bool chosen; /* a destination */
};

static struct endpoint peer_of(unsigned i)
{
	struct endpoint peer = ep("192.0.2.0:4000");

	peer.ip.bytes[3] = i < PEERS / 2 ? (uint8_t)(1 + i) : (uint8_t)(129 + i);
	return peer;
}

static enum tcp_relay_verdict reference(const struct facts *f, unsigned i,
					const struct tcp_relay_load *load, bool is_held,
					uint64_t until_ms)
{
	bool refused = f->denied && i >= PEERS / 2;
	bool permitted = fixture.now_ms < f->permitted_until[i];
	bool over = fixture.now_ms >= f->al->expires_ms;
	bool young = fixture.now_ms < f->al->created_ms + AGE_MS;
	bool room = load->connections < CONNECTIONS;
	bool expects = f->al->dialect == DIALECT_MS && !f->chosen;
	bool hold_room = load->held < CONNECTIONS && load->held_total < HELD_TOTAL;

	if (!over && !refused && permitted && room)
		return TCP_RELAY_ACCEPT;
	if (over || refused || permitted)
		return TCP_RELAY_RESET;
	if (!expects || (is_held ? fixture.now_ms >= until_ms : !young || !hold_room))
		return TCP_RELAY_RESET;
	return TCP_RELAY_HOLD;
}

START_TEST(random_histories_agree_with_the_rules)
{
	uint64_t seed = (uint64_t)_i * 7919 + 1;
	struct facts f = {.al = tcp_allocation(DIALECT_MS)};
	unsigned verdicts[3] = {0};

	for (int step = 0; step < 400; step++) {
		unsigned i = random_below(&seed, PEERS);
		const struct endpoint peer = peer_of(i);
		const struct tcp_relay_load load = {
			random_below(&seed, CONNECTIONS + 1),
			random_below(&seed, CONNECTIONS + 1),
			CONNECTIONS + random_below(&seed, HELD_TOTAL - CONNECTIONS + 1),
		};
		uint64_t until_ms = fixture.now_ms + random_below(&seed, 2 * HOLD_MS),
			 got_ms;
		enum tcp_relay_verdict want, got;
		int code;

		switch (random_below(&seed, 9)) {
		case 0:
			fixture.now_ms += random_below(&seed, 200);
			break;
		case 1:
			code = permission_install(&fixture.turn, f.al, &peer, 1,
						  fixture.now_ms, NULL);
			if (f.denied && i >= PEERS / 2) {
				ck_assert_int_eq(code, STUN_FORBIDDEN);
			} else {
				ck_assert_int_eq(code, 0);
				f.permitted_until[i] = fixture.now_ms + 300000;
			}
			break;
		case 2:
			f.denied = !f.denied;
			ck_assert(fixture_deny(&fixture,
					       f.denied ? "192.0.2.128/25" : NULL));
			break;
		case 3:
			if (random_below(&seed, 6) != 0)
				break;
			/*
			 * A new allocation: the permissions of the old one have ended
			 * with it.
			 */
			allocation_delete(&fixture.turn, f.al, END_RELEASED,
					  fixture.now_ms);
			f = (struct facts){.denied = f.denied};
			f.al = tcp_allocation(random_below(&seed, 2) ? DIALECT_MS
								     : DIALECT_IETF);
			break;
		case 4:
			/* Rarely, or no peer would ever be held. */
			if (random_below(&seed, 20) == 0 &&
			    destination_set(&fixture.turn, f.al, &peer, fixture.now_ms)) {
				ck_assert(fixture.now_ms < f.permitted_until[i]);
				f.chosen = true;
			}
			break;
		case 5:
		case 6:
			want = reference(&f, i, &load, true, until_ms);
			got = tcp_relay_waiting(&fixture.turn, f.al, &peer, &load,
						until_ms, fixture.now_ms);
			ck_assert_msg(got == want, "seed %d step %d: waiting %d, not %d",
				      _i, step, got, want);
			verdicts[got]++;
			break;
		default:
			want = reference(&f, i, &load, false, 0);
			got = tcp_relay_incoming(&fixture.turn, f.al, &peer, &load,
						 fixture.now_ms, &got_ms);
			ck_assert_msg(got == want, "seed %d step %d: incoming %d, not %d",
				      _i, step, got, want);
			verdicts[got]++;
			break;
		}
	}
	/* Every outcome must have occurred. */
	ck_assert_uint_gt(verdicts[TCP_RELAY_ACCEPT], 0);
	ck_assert_uint_gt(verdicts[TCP_RELAY_HOLD], 0);
	ck_assert_uint_gt(verdicts[TCP_RELAY_RESET], 0);
}
END_TEST

static void tcp_relay_suite(Suite *suite)
{
	TCase *tc = tcase_create("tcp relay");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, a_connection_is_accepted_held_or_reset, 0,
			    ROWS(incoming));
	tcase_add_test(tc, a_chosen_destination_ends_the_wait_for_others);
	tcase_add_test(tc, no_connection_is_held_when_that_is_off);
	tcase_add_test(tc, an_ended_allocation_accepts_no_connection);
	tcase_add_loop_test(tc, a_held_connection_is_accepted_or_reset, 0, ROWS(waiting));
	tcase_add_test(tc, connections_are_capped);
	tcase_add_loop_test(tc, random_histories_agree_with_the_rules, 0, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("tcp_relay", tcp_relay_suite)
