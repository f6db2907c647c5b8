/*
 * test_sip.c - SIP requests and their responses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

#define TYPE "application/msrtc-media-relay-auth+xml"
#define URI "sip:edge01.dmz.lab.example:5062;grid"
#define VIA "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK0A1B\r\n"
#define FROM "From: \"Alice\"<sip:alice@lab.example>;tag=5f2c01aa;epid=0badc0ffee\r\n"
#define TO "To: <sip:edge01@lab.example;gruu;opaque=srvr:MRAS:kJ3>\r\n"
#define CALL_ID "Call-ID: 7b0f3f0f6d9c4f20a4b2\r\n"
#define CSEQ(method) "CSeq: 1 " method "\r\n"
#define USUAL(method) VIA FROM TO CALL_ID CSEQ(method)
#define REQUEST(method, headers) method " " URI " SIP/2.0\r\n" headers "\r\n"
#define OPTIONS(headers) REQUEST("OPTIONS", headers)

#define BODY                                                                            \
	"<request requestID=\"7\" version=\"2.0\" to=\"sip:edge01@lab.example;gruu\""   \
	" from=\"sip:alice@lab.example\""                                               \
	" xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\"><credentialsRequest" \
	" credentialsRequestID=\"8\"><identity>sip:alice@lab.example</identity>"        \
	"<location>internet</location><duration>480</duration></credentialsRequest>"    \
	"</request>"
#define SERVICE(headers) REQUEST("SERVICE", USUAL("SERVICE") headers) BODY

static struct mras_fixture fixture;
static char *response;
static size_t response_len;
static bool closes;

static void make(void)
{
	mras_fixture_make(&fixture);
}

static void end(void)
{
	free(response);
	response = NULL;
	mras_fixture_free(&fixture);
}

/* The bytes get an allocation of exactly their size. */
static const char *respond_to(int server, struct slice bytes)
{
	uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);

	memcpy(copy, bytes.data, bytes.len);
	free(response);
	response = sip_respond(&fixture.service, fixture.memory, &fixture.servers[server],
			       (struct slice){copy, bytes.len}, NOW_MS, NOW_S,
			       &response_len, &closes);
	free(copy);
	ck_assert_int_eq(response == NULL, response_len == 0);
	return response ? response : "";
}

