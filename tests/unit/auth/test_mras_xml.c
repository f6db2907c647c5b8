/*
 * test_mras_xml.c - reading requests of [MS-AVEDGEA]. For responses see
 * test_mras_answer.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/mras_xml.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/auth/mras_requests.h"
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
static const struct {
	const char *name;
	const char *body;
	enum mras_reason want;
} bodies[] = {
	{"minimal request", REQUEST(ID), MRAS_OK},
	{"as clients send it",
	 OPENED(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"")
		 PART(ID "<location>internet</location><duration>480</duration>") CLOSED,
	 MRAS_OK},
	{"with declaration and comments", "<?xml version=\"1.0\"?><!-- a -->" REQUEST(ID),
	 MRAS_OK},
	{"pretty printed",
	 OPENED("") "\r\n  " PART(
		 "\n\t" ID "\n\t<location> intranet\n</location>\n") "\n" CLOSED "\n",
	 MRAS_OK},
	{"another order", REQUEST("<duration>1</duration>" ID), MRAS_OK},
	{"with a prefix",
	 "<m:request requestID=\"\" version=\"1.0\" " URIS
	 " xmlns:m=\"http://schemas.microsoft.com/2006/09/sip/mrasp\"><m:credentialsRequest"
	 " credentialsRequestID=\"\"><m:identity>a</m:identity></m:credentialsRequest>"
	 "</m:request>",
	 MRAS_OK},
	{"an element of another namespace",
	 REQUEST(ID "<x xmlns=\"urn:x\"><identity>b</identity></x>"), MRAS_OK},
	{"an element of a later version", REQUEST(ID "<colour><red/></colour>"), MRAS_OK},
	{"the five entities of XML",
	 REQUEST("<identity>a&amp;&lt;&gt;&quot;&apos;</identity>"), MRAS_OK},
	{"CDATA", REQUEST("<identity><![CDATA[a<b]]></identity>"), MRAS_OK},

	{"nothing", "", MRAS_MALFORMED},
	{"white space", " \r\n", MRAS_MALFORMED},
	{"no XML", "hello", MRAS_MALFORMED},
	{"cut short", OPENED("") PART(ID), MRAS_MALFORMED},
	{"data after the end", REQUEST(ID) "<a/>", MRAS_MALFORMED},
	{"not nested", OPENED("") "<a></b>" CLOSED, MRAS_MALFORMED},
	{"not UTF-8", REQUEST("<identity>\xFF</identity>"), MRAS_MALFORMED},
	{"no namespace",
	 "<request requestID=\"7\" version=\"2.0\" " URIS ">" PART(ID) CLOSED,
	 MRAS_MALFORMED},
	{"another root", "<response " NS "/>", MRAS_MALFORMED},
	{"root of another namespace", "<request xmlns=\"urn:x\"/>", MRAS_MALFORMED},
	{"text between elements", REQUEST(ID "text"), MRAS_MALFORMED},
	{"text in the request", OPENED("") "x" PART(ID) CLOSED, MRAS_MALFORMED},
	{"an unknown entity", REQUEST("<identity>&x;</identity>"), MRAS_MALFORMED},
	{"an empty DTD", "<!DOCTYPE request>" REQUEST(ID), MRAS_MALFORMED},
	{"an external DTD",
	 "<!DOCTYPE request SYSTEM \"file:///etc/passwd\">" REQUEST(ID), MRAS_MALFORMED},
	{"an entity", "<!DOCTYPE request [<!ENTITY a \"b\">]>" REQUEST(ID),
	 MRAS_MALFORMED},

	{"no credentialsRequest", OPENED("") CLOSED, MRAS_MALFORMED},
	{"no identity", REQUEST("<duration>480</duration>"), MRAS_MALFORMED},
	{"empty identity", REQUEST("<identity/>"), MRAS_MALFORMED},
	{"blank identity", REQUEST("<identity> </identity>"), MRAS_MALFORMED},
	{"two identities", REQUEST(ID ID), MRAS_MALFORMED},
	{"two locations",
	 REQUEST(ID "<location>internet</location><location>internet</location>"),
	 MRAS_MALFORMED},
	{"an element in an identity", REQUEST("<identity>a<b/></identity>"),
	 MRAS_MALFORMED},
	{"identity outside", OPENED("") ID PART(ID) CLOSED, MRAS_MALFORMED},
	{"parts in parts", REQUEST(ID PART(ID)), MRAS_MALFORMED},
	{"a request in a request", OPENED("") OPENED("") PART(ID) CLOSED CLOSED,
	 MRAS_MALFORMED},
	{"a part without an id",
	 OPENED("") "<credentialsRequest>" ID "</credentialsRequest>" CLOSED,
	 MRAS_MALFORMED},
	{"bad location", REQUEST(ID "<location>extranet</location>"), MRAS_MALFORMED},
	{"empty location", REQUEST(ID "<location/>"), MRAS_MALFORMED},
	{"location in capitals", REQUEST(ID "<location>Internet</location>"),
	 MRAS_MALFORMED},

	{"no requestID", HEADED("version=\"2.0\" " URIS), MRAS_MALFORMED},
	{"no version", HEADED("requestID=\"7\" " URIS), MRAS_MALFORMED},
	{"no to", HEADED("requestID=\"7\" version=\"2.0\" from=\"sip:a@b\""),
	 MRAS_MALFORMED},
	{"no from", HEADED("requestID=\"7\" version=\"2.0\" to=\"sip:a@b\""),
	 MRAS_MALFORMED},
	{"an attribute twice",
	 HEADED("requestID=\"7\" requestID=\"7\" version=\"2.0\" " URIS), MRAS_MALFORMED},
	{"attributes of another namespace",
	 HEADED("xmlns:x=\"urn:x\" x:requestID=\"7\" version=\"2.0\" " URIS),
	 MRAS_MALFORMED},

	{"default route", OPENED(" route=\"loadbalanced\"") PART(ID) CLOSED, MRAS_OK},
	{"direct route", OPENED(" route=\"directip\"") PART(ID) CLOSED, MRAS_OK},
	{"unknown route", OPENED(" route=\"scenic\"") PART(ID) CLOSED,
	 MRAS_NOT_SUPPORTED},
	{"empty route", OPENED(" route=\"\"") PART(ID) CLOSED, MRAS_NOT_SUPPORTED},
};

START_TEST(xml_request)
{
	enum mras_reason reason;
	struct mras_request *request =
		mras_request_parse(slice_of(bodies[_i].body), &reason);

	ck_assert_msg(reason == bodies[_i].want, "%s: got %s", bodies[_i].name,
		      mras_reason_phrase(reason));
	ck_assert_msg(!request == (reason == MRAS_MALFORMED), "%s", bodies[_i].name);
	mras_request_free(request);
}
END_TEST

static const struct {
	const char *version;
	enum mras_reason want;
	int number;
	const char *answered;
} versions[] = {
	{"1.0", MRAS_OK, 1, "1.0"},
	{"2.0", MRAS_OK, 2, "2.0"},
	{"3.0", MRAS_OK, 3, "3.0"},
	{"0.0", MRAS_VERSION_MISMATCH, 0, "3.0"},
	{"4.0", MRAS_VERSION_MISMATCH, 0, "3.0"},
	{"2.1", MRAS_VERSION_MISMATCH, 0, "3.0"},
	{"2.00", MRAS_VERSION_MISMATCH, 0, "3.0"},
	{"12.0", MRAS_VERSION_MISMATCH, 0, "3.0"},
	{"2", MRAS_MALFORMED, 0, "3.0"},
	{"2.", MRAS_MALFORMED, 0, "3.0"},
	{".0", MRAS_MALFORMED, 0, "3.0"},
	{"", MRAS_MALFORMED, 0, "3.0"},
	{"2.0.0", MRAS_MALFORMED, 0, "3.0"},
	{"-2.0", MRAS_MALFORMED, 0, "3.0"},
	{"two", MRAS_MALFORMED, 0, "3.0"},
};

START_TEST(xml_version)
{
	char body[1024];
	char attribute[32];
	enum mras_reason reason;
	size_t len;

	snprintf(body, sizeof(body),
		 "<request requestID=\"7\" version=\"%s\" " URIS " " NS ">" PART(ID)
			 CLOSED,
		 versions[_i].version);
	struct mras_request *request = mras_request_parse(slice_of(body), &reason);
	ck_assert_msg(reason == versions[_i].want, "\"%s\": got %s", versions[_i].version,
		      mras_reason_phrase(reason));
	if (request)
		ck_assert_int_eq(request->version, versions[_i].number);

	char *answer = mras_respond(&fixture.service, fixture.memory,
				    &fixture.servers[OPEN_SERVER], request, reason,
				    NOW_MS, NOW_S, &len);
	snprintf(attribute, sizeof(attribute), " version=\"%s\"", versions[_i].answered);
	ck_assert_ptr_nonnull(strstr(answer, attribute));
	/* The identity is known unless the request is malformed. */
	ck_assert_uint_eq(count_of(answer, "requestID=\"7\""), reason != MRAS_MALFORMED);
	ck_assert_uint_eq(count_of(answer, "from=\"sip:alice@lab.example\""),
			  reason != MRAS_MALFORMED);
	/* v1 tokens for 1.0, v2 for the others. */
	ck_assert_uint_eq(count_of(answer, "<username>AQAAI"), versions[_i].number == 1);
	ck_assert_uint_eq(count_of(answer, "<username>AgAAJ"), versions[_i].number > 1);
	free(answer);
	mras_request_free(request);
}
END_TEST

