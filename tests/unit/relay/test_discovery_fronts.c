/*
 * test_discovery_fronts.c - which fronts serve NAT behaviour discovery, and which others answer
 * for them (T-530, T-531).
 */
#include "relay/reload/discovery_fronts.h"

#include <stdio.h>

#include "relay/reload/network.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *name;
	const char *inside, *outside; /* keys of the sides */
	const char *picture;          /* UDP fronts that serve: itself, and its others */
} rows[] = {
	{"T-530 off by default",
	 "addresses = {10.0.0.5, 10.0.0.6} udp_ports = {1000, 1001}",
	 "addresses = {192.0.2.1, 192.0.2.2} udp_ports = {3478, 3479}", ""},
	{"T-530 two addresses, two ports: the pairs of the RFC", "addresses = {10.0.0.5}",
	 "addresses = {192.0.2.1, 192.0.2.2} udp_ports = {3478, 3479} nat_discovery = true",
	 "192.0.2.1:3478 192.0.2.1:3479 192.0.2.2:3478 192.0.2.2:3479\n"
	 "192.0.2.1:3479 192.0.2.1:3478 192.0.2.2:3479 192.0.2.2:3478\n"
	 "192.0.2.2:3478 192.0.2.2:3479 192.0.2.1:3478 192.0.2.1:3479\n"
	 "192.0.2.2:3479 192.0.2.2:3478 192.0.2.1:3479 192.0.2.1:3478\n"},
	{"T-530 inside",
	 "addresses = {10.0.0.5, 10.0.0.6} udp_ports = {1000, 1001} nat_discovery = true",
	 "addresses = {192.0.2.1}",
	 "10.0.0.5:1000 10.0.0.5:1001 10.0.0.6:1000 10.0.0.6:1001\n"
	 "10.0.0.5:1001 10.0.0.5:1000 10.0.0.6:1001 10.0.0.6:1000\n"
	 "10.0.0.6:1000 10.0.0.6:1001 10.0.0.5:1000 10.0.0.5:1001\n"
	 "10.0.0.6:1001 10.0.0.6:1000 10.0.0.5:1001 10.0.0.5:1000\n"},
	{"T-530 three addresses and three ports: each has the next",
	 "addresses = {10.0.0.5}",
	 "addresses = {192.0.2.1, 192.0.2.2, 192.0.2.3} udp_ports = {1, 2, 3} "
	 "nat_discovery = true",
	 "192.0.2.1:1 192.0.2.1:2 192.0.2.2:1 192.0.2.2:2\n"
	 "192.0.2.1:2 192.0.2.1:3 192.0.2.2:2 192.0.2.2:3\n"
	 "192.0.2.1:3 192.0.2.1:1 192.0.2.2:3 192.0.2.2:1\n"
	 "192.0.2.2:1 192.0.2.2:2 192.0.2.3:1 192.0.2.3:2\n"
	 "192.0.2.2:2 192.0.2.2:3 192.0.2.3:2 192.0.2.3:3\n"
	 "192.0.2.2:3 192.0.2.2:1 192.0.2.3:3 192.0.2.3:1\n"
	 "192.0.2.3:1 192.0.2.3:2 192.0.2.1:1 192.0.2.1:2\n"
	 "192.0.2.3:2 192.0.2.3:3 192.0.2.1:2 192.0.2.1:3\n"
	 "192.0.2.3:3 192.0.2.3:1 192.0.2.1:3 192.0.2.1:1\n"},
	{"T-531 families apart: a family with one address does not serve",
	 "addresses = {10.0.0.5}",
	 "addresses = {192.0.2.1, \"2001:db8::1\", \"2001:db8::2\"} udp_ports = {1, 2} "
	 "nat_discovery = true",
	 "[2001:db8::1]:1 [2001:db8::1]:2 [2001:db8::2]:1 [2001:db8::2]:2\n"
	 "[2001:db8::1]:2 [2001:db8::1]:1 [2001:db8::2]:2 [2001:db8::2]:1\n"
	 "[2001:db8::2]:1 [2001:db8::2]:2 [2001:db8::1]:1 [2001:db8::1]:2\n"
	 "[2001:db8::2]:2 [2001:db8::2]:1 [2001:db8::1]:2 [2001:db8::1]:1\n"},
	{"T-530 behind 1:1 NAT: public addresses", "addresses = {10.0.0.5}",
	 "addresses = {192.168.0.1, 192.168.0.2} public = {192.0.2.1, 192.0.2.2} "
	 "udp_ports = {1, 2} nat_discovery = true",
	 "192.0.2.1:1 192.0.2.1:2 192.0.2.2:1 192.0.2.2:2\n"
	 "192.0.2.1:2 192.0.2.1:1 192.0.2.2:2 192.0.2.2:1\n"
	 "192.0.2.2:1 192.0.2.2:2 192.0.2.1:1 192.0.2.1:2\n"
	 "192.0.2.2:2 192.0.2.2:1 192.0.2.1:2 192.0.2.1:1\n"},
};

