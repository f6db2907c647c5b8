/*
 * test_mras_answer.c - writing responses of [MS-AVEDGEA]. For requests see
 * test_mras_xml.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/mras_xml.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/auth/mras_requests.h"
#include "tests/unit/auth/mras_schema.h"
#include "tests/unit/lib/unit.h"

static struct mras_fixture fixture;

static void make(void)
{
	mras_fixture_make(&fixture);
}

static void end(void)
{
	mras_fixture_free(&fixture);
}

static void check_schema(const char *answer)
{
	if (mras_schema_is_available())
		ck_assert_msg(*mras_schema_fault(answer) == '\0', "%s%s",
			      mras_schema_fault(answer), answer);
}

/* The answer to that body, which fits the schema. */
static char *respond(const char *body, size_t *len)
{
	char *answer = mras_fixture_respond(&fixture, body, len);

	ck_assert_ptr_nonnull(answer);
	check_schema(answer);
	return answer;
}

/* The text between two others; static. */
static const char *between(const char *text, const char *before, const char *after)
{
	static char found[4][256];
	static unsigned turn;
	char *out = found[turn++ % 4];
	const char *start = strstr(text, before);

	ck_assert_msg(start != NULL, "no %s in %s", before, text);
	start += strlen(before);
	const char *stop = strstr(start, after);
	ck_assert_msg(stop != NULL && stop - start < 256, "no %s in %s", after, start);
	memcpy(out, start, (size_t)(stop - start));
	out[stop - start] = '\0';
	return out;
}

START_TEST(xml_response)
{
	char want[2048];
	size_t len;
	char *answer;

	fixture.service.realm = "relay & \"co\"";
	answer = respond(REQUEST(ID
				 "<location>internet</location><duration>480</duration>"),
			 &len);
	const char *username = between(answer, "<username>", "</username>");
	const char *password = between(answer, "<password>", "</password>");
	snprintf(
		want, sizeof(want),
		"<?xml version=\"1.0\"?>\r\n"
		"<response " NS
		" requestID=\"7\" version=\"2.0\" serverVersion=\"3.0\" " URIS
		" reasonPhrase=\"OK\"><credentialsResponse credentialsRequestID=\"8\">"
		"<credentials><username>%s</username><password>%s</password>"
		"<duration>480</duration><realm>relay &amp; &quot;co&quot;</realm></credentials>"
		"<mediaRelayList><mediaRelay><location>internet</location>"
		"<hostName>av.lab.example</hostName><udpPort>3478</udpPort>"
		"<tcpPort>443</tcpPort></mediaRelay></mediaRelayList></credentialsResponse>"
		"</response>",
		username, password);
	ck_assert_str_eq(answer, want);
	ck_assert(
		mras_fixture_accepts(&fixture, username, password, NOW_S + 480 * 60 - 1));
	ck_assert(!mras_fixture_accepts(&fixture, username, password, NOW_S + 480 * 60));
	free(answer);
}
END_TEST

START_TEST(xml_response_to_a_malformed_request)
{
	size_t len;
	char *answer = respond("<request/>", &len);

	ck_assert_str_eq(answer, "<?xml version=\"1.0\"?>\r\n<response " NS
				 " version=\"3.0\" serverVersion=\"3.0\""
				 " reasonPhrase=\"Request Malformed\"/>");
	free(answer);
}
END_TEST

START_TEST(xml_response_escapes)
{
	size_t len;
	char *answer = respond("<request requestID=\"&lt;&amp;&gt;&quot;&#39;&#9;&#10;\""
			       " version=\"2.0\" " URIS " " NS ">" PART(ID) CLOSED,
			       &len);

	ck_assert_str_eq(between(answer, "requestID=\"", "\""),
			 "&lt;&amp;&gt;&quot;&apos;&#9;&#10;");
	free(answer);
}
END_TEST

enum { NO_ADDRESS, WITH_IPV4, WITH_IPV6, HOST_IS_ADDRESS };