static const struct {
	const char *uri;
	bool want;
} uris[] = {
	{"sip:alice@lab.example", true},
	{"SIP:alice@lab.example", true},
	{"sips:alice@lab.example", true},
	{"sip:edge01@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x1UuW2yZ", true},
	{"sip:lab.example", true},
	{"sip:lab.example:5062;grid", true},
	{"sip:a%20b@[2001:db8::1]:5062", true},
	{"sip:", false},
	{"sip:@lab.example", false},
	{"sip:alice@", false},
	{"sip:;x", false},
	{"alice@lab.example", false},
	{"tel:+123", false},
	{"http://lab.example", false},
	{"", false},
	{"sip:a b@lab.example", false},
	{"sip:a&lt;b&gt;@lab.example", false},
	{"sip:a&quot;@lab.example", false},
	{"sip:a&#10;@lab.example", false},
	{"sip:\xC3\xA9@lab.example", false},
};

START_TEST(xml_uris)
{
	static const char *const attributes[2][2] = {{"to", "from"}, {"from", "to"}};
	char body[1024];
	enum mras_reason reason;

	for (int i = 0; i < 2; i++) {
		snprintf(
			body, sizeof(body),
			"<request requestID=\"7\" version=\"2.0\" %s=\"%s\" %s=\"sip:a@b\" " NS
			">" PART(ID) CLOSED,
			attributes[i][0], uris[_i].uri, attributes[i][1]);
		mras_request_free(mras_request_parse(slice_of(body), &reason));
		ck_assert_msg((reason == MRAS_OK) == uris[_i].want, "%s=\"%s\": got %s",
			      attributes[i][0], uris[_i].uri, mras_reason_phrase(reason));
	}
}
END_TEST

