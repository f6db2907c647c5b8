/*
 * test_stun_integrity.c - MACs, keys and FINGERPRINT (RFC 8489 sections 9, 14.4 to 14.7).
 */
#include "stun/crc32.h"
#include "stun/integrity.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>

#include "stun/attr.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static const uint8_t txid[STUN_TXID_LEN] = "abcdefghijkl";
static const struct stun_key key = {.len = 20, .bytes = "a key of twenty byte"};

static struct slice text(const char *s)
{
	return (struct slice){(const uint8_t *)s, strlen(s)};
}

static const struct {
	const char *name;
	enum stun_integrity kind;
	enum stun_integrity second;
	bool fingerprint;
} shapes[] = {
	{"MI", STUN_INTEGRITY_SHA1, STUN_INTEGRITY_NONE, false},
	{"MI, FINGERPRINT", STUN_INTEGRITY_SHA1, STUN_INTEGRITY_NONE, true},
	{"MI256", STUN_INTEGRITY_SHA256, STUN_INTEGRITY_NONE, false},
	{"MI256, FINGERPRINT", STUN_INTEGRITY_SHA256, STUN_INTEGRITY_NONE, true},
	{"MI, MI256", STUN_INTEGRITY_SHA1, STUN_INTEGRITY_SHA256, false},
	{"MI, MI256, FINGERPRINT", STUN_INTEGRITY_SHA1, STUN_INTEGRITY_SHA256, true},
};

static size_t build(uint8_t *buf, size_t size, int shape)
{
	struct stun_builder b;

	stun_builder_start(&b, buf, size, TURN_REFRESH, STUN_REQUEST, txid);
	stun_builder_add(&b, STUN_USERNAME, "alice", 5);
	stun_add_u32(&b, TURN_LIFETIME, 600);
	stun_add_integrity(&b, shapes[shape].kind, &key);
	stun_add_integrity(&b, shapes[shape].second, &key);
	if (shapes[shape].fingerprint)
		stun_add_fingerprint(&b);
	return stun_builder_finish(&b);
}

/*
 * T-060, T-061, T-069: a signed message verifies, even with attributes after the MAC, and
 * no bit that the MAC covers can change. The MAC does not cover the length in the header
 * as it is, but with another length the message does not parse.
 */