static const struct {
	const char *name;
	const char *version, *location;
	bool direct_ip;
	int addresses;
	const char *want; /* the hosts of the answer, in order */
} relays[] = {
	{"both sides", "2.0", "", false, WITH_IPV4,
	 "internet hostName av.lab.example intranet hostName edge-in.lab.example "},
	{"outside", "2.0", "<location>internet</location>", false, WITH_IPV4,
	 "internet hostName av.lab.example "},
	{"inside", "2.0", "<location>intranet</location>", false, WITH_IPV4,
	 "intranet hostName edge-in.lab.example "},
	{"address", "2.0", "<location>internet</location>", true, WITH_IPV4,
	 "internet directIPAddress 192.0.2.1 "},
	{"address where there is none", "2.0", "<location>internet</location>", true,
	 NO_ADDRESS, "internet hostName av.lab.example "},
	{"the host is an address", "2.0", "<location>internet</location>", true,
	 HOST_IS_ADDRESS, "internet directIPAddress 192.0.2.7 "},
	{"the host is an address, by name", "2.0", "<location>internet</location>", false,
	 HOST_IS_ADDRESS, "internet hostName 192.0.2.7 "},
	{"IPv6 since version 3.0", "3.0", "<location>internet</location>", true,
	 WITH_IPV6, "internet directIPAddress 2001:db8::1 "},
	{"IPv6 before version 3.0", "2.0", "<location>internet</location>", true,
	 WITH_IPV6, "internet hostName av.lab.example "},
};

/* location, kind and host of every relay in an answer. */
static void list_relays(const char *answer, char *list)
{
	*list = '\0';
	while ((answer = strstr(answer, "<mediaRelay>"))) {
		answer += strlen("<mediaRelay>");
		const char *kind = strstr(answer, "</location><");
		ck_assert_ptr_nonnull(kind);
		sprintf(list + strlen(list), "%s %s %s ",
			between(answer, "<location>", "<"),
			between(kind, "</location><", ">"),
			between(kind + strlen("</location><"), ">", "<"));
	}
}

START_TEST(xml_relays)
{
	char body[1024];
	char list[256];
	size_t len;

	if (relays[_i].addresses == WITH_IPV4)
		ck_assert(ip_addr_parse("192.0.2.1", &fixture.relays[0].direct));
	if (relays[_i].addresses == WITH_IPV6)
		ck_assert(ip_addr_parse("2001:db8::1", &fixture.relays[0].direct));
	if (relays[_i].addresses == HOST_IS_ADDRESS)
		fixture.relays[0].host = "192.0.2.7";
	snprintf(body, sizeof(body),
		 "<request requestID=\"7\" version=\"%s\" " URIS " %s " NS
		 ">" PART(ID "%s") CLOSED,
		 relays[_i].version, relays[_i].direct_ip ? "route=\"directip\"" : "",
		 relays[_i].location);
	char *answer = respond(body, &len);
	list_relays(answer, list);
	ck_assert_msg(strcmp(list, relays[_i].want) == 0, "%s: got %s", relays[_i].name,
		      list);
	free(answer);
}
END_TEST

START_TEST(xml_ports_that_are_not_offered)
{
	size_t len;
	char *answer;

	fixture.relays[0].udp_port_count = 0;
	fixture.relays[1].tcp_port_count = 0;
	answer = respond(REQUEST(ID), &len);
	ck_assert_ptr_nonnull(strstr(
		answer, "<hostName>av.lab.example</hostName><tcpPort>443</tcpPort></m"));
	ck_assert_ptr_nonnull(strstr(
		answer,
		"<hostName>edge-in.lab.example</hostName><udpPort>3479</udpPort></m"));
	free(answer);
}
END_TEST

/* The schema has room for one; a second mediaRelay would be a second relay to clients. */
START_TEST(xml_names_the_first_port_of_each_transport)
{
	static const uint16_t udp[] = {3478, 443}, tcp[] = {443, 3478, 5349};
	size_t len;
	char *answer;

	fixture.service.relay_count = 1;
	fixture.relays[0].udp_ports = udp;
	fixture.relays[0].udp_port_count = ARRAY_LEN(udp);
	fixture.relays[0].tcp_ports = tcp;
	fixture.relays[0].tcp_port_count = ARRAY_LEN(tcp);
	answer = respond(REQUEST(ID), &len);
	ck_assert_uint_eq(count_of(answer, "<mediaRelay>"), 1);
	ck_assert_ptr_nonnull(strstr(answer,
				     "<hostName>av.lab.example</hostName><udpPort>3478</"
				     "udpPort><tcpPort>443</tcpPort></m"));
	free(answer);
}
END_TEST

