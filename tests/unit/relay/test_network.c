/*
 * test_network.c - the effect of successive configurations on fronts and outside
 * addresses. A picture lists every row in the order of the indices.
 */
#include "relay/reload/network.h"

#include <stdio.h>

#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

#define IN(more) "side inside { addresses = {10.0.0.5} " more " }\n"
#define OUT(addresses, more) "side outside { addresses = {" addresses "} " more " }\n"
#define UDP "tcp_ports = 0"

static struct network *network;

static void begin(void)
{
	network = network_new();
	ck_assert_ptr_nonnull(network);
}

static void end(void)
{
	network_free(network);
}

/* The plan for that text, applied if it is possible. False with the message in error. */
static bool change(const char *text, char *error, size_t error_size)
{
	struct relay_config *config =
		relay_config_parse("F", text, strlen(text), error, error_size);
	struct network_view plan;

	ck_assert_msg(config != NULL, "%s", error);
	bool ok = network_plan(network, config, &plan, error, error_size);
	if (ok)
		network_set(network, &plan);
	relay_config_free(config);
	return ok;
}

static void must_change(const char *text)
{
	char error[512] = "";

	ck_assert_msg(change(text, error, sizeof(error)), "%s", error);
}

static void must_look_like(const char *want)
{
	struct network_front fronts[FRONTS_MAX];
	struct network_address addresses[PORT_POOL_ADDRESSES_MAX];
	char picture[4096] = "", a[ENDPOINT_TEXT_LEN], b[ENDPOINT_TEXT_LEN];
	size_t len = 0, count = network_fronts(network, fronts);

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(
			picture + len, sizeof(picture) - len, "%u %s %s %s%s\n",
			fronts[i].index, side_name(fronts[i].front.side),
			transport_name(fronts[i].front.transport),
			endpoint_format(&fronts[i].front.local, a, sizeof(a)),
			fronts[i].retired ? " retired" : "");
	count = network_addresses(network, addresses);
	for (size_t i = 0; i < count; i++) {
		const struct relay_address *address = &addresses[i].address;

		len += (size_t)snprintf(picture + len, sizeof(picture) - len,
					"relay %u %s %s%s\n", addresses[i].index,
					ip_addr_format(&address->local, a, sizeof(a)),
					ip_addr_format(&address->public, b, sizeof(b)),
					address->retired ? " retired" : "");
	}
	ck_assert_str_eq(picture, want);
}

START_TEST(a_port_is_two_fronts)
{
	must_change(IN("") OUT("192.0.2.10", "udp_ports = 0"));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 inside tcp 10.0.0.5:443\n"
		       "3 inside tls 10.0.0.5:443\n"
		       "4 outside tcp 192.0.2.10:443\n"
		       "5 outside tls 192.0.2.10:443\n"
		       "relay 0 192.0.2.10 192.0.2.10\n");
}
END_TEST