static struct network_view view;
static struct nat_discovery discovery;

/* Fill in both for these sides, on the network as it was. */
static void fill(struct network *network, const char *inside, const char *outside)
{
	char text[1024], error[512] = "";

	snprintf(text, sizeof(text), "side inside { %s }\nside outside { %s }\n", inside,
		 outside);
	struct relay_config *config =
		relay_config_parse("F", text, strlen(text), error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	ck_assert_msg(network_plan(network, config, &view, error, sizeof(error)), "%s",
		      error);
	network_set(network, &view);
	memset(&discovery, 0, sizeof(discovery));
	discovery_fronts_fill(config, &view, &discovery);
	relay_config_free(config);
}

static unsigned count(enum transport transport)
{
	unsigned found = 0;

	for (size_t i = 0; i < FRONTS_MAX; i++)
		found += discovery.fronts[i].serves &&
			 view.fronts[i].transport == transport;
	return found;
}

START_TEST(each_front_has_its_others) /* T-530 T-531 */
{
	struct network *network = network_new();
	char picture[2048] = "", text[ENDPOINT_TEXT_LEN];
	size_t len = 0;

	fill(network, rows[_i].inside, rows[_i].outside);
	for (uint16_t i = 0; i < FRONTS_MAX; i++) {
		if (!discovery.fronts[i].serves ||
		    view.fronts[i].transport != TRANSPORT_UDP)
			continue;
		for (int origin = 0; origin < DISCOVERY_ORIGINS; origin++) {
			struct endpoint seen =
				nat_discovery_origin(&discovery, view.fronts, i,
						     (enum discovery_origin)origin);

			len += (size_t)snprintf(
				picture + len, sizeof(picture) - len, "%s%s",
				endpoint_format(&seen, text, sizeof(text)),
				origin == DISCOVERY_OTHER ? "\n" : " ");
		}
	}
	ck_assert_msg(strcmp(picture, rows[_i].picture) == 0, "%s:\n%s", rows[_i].name,
		      picture);
	network_free(network);
}
END_TEST

#define TWO \
	"addresses = {192.0.2.1, 192.0.2.2} udp_ports = {3478, 3479} nat_discovery = true "

START_TEST(streams_serve_it_with_two_ports) /* T-534 */
{
	struct network *network = network_new();

	fill(network, "addresses = {10.0.0.5}", TWO "tcp_ports = {443, 444}");
	ck_assert_uint_eq(count(TRANSPORT_DTLS), 4);
	ck_assert_uint_eq(count(TRANSPORT_TCP), 4);
	ck_assert_uint_eq(count(TRANSPORT_TLS), 4);
	network_free(network);
	network = network_new();
	fill(network, "addresses = {10.0.0.5}", TWO "tcp_ports = 443");
	ck_assert_uint_eq(count(TRANSPORT_UDP), 4);
	ck_assert_uint_eq(count(TRANSPORT_TCP), 0);
	network_free(network);
}
END_TEST

START_TEST(a_retired_front_answers_for_none) /* T-531 */
{
	struct network *network = network_new();

	fill(network, "addresses = {10.0.0.5}", TWO);
	ck_assert_uint_eq(count(TRANSPORT_UDP), 4);
	fill(network, "addresses = {10.0.0.5}",
	     "addresses = {192.0.2.1} udp_ports = 3478");
	ck_assert_uint_eq(count(TRANSPORT_UDP), 0);
	fill(network, "addresses = {10.0.0.5}", TWO "response_port = true");
	ck_assert_uint_eq(count(TRANSPORT_UDP), 4);
	ck_assert(discovery.response_port[SIDE_OUTSIDE] &&
		  !discovery.response_port[SIDE_INSIDE]);
	network_free(network);
}
END_TEST

static void discovery_fronts_suite(Suite *suite)
{
	TCase *tc = tcase_create("discovery_fronts");
	tcase_add_loop_test(tc, each_front_has_its_others, 0, ROWS(rows));
	tcase_add_test(tc, streams_serve_it_with_two_ports);
	tcase_add_test(tc, a_retired_front_answers_for_none);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("discovery_fronts", discovery_fronts_suite)
