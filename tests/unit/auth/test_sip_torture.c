/*
 * test_sip_torture.c - the messages of RFC 4475 (tests/vectors/sip), as if they came over
 * a stream from a trusted server. Where the RFC leaves a choice, the row shows ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

enum { VECTOR_MAX = 8192 };

/* Well-formed requests with methods that we do not serve. */
#define REFUSED "405 Method Not Allowed"
#define UNKNOWN "501 Not Implemented"

static const struct {
	const char *name; /* of the file */
	enum sip_framing framing;
	const char *status; /* "": no response */
} messages[] = {
	/* 3.1.1 Valid messages */
	{"wsinv", SIP_MESSAGE, REFUSED},
	{"intmeth", SIP_MESSAGE, UNKNOWN},
	{"esc01", SIP_MESSAGE, REFUSED},
	{"escnull", SIP_MESSAGE, REFUSED},
	{"esc02", SIP_MESSAGE, UNKNOWN},
	{"lwsdisp", SIP_MESSAGE, "200 OK"},
	{"longreq", SIP_MESSAGE, REFUSED},
	{"dblreq", SIP_MESSAGE,
	 REFUSED}, /* in a stream the rest is another message, see below */
	{"semiuri", SIP_MESSAGE, "200 OK"},
	{"transports", SIP_MESSAGE, "200 OK"},
	{"mpart01", SIP_MESSAGE, REFUSED},
	{"unreason", SIP_MESSAGE, ""},
	{"noreason", SIP_MESSAGE, ""},

	/* 3.1.2 Invalid messages */
	{"badinv01", SIP_MESSAGE, "400 Bad Via"},
	{"clerr", SIP_MORE, ""},
	{"ncl", SIP_BROKEN, "400 Bad Content-Length"},
	{"scalar02", SIP_MESSAGE, "400 Bad CSeq"},
	{"scalarlg", SIP_MESSAGE, ""},
	{"quotbal", SIP_MESSAGE, "400 Bad To"},
	{"ltgtruri", SIP_MESSAGE, "400 Bad Request-URI"},
	{"lwsruri", SIP_MESSAGE, "400 Bad Request Line"},
	{"lwsstart", SIP_MESSAGE, "400 Bad Request Line"},
	{"trws", SIP_MESSAGE, "400 Bad Request Line"},
	{"escruri", SIP_MESSAGE, "400 Bad Request-URI"},
	{"baddate", SIP_MESSAGE, REFUSED},  /* we do not check Date */
	{"regbadct", SIP_MESSAGE, REFUSED}, /* nor is a Contact */
	{"badaspec", SIP_MESSAGE, "400 Bad To"},
	{"baddn", SIP_MESSAGE, "400 Bad From"},
	{"badvers", SIP_MESSAGE, "505 Version Not Supported"},
	{"mismatch01", SIP_MESSAGE, "400 CSeq Of Another Method"},
	{"mismatch02", SIP_MESSAGE, UNKNOWN},
	{"bigcode", SIP_MESSAGE, ""},

	/* 3.2 Transaction layer: without a transaction its identifier is text */
	{"badbranch", SIP_MESSAGE, "200 OK"},

	/* 3.3 Application layer */
	{"insuf", SIP_MESSAGE, "400 Missing From"},
	{"unkscm", SIP_MESSAGE, "416 Unsupported URI Scheme"},
	{"novelsc", SIP_MESSAGE, "416 Unsupported URI Scheme"},
	{"unksm2", SIP_MESSAGE, REFUSED},
	{"bext01", SIP_MESSAGE, "420 Bad Extension"},
	{"invut", SIP_MESSAGE, REFUSED},
	{"regaut01", SIP_MESSAGE, REFUSED},
	{"multi01", SIP_MESSAGE, "400 Repeated From"},
	{"mcl01", SIP_BROKEN, "400 Bad Content-Length"},
	{"bcast", SIP_MESSAGE, ""},
	{"zeromf", SIP_MESSAGE, "200 OK"},
	{"cparam01", SIP_MESSAGE, REFUSED},
	{"cparam02", SIP_MESSAGE, REFUSED},
	{"regescrt", SIP_MESSAGE, REFUSED},
	{"sdp01", SIP_MESSAGE, REFUSED},

	/* 3.4 RFC 2543: a body of no length ends a datagram, but not a stream */
	{"inv2543", SIP_BROKEN, "400 Bad Content-Length"},
};