START_TEST(every_port_of_a_list_is_on_every_address)
{
	must_change(IN(UDP) OUT("192.0.2.10, 192.0.2.11",
				"udp_ports = {3478, 443} tcp_ports = {443, 5349}"));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478\n"
		       "3 outside dtls 192.0.2.10:3478\n"
		       "4 outside udp 192.0.2.10:443\n"
		       "5 outside dtls 192.0.2.10:443\n"
		       "6 outside tcp 192.0.2.10:443\n"
		       "7 outside tls 192.0.2.10:443\n"
		       "8 outside tcp 192.0.2.10:5349\n"
		       "9 outside tls 192.0.2.10:5349\n"
		       "10 outside udp 192.0.2.11:3478\n"
		       "11 outside dtls 192.0.2.11:3478\n"
		       "12 outside udp 192.0.2.11:443\n"
		       "13 outside dtls 192.0.2.11:443\n"
		       "14 outside tcp 192.0.2.11:443\n"
		       "15 outside tls 192.0.2.11:443\n"
		       "16 outside tcp 192.0.2.11:5349\n"
		       "17 outside tls 192.0.2.11:5349\n"
		       "relay 0 192.0.2.10 192.0.2.10\n"
		       "relay 1 192.0.2.11 192.0.2.11\n");

	/* One goes, one comes, the order changes. */
	must_change(IN(UDP) OUT("192.0.2.10",
				"udp_ports = {443, 53, 3478} tcp_ports = 5349"));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478\n"
		       "3 outside dtls 192.0.2.10:3478\n"
		       "4 outside udp 192.0.2.10:443\n"
		       "5 outside dtls 192.0.2.10:443\n"
		       "6 outside tcp 192.0.2.10:443 retired\n"
		       "7 outside tls 192.0.2.10:443 retired\n"
		       "8 outside tcp 192.0.2.10:5349\n"
		       "9 outside tls 192.0.2.10:5349\n"
		       "10 outside udp 192.0.2.11:3478 retired\n"
		       "11 outside dtls 192.0.2.11:3478 retired\n"
		       "12 outside udp 192.0.2.11:443 retired\n"
		       "13 outside dtls 192.0.2.11:443 retired\n"
		       "14 outside tcp 192.0.2.11:443 retired\n"
		       "15 outside tls 192.0.2.11:443 retired\n"
		       "16 outside tcp 192.0.2.11:5349 retired\n"
		       "17 outside tls 192.0.2.11:5349 retired\n"
		       "18 outside udp 192.0.2.10:53\n"
		       "19 outside dtls 192.0.2.10:53\n"
		       "relay 0 192.0.2.10 192.0.2.10\n"
		       "relay 1 192.0.2.11 192.0.2.11 retired\n");
}
END_TEST

START_TEST(a_kept_row_keeps_its_index_and_a_removed_one_retires)
{
	must_change(IN(UDP) OUT("192.0.2.10, 192.0.2.11", UDP));
	must_change(IN(UDP) OUT("192.0.2.12, 192.0.2.11", UDP));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478 retired\n"
		       "3 outside dtls 192.0.2.10:3478 retired\n"
		       "4 outside udp 192.0.2.11:3478\n"
		       "5 outside dtls 192.0.2.11:3478\n"
		       "6 outside udp 192.0.2.12:3478\n"
		       "7 outside dtls 192.0.2.12:3478\n"
		       "relay 0 192.0.2.10 192.0.2.10 retired\n"
		       "relay 1 192.0.2.11 192.0.2.11\n"
		       "relay 2 192.0.2.12 192.0.2.12\n");

	/* Listed again, at its old index. */
	must_change(IN(UDP) OUT("192.0.2.10", UDP));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478\n"
		       "3 outside dtls 192.0.2.10:3478\n"
		       "4 outside udp 192.0.2.11:3478 retired\n"
		       "5 outside dtls 192.0.2.11:3478 retired\n"
		       "6 outside udp 192.0.2.12:3478 retired\n"
		       "7 outside dtls 192.0.2.12:3478 retired\n"
		       "relay 0 192.0.2.10 192.0.2.10\n"
		       "relay 1 192.0.2.11 192.0.2.11 retired\n"
		       "relay 2 192.0.2.12 192.0.2.12 retired\n");
}
END_TEST

START_TEST(a_free_index_is_used_again)
{
	must_change(IN(UDP) OUT("192.0.2.10", UDP));
	must_change(IN(UDP) OUT("192.0.2.11", UDP));

	struct network_view view = *network_view(network);
	view.front_states[2] = NETWORK_FREE;
	view.front_states[3] = NETWORK_FREE;
	view.relay_states[0] = NETWORK_FREE;
	network_set(network, &view);
	must_change(IN("") OUT("192.0.2.11", UDP));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 inside tcp 10.0.0.5:443\n"
		       "3 inside tls 10.0.0.5:443\n"
		       "4 outside udp 192.0.2.11:3478\n"
		       "5 outside dtls 192.0.2.11:3478\n"
		       "relay 1 192.0.2.11 192.0.2.11\n");
	must_change(IN("") OUT("192.0.2.11, 192.0.2.12", UDP));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 inside tcp 10.0.0.5:443\n"
		       "3 inside tls 10.0.0.5:443\n"
		       "4 outside udp 192.0.2.11:3478\n"
		       "5 outside dtls 192.0.2.11:3478\n"
		       "6 outside udp 192.0.2.12:3478\n"
		       "7 outside dtls 192.0.2.12:3478\n"
		       "relay 0 192.0.2.12 192.0.2.12\n"
		       "relay 1 192.0.2.11 192.0.2.11\n");
}
END_TEST