static const char *respond(const char *message)
{
	return respond_to(OPEN_SERVER, slice_of(message));
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static const struct {
	const char *name;
	const char *message;
	const char *status; /* "": no response */
	bool closes;
} requests[] = {
	{"SERVICE", SERVICE("Content-Type: " TYPE "\r\n"), "200 OK", false},
	{"type in capitals", SERVICE("C: APPLICATION/MSRTC-MEDIA-RELAY-AUTH+XML\r\n"),
	 "200 OK", false},
	{"type with parameters", SERVICE("c: " TYPE " ; charset=\"utf-8\"\r\n"), "200 OK",
	 false},
	{"type folded", SERVICE("c:\r\n\t" TYPE "\r\n"), "200 OK", false},
	{"leading empty line", "\r\n" SERVICE("c: " TYPE "\r\n"), "200 OK", false},
	{"no type", SERVICE(""), "415 Unsupported Media Type", false},
	{"another type", SERVICE("c: application/sdp\r\n"), "415 Unsupported Media Type",
	 false},
	{"two types in one", SERVICE("c: " TYPE ", text/plain\r\n"),
	 "415 Unsupported Media Type", false},
	{"no subtype", SERVICE("c: application\r\n"), "415 Unsupported Media Type",
	 false},
	{"encoded", SERVICE("c: " TYPE "\r\ne: gzip\r\n"), "415 Unsupported Media Type",
	 false},
	{"type twice", SERVICE("c: " TYPE "\r\nc: " TYPE "\r\n"),
	 "400 Repeated Content-Type", false},

	{"OPTIONS", OPTIONS(USUAL("OPTIONS")), "200 OK", false},
	{"any Max-Forwards", OPTIONS(USUAL("OPTIONS") "Max-Forwards: 0\r\n"), "200 OK",
	 false},
	{"Max-Forwards beyond 255", OPTIONS(USUAL("OPTIONS") "Max-Forwards: 300\r\n"),
	 "200 OK", false},
	{"Max-Forwards of letters", OPTIONS(USUAL("OPTIONS") "Max-Forwards: x\r\n"),
	 "400 Bad Max-Forwards", false},
	{"Max-Forwards twice",
	 OPTIONS(USUAL("OPTIONS") "Max-Forwards: 1\r\nMax-Forwards: 1\r\n"),
	 "400 Repeated Max-Forwards", false},
	{"an extension", OPTIONS(USUAL("OPTIONS") "Require: 100rel\r\n"),
	 "420 Bad Extension", false},
	{"a proxy's extension", OPTIONS(USUAL("OPTIONS") "Proxy-Require: x\r\n"),
	 "200 OK", false},
	{"CANCEL", REQUEST("CANCEL", USUAL("CANCEL")),
	 "481 Call/Transaction Does Not Exist", false},
	{"ACK", REQUEST("ACK", USUAL("ACK")), "", false},
	{"bad ACK", REQUEST("ACK", ""), "", false},
	{"INVITE", REQUEST("INVITE", USUAL("INVITE")), "405 Method Not Allowed", false},
	{"unknown method", REQUEST("TEASE", USUAL("TEASE")), "501 Not Implemented",
	 false},
	{"methods have case", REQUEST("service", USUAL("service")), "501 Not Implemented",
	 false},
	{"response", "SIP/2.0 200 OK\r\n" USUAL("SERVICE") "\r\n", "", false},
	{"absurd response", "SIP/2.0 x\r\n\r\n", "", false},

	{"SIP/3.0", "OPTIONS " URI " SIP/3.0\r\n" USUAL("OPTIONS") "\r\n",
	 "505 Version Not Supported", true},
	{"SIP/2", "OPTIONS " URI " SIP/2\r\n" USUAL("OPTIONS") "\r\n",
	 "505 Version Not Supported", true},
	{"sip/2.0", "OPTIONS " URI " sip/2.0\r\n" USUAL("OPTIONS") "\r\n", "200 OK",
	 false},
	{"two spaces", "OPTIONS  " URI " SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request Line", true},
	{"trailing space", "OPTIONS " URI " SIP/2.0 \r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request Line", true},
	{"no URI", "OPTIONS SIP/2.0\r\n" USUAL("OPTIONS") "\r\n", "400 Bad Request Line",
	 true},
	{"method is not a token", "OPT<ONS " URI " SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request Line", true},
	{"tel URI", "OPTIONS tel:+123 SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "416 Unsupported URI Scheme", false},
	{"no scheme", "OPTIONS edge01 SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request-URI", false},
	{"no host", "OPTIONS sip: SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request-URI", false},
	{"port of letters", "OPTIONS sip:a:b SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request-URI", false},
	{"URI in brackets", "OPTIONS <" URI "> SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "400 Bad Request-URI", false},
	{"sips URI", "OPTIONS sips:edge01:5062 SIP/2.0\r\n" USUAL("OPTIONS") "\r\n",
	 "200 OK", false},
	{"a GRUU",
	 "OPTIONS sip:e@lab.example;gruu;opaque=srvr:MRAS:kJ3 SIP/2.0\r\n" USUAL(
		 "OPTIONS") "\r\n",
	 "200 OK", false},

	{"no Via", OPTIONS(FROM TO CALL_ID CSEQ("OPTIONS")), "400 Missing Via", false},
	{"no From", OPTIONS(VIA TO CALL_ID CSEQ("OPTIONS")), "400 Missing From", false},
	{"no To", OPTIONS(VIA FROM CALL_ID CSEQ("OPTIONS")), "400 Missing To", false},
	{"no Call-ID", OPTIONS(VIA FROM TO CSEQ("OPTIONS")), "400 Missing Call-ID",
	 false},
	{"no CSeq", OPTIONS(VIA FROM TO CALL_ID), "400 Missing CSeq", false},
	{"nothing at all", OPTIONS(""), "400 Missing Via", false},
	{"From twice", OPTIONS(USUAL("OPTIONS") FROM), "400 Repeated From", false},
	{"To twice", OPTIONS(USUAL("OPTIONS") TO), "400 Repeated To", false},
	{"Call-ID twice", OPTIONS(USUAL("OPTIONS") "i: x\r\n"), "400 Repeated Call-ID",
	 false},
	{"CSeq twice", OPTIONS(USUAL("OPTIONS") CSEQ("OPTIONS")), "400 Repeated CSeq",
	 false},

	{"empty Via", OPTIONS("v:\r\n" FROM TO CALL_ID CSEQ("OPTIONS")), "400 Bad Via",
	 false},
	{"bad second Via", OPTIONS(USUAL("OPTIONS") "v: x\r\n"), "400 Bad Via", false},
	{"Via with an empty value", OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS a,\r\n"),
	 "400 Bad Via", false},
	{"Via with two hosts", OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS a b\r\n"),
	 "400 Bad Via", false},
	{"Via with a port of letters", OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS a:b\r\n"),
	 "400 Bad Via", false},
	{"Via of IPv6",
	 OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS [2001:db8::1]:5061;x=1\r\n"), "200 OK",
	 false},
	{"Via of Lync",
	 OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733"
				  ";ms-received-cid=1F00\r\n"),
	 "200 OK", false},
	{"comma in a quoted parameter",
	 OPTIONS(USUAL("OPTIONS") "v: SIP/2.0/TLS a;x=\"b,\\\",c\"\r\n"), "200 OK",
	 false},

	{"empty From", OPTIONS(VIA "f:\r\n" TO CALL_ID CSEQ("OPTIONS")), "400 Bad From",
	 false},
	{"two addresses in From",
	 OPTIONS(VIA "f: <sip:a@b>, <sip:c@d>\r\n" TO CALL_ID CSEQ("OPTIONS")),
	 "400 Bad From", false},
	{"comma in a display name",
	 OPTIONS(VIA "f: \"Doe, J\\\"\"<sip:a@b>;tag=1\r\n" TO CALL_ID CSEQ("OPTIONS")),
	 "200 OK", false},
	{"UTF-8 in a display name",
	 OPTIONS(VIA "f: \"Jos\xC3\xA9\"<sip:a@b>;tag=1\r\n" TO CALL_ID CSEQ("OPTIONS")),
	 "200 OK", false},
	{"a server's From",
	 OPTIONS(VIA
		 "f: <sip:fe01.lab.example@lab.example;gruu;opaque=srvr:HomeServer:x>;"
		 "tag=1;epid=2\r\n" TO CALL_ID CSEQ("OPTIONS")),
	 "200 OK", false},
	{"From without a tag, as in RFC 2543",
	 OPTIONS(VIA "f: sip:a@b\r\n" TO CALL_ID CSEQ("OPTIONS")), "200 OK", false},
	{"open quotes in To",
	 OPTIONS(VIA FROM "t: \"a <sip:a@b>\r\n" CALL_ID CSEQ("OPTIONS")), "400 Bad To",
	 false},
	{"open bracket in To",
	 OPTIONS(VIA FROM "t: <sip:a@b\r\n" CALL_ID CSEQ("OPTIONS")), "400 Bad To",
	 false},
	{"empty Call-ID", OPTIONS(VIA FROM TO "i:\r\n" CSEQ("OPTIONS")),
	 "400 Bad Call-ID", false},
	{"Call-ID of two words", OPTIONS(VIA FROM TO "i: a b\r\n" CSEQ("OPTIONS")),
	 "400 Bad Call-ID", false},
	{"CSeq of another method", OPTIONS(USUAL("SERVICE")),
	 "400 CSeq Of Another Method", false},
	{"CSeq of 2^31 - 1", OPTIONS(VIA FROM TO CALL_ID "CSeq: 2147483647 OPTIONS\r\n"),
	 "200 OK", false},
	{"CSeq of 2^31", OPTIONS(VIA FROM TO CALL_ID "CSeq: 2147483648 OPTIONS\r\n"),
	 "400 Bad CSeq", false},
	{"CSeq of 2^64 + 1",
	 OPTIONS(VIA FROM TO CALL_ID "CSeq: 18446744073709551617 OPTIONS\r\n"),
	 "400 Bad CSeq", false},
	{"negative CSeq", OPTIONS(VIA FROM TO CALL_ID "CSeq: -1 OPTIONS\r\n"),
	 "400 Bad CSeq", false},
	{"CSeq without a method", OPTIONS(VIA FROM TO CALL_ID "CSeq: 1\r\n"),
	 "400 Bad CSeq", false},
	{"CSeq with two", OPTIONS(VIA FROM TO CALL_ID "CSeq: 1 OPTIONS X\r\n"),
	 "400 Bad CSeq", false},
	{"CSeq with a tab", OPTIONS(VIA FROM TO CALL_ID "CSeq:\t1\tOPTIONS\r\n"),
	 "200 OK", false},

	{"no end of headers", "OPTIONS " URI " SIP/2.0\r\n", "", true},
	{"no SIP", "GET / HTTP/1.1\r\n\r\n", "", true},
	{"nothing", "", "", true},
};

START_TEST(sip_status)
{
	char want[64];
	const char *got = respond(requests[_i].message);

	snprintf(want, sizeof(want), "SIP/2.0 %s\r\n", requests[_i].status);
	ck_assert_msg(requests[_i].status[0] ? begins_with(got, want) : !*got,
		      "%s: got %s", requests[_i].name, got);
	ck_assert_msg(closes == requests[_i].closes, "%s: closes %d", requests[_i].name,
		      closes);
}
END_TEST

/* The body of the response; its length matches the headers. */
static const char *response_body(void)
{
	const char *body = strstr(response, "\r\n\r\n") + 4;
	const char *length = strstr(response, "\r\nContent-Length: ");

	ck_assert_ptr_nonnull(length);
	ck_assert_uint_eq(count_of(response, "\r\nContent-Length: "), 1);
	ck_assert_uint_eq((size_t)atoi(length + strlen("\r\nContent-Length: ")),
			  response_len - (size_t)(body - response));
	return body;
}

/* A request as a front-end server forwards it, and the response without its XML. */
START_TEST(sip_response)
{
	static const char service[] =
		"SERVICE sip:edge01.dmz.lab.example:5062;grid SIP/2.0\r\n"
		"Record-Route: <sip:fe01.lab.example:5061;transport=tls;opaque=state:T;lr>;tag=F0\r\n"
		"Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK0A1B2C3D.4E5F6071;branched=FALSE\r\n"
		"Max-Forwards: 69\r\n"
		"v:SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733;ms-received-cid=1F00,\r\n"
		"\tSIP/2.0/TLS 10.0.0.1\r\n"
		"ms-application-via: SIP;ms-urc-rs-from;ms-server=fe01;ms-pool=pool;ms-application=x\r\n"
		"f: \"Alice\"<sip:alice@lab.example>;tag=5f2c01aa;epid=0badc0ffee\r\n"
		"t: <sip:edge01@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x1UuW2yZ>\r\n"
		"i: 7b0f3f0f6d9c4f20a4b2\r\n"
		"CSEQ:1 SERVICE\r\n"
		"record-route:<sip:second>\r\n"
		"Contact: <sip:alice@lab.example;opaque=user:epid:AbCdEfGhIj;gruu>\r\n"
		"User-Agent: UCCAPI/4.0.7577.314 OC/4.0.7577.314 (Microsoft Lync 2010)\r\n"
		"ms-user-data: ms-publiccloud=TRUE;ms-federation=TRUE\r\n"
		"Content-Type: " TYPE "\r\n\r\n" BODY;
	static const char want[] =
		"SIP/2.0 200 OK\r\n"
		"Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK0A1B2C3D.4E5F6071;branched=FALSE\r\n"
		"Via: SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733;ms-received-cid=1F00,\r\n"
		"\tSIP/2.0/TLS 10.0.0.1\r\n"
		"From: \"Alice\"<sip:alice@lab.example>;tag=5f2c01aa;epid=0badc0ffee\r\n"
		"To: <sip:edge01@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x1UuW2yZ>;tag=";
	static const char want_more[] =
		"\r\nCall-ID: 7b0f3f0f6d9c4f20a4b2\r\n"
		"CSeq: 1 SERVICE\r\n"
		"Record-Route: <sip:fe01.lab.example:5061;transport=tls;opaque=state:T;lr>;tag=F0\r\n"
		"Record-Route: <sip:second>\r\n"
		"Server: avedge\r\n"
		"Content-Type: " TYPE "\r\n"
		"Content-Length: ";
	const char *got = respond(service);

	ck_assert_msg(begins_with(got, want), "%s", got);
	got += strlen(want);
	ck_assert_uint_eq(strspn(got, "0123456789abcdef"), 16);
	ck_assert_msg(begins_with(got + 16, want_more), "%s", got);
	ck_assert(begins_with(response_body(), "<?xml version=\"1.0\"?>\r\n<response "));
	ck_assert_ptr_nonnull(strstr(response_body(), "reasonPhrase=\"OK\""));
	ck_assert_uint_eq(count_of(response_body(), "<username>AgAAJ"), 1);
}
END_TEST

/*
 * The same request gets the same To tag, another request another (RFC 3261 section
 * 8.2.7).
 */
START_TEST(sip_to_tag)
{
	static const char *const others[] = {
		OPTIONS("v: SIP/2.0/TLS 192.0.2.10;branch=z9hG4bK2\r\n" FROM TO CALL_ID
				CSEQ("OPTIONS")),
		OPTIONS(VIA "f: <sip:bob@lab.example>;tag=5f2c01aa\r\n" TO CALL_ID CSEQ(
			"OPTIONS")),
		OPTIONS(VIA FROM TO "i: 8\r\n" CSEQ("OPTIONS")),
		OPTIONS(VIA FROM TO CALL_ID "CSeq: 2 OPTIONS\r\n"),
	};
	char first[17];
	const char *tag =
		strstr(respond(OPTIONS(USUAL("OPTIONS"))), ";opaque=srvr:MRAS:kJ3>;tag=");

	ck_assert_ptr_nonnull(tag);
	snprintf(first, sizeof(first), "%.16s",
		 tag + strlen(";opaque=srvr:MRAS:kJ3>;tag="));
	ck_assert_ptr_nonnull(strstr(respond(OPTIONS(USUAL("OPTIONS"))), first));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		ck_assert_msg(!strstr(respond(others[i]), first), "request %zu", i);

	/* An existing tag is kept. */
	respond(OPTIONS(VIA FROM "t: <sip:a@b>;tag=mine\r\n" CALL_ID CSEQ("OPTIONS")));
	ck_assert_ptr_nonnull(strstr(response, "\r\nTo: <sip:a@b>;tag=mine\r\n"));
	/* No tag is added to an invalid address. */
	respond(OPTIONS(VIA FROM "t: \"a <sip:a@b>\r\n" CALL_ID CSEQ("OPTIONS")));
	ck_assert_ptr_nonnull(strstr(response, "\r\nTo: \"a <sip:a@b>\r\n"));
}
END_TEST

static const struct {
	const char *message;
	const char *header;
} advice[] = {
	{OPTIONS(USUAL("OPTIONS")), "Allow: SERVICE, OPTIONS"},
	{OPTIONS(USUAL("OPTIONS")), "Accept: " TYPE},
	{REQUEST("INVITE", USUAL("INVITE")), "Allow: SERVICE, OPTIONS"},
	{REQUEST("TEASE", USUAL("TEASE")), "Allow: SERVICE, OPTIONS"},
	{SERVICE("c: text/plain\r\n"), "Accept: " TYPE},
	{SERVICE("c: " TYPE "\r\ne: gzip\r\n"), "Accept-Encoding: identity"},
	{OPTIONS(USUAL("OPTIONS") "Require: a,\r\n b\r\nrequire: c\r\n"),
	 "Unsupported: a,\r\n b\r\nUnsupported: c"},
};

START_TEST(sip_advice)
{
	char line[128];

	snprintf(line, sizeof(line), "\r\n%s\r\n", advice[_i].header);
	ck_assert_msg(strstr(respond(advice[_i].message), line) != NULL, "no %s in %s",
		      advice[_i].header, response);
	ck_assert_str_eq(response_body(), "");
}
END_TEST

/* Responses that can create a route repeat Record-Route (section 12.1.1). */
START_TEST(sip_errors_have_no_route)
{
	respond(REQUEST("INVITE", USUAL("INVITE") "Record-Route: <sip:fe01>\r\n"));
	ck_assert_ptr_null(strstr(response, "Record-Route"));
}
END_TEST

/* Errors that the XML can express come in a 200. */
START_TEST(sip_faults_in_xml)
{
	respond(REQUEST("SERVICE", USUAL("SERVICE") "c: " TYPE "\r\n"));
	ck_assert(begins_with(response, "SIP/2.0 200 OK\r\n"));
	ck_assert_ptr_nonnull(
		strstr(response_body(), "reasonPhrase=\"Request Malformed\""));

	static const char service[] = SERVICE("c: " TYPE "\r\n");
	for (int i = 0; i < 10; i++) {
		respond_to(LAB_SERVER, slice_of(service));
		ck_assert_ptr_nonnull(strstr(response_body(), "reasonPhrase=\"OK\""));
	}
	respond_to(LAB_SERVER, slice_of(service));
	ck_assert(begins_with(response, "SIP/2.0 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(response_body(), "reasonPhrase=\"Server Busy\""));
	ck_assert_ptr_nonnull(strstr(response_body(), "requestID=\"7\""));
	ck_assert_uint_eq(count_of(response_body(), "<username>"), 0);

	/* A keep-alive is not a request for credentials. */
	respond_to(LAB_SERVER, slice_of(OPTIONS(USUAL("OPTIONS"))));
	ck_assert(begins_with(response, "SIP/2.0 200 OK\r\n"));
}
END_TEST

static const struct {
	const char *name;
	enum sip_framing why;
	const char *arrived;
	const char *status;
} refusals[] = {
	{"conflicting lengths", SIP_BROKEN, OPTIONS(USUAL("OPTIONS") "l: 1\r\nl: 2\r\n"),
	 "400 Bad Content-Length"},
	{"too large", SIP_TOO_LARGE, OPTIONS(USUAL("OPTIONS") "l: 99999999\r\n"),
	 "513 Message Too Large"},
	{"ACK", SIP_BROKEN, REQUEST("ACK", USUAL("ACK") "l: x\r\n"), ""},
	{"response", SIP_BROKEN, "SIP/2.0 200 OK\r\nl: x\r\n\r\n", ""},
	{"headers that do not end", SIP_TOO_LARGE, "OPTIONS " URI " SIP/2.0\r\n" VIA, ""},
	{"broken headers", SIP_BROKEN, OPTIONS(VIA "x\r\n"), ""},
	{"no SIP", SIP_BROKEN, "GET / HTTP/1.1\r\n\r\n", ""},
};

START_TEST(sip_answers_before_it_closes)
{
	char want[64];

	free(response);
	response = sip_refuse(refusals[_i].why, slice_of(refusals[_i].arrived),
			      &response_len);
	snprintf(want, sizeof(want), "SIP/2.0 %s\r\n", refusals[_i].status);
	if (!*refusals[_i].status) {
		ck_assert_msg(!response && response_len == 0, "%s", refusals[_i].name);
		return;
	}
	ck_assert_msg(response && begins_with(response, want), "%s: got %s",
		      refusals[_i].name, response ? response : "nothing");
	ck_assert_ptr_nonnull(strstr(response, "\r\nCall-ID: 7b0f3f0f6d9c4f20a4b2\r\n"));
}
END_TEST

static void sip_suite(Suite *suite)
{
	TCase *cases = tcase_create("sip");

	tcase_add_checked_fixture(cases, make, end);
	tcase_add_loop_test(cases, sip_status, 0, ROWS(requests));
	tcase_add_test(cases, sip_response);
	tcase_add_test(cases, sip_to_tag);
	tcase_add_loop_test(cases, sip_advice, 0, ROWS(advice));
	tcase_add_test(cases, sip_errors_have_no_route);
	tcase_add_test(cases, sip_faults_in_xml);
	tcase_add_loop_test(cases, sip_answers_before_it_closes, 0, ROWS(refusals));
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("sip", sip_suite)