START_TEST(every_covered_bit_counts)
{
	uint8_t buf[256];
	size_t len = build(buf, sizeof(buf), _i);
	enum stun_integrity kind = shapes[_i].second != STUN_INTEGRITY_NONE
					   ? shapes[_i].second
					   : shapes[_i].kind;
	struct stun_msg msg;

	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert_msg(stun_verify(&msg, kind, &key), "%s", shapes[_i].name);
	ck_assert_msg(stun_verify(&msg, shapes[_i].kind, &key), "%s", shapes[_i].name);
	size_t end = (kind == STUN_INTEGRITY_SHA1 ? msg.mi_offset + 24
						  : msg.mi256_offset + 36);

	for (size_t bit = 0; bit < 8 * end; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (stun_msg_parse((struct slice){buf, len}, &msg) == STUN_PARSE_OK)
			ck_assert_msg(!stun_verify(&msg, kind, &key), "%s: bit %zu",
				      shapes[_i].name, bit);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(another_key_does_not_verify)
{
	uint8_t buf[256];
	size_t len = build(buf, sizeof(buf), _i);
	struct stun_key shorter = key, other = key;
	struct stun_msg msg;

	shorter.len--;
	other.bytes[19] ^= 0x80;
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(!stun_verify(&msg, shapes[_i].kind, &shorter));
	ck_assert(!stun_verify(&msg, shapes[_i].kind, &other));
	ck_assert(!stun_verify(&msg, STUN_INTEGRITY_NONE, &key));
}
END_TEST

START_TEST(absent_does_not_verify)
{
	uint8_t buf[256];
	struct stun_msg msg;
	size_t len = build(buf, sizeof(buf), 0);

	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(!stun_verify(&msg, STUN_INTEGRITY_SHA256, &key));
	len = build(buf, sizeof(buf), 2);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(!stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
}
END_TEST

/* T-062: an attribute inserted after MI leaves the MAC valid and is ignored. */
START_TEST(attribute_after_mi_has_no_effect)
{
	uint8_t buf[256];
	struct stun_builder b;
	struct stun_msg msg;
	struct stun_attr attr;

	stun_builder_start(&b, buf, sizeof(buf), TURN_REFRESH, STUN_REQUEST, txid);
	stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
	stun_add_u32(&b, TURN_LIFETIME, 0);
	size_t len = stun_builder_finish(&b);

	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
	ck_assert(!stun_msg_find(&msg, TURN_LIFETIME, &attr));
}
END_TEST

/* T-063: a valid MI after MI256 is ignored. */
START_TEST(mi_after_mi256_is_ignored)
{
	uint8_t buf[256];
	struct stun_builder b;
	struct stun_msg msg;

	stun_builder_start(&b, buf, sizeof(buf), TURN_REFRESH, STUN_REQUEST, txid);
	stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &key);
	stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
	size_t len = stun_builder_finish(&b);

	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &key));
	ck_assert(!stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
}
END_TEST

/* T-064, T-065: a correct prefix of the MAC, shorter or longer than TURN accepts. */
static const struct {
	const char *name;
	uint16_t type;
	size_t len;
	bool want;
} lengths[] = {
	{"MI of 0", STUN_MESSAGE_INTEGRITY, 0, false},
	{"MI of 16", STUN_MESSAGE_INTEGRITY, 16, false},
	{"MI of 19", STUN_MESSAGE_INTEGRITY, 19, false},
	{"MI of 20", STUN_MESSAGE_INTEGRITY, 20, true},
	{"MI of 24", STUN_MESSAGE_INTEGRITY, 24, false},
	{"MI256 of 0", STUN_MESSAGE_INTEGRITY_SHA256, 0, false},
	{"MI256 of 16", STUN_MESSAGE_INTEGRITY_SHA256, 16, false},
	{"MI256 of 28", STUN_MESSAGE_INTEGRITY_SHA256, 28, false},
	{"MI256 of 31", STUN_MESSAGE_INTEGRITY_SHA256, 31, false},
	{"MI256 of 32", STUN_MESSAGE_INTEGRITY_SHA256, 32, true},
	{"MI256 of 36", STUN_MESSAGE_INTEGRITY_SHA256, 36, false},
};

START_TEST(mac_length)
{
	enum stun_integrity kind = lengths[_i].type == STUN_MESSAGE_INTEGRITY
					   ? STUN_INTEGRITY_SHA1
					   : STUN_INTEGRITY_SHA256;
	uint8_t good[256], buf[256], mac[64] = {0};
	struct stun_builder b;
	struct stun_msg msg;

	stun_builder_start(&b, good, sizeof(good), TURN_REFRESH, STUN_REQUEST, txid);
	stun_add_integrity(&b, kind, &key);
	memcpy(mac, good + 24, stun_builder_finish(&b) - 24);

	stun_builder_start(&b, buf, sizeof(buf), TURN_REFRESH, STUN_REQUEST, txid);
	stun_builder_add(&b, lengths[_i].type, mac, lengths[_i].len);
	size_t len = stun_builder_finish(&b);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(msg.bad_mi_len == !lengths[_i].want);
	ck_assert_msg(stun_verify(&msg, kind, &key) == lengths[_i].want, "%s",
		      lengths[_i].name);
}
END_TEST

/* Without cookie the MAC is that of RFC 3489, which is computed differently. */
START_TEST(classic_message_does_not_verify)
{
	uint8_t buf[256];
	struct stun_builder b;
	struct stun_msg msg;

	memset(buf, 7, STUN_HEADER_LEN);
	store_be32(buf, 0x00010000);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, STUN_HEADER_LEN}, &msg),
			 STUN_PARSE_OK);
	stun_builder_reply(&b, buf, sizeof(buf), &msg, STUN_REQUEST);
	stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
					&msg),
			 STUN_PARSE_OK);
	ck_assert_uint_ne(msg.mi_offset, 0);
	ck_assert(!stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
}
END_TEST

START_TEST(keys_of_every_length)
{
	for (int len = 0; len <= STUN_KEY_MAX; len++) {
		struct stun_key any = {.len = (uint8_t)len};
		uint8_t buf[128];
		struct stun_builder b;
		struct stun_msg msg;

		memset(any.bytes, 'k', sizeof(any.bytes));
		stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_REQUEST,
				   txid);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &any);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &any);
		ck_assert_int_eq(
			stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
				       &msg),
			STUN_PARSE_OK);
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &any));
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &any));
	}
}
END_TEST

/* A MAC that does not fit fails the whole message. */
START_TEST(integrity_overflow_fails_the_message)
{
	for (size_t size = STUN_HEADER_LEN; size <= STUN_HEADER_LEN + 36; size++) {
		uint8_t buf[STUN_HEADER_LEN + 36];
		struct stun_builder b;

		stun_builder_start(&b, buf, size, STUN_BINDING, STUN_REQUEST, txid);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &key);
		ck_assert_uint_eq(stun_builder_finish(&b),
				  size == sizeof(buf) ? size : 0);
	}
}
END_TEST