static struct mras_fixture fixture;
static uint8_t bytes[VECTOR_MAX];

static void make(void)
{
	mras_fixture_make(&fixture);
}

static void end(void)
{
	mras_fixture_free(&fixture);
}

static struct slice load(const char *name)
{
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/tests/vectors/sip/%s.dat", getenv("TOP_SRCDIR"),
		 name);
	file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	ck_assert_uint_gt(len, 0);
	ck_assert_uint_lt(len, sizeof(bytes));
	return (struct slice){bytes, len};
}

static char *respond(enum sip_framing framing, struct slice arrived, size_t frame_len)
{
	size_t len;
	bool closes;

	if (framing == SIP_BROKEN)
		return sip_refuse(framing, arrived, &len);
	return sip_respond(&fixture.service, fixture.memory,
			   &fixture.servers[OPEN_SERVER],
			   (struct slice){arrived.data, frame_len}, NOW_MS, NOW_S, &len,
			   &closes);
}

START_TEST(torture_message)
{
	char want[64] = "";
	struct slice arrived = load(messages[_i].name);
	size_t frame_len;
	size_t head_len;
	enum sip_framing framing = sip_framing_next(arrived, &frame_len, &head_len);

	ck_assert_msg(framing == messages[_i].framing, "%s: framing %d",
		      messages[_i].name, framing);
	if (framing == SIP_MORE)
		return;
	char *response = respond(framing, arrived, frame_len);
	if (*messages[_i].status)
		snprintf(want, sizeof(want), "SIP/2.0 %s\r\n", messages[_i].status);
	ck_assert_msg(strncmp(response ? response : "", want, strlen(want)) == 0 &&
			      !response == !*want,
		      "%s: got %s", messages[_i].name, response ? response : "nothing");
	free(response);
}
END_TEST

/* 3.1.1.8: extra bytes of a datagram are the next message of a stream. */
START_TEST(torture_double_request)
{
	struct slice arrived = load("dblreq");
	size_t frame_len;
	size_t head_len;

	ck_assert_int_eq(sip_framing_next(arrived, &frame_len, &head_len), SIP_MESSAGE);
	ck_assert_uint_eq(frame_len, head_len);
	arrived = slice_skip(arrived, frame_len);
	ck_assert_int_eq(sip_framing_next(arrived, &frame_len, &head_len), SIP_MESSAGE);
	ck_assert_uint_eq(frame_len, head_len + 150);
}
END_TEST

/* 3.1.1.2: the quoted NUL is returned unchanged. */
START_TEST(torture_quoted_nul)
{
	static const char want[] =
		"To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7F\" <sip:1_unusual.URI~";
	struct slice arrived = load("intmeth");
	size_t len;
	bool closes;
	char *response = sip_respond(&fixture.service, fixture.memory,
				     &fixture.servers[OPEN_SERVER], arrived, NOW_MS,
				     NOW_S, &len, &closes);

	ck_assert_ptr_nonnull(memmem(response, len, want, sizeof(want) - 1));
	free(response);
}
END_TEST

/* 3.1.1.7: all Via values are returned in order, whatever the spelling of the header. */
START_TEST(torture_vias_in_order)
{
	struct slice arrived = load("longreq");
	char host[40];
	size_t len;
	bool closes;
	char *response = sip_respond(&fixture.service, fixture.memory,
				     &fixture.servers[OPEN_SERVER], arrived, NOW_MS,
				     NOW_S, &len, &closes);
	const char *at = response;

	ck_assert_ptr_nonnull(response);
	ck_assert_uint_eq(count_of(response, "\r\nVia: SIP/2.0/TCP"), 34);
	for (int i = 33; i > 0; i--) {
		snprintf(host, sizeof(host), "\r\nVia: SIP/2.0/TCP sip%d.example.com\r\n",
			 i);
		at = strstr(at, host);
		ck_assert_msg(at != NULL, "sip%d", i);
	}
	free(response);
}
END_TEST

static void sip_torture_suite(Suite *suite)
{
	TCase *cases = tcase_create("torture");

	tcase_add_checked_fixture(cases, make, end);
	tcase_add_loop_test(cases, torture_message, 0, ROWS(messages));
	tcase_add_test(cases, torture_double_request);
	tcase_add_test(cases, torture_quoted_nul);
	tcase_add_test(cases, torture_vias_in_order);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("sip_torture", sip_torture_suite)
