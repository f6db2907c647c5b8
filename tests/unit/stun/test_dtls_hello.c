/*
 * test_dtls_hello.c - records, hellos and the answer to one: what is refused, and what is read where.
 */
#include "stun/dtls_hello.h"

#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* Record, message, version, random; then session id, cookie, suites, compression. */
#define RECORD(len) "16 fefd 0000 000000000007 " len
#define MESSAGE(type, len) type len " 0001 000000 " len
#define BODY "fefd " RANDOM " 02 aabb 03 c00c1e 0004 c02fc030 01 00"

static const char hello_hex[] = RECORD("003d") MESSAGE("01", "000031") BODY;

/* Bytes of hex, valid until the next call. */
static struct slice hex(const char *text)
{
	static struct slice bytes;

	bytes_free(bytes);
	bytes = bytes_hex(text);
	return bytes;
}

static void free_hex(void)
{
	hex("");
}

static struct dtls_record record_of(struct slice datagram)
{
	struct dtls_record record;

	ck_assert(dtls_record_take(&datagram, &record));
	return record;
}

START_TEST(a_hello_is_read)
{
	struct slice bytes = hex(hello_hex), rest = bytes;
	struct dtls_record record = record_of(bytes);
	struct dtls_hello hello;

	ck_assert(dtls_record_take(&rest, &record));
	ck_assert_uint_eq(rest.len, 0);
	ck_assert_uint_eq(record.version, 0xFEFD);
	ck_assert(dtls_record_is_hello(&record));
	ck_assert_int_eq(dtls_hello_parse(&record, &hello), DTLS_HELLO_OK);
	ck_assert_uint_eq(hello.record_sequence, 7);
	ck_assert_uint_eq(hello.message_sequence, 1);
	ck_assert_uint_eq(hello.version, 0xFEFD);
	ck_assert_uint_eq(hello.random.data[31], 31);
	ck_assert_uint_eq(hello.cookie.len, 3);
	ck_assert_uint_eq(hello.cookie.data[0], 0xC0);
	ck_assert_uint_eq(hello.before_cookie.len, 2 + 32 + 1 + 2);
	ck_assert_uint_eq(hello.after_cookie.len, 2 + 4 + 1 + 1);
}
END_TEST

