/*
 * test_five_tuple.c - equality of 5-tuples, and the keyed hash of all tables.
 */
#include "relay/core/five_tuple.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

START_TEST(siphash_gives_the_example_of_its_paper) /* appendix A */
{
	uint8_t message[15];
	for (uint8_t i = 0; i < sizeof(message); i++)
		message[i] = i;
	ck_assert_uint_eq(siphash(&key, message, sizeof(message)), 0xa129ca6149be45e5);
}
END_TEST

static uint64_t openssl_siphash(EVP_MAC *mac, const uint8_t *data, size_t len)
{
	uint8_t key_bytes[16], out[8];
	size_t size = sizeof(out), out_len;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	uint64_t result = 0;

	for (uint8_t i = 0; i < sizeof(key_bytes); i++)
		key_bytes[i] = i;
	ck_assert_int_eq(EVP_MAC_init(ctx, key_bytes, sizeof(key_bytes), params), 1);
	ck_assert_int_eq(EVP_MAC_update(ctx, data, len), 1);
	ck_assert_int_eq(EVP_MAC_final(ctx, out, &out_len, sizeof(out)), 1);
	EVP_MAC_CTX_free(ctx);
	for (int i = 7; i >= 0; i--)
		result = result << 8 | out[i];
	return result;
}

START_TEST(siphash_agrees_with_openssl)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	ck_assert_ptr_nonnull(mac);

	/* One byte further each time, to cover every alignment. */
	uint8_t bytes[256];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= 100; len++)
		ck_assert_msg(siphash(&key, bytes + len, len) ==
				      openssl_siphash(mac, bytes + len, len),
			      "%zu bytes", len);
	EVP_MAC_free(mac);
}
END_TEST

static const struct five_tuple base = {{{IP_V4, {192, 0, 2, 1}}, 40000}, 3};

static const struct {
	const char *name;
	struct five_tuple other;
	bool equal;
} rows[] = {
	{"T-202 the same", {{{IP_V4, {192, 0, 2, 1}}, 40000}, 3}, true},
	{"T-202 another port", {{{IP_V4, {192, 0, 2, 1}}, 40001}, 3}, false},
	{"T-202 port with bytes swapped", {{{IP_V4, {192, 0, 2, 1}}, 16540}, 3}, false},
	{"T-202 another address", {{{IP_V4, {192, 0, 2, 2}}, 40000}, 3}, false},
	{"T-202 another front, such as TLS instead of TCP",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 4},
	 false},
	{"T-202 another family with the same bytes",
	 {{{IP_V6, {192, 0, 2, 1}}, 40000}, 3},
	 false},
};

START_TEST(five_tuples_differ_by_each_field)
{
	/* Padding must not count: fill it differently on both sides. */
	struct five_tuple a, b;
	memset(&a, 0xAA, sizeof(a));
	memset(&b, 0x55, sizeof(b));
	a.client.ip = base.client.ip;
	a.client.port = base.client.port;
	a.front = base.front;
	b.client.ip = rows[_i].other.client.ip;
	b.client.port = rows[_i].other.client.port;
	b.front = rows[_i].other.front;

	ck_assert_msg(five_tuple_equal(&a, &b) == rows[_i].equal, "%s", rows[_i].name);
	ck_assert_msg((five_tuple_hash(&a, &key) == five_tuple_hash(&b, &key)) ==
			      rows[_i].equal,
		      "%s: hash", rows[_i].name);
}
END_TEST

/* The size of the fullest of 65536 buckets, with all ports of one client. */
static unsigned fullest_bucket(const struct siphash_key *k, unsigned char *first_full)
{
	static unsigned char fill[65536];
	unsigned most = 0;

	memset(fill, 0, sizeof(fill));
	for (unsigned port = 0; port < 65536; port++) {
		struct five_tuple tuple = base;
		tuple.client.port = (uint16_t)port;
		unsigned n = ++fill[five_tuple_hash(&tuple, k) % 65536];
		if (n > most)
			most = n;
	}
	memcpy(first_full, fill, 16);
	return most;
}

START_TEST(attack_30_ports_do_not_aim_at_a_bucket)
{
	/* 65536 balls in 65536 bins: 8 or 9 in the fullest; 15 has a chance of one in 10^7. */
	unsigned char fill_a[16], fill_b[16];
	const struct siphash_key other = {key.k0 + 1, key.k1};

	ck_assert_uint_lt(fullest_bucket(&key, fill_a), 15);
	ck_assert_uint_lt(fullest_bucket(&other, fill_b), 15);
	ck_assert_mem_ne(fill_a, fill_b, sizeof(fill_a));
}
END_TEST

static void five_tuple_suite(Suite *suite)
{
	TCase *tc = tcase_create("five_tuple");
	tcase_add_test(tc, siphash_gives_the_example_of_its_paper);
	tcase_add_test(tc, siphash_agrees_with_openssl);
	tcase_add_loop_test(tc, five_tuples_differ_by_each_field, 0, ROWS(rows));
	tcase_add_test(tc, attack_30_ports_do_not_aim_at_a_bucket);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("five_tuple", five_tuple_suite)