START_TEST(xml_relays_that_drain_are_left_out)
{
	size_t len;
	char *answer;

	fixture.relays[0].draining = true;
	answer = respond(REQUEST(ID), &len);
	ck_assert_ptr_nonnull(strstr(answer, "reasonPhrase=\"OK\""));
	ck_assert_uint_eq(count_of(answer, "<username>"), 1);
	ck_assert_uint_eq(count_of(answer, "<mediaRelay>"), 1);
	ck_assert_ptr_nonnull(strstr(answer, "<hostName>edge-in.lab.example</hostName>"));
	free(answer);

	/* The schema has no empty list. */
	answer = respond(REQUEST(ID "<location>internet</location>"), &len);
	ck_assert_ptr_nonnull(strstr(answer, "reasonPhrase=\"Not Supported\""));
	ck_assert_uint_eq(count_of(answer, "<username>"), 0);
	free(answer);
}
END_TEST

static const char *phrase_of(const char *body, int server)
{
	enum mras_reason reason;
	size_t len;
	struct mras_request *request = mras_request_parse(slice_of(body), &reason);
	char *answer = mras_respond(&fixture.service, fixture.memory,
				    &fixture.servers[server], request, reason, NOW_MS,
				    NOW_S, &len);
	const char *phrase = between(answer, "reasonPhrase=\"", "\"");

	check_schema(answer);
	/* If one part is refused, no part is granted. */
	if (strcmp(phrase, "OK") != 0)
		ck_assert_uint_eq(count_of(answer, "<"), 2);
	ck_assert_uint_eq(count_of(answer, "requestID="),
			  strcmp(phrase, "Request Malformed") != 0);
	mras_request_free(request);
	free(answer);
	return phrase;
}

START_TEST(xml_faults_of_the_service)
{
	static const char two[] = OPENED("") PART(ID)
		PART("<identity>sip:bob@other.example</identity>") CLOSED;

	ck_assert_str_eq(phrase_of(two, OPEN_SERVER), "OK");
	ck_assert_str_eq(phrase_of(two, LAB_SERVER), "Forbidden");
	ck_assert_str_eq(phrase_of(REQUEST("<identity>a&#10;b</identity>"), OPEN_SERVER),
			 "Request Malformed");

	fixture.service.identity_per_minute = 1;
	ck_assert_str_eq(phrase_of(two, OPEN_SERVER), "OK");
	ck_assert_str_eq(phrase_of(two, OPEN_SERVER), "Server Busy");
	fixture.service.identity_per_minute = 0;

	fixture.service.relay_count = 1;
	ck_assert_str_eq(phrase_of(REQUEST(ID "<location>intranet</location>"),
				   OPEN_SERVER),
			 "Not Supported");
	ck_assert_str_eq(phrase_of(REQUEST(ID), OPEN_SERVER), "OK");
	fixture.service.relay_count = 0;
	ck_assert_str_eq(phrase_of(REQUEST(ID), OPEN_SERVER), "Not Supported");
	fixture.service.relay_count = 2;

	fixture.service.keyring = NULL;
	ck_assert_str_eq(phrase_of(REQUEST(ID), OPEN_SERVER), "Not Supported");
}
END_TEST

START_TEST(xml_duration_is_what_was_granted)
{
	size_t len;
	char *answer = respond(REQUEST(ID "<duration>99999</duration>"), &len);

	ck_assert_str_eq(between(answer, "<duration>", "<"), "1440");
	free(answer);
	fixture.keyring->keys[0].not_after_s = NOW_S + 30;
	answer = respond(REQUEST(ID), &len);
	ck_assert_str_eq(between(answer, "<duration>", "<"), "1");
	free(answer);
}
END_TEST

/* A minute to 180 days, 8 hours if nothing is asked for. */
static const struct {
	const char *asked;
	const char *want;
} durations[] = {
	{"", "480"},
	{"<duration>1</duration>", "1"},
	{"<duration>480</duration>", "480"},
	{"<duration>259200</duration>", "259200"},
	{"<duration>259201</duration>", "259200"},
	{"<duration>4294967295</duration>", "259200"},
};

START_TEST(xml_durations_of_the_schema)
{
	char body[1024];
	size_t len;

	fixture.service.ttl_max_s = SERVICE_TTL_MAX_S;
	snprintf(body, sizeof(body), OPENED("") PART(ID "%s") CLOSED,
		 durations[_i].asked);
	char *answer = respond(body, &len);
	ck_assert_str_eq(between(answer, "<duration>", "<"), durations[_i].want);
	free(answer);
}
END_TEST

START_TEST(xml_realm_is_last_and_optional)
{
	size_t len;
	char *answer;

	fixture.service.realm = "edge";
	answer = respond(REQUEST(ID), &len);
	ck_assert_ptr_nonnull(
		strstr(answer, "</duration><realm>edge</realm></credentials>"));
	free(answer);
	fixture.service.realm = "";
	answer = respond(REQUEST(ID), &len);
	ck_assert_ptr_nonnull(strstr(answer, "</duration></credentials>"));
	free(answer);
}
END_TEST