START_TEST(a_cut_datagram_is_no_record)
{
	struct slice bytes = hex(hello_hex);
	struct dtls_record record;

	for (size_t len = 0; len < bytes.len; len++) {
		struct slice exact = bytes_exact(bytes.data, len), cut = exact;

		ck_assert(!dtls_record_take(&cut, &record));
		ck_assert_uint_eq(cut.len, len);
		bytes_free(exact);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	enum dtls_hello_parse want;
} hellos[] = {
	{"the first byte of a message alone", RECORD("0001") "01", DTLS_HELLO_MALFORMED},
	{"a fragment at the front",
	 RECORD("0018") "01 000031 0001 000000 00000c fefd 00010203040506070809",
	 DTLS_HELLO_FRAGMENTED},
	{"a fragment from the middle", RECORD("000e") "01 000031 0001 000004 000002 0102",
	 DTLS_HELLO_FRAGMENTED},
	{"an empty fragment", RECORD("000c") "01 000031 0001 000000 000000",
	 DTLS_HELLO_FRAGMENTED},
	{"a fragment beyond the message",
	 RECORD("000e") "01 000001 0001 000000 000002 0102", DTLS_HELLO_MALFORMED},
	{"an offset beyond the message", RECORD("000c") "01 000001 0001 000002 000000",
	 DTLS_HELLO_MALFORMED},
	{"a length beyond the record", RECORD("000e") "01 000003 0001 000000 000003 0102",
	 DTLS_HELLO_MALFORMED},
	{"an empty message", RECORD("000c") "01 000000 0001 000000 000000",
	 DTLS_HELLO_MALFORMED},
	{"two messages in a record",
	 RECORD("0049") MESSAGE("01", "000031") BODY MESSAGE("01", "000000"),
	 DTLS_HELLO_MALFORMED},
	{"no cipher suite",
	 RECORD("0036") MESSAGE("01", "00002a") "fefd " RANDOM " 00 00 0000 01 00 0000",
	 DTLS_HELLO_MALFORMED},
	{"half a cipher suite",
	 RECORD("0037") MESSAGE("01", "00002b") "fefd " RANDOM " 00 00 0003 c02fc0 01 00",
	 DTLS_HELLO_MALFORMED},
	{"no compression method",
	 RECORD("0035") MESSAGE("01", "000029") "fefd " RANDOM " 00 00 0002 c02f 00",
	 DTLS_HELLO_MALFORMED},
	{"version of TLS",
	 RECORD("0036") MESSAGE("01", "00002a") "0303 " RANDOM " 00 00 0002 c02f 01 00",
	 DTLS_HELLO_MALFORMED},
	{"a cookie beyond the message",
	 RECORD("0036") MESSAGE("01", "00002a") "fefd " RANDOM " 00 ff 0002 c02f 01 00",
	 DTLS_HELLO_MALFORMED},
	{"the shortest",
	 RECORD("0036") MESSAGE("01", "00002a") "fefd " RANDOM " 00 00 0002 c02f 01 00",
	 DTLS_HELLO_OK},
};

START_TEST(malformed_hellos_are_refused)
{
	struct slice bytes = hex(hellos[_i].hex);
	struct dtls_record record = record_of(bytes);
	struct dtls_hello hello;

	ck_assert(dtls_record_is_hello(&record));
	ck_assert_msg(dtls_hello_parse(&record, &hello) == hellos[_i].want, "%s",
		      hellos[_i].name);
	if (hellos[_i].want == DTLS_HELLO_OK)
		ck_assert_uint_eq(record.whole.len, DTLS_HELLO_MIN);
}
END_TEST

/* RFC 6347 section 4.2.1: version 1.0, and the sequence number of the hello. */
START_TEST(the_answer_asks_for_the_cookie)
{
	static const char want_hex[] = "16 feff 0000 000000000007 0012"
				       "03 000006 0000 000000 000006"
				       "feff 03 010203";
	static const uint8_t cookie[] = {1, 2, 3};
	struct dtls_record record = record_of(hex(hello_hex));
	struct dtls_hello hello;
	uint8_t answer[DTLS_VERIFY_OVERHEAD + sizeof(cookie)];

	ck_assert_int_eq(dtls_hello_parse(&record, &hello), DTLS_HELLO_OK);
	size_t len = dtls_hello_write_verify(
		&hello, (struct slice){cookie, sizeof(cookie)}, answer);
	struct slice want = hex(want_hex);
	ck_assert_uint_eq(len, want.len);
	ck_assert_mem_eq(answer, want.data, len);
}
END_TEST

START_TEST(only_a_hello_in_the_clear_is_one)
{
	static const char *const others[] = {
		"17 fefd 0000 000000000007 0001 01", /* data */
		"16 fefd 0001 000000000007 0001 01", /* protected */
		"16 fefd 0000 000000000007 0001 02", /* another message */
		"16 fefd 0000 000000000007 0000",    /* nothing */
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct dtls_record record = record_of(hex(others[i]));

		ck_assert(!dtls_record_is_hello(&record));
	}
}
END_TEST

static void dtls_hello_suite(Suite *suite)
{
	TCase *tc = tcase_create("dtls_hello");

	tcase_add_checked_fixture(tc, NULL, free_hex);
	tcase_add_test(tc, a_hello_is_read);
	tcase_add_test(tc, a_cut_datagram_is_no_record);
	tcase_add_loop_test(tc, malformed_hellos_are_refused, 0, ROWS(hellos));
	tcase_add_test(tc, the_answer_asks_for_the_cookie);
	tcase_add_test(tc, only_a_hello_in_the_clear_is_one);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("dtls_hello", dtls_hello_suite)
