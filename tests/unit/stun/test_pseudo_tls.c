/*
 * test_pseudo_tls.c - the pseudo-TLS handshake: which bytes are checked, and what is
 * written.
 */
#include "stun/pseudo_tls.h"

#include "stun/classify.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

/* As captured from a client and from a server that it accepted. */
static const char hello_hex[] = "16 0301 002d 01 000029 0301 c1fcd5a3"
				"6d93dd7e0b45673fec7985fbbc3fd660c2ce8485081b8121bcaa10fb"
				"00 0002 0018 01 00";
static const char answer_hex[] =
	"16 0301 004e 02 000046 0301 6b03994d"
	"29a7b2d797ce5985031bce71d858e612b42f0964522b15a38a04070f"
	"20 79128b4d4c634a2763dfa24d922d3d32df4a4e6bacbb48f6171ca1b49152e7bf"
	"0018 00 0e 000000";

static const struct {
	const char *name;
	const char *hex;
	size_t len;
	enum pseudo_tls (*judge)(struct slice arrived);
	/* Bytes that may have any value: from, to (exclusive), twice. */
	size_t free[4];
} forms[] = {
	{"hello", hello_hex, 50, pseudo_tls_hello, {11, 43, 43, 43}},
	{"answer", answer_hex, 83, pseudo_tls_answer, {11, 43, 44, 76}},
};

START_TEST(a_captured_one_is_recognised)
{
	struct slice bytes = bytes_hex(forms[_i].hex);

	ck_assert_uint_eq(bytes.len, forms[_i].len);
	for (size_t len = 0; len <= bytes.len; len++) {
		struct slice cut = bytes_exact(bytes.data, len);
		ck_assert_int_eq(forms[_i].judge(cut),
				 len < bytes.len ? PSEUDO_TLS_MORE : PSEUDO_TLS_COMPLETE);
		bytes_free(cut);
	}
	bytes_free(bytes);
}
END_TEST

START_TEST(following_bytes_are_not_read)
{
	struct slice bytes = bytes_hex(forms[_i].hex);
	uint8_t longer[100];

	memset(longer, 0xFF, sizeof(longer));
	memcpy(longer, bytes.data, bytes.len);
	ck_assert_int_eq(forms[_i].judge((struct slice){longer, bytes.len + 1}),
			 PSEUDO_TLS_COMPLETE);
	ck_assert_int_eq(forms[_i].judge((struct slice){longer, sizeof(longer)}),
			 PSEUDO_TLS_COMPLETE);
	bytes_free(bytes);
}
END_TEST

static bool may_be_anything(const size_t *gaps, size_t at)
{
	return (at >= gaps[0] && at < gaps[1]) || (at >= gaps[2] && at < gaps[3]);
}

/* Every byte, changed: refused as soon as it arrives, or ignored. */
START_TEST(a_wrong_byte_is_detected_at_once)
{
	struct slice bytes = bytes_hex(forms[_i].hex);
	uint8_t *data = (uint8_t *)(uintptr_t)bytes.data;

	for (size_t at = 0; at < bytes.len; at++) {
		bool any = may_be_anything(forms[_i].free, at);

		for (int bit = 0; bit < 8; bit++) {
			data[at] ^= (uint8_t)(1 << bit);
			ck_assert_int_eq(forms[_i].judge((struct slice){data, at}),
					 PSEUDO_TLS_MORE);
			enum pseudo_tls got =
				forms[_i].judge((struct slice){data, at + 1});
			ck_assert_msg((got != PSEUDO_TLS_BROKEN) == any, "%s: byte %zu",
				      forms[_i].name, at);
			got = forms[_i].judge(bytes);
			ck_assert_msg(got == (any ? PSEUDO_TLS_COMPLETE
						  : PSEUDO_TLS_BROKEN),
				      "%s: byte %zu", forms[_i].name, at);
			data[at] ^= (uint8_t)(1 << bit);
		}
	}
	bytes_free(bytes);
}
END_TEST