/* T-090: the example of RFC 8489 section 9.2.2. */
START_TEST(long_term_key_of_the_rfc)
{
	ck_assert(stun_integrity_ready());

	struct slice want = bytes_hex("8493fbc53ba582fb4c044c456bdc40eb");
	struct stun_key got;

	ck_assert(stun_key_long_term(&got, STUN_PASSWORD_MD5, text("user"), text("realm"),
				     text("pass")));
	ck_assert_uint_eq(got.len, 16);
	ck_assert_mem_eq(got.bytes, want.data, want.len);
	bytes_free(want);
}
END_TEST

/* T-091: the algorithm of the key and the MAC are independent. */
START_TEST(any_key_with_any_mac)
{
	static const enum stun_password_algorithm algorithms[] = {STUN_PASSWORD_MD5,
								  STUN_PASSWORD_SHA256};
	static const uint8_t lens[] = {16, 32};

	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		struct stun_key any;
		uint8_t buf[128];
		struct stun_builder b;
		struct stun_msg msg;

		ck_assert(stun_key_long_term(&any, algorithms[i], text("u"), text("r"),
					     text("p")));
		ck_assert_uint_eq(any.len, lens[i]);
		stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_REQUEST,
				   txid);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &any);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &any);
		ck_assert_int_eq(
			stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
				       &msg),
			STUN_PARSE_OK);
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &any));
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &any));
	}
}
END_TEST

START_TEST(unknown_algorithm_makes_no_key)
{
	struct stun_key got = {0};

	ck_assert(!stun_key_long_term(&got, (enum stun_password_algorithm)3, text("u"),
				      text("r"), text("p")));
}
END_TEST

/* Empty parts are hashed as empty: MD5("::") and SHA-256(":"), T-121. */
START_TEST(empty_names)
{
	struct slice md5 = bytes_hex("4501c091b0366d76ea3218b6cfdd8097");
	struct slice sha256 = bytes_hex(
		"e7ac0786668e0ff0f02b62bd04f45ff636fd82db63b1104601c975dc005f3a67");
	struct slice none = {NULL, 0};
	struct stun_key got;
	uint8_t hash[STUN_USERHASH_LEN];

	ck_assert(stun_key_long_term(&got, STUN_PASSWORD_MD5, none, none, none));
	ck_assert_mem_eq(got.bytes, md5.data, md5.len);
	ck_assert(stun_userhash(hash, none, none));
	ck_assert_mem_eq(hash, sha256.data, sha256.len);
	bytes_free(md5);
	bytes_free(sha256);
}
END_TEST

/* One bit at a time, as the polynomial defines it. */
static uint32_t crc32_bit_by_bit(struct slice bytes)
{
	uint32_t crc = 0xFFFFFFFFu;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= bytes.data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc;
}

/* T-067: the check value of the algorithm, then every length over every table entry. */
START_TEST(crc32_is_that_of_zlib)
{
	uint64_t seed = 1952;
	uint8_t random[600];

	ck_assert_uint_eq(stun_crc32(text("123456789")), 0xCBF43926);
	ck_assert_uint_eq(stun_crc32((struct slice){NULL, 0}), 0);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(random); i++)
			random[i] = (uint8_t)bytes_random(&seed);
		for (size_t len = 0; len < sizeof(random); len++) {
			struct slice bytes = {random + len % 8, len - len % 8};
			ck_assert_uint_eq(stun_crc32(bytes), crc32_bit_by_bit(bytes));
			bytes = (struct slice){random, len};
			ck_assert_uint_eq(stun_crc32(bytes), crc32_bit_by_bit(bytes));
		}
	}
}
END_TEST

/* T-044, T-067: no bit of a message with FINGERPRINT can change. */
START_TEST(fingerprint_covers_all)
{
	uint8_t buf[256];
	size_t len = build(buf, sizeof(buf), 1);
	struct stun_msg msg;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum stun_parse got = stun_msg_parse((struct slice){buf, len}, &msg);
		/*
		 * With its type changed it is an attribute that MESSAGE-INTEGRITY hides.
		 */
		ck_assert_msg(got != STUN_PARSE_OK || !msg.has_fingerprint, "bit %zu",
			      bit);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	ck_assert(msg.has_fingerprint);
}
END_TEST