START_TEST(another_public_address_is_another_address)
{
	must_change(IN(UDP) OUT("192.0.2.10", UDP " public = {203.0.113.1}"));
	must_change(IN(UDP) OUT("192.0.2.10", UDP " public = {203.0.113.2}"));
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478\n"
		       "3 outside dtls 192.0.2.10:3478\n"
		       "relay 0 192.0.2.10 203.0.113.1 retired\n"
		       "relay 1 192.0.2.10 203.0.113.2\n");
}
END_TEST

/* Its sockets are still open, so a change of side would mix up their clients. */
START_TEST(a_retired_front_cannot_change_sides)
{
	char error[512] = "";

	must_change(IN(UDP) OUT("192.0.2.10, 192.0.2.11", UDP));
	ck_assert(!change("side inside { addresses = {10.0.0.5,\n192.0.2.11} " UDP
			  " }\n" OUT("192.0.2.10", UDP),
			  error, sizeof(error)));
	ck_assert_msg(strncmp(error, "F:2:1: side.inside.addresses: 192.0.2.11:3478 ",
			      46) == 0 &&
			      strstr(error, "side outside") && strchr(error, ';'),
		      "%s", error);
	must_look_like("0 inside udp 10.0.0.5:3478\n"
		       "1 inside dtls 10.0.0.5:3478\n"
		       "2 outside udp 192.0.2.10:3478\n"
		       "3 outside dtls 192.0.2.10:3478\n"
		       "4 outside udp 192.0.2.11:3478\n"
		       "5 outside dtls 192.0.2.11:3478\n"
		       "relay 0 192.0.2.10 192.0.2.10\n"
		       "relay 1 192.0.2.11 192.0.2.11\n");
}
END_TEST

/* Each reload has other addresses, and none of them loses its last client. */
START_TEST(indices_run_out_before_they_are_used_twice)
{
	char text[512], error[512] = "";
	unsigned done = 0;

	for (; done < 200; done++) {
		snprintf(text, sizeof(text), IN(UDP) OUT("192.0.2.%u", UDP), done + 1);
		if (!change(text, error, sizeof(error)))
			break;
	}
	ck_assert_uint_eq(done, PORT_POOL_ADDRESSES_MAX);
	ck_assert_msg(strstr(error, "; wait, or name fewer") != NULL, "%s", error);

	network_free(network);
	network = network_new();
	for (done = 0; done < 200; done++) {
		snprintf(text, sizeof(text),
			 "side inside { addresses = {10.0.0.%u} udp_ports = 0 }\n" OUT(
				 "192.0.2.1", UDP),
			 done + 1);
		if (!change(text, error, sizeof(error)))
			break;
	}
	ck_assert_uint_eq(done, (FRONTS_MAX - 2) / 2);
	ck_assert_msg(strstr(error, "; wait, or list fewer") != NULL, "%s", error);
}
END_TEST

static void network_suite(Suite *suite)
{
	TCase *tc = tcase_create("network");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_port_is_two_fronts);
	tcase_add_test(tc, every_port_of_a_list_is_on_every_address);
	tcase_add_test(tc, a_kept_row_keeps_its_index_and_a_removed_one_retires);
	tcase_add_test(tc, a_free_index_is_used_again);
	tcase_add_test(tc, another_public_address_is_another_address);
	tcase_add_test(tc, a_retired_front_cannot_change_sides);
	tcase_add_test(tc, indices_run_out_before_they_are_used_twice);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("network", network_suite)