START_TEST(the_captured_ones_are_written)
{
	struct slice want = bytes_hex(hello_hex);
	uint8_t hello[PSEUDO_TLS_HELLO_LEN], answer[PSEUDO_TLS_ANSWER_LEN];

	pseudo_tls_write_hello(hello, load_be32(want.data + 11), want.data + 15);
	ck_assert_uint_eq(want.len, sizeof(hello));
	ck_assert_mem_eq(hello, want.data, want.len);
	bytes_free(want);

	want = bytes_hex(answer_hex);
	pseudo_tls_write_answer(answer, load_be32(want.data + 11), want.data + 15,
				want.data + 44);
	ck_assert_uint_eq(want.len, sizeof(answer));
	ck_assert_mem_eq(answer, want.data, want.len);
	bytes_free(want);
}
END_TEST

/* The year 2106 and a clock before 1970 are harmless. */
START_TEST(a_stamp_has_32_bits)
{
	static const uint8_t random[PSEUDO_TLS_RANDOM_LEN];
	static const uint8_t session_id[PSEUDO_TLS_SESSION_ID_LEN];
	uint8_t answer[PSEUDO_TLS_ANSWER_LEN];

	pseudo_tls_write_answer(answer, 0x112345678, random, session_id);
	ck_assert_uint_eq(load_be32(answer + 11), 0x12345678);
	pseudo_tls_write_answer(answer, -1, random, session_id);
	ck_assert_uint_eq(load_be32(answer + 11), 0xFFFFFFFF);
	ck_assert_int_eq(pseudo_tls_answer((struct slice){answer, sizeof(answer)}),
			 PSEUDO_TLS_COMPLETE);
}
END_TEST

/*
 * Every start that the classifier recognises is served, unless the rest of the hello is
 * wrong.
 */
START_TEST(the_classifier_agrees)
{
	struct slice bytes = bytes_hex(hello_hex);

	ck_assert_int_eq(stream_classify((struct slice){bytes.data, 11}),
			 STREAM_PSEUDO_TLS);
	ck_assert_int_eq(pseudo_tls_hello((struct slice){bytes.data, 11}),
			 PSEUDO_TLS_MORE);
	bytes_free(bytes);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
} others[] = {
	{"TLS 1.2 ClientHello", "16 0301 0200 01 0001fc 0303"},
	{"TLS 1.0 ClientHello", "16 0301 0060 01 00005c 0301"},
	{"the hello of libjingle's relay", "80 46 01 03 01 00 2d 00 00 00 10"},
	{"MS framing", "02 00 0024 0003 0010"},
	{"STUN", "0001 0000 2112a442"},
	{"HTTP", "47455420"},
};

START_TEST(others_are_refused)
{
	struct slice bytes = bytes_hex(others[_i].hex);

	ck_assert_msg(pseudo_tls_hello(bytes) == PSEUDO_TLS_BROKEN, "%s",
		      others[_i].name);
	ck_assert_msg(pseudo_tls_answer(bytes) == PSEUDO_TLS_BROKEN, "%s",
		      others[_i].name);
	bytes_free(bytes);
}
END_TEST

static void pseudo_tls_suite(Suite *suite)
{
	TCase *tc = tcase_create("pseudo_tls");
	tcase_add_loop_test(tc, a_captured_one_is_recognised, 0, ROWS(forms));
	tcase_add_loop_test(tc, following_bytes_are_not_read, 0, ROWS(forms));
	tcase_add_loop_test(tc, a_wrong_byte_is_detected_at_once, 0, ROWS(forms));
	tcase_add_test(tc, the_captured_ones_are_written);
	tcase_add_test(tc, a_stamp_has_32_bits);
	tcase_add_test(tc, the_classifier_agrees);
	tcase_add_loop_test(tc, others_are_refused, 0, ROWS(others));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("pseudo_tls", pseudo_tls_suite)