/* 64 characters, as long as a name or address in an answer may be. */
START_TEST(xml_longest_host)
{
	char host[SERVICE_HOST_MAX + 1] = "";
	size_t len;

	memset(host, 'a', SERVICE_HOST_MAX);
	fixture.relays[0].host = host;
	free(respond(REQUEST(ID), &len));
	ck_assert_uint_eq(strlen(host), 64);
}
END_TEST

/* The schema does refuse what is wrong. */
START_TEST(xml_schema_refuses_other_answers)
{
	static const char *const wrong[][2] = {
		{"<hostName>av.lab.example<", "<hostName><"},
		{"<hostName>av.lab.example<",
		 "<hostName>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<"},
		{"<duration>480<", "<duration>0<"},
		{"<duration>480<", "<duration>259201<"},
		{"<udpPort>3478</udpPort><tcpPort>443</tcpPort>",
		 "<tcpPort>443</tcpPort><udpPort>3478</udpPort>"},
		{"reasonPhrase=\"OK\"", "reasonPhrase=\"Fine\""},
		{"reasonPhrase=\"OK\"", ""},
		{" version=\"2.0\"", ""},
		{"<location>internet<", "<location>outside<"},
		{"</password>", "</password><realm>early</realm>"},
	};
	char changed[8192];
	size_t len;

	if (!mras_schema_is_available())
		return;
	fixture.service.realm = "edge";
	char *answer = respond(REQUEST(ID), &len);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *at = strstr(answer, wrong[i][0]);

		ck_assert_msg(at != NULL, "no %s", wrong[i][0]);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - answer), answer,
			 wrong[i][1], at + strlen(wrong[i][0]));
		ck_assert_msg(*mras_schema_fault(changed) != '\0', "taken: %s", changed);
	}
	free(answer);
}
END_TEST

START_TEST(xml_reason_phrases)
{
	ck_assert_str_eq(mras_reason_phrase(MRAS_OK), "OK");
	ck_assert_str_eq(mras_reason_phrase(MRAS_MALFORMED), "Request Malformed");
	ck_assert_str_eq(mras_reason_phrase(MRAS_TOO_LARGE), "Request Too Large");
	ck_assert_str_eq(mras_reason_phrase(MRAS_NOT_SUPPORTED), "Not Supported");
	ck_assert_str_eq(mras_reason_phrase(MRAS_VERSION_MISMATCH), "Version Mismatch");
	ck_assert_str_eq(mras_reason_phrase(MRAS_FORBIDDEN), "Forbidden");
	ck_assert_str_eq(mras_reason_phrase(MRAS_BUSY), "Server Busy");
	ck_assert_str_eq(mras_reason_phrase(MRAS_TIME_OUT), "Time Out");
	ck_assert_str_eq(mras_reason_phrase(MRAS_INTERNAL_ERROR),
			 "Internal Server Error");
	ck_assert_str_eq(mras_reason_phrase(MRAS_OTHER_FAILURE), "Other Failure");
}
END_TEST
static void mras_answer_suite(Suite *suite)
{
	TCase *responses = tcase_create("responses");

	tcase_add_checked_fixture(responses, make, end);
	tcase_add_test(responses, xml_response);
	tcase_set_timeout(responses, 60);
	tcase_add_test(responses, xml_response_to_a_malformed_request);
	tcase_add_loop_test(responses, xml_durations_of_the_schema, 0, ROWS(durations));
	tcase_add_test(responses, xml_realm_is_last_and_optional);
	tcase_add_test(responses, xml_longest_host);
	tcase_add_test(responses, xml_schema_refuses_other_answers);
	tcase_add_test(responses, xml_response_escapes);
	tcase_add_loop_test(responses, xml_relays, 0, ROWS(relays));
	tcase_add_test(responses, xml_ports_that_are_not_offered);
	tcase_add_test(responses, xml_names_the_first_port_of_each_transport);
	tcase_add_test(responses, xml_relays_that_drain_are_left_out);
	tcase_add_test(responses, xml_faults_of_the_service);
	tcase_add_test(responses, xml_duration_is_what_was_granted);
	tcase_add_test(responses, xml_reason_phrases);
	suite_add_tcase(suite, responses);
}

UNIT_MAIN("mras_answer", mras_answer_suite)