/* T-068: a FINGERPRINT fits any class, alone or after the MACs, and is never required. */
START_TEST(fingerprint_on_every_class)
{
	for (int class = STUN_REQUEST; class <= STUN_ERROR; class ++) {
		uint8_t buf[64];
		struct stun_builder b;
		struct stun_msg msg;

		stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING,
				   (enum stun_class) class, txid);
		ck_assert_int_eq(stun_msg_parse((struct slice){buf, b.len}, &msg),
				 STUN_PARSE_OK);
		ck_assert(!msg.has_fingerprint);
		stun_add_fingerprint(&b);
		ck_assert_int_eq(
			stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
				       &msg),
			STUN_PARSE_OK);
		ck_assert(msg.has_fingerprint);
		ck_assert_uint_eq(msg.body.len, 0);
	}
}
END_TEST

/* The number of allocations that OpenSSL still gets. */
static unsigned budget = UINT_MAX;

static bool afford(void)
{
	return budget == UINT_MAX || (budget > 0 && budget-- > 0);
}

static void *scarce_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return afford() ? malloc(size) : NULL;
}

static void *scarce_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return afford() ? realloc(old, size) : NULL;
}

static void scarce_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

/*
 * Out of memory after any number of allocations: false or a failed builder, nothing
 * worse.
 */
START_TEST(without_memory_nothing_verifies)
{
	const char *fork = getenv("CK_FORK");
	uint8_t buf[256], out[256], hash[STUN_USERHASH_LEN];
	struct stun_msg msg;
	struct stun_key any;
	struct stun_builder b;
	unsigned failures = 0, n = 0;
	bool all;

	/* OpenSSL accepts other functions only before its first allocation. */
	if (fork && strcmp(fork, "no") == 0)
		return;
	ck_assert(CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free));
	ck_assert(stun_integrity_ready());
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, build(buf, sizeof(buf), 0)},
					&msg),
			 STUN_PARSE_OK);
	do {
		budget = n++;
		bool verified = stun_verify(&msg, STUN_INTEGRITY_SHA1, &key);
		budget = n;
		bool keyed = stun_key_long_term(&any, STUN_PASSWORD_SHA256, text("u"),
						text("r"), text("p"));
		budget = n;
		bool hashed = stun_userhash(hash, text("u"), text("r"));
		budget = n;
		stun_builder_start(&b, out, sizeof(out), STUN_BINDING, STUN_REQUEST,
				   txid);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &key);
		budget = UINT_MAX;
		all = verified && keyed && hashed && stun_builder_finish(&b) != 0;
		failures += !all;
	} while (!all && n < 100);
	ck_assert(all);
	ck_assert_uint_ge(failures, 3);
}
END_TEST

static void *verify_often(void *arg)
{
	const struct stun_msg *msg = arg;
	uintptr_t good = 0;

	for (int i = 0; i < 200; i++)
		good += stun_verify(msg, STUN_INTEGRITY_SHA1, &key);
	return (void *)good;
}

/* Workers share state that is prepared once; for the thread sanitizer. */
START_TEST(threads_verify_in_parallel)
{
	pthread_t threads[4];
	uint8_t buf[256];
	struct stun_msg msg;

	ck_assert_int_eq(stun_msg_parse((struct slice){buf, build(buf, sizeof(buf), 0)},
					&msg),
			 STUN_PARSE_OK);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_often, &msg),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *good;
		ck_assert_int_eq(pthread_join(threads[i], &good), 0);
		ck_assert_uint_eq((uintptr_t)good, 200);
	}
}
END_TEST

static void integrity_suite(Suite *suite)
{
	TCase *tc = tcase_create("macs");
	tcase_add_loop_test(tc, every_covered_bit_counts, 0, ROWS(shapes));
	tcase_add_loop_test(tc, another_key_does_not_verify, 0, ROWS(shapes));
	tcase_add_test(tc, absent_does_not_verify);
	tcase_add_test(tc, attribute_after_mi_has_no_effect);
	tcase_add_test(tc, mi_after_mi256_is_ignored);
	tcase_add_loop_test(tc, mac_length, 0, ROWS(lengths));
	tcase_add_test(tc, classic_message_does_not_verify);
	tcase_add_test(tc, keys_of_every_length);
	tcase_add_test(tc, integrity_overflow_fails_the_message);
	tcase_add_test(tc, threads_verify_in_parallel);
	tcase_add_test(tc, without_memory_nothing_verifies);
	suite_add_tcase(suite, tc);

	tc = tcase_create("keys");
	tcase_add_test(tc, long_term_key_of_the_rfc);
	tcase_add_test(tc, any_key_with_any_mac);
	tcase_add_test(tc, unknown_algorithm_makes_no_key);
	tcase_add_test(tc, empty_names);
	suite_add_tcase(suite, tc);

	tc = tcase_create("fingerprint");
	tcase_add_test(tc, crc32_is_that_of_zlib);
	tcase_add_test(tc, fingerprint_covers_all);
	tcase_add_test(tc, fingerprint_on_every_class);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun integrity", integrity_suite)
