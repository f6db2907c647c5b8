/*
 * test_proxy.c - headers of balancers in front of datagrams: one that repeats the last is not read again, and
 * says the same; whatever else differs is judged anew.
 */
#include "relay/front/proxy.h"

#include <string.h>

#include "relay/core/front.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "tests/unit/lib/unit.h"

enum { FRONT = 0, PAYLOAD = 20 };

static struct turn turn;
static struct front fronts[1]; /* on the inside */
static struct turn_shared shared = {.fronts = fronts, .front_count = 1};
static struct loop loop;
static struct relay_settings settings;
static struct delivery delivery;
static struct proxy_last last;
static struct ip_prefix only[1];
static uint8_t bytes[200];
static size_t header_len;

static void set_up(void)
{
	memset(&turn, 0, sizeof(turn));
	memset(&settings, 0, sizeof(settings));
	memset(&last, 0, sizeof(last));
	turn.shared = &shared;
	turn.settings = &settings.turn;
	settings.turn.generation = 1;
	delivery = (struct delivery){.loop = &loop, .turn = &turn, .settings = &settings};
}

static struct endpoint at(const char *text)
{
	struct endpoint ep;

	ck_assert(endpoint_parse(text, 0, &ep));
	return ep;
}

static void write_header(const char *client)
{
	struct endpoint from = at(client), to = at("198.51.100.1:3478");

	header_len = proxy_header_write(bytes, PROXY_DGRAM, &from, &to);
	memset(bytes + header_len, 'x', PAYLOAD);
}

/* The result; if it is let in, the client is that one and the header is gone. */
static enum proxy_result take(const char *balancer, const char *client)
{
	struct slice datagram = {bytes, header_len + PAYLOAD};
	struct five_tuple tuple = {.client = at(balancer), .front = FRONT};
	enum proxy_result result = proxy_take(&delivery, &last, &datagram, &tuple);

	if (!proxy_lets_in(result))
		return result;
	struct endpoint wanted = at(client);
	ck_assert(endpoint_equal(&tuple.client, &wanted));
	ck_assert_uint_eq(tuple.front, FRONT);
	ck_assert_uint_eq(datagram.len, PAYLOAD);
	ck_assert_ptr_eq(datagram.data, bytes + header_len);
	return result;
}

#define BALANCER "192.0.2.1:5000"

START_TEST(the_same_header_says_the_same)
{
	write_header("203.0.113.9:4000");
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(take(BALANCER, "203.0.113.9:4000"), PROXY_RESULT_V2);
		ck_assert_uint_eq(turn.counters.proxy_results[PROXY_RESULT_V2], i);
		ck_assert_uint_eq(last.len, header_len);
	}
	write_header("[2001:db8::9]:4000");
	for (unsigned i = 4; i <= 5; i++) {
		ck_assert_int_eq(take(BALANCER, "[2001:db8::9]:4000"), PROXY_RESULT_V2);
		ck_assert_uint_eq(turn.counters.proxy_results[PROXY_RESULT_V2], i);
	}
	write_header("203.0.113.9:4001");
	ck_assert_int_eq(take(BALANCER, "203.0.113.9:4001"), PROXY_RESULT_V2);
}
END_TEST

/* The health check of one balancer is not another's client. */
START_TEST(the_balancer_counts)
{
	write_header("203.0.113.9:4000");
	bytes[12] = 0x20; /* LOCAL */
	ck_assert_int_eq(take(BALANCER, BALANCER), PROXY_RESULT_LOCAL);
	ck_assert_int_eq(take("192.0.2.1:5001", "192.0.2.1:5001"), PROXY_RESULT_LOCAL);
	ck_assert_int_eq(take(BALANCER, BALANCER), PROXY_RESULT_LOCAL);
}
END_TEST

START_TEST(new_settings_judge_again)
{
	write_header("203.0.113.9:4000");
	ck_assert_int_eq(take(BALANCER, "203.0.113.9:4000"), PROXY_RESULT_V2);
	ck_assert(ip_prefix_parse("198.51.100.0/24", &only[0]));
	for (int side = 0; side < SIDE_COUNT; side++) {
		settings.sides[side].clients = only;
		settings.sides[side].count = 1;
	}
	settings.turn.generation++;
	ck_assert_int_eq(take(BALANCER, NULL), PROXY_RESULT_CLIENT_ACL);
	ck_assert_int_eq(take(BALANCER, NULL), PROXY_RESULT_CLIENT_ACL);
	ck_assert_uint_eq(turn.counters.proxy_results[PROXY_RESULT_CLIENT_ACL], 2);
}
END_TEST

/* The length of what comes is that of the datagram at hand, not of the last one. */
START_TEST(a_shorter_one_is_read)
{
	struct five_tuple tuple = {.client = at(BALANCER), .front = FRONT};

	write_header("203.0.113.9:4000");
	ck_assert_int_eq(take(BALANCER, "203.0.113.9:4000"), PROXY_RESULT_V2);
	for (size_t len = 0; len < header_len; len++) {
		struct slice datagram = {bytes, len};

		ck_assert(
			!proxy_lets_in(proxy_take(&delivery, &last, &datagram, &tuple)));
		ck_assert_uint_eq(datagram.len, len);
	}
	ck_assert_int_eq(take(BALANCER, "203.0.113.9:4000"), PROXY_RESULT_V2);
}
END_TEST

START_TEST(what_is_no_header_is_not_remembered)
{
	write_header("203.0.113.9:4000");
	ck_assert_int_eq(take(BALANCER, "203.0.113.9:4000"), PROXY_RESULT_V2);
	bytes[0] = 0x40;
	ck_assert_int_eq(take(BALANCER, NULL), PROXY_RESULT_MISSING);
	ck_assert_int_eq(take(BALANCER, NULL), PROXY_RESULT_MISSING);
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("proxy");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, the_same_header_says_the_same);
	tcase_add_test(tc, the_balancer_counts);
	tcase_add_test(tc, new_settings_judge_again);
	tcase_add_test(tc, a_shorter_one_is_read);
	tcase_add_test(tc, what_is_no_header_is_not_remembered);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("proxy", add_cases)