static const struct {
	const char *text;
	int64_t want; /* minutes; -1: malformed */
} durations[] = {
	{"480", 480},
	{"1", 1},
	{"+480", 480},
	{"0480", 480},
	{" 480\n", 480},
	{"999999999", 999999999},
	{"2147483647", INT32_MAX},
	{"99999999999999999999999999", INT32_MAX},
	{"0", -1},
	{"000", -1},
	{"-1", -1},
	{"", -1},
	{"+", -1},
	{"4 8", -1},
	{"480.0", -1},
	{"1e3", -1},
	{"0x10", -1},
	{"++1", -1},
};

START_TEST(xml_duration)
{
	char body[1024];
	enum mras_reason reason;

	snprintf(body, sizeof(body), REQUEST(ID "<duration>%s</duration>"),
		 durations[_i].text);
	struct mras_request *request = mras_request_parse(slice_of(body), &reason);
	ck_assert_msg((reason == MRAS_OK) == (durations[_i].want > 0), "\"%s\": got %s",
		      durations[_i].text, mras_reason_phrase(reason));
	if (request)
		ck_assert_int_eq(request->requests[0].duration_min, durations[_i].want);
	mras_request_free(request);
}
END_TEST

START_TEST(xml_lengths)
{
	static char identity[SERVICE_IDENTITY_MAX + 2];
	static char body[2 * SERVICE_IDENTITY_MAX];
	char id[3 * MRAS_ID_MAX + 3] = "";
	enum mras_reason reason;

	/* Characters, not bytes. */
	for (int i = 0; i < MRAS_ID_MAX; i++)
		strcat(id, "\xE2\x82\xAC");
	for (int extra = 0; extra < 2; extra++) {
		snprintf(body, sizeof(body),
			 "<request requestID=\"%s\" version=\"2.0\" " URIS " " NS
			 ">" PART(ID) CLOSED,
			 id);
		mras_request_free(mras_request_parse(slice_of(body), &reason));
		ck_assert_int_eq(reason, extra ? MRAS_MALFORMED : MRAS_OK);
		snprintf(body, sizeof(body),
			 OPENED("") "<credentialsRequest credentialsRequestID=\"%s\">" ID
				    "</credentialsRequest>" CLOSED,
			 id);
		mras_request_free(mras_request_parse(slice_of(body), &reason));
		ck_assert_int_eq(reason, extra ? MRAS_MALFORMED : MRAS_OK);
		strcat(id, "x");
	}
	memset(identity, 'a', SERVICE_IDENTITY_MAX);
	for (int extra = 0; extra < 2; extra++) {
		identity[SERVICE_IDENTITY_MAX - 1 + extra] = 'a';
		snprintf(body, sizeof(body), REQUEST("<identity>%s</identity>"),
			 identity);
		mras_request_free(mras_request_parse(slice_of(body), &reason));
		ck_assert_int_eq(reason, extra ? MRAS_MALFORMED : MRAS_OK);
	}
}
END_TEST

