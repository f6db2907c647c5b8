/*
 * test_restore_mobility.c - a process ends at each moment of a client's move (RFC 8016) over connections
 * that end with it, as TLS does: before the Refresh, before its answer or the first data has arrived, after
 * it, several times in a row. The client always comes back with the ticket that it has.
 */
#include <stdio.h>

#include "relay/core/mobility_state.h"
#include "relay/core/quota.h"
#include "tests/unit/core/random.h"
#include "tests/unit/dialect/restore_check.h"

static const struct fixture_options options = {.mobility = true};
static struct fixture *old = &before, *now = &after; /* processes */
static struct allocation *al;
static uint8_t ticket[MOBILITY_TICKET_LEN];
static uint16_t port; /* of the client's connection */
static const char *moment;

static void keep_ticket(const struct client *c)
{
	struct stun_attr attr;

	ck_assert_msg(client_find(c, TURN_MOBILITY_TICKET, &attr), "%s", moment);
	memcpy(ticket, attr.value.data, sizeof(ticket));
}

static void connect_to(struct fixture *process, struct client *c)
{
	char address[32];

	snprintf(address, sizeof(address), "198.51.100.7:%u", (unsigned)port++);
	client_init(c, process, address, FRONT_OUTSIDE_TCP, "alice");
	client_login(c);
}

static void start(const char *name)
{
	moment = name;
	port = 6000;
	old = &before;
	now = &after;
	ck_assert(fixture_start(now, &options));
	connect_to(now, &moved);
	client_start(&moved, TURN_ALLOCATE);
	stun_add_u32(&moved.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&moved.b, TURN_MOBILITY_TICKET, NULL, 0);
	ck_assert_int_eq(client_ask(&moved), 0);
	keep_ticket(&moved);
	ck_assert_int_eq(client_permit(&moved, PEER), 0);
	al = proved_by(&moved);
}

static void stop(void)
{
	end_all(now);
	fixture_stop(now);
}

/* The process ends; the next one takes up what that one has saved, of which no connection is left. */
static void kill_it(void)
{
	struct fixture *killed = now;
	size_t len;

	allocation_image_take(&killed->turn, al, &again);
	again.proof = proof;
	allocation_image_trim(&again, killed->now_ms);
	len = saved_allocation_write(&again, record, sizeof(record));
	ck_assert_int_eq(saved_allocation_read((struct slice){record, len}, &image),
			 SAVED_GOOD);
	now = old;
	old = killed;
	ck_assert(fixture_start(now, &options));
	now->now_ms = killed->now_ms + 500;
	now->unix_s = killed->unix_s;
	/* As take_up.c finds it. */
	extras = (struct restore_extras){
		.relay = {-1, -1},
		.client_gone = !image.move.al.client_gone,
		.to_gone = image.move.al.moving,
	};
	ck_assert_msg(allocation_restore(&now->turn, &image, &extras, now->now_ms,
					 now->unix_s, &al) == RESTORED,
		      "%s", moment);
	changes_save(&now->turn, now->now_ms);
	ck_assert(allocation_table_check(now->turn.table));
	ck_assert_msg(al->client_gone && !al->moving, "%s: it waits for its client",
		      moment);
	ck_assert_msg(quota_owners(now->shared.prefixes) == 1,
		      "%s: it counts at one place, not at two", moment);
	end_all(old);
	fixture_stop(old);
}

/* A Refresh over a new connection. */
static void come(bool has_answer)
{
	connect_to(now, &moved);
	client_start(&moved, TURN_REFRESH);
	stun_builder_add(&moved.b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	ck_assert_msg(client_ask(&moved) == 0, "%s: %d", moment, moved.code);
	if (has_answer)
		keep_ticket(&moved);
}

static void send_data(void)
{
	struct forward forward;

	ck_assert_msg(client_send(&moved, PEER, "hello", 5), "%s", moment);
	ck_assert_msg(!al->client_gone && !al->moving &&
			      five_tuple_equal(&al->tuple, &moved.tuple),
		      "%s: it is there", moment);
	ck_assert_msg(client_from_peer(&moved, PEER, "back", 4, &forward), "%s", moment);
}

static void lose_connection(void)
{
	dispatch_client_gone(&now->turn, &moved.tuple, END_CLIENT_GONE, now->now_ms);
}

/* K: the process ends; r, R: a Refresh whose answer is lost, or arrives; d: data; c: connection closed. */
static const char *const moments[] = {
	"KRd",                  /* the usual one */
	"KKRd",                 /* again before the client could come */
	"KrKRd",                /* the answer is lost */
	"KRKRd",                /* it is not, but no data follows */
	"KRdKRd",               /* all is well, and again */
	"KrKrKRd",              /* lost twice */
	"KrKrKrKRd",            /* and more often */
	"KrKKRd",               /* lost, and the next process ends at once */
	"KrKRKRd",              /* lost, then no data */
	"KRKrKRd",              /* no data, then lost */
	"KRKRKRd",              /* never data */
	"KrKRdKrKRd",           /* lost, all well, lost */
	"KRdKrKRdKRd", "rKRd",  /* from a connection that is still there */
	"RKRd",        "rcKRd", /* the new connection had ended before */
	"KrcRd",                /* without a second kill */
	"KrcrcKRd",    "KrcKrKRd", "cRKRd", "crKRd", "crKrcRd",
};

START_TEST(its_client_comes_back) /* one for each */
{
	start(moments[_i]);
	for (const char *step = moment; *step != '\0'; step++) {
		switch (*step) {
		case 'K':
			kill_it();
			break;
		case 'r':
		case 'R':
			come(*step == 'R');
			break;
		case 'd':
			send_data();
			break;
		default:
			lose_connection();
			break;
		}
	}
	stop();
}
END_TEST

/* Whatever happens, in any order. */
START_TEST(at_any_moment) /* one for each seed */
{
	uint64_t seed = (uint64_t)_i + 1;

	start("any");
	for (int step = 0; step < 40; step++) {
		/* Data only from a client that knows that it may. */
		switch (random_below(&seed, 3)) {
		case 0:
			come(false);
			break;
		case 1:
			come(true);
			break;
		default:
			come(true);
			send_data();
			break;
		}
		if (random_below(&seed, 2) == 0)
			kill_it();
		else
			lose_connection();
	}
	come(true);
	send_data();
	stop();
}
END_TEST

START_TEST(a_lost_answer_is_no_second_key)
{
	uint8_t first[MOBILITY_TICKET_LEN];

	start("old ticket");
	kill_it();
	memcpy(first, ticket, sizeof(first));
	come(true);
	send_data();
	kill_it();
	memcpy(ticket, first, sizeof(ticket));
	connect_to(now, &moved);
	client_start(&moved, TURN_REFRESH);
	stun_builder_add(&moved.b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	ck_assert_msg(client_ask(&moved) == 400, "it had the next one, and used it");
	stop();
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("moments");

	tcase_add_loop_test(tc, its_client_comes_back, 0, ROWS(moments));
	tcase_add_loop_test(tc, at_any_moment, 0, 30);
	tcase_add_test(tc, a_lost_answer_is_no_second_key);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("restore_mobility", add_cases)
