/*
 * test_change.c - adding and removing fronts of running workers; a change that fails at
 * the last moment leaves nothing behind.
 */
#include "relay/reload/change.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "relay/front/fronts.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

static struct relay_fixture fixture;

static void begin(void)
{
	relay_fixture_start(&fixture, NULL, NULL);
	fixture.relay.network = network_new();
	ck_assert_ptr_nonnull(fixture.relay.network);
	network_set(fixture.relay.network, &fixture.view);
	fixture.relay.shared.fronts = network_view(fixture.relay.network)->fronts;
	fixture.relay.shared.front_count = FRONTS_MAX;
}

static void end(void)
{
	relay_fixture_stop(&fixture);
	network_free(fixture.relay.network);
}

static struct endpoint inside(uint16_t port)
{
	return (struct endpoint){fixture.config->sides[SIDE_INSIDE].addresses[0], port};
}

/* The fixture's addresses, with fronts only inside and on that port. */
static struct relay_config *listening_on(uint16_t port)
{
	char text[512], error[512], in[ENDPOINT_TEXT_LEN], out[ENDPOINT_TEXT_LEN];
	const struct relay_config_side *sides = fixture.config->sides;

	snprintf(text, sizeof(text),
		 "side inside { addresses = {%s} udp_ports = %u tcp_ports = %u }\n"
		 "side outside { addresses = {%s} public = {203.0.113.9} udp_ports = 0 "
		 "tcp_ports = 0 }\n",
		 ip_addr_format(&sides[SIDE_INSIDE].addresses[0], in, sizeof(in)), port,
		 port,
		 ip_addr_format(&sides[SIDE_OUTSIDE].addresses[0], out, sizeof(out)));
	struct relay_config *config =
		relay_config_parse("F", text, strlen(text), error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	return config;
}

static bool somebody_listens(uint16_t port)
{
	struct endpoint to = inside(port);
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&to, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	bool ok = connect(fd, (struct sockaddr *)&sa, len) == 0;
	close(fd);
	return ok;
}

/*
 * True if another program could bind it. Without SO_REUSEPORT any socket of ours prevents
 * that.
 */
static bool datagrams_are_free(uint16_t port)
{
	struct endpoint to = inside(port);
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&to, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert_int_ge(fd, 0);
	bool ok = bind(fd, (struct sockaddr *)&sa, len) == 0;
	close(fd);
	return ok;
}

static void must_change(uint16_t port)
{
	struct relay_config *config = listening_on(port);
	struct change change;
	char error[512] = "";

	ck_assert_msg(change_prepare(&change, &fixture.relay, config, error,
				     sizeof(error)),
		      "%s", error);
	ck_assert_msg(change_open(&change, error, sizeof(error)), "%s", error);
	change_finish(&change);
	relay_config_free(config);
}

START_TEST(fronts_are_added_retired_and_removed)
{
	struct network_front rows[FRONTS_MAX];

	must_change(14433);
	ck_assert(somebody_listens(14433) && !datagrams_are_free(14433));

	must_change(14434);
	ck_assert(somebody_listens(14434) && !somebody_listens(14433));
	ck_assert(!datagrams_are_free(14433));
	ck_assert(change_is_due(&fixture.relay));

	must_change(14434);
	ck_assert(somebody_listens(14434) && datagrams_are_free(14433));
	ck_assert(!change_is_due(&fixture.relay));
	ck_assert_uint_eq(network_fronts(fixture.relay.network, rows), 4);
}
END_TEST

/* A client keeps the front it came through, and no other. */
START_TEST(a_front_waits_for_its_last_allocation)
{
	static struct relay_client client;

	client_connect(&client, &fixture, 0);
	client_allocate(&client, DIALECT_IETF);
	must_change(14433);
	ck_assert(change_is_due(&fixture.relay)); /* for the other worker's front */
	must_change(14433);
	ck_assert(!change_is_due(&fixture.relay));
	ck_assert(!relay_front_is_empty(&fixture.relay, 0));

	client_release(&client);
	ck_assert(change_is_due(&fixture.relay));
	must_change(14433);
	ck_assert(!change_is_due(&fixture.relay));
	client_close(&client);
}
END_TEST

/* A TCP front and its TLS front go at once, with the last allocation of both. */
START_TEST(a_pair_is_judged_as_one)
{
	const struct network_view *now = network_view(fixture.relay.network);
	size_t tcp = 0;

	must_change(14433);
	must_change(14434);
	while (now->fronts[tcp].transport != TRANSPORT_TCP ||
	       now->front_states[tcp] != NETWORK_RETIRED)
		ck_assert_uint_lt(++tcp, FRONTS_MAX);
	ck_assert_int_eq(now->fronts[tcp + 1].transport, TRANSPORT_TLS);

	uint32_t *held = &fixture.relay.workers[1]->turn.front_allocations[tcp + 1];
	__atomic_store_n(held, 1, __ATOMIC_RELAXED);
	must_change(14434);
	ck_assert_int_eq(now->front_states[tcp], NETWORK_RETIRED);
	ck_assert_int_eq(now->front_states[tcp + 1], NETWORK_RETIRED);
	ck_assert(!change_is_due(&fixture.relay));

	__atomic_store_n(held, 0, __ATOMIC_RELAXED);
	ck_assert(change_is_due(&fixture.relay));
	must_change(14434);
	ck_assert_int_eq(now->front_states[tcp], NETWORK_FREE);
	ck_assert_int_eq(now->front_states[tcp + 1], NETWORK_FREE);
}
END_TEST

/* The event loop accepts sockets but not files, so the second worker fails. */
START_TEST(a_late_failure_undoes_the_change)
{
	struct relay_config *config = listening_on(14433);
	struct network_view before = *network_view(fixture.relay.network);
	const struct network_view *now = network_view(fixture.relay.network);
	struct change change;
	char error[512] = "";
	int *fd = NULL;

	ck_assert(change_prepare(&change, &fixture.relay, config, error, sizeof(error)));
	for (size_t i = 0; i < FRONTS_MAX && fd == NULL; i++) {
		if (change.sockets[1].tcp[i] >= 0)
			fd = &change.sockets[1].tcp[i];
	}
	ck_assert_ptr_nonnull(fd);
	close(*fd);
	*fd = open("/", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(*fd, 0);

	ck_assert(!change_open(&change, error, sizeof(error)));
	ck_assert_str_ne(error, "");
	ck_assert(!somebody_listens(14433));
	ck_assert(datagrams_are_free(14433));
	ck_assert_int_eq(memcmp(before.front_states, now->front_states,
				sizeof(before.front_states)),
			 0);
	ck_assert_int_eq(memcmp(before.relay_states, now->relay_states,
				sizeof(before.relay_states)),
			 0);
	relay_config_free(config);
	must_change(14433);
	ck_assert(somebody_listens(14433));
}
END_TEST

START_TEST(a_change_can_be_abandoned)
{
	struct relay_config *config = listening_on(14433);
	struct change change;
	char error[512] = "";

	ck_assert(change_prepare(&change, &fixture.relay, config, error, sizeof(error)));
	ck_assert(!datagrams_are_free(14433));
	change_abandon(&change);
	ck_assert(datagrams_are_free(14433));
	relay_config_free(config);
}
END_TEST

static void change_suite(Suite *suite)
{
	TCase *tc = tcase_create("change");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, fronts_are_added_retired_and_removed);
	tcase_add_test(tc, a_front_waits_for_its_last_allocation);
	tcase_add_test(tc, a_pair_is_judged_as_one);
	tcase_add_test(tc, a_late_failure_undoes_the_change);
	tcase_add_test(tc, a_change_can_be_abandoned);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("change", change_suite)