/* request, credentialsRequest and the elements in it. */
START_TEST(xml_depth)
{
	char inner[256] = "";
	char body[1024];
	enum mras_reason reason;

	for (int depth = 3; depth <= MRAS_DEPTH_MAX + 1; depth++) {
		memmove(inner + 3, inner, strlen(inner) + 1);
		memcpy(inner, "<a>", 3);
		strcat(inner, "</a>");
		snprintf(body, sizeof(body), REQUEST(ID "%s"), inner);
		mras_request_free(mras_request_parse(slice_of(body), &reason));
		ck_assert_msg((reason == MRAS_OK) == (depth <= MRAS_DEPTH_MAX),
			      "depth %d: %s", depth, mras_reason_phrase(reason));
	}
}
END_TEST

/* A request with count parts; the caller frees it. */
static char *request_of(unsigned count)
{
	char *body = malloc(256 + count * (sizeof(PART(ID)) + 8));
	char *end_of_body = stpcpy(body, OPENED(""));

	for (unsigned i = 0; i < count; i++)
		end_of_body +=
			sprintf(end_of_body,
				"<credentialsRequest credentialsRequestID=\"%u\">" ID
				"</credentialsRequest>",
				i);
	strcpy(end_of_body, CLOSED);
	return body;
}

START_TEST(xml_count_of_parts)
{
	size_t len;
	char *body = request_of(MRAS_REQUESTS_MAX);
	char *answer = mras_fixture_respond(&fixture, body, &len);

	ck_assert_ptr_nonnull(strstr(answer, "reasonPhrase=\"OK\""));
	ck_assert_uint_eq(count_of(answer, "<credentialsResponse "), MRAS_REQUESTS_MAX);
	ck_assert_ptr_nonnull(
		strstr(answer, "<credentialsResponse credentialsRequestID=\"99\""));
	free(answer);
	free(body);

	body = request_of(MRAS_REQUESTS_MAX + 1);
	answer = mras_fixture_respond(&fixture, body, &len);
	ck_assert_ptr_nonnull(strstr(answer, "reasonPhrase=\"Request Too Large\""));
	ck_assert_ptr_nonnull(strstr(answer, "requestID=\"7\""));
	ck_assert_uint_eq(count_of(answer, "<credentialsResponse"), 0);
	free(answer);
	free(body);
}
END_TEST
static void mras_xml_suite(Suite *suite)
{
	TCase *requests = tcase_create("requests");

	tcase_add_checked_fixture(requests, make, end);
	tcase_add_loop_test(requests, xml_request, 0, ROWS(bodies));
	tcase_add_loop_test(requests, xml_version, 0, ROWS(versions));
	tcase_add_loop_test(requests, xml_uris, 0, ROWS(uris));
	tcase_add_loop_test(requests, xml_duration, 0, ROWS(durations));
	tcase_add_test(requests, xml_lengths);
	tcase_add_test(requests, xml_depth);
	tcase_add_test(requests, xml_count_of_parts);
	suite_add_tcase(suite, requests);
}

UNIT_MAIN("mras_xml", mras_xml_suite)
