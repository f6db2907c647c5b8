/*
 * test_http_relays.c - the list of relays that mrasd returns over HTTP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/auth/http_fixture.h"
#include "tests/unit/lib/unit.h"

static char *urls_for(const char *location)
{
	char body[128];
	struct http_answer answer;
	json_t *urls;
	char *text;

	snprintf(body, sizeof(body), "{\"user\":\"a\"%s%s}", *location ? "," : "",
		 location);
	struct http_request request = http_post(body);
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	urls = json_object_get(
		json_array_get(json_object_get(answer.document, "iceServers"), 0),
		"urls");
	text = urls ? json_dumps(urls, JSON_COMPACT) : strdup("");
	http_answer_free(&answer);
	return text;
}

START_TEST(http_names_the_relays_of_a_location)
{
	static const struct {
		const char *location, *want;
	} rows[] = {
		{"\"location\":\"internet\"",
		 "[\"turn:av.lab.example:3478?transport=udp\","
		 "\"turn:av.lab.example:443?transport=tcp\","
		 "\"turns:av.lab.example:443?transport=tcp\"]"},
		{"\"location\":\"intranet\"",
		 "[\"turn:[2001:db8::5]:3479?transport=udp\","
		 "\"turn:[2001:db8::5]:444?transport=tcp\"]"},
		{"", "[\"turn:av.lab.example:3478?transport=udp\","
		     "\"turn:av.lab.example:443?transport=tcp\","
		     "\"turns:av.lab.example:443?transport=tcp\","
		     "\"turn:[2001:db8::5]:3479?transport=udp\","
		     "\"turn:[2001:db8::5]:444?transport=tcp\"]"},
	};

	fixture.relays[1].host = "2001:db8::5";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = urls_for(rows[i].location);

		ck_assert_str_eq(got, rows[i].want);
		free(got);
	}
	/* A browser refuses an empty list of URLs. */
	fixture.service.relay_count = 1;
	char *none = urls_for("\"location\":\"intranet\"");
	ck_assert_str_eq(none, "");
	free(none);
}
END_TEST

START_TEST(http_names_every_port)
{
	static const uint16_t udp[] = {3478, 443}, tcp[] = {443, 3478, 5349};

	fixture.service.relay_count = 1;
	fixture.relays[0].udp_ports = udp;
	fixture.relays[0].udp_port_count = ARRAY_LEN(udp);
	fixture.relays[0].tcp_ports = tcp;
	fixture.relays[0].tcp_port_count = ARRAY_LEN(tcp);
	fixture.relays[0].tls = true;
	char *tls = urls_for("\"location\":\"internet\"");
	ck_assert_str_eq(tls, "[\"turn:av.lab.example:3478?transport=udp\","
			      "\"turn:av.lab.example:443?transport=udp\","
			      "\"turn:av.lab.example:443?transport=tcp\","
			      "\"turns:av.lab.example:443?transport=tcp\","
			      "\"turn:av.lab.example:3478?transport=tcp\","
			      "\"turns:av.lab.example:3478?transport=tcp\","
			      "\"turns:av.lab.example:5349?transport=tcp\"]");
	free(tls);
	/* Without TLS, 5349 is a port like any other. */
	fixture.relays[0].tls = false;
	fixture.relays[0].udp_port_count = 0;
	char *plain = urls_for("\"location\":\"internet\"");
	ck_assert_str_eq(plain, "[\"turn:av.lab.example:443?transport=tcp\","
				"\"turn:av.lab.example:3478?transport=tcp\","
				"\"turn:av.lab.example:5349?transport=tcp\"]");
	free(plain);
}
END_TEST

START_TEST(http_lists_relays)
{
	struct http_request request = {.method = "GET", .path = "/v1/relays"};
	struct http_answer answer;

	ck_assert(ip_addr_parse("192.0.2.7", &fixture.relays[0].direct));
	fixture.relays[1].udp_port_count = 0;
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 200);
	http_check_schema(&request, &answer);
	ck_assert_str_eq(
		answer.reply.body,
		"{\"realm\":\"avedge\",\"relays\":["
		"{\"location\":\"internet\",\"host\":\"av.lab.example\","
		"\"address\":\"192.0.2.7\",\"udpPorts\":[3478],\"tcpPorts\":[443],"
		"\"tls\":true},"
		"{\"location\":\"intranet\",\"host\":\"edge-in.lab.example\","
		"\"udpPorts\":[],\"tcpPorts\":[444],\"tls\":false}]}");
	http_answer_free(&answer);
}
END_TEST

START_TEST(http_does_not_name_relays_that_drain)
{
	struct http_request list = {.method = "GET", .path = "/v1/relays"};
	struct http_request request = http_post("{\"user\":\"a\"}");
	struct http_answer answer;

	fixture.relays[0].draining = true;
	answer = http_ask(OPEN_SERVER, &list, NOW_MS);
	http_check_schema(&list, &answer);
	ck_assert_uint_eq(json_array_size(json_object_get(answer.document, "relays")), 1);
	ck_assert_ptr_null(strstr(answer.reply.body, "av.lab.example"));
	http_answer_free(&answer);
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 200);
	ck_assert_ptr_null(strstr(answer.reply.body, "av.lab.example"));
	ck_assert_ptr_nonnull(strstr(answer.reply.body, "edge-in.lab.example"));
	http_answer_free(&answer);

	/* No relay is left, and credentials are still issued. */
	fixture.relays[1].draining = true;
	answer = http_ask(OPEN_SERVER, &list, NOW_MS);
	http_check_schema(&list, &answer);
	ck_assert_uint_eq(json_array_size(json_object_get(answer.document, "relays")), 0);
	http_answer_free(&answer);
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 200);
	http_check_schema(&request, &answer);
	ck_assert_uint_eq(json_array_size(json_object_get(answer.document, "iceServers")),
			  0);
	http_answer_free(&answer);
}
END_TEST

static void http_relays_suite(Suite *suite)
{
	TCase *tc = tcase_create("http_relays");

	tcase_add_checked_fixture(tc, http_fixture_make, http_fixture_free);
	tcase_add_test(tc, http_names_the_relays_of_a_location);
	tcase_add_test(tc, http_names_every_port);
	tcase_add_test(tc, http_lists_relays);
	tcase_add_test(tc, http_does_not_name_relays_that_drain);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("http_relays", http_relays_suite)
