/*
 * test_ms_integrity.c - keys and MESSAGE-INTEGRITY of MS-TURN: trimming, padding, and one
 * login from its first message to its answer.
 */
#include "stun/ms_integrity.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "stun/ms_attr.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Account alice of the vectors, with the realm as on the wire. */
#define ALICE                                                                 \
	"01000020 77640000 022f7163 101d6dfd399260388b4fa87041a8d5385b87afd8" \
	"6edbd48ee3409711cbc1603a792b2cad802985c6"
#define PASSWORD "95b6d380539a8ebbb8ee90816af0e119988ef7f9"
#define REALM "22727463 6d656469 6122"

static struct stun_key alice_key(enum ms_integrity kind)
{
	struct slice username = bytes_hex(ALICE);
	struct slice password = bytes_hex(PASSWORD);
	struct stun_key key;

	ck_assert(ms_key(&key, kind, username, text_of("\"rtcmedia\""), password));
	bytes_free(username);
	bytes_free(password);
	return key;
}

static const struct {
	const char *name;
	const char *hex;
	const char *want;
} parts[] = {
	{"nothing", "", ""},
	{"plain", "6162", "6162"},
	{"quoted", "22 6162 22", "6162"},
	{"leading quote", "22 6162", "6162"},
	{"trailing quote", "6162 22", "6162"},
	{"several quotes", "2222 6162 222222", "6162"},
	{"trailing NUL", "6162 00", "6162"},
	{"trailing quotes and NULs, in any order", "6162 0022002200", "6162"},
	{"leading NUL stays", "00 6162", "006162"},
	{"a quote after a leading NUL stays", "0022 6162", "00226162"},
	{"quotes and NULs inside stay", "61 220022 62", "6122002262"},
	{"one quote", "22", ""},
	{"one NUL", "00", ""},
	{"only quotes", "222222", ""},
	{"quotes, then NULs", "222200", ""},
	{"blanks stay", "20 61 20", "206120"},
};

START_TEST(a_part_of_the_key_is_trimmed)
{
	struct slice part = bytes_hex(parts[_i].hex);
	struct slice want = bytes_hex(parts[_i].want);
	struct slice got = ms_key_part(part);

	ck_assert_msg(got.len == want.len, "%s: %zu bytes", parts[_i].name, got.len);
	ck_assert_msg(got.len == 0 || memcmp(got.data, want.data, want.len) == 0, "%s",
		      parts[_i].name);
	bytes_free(part);
	bytes_free(want);
}
END_TEST

START_TEST(all_three_parts_are_trimmed)
{
	struct stun_key want, got;
	static const enum ms_integrity kinds[] = {MS_INTEGRITY_SHA1, MS_INTEGRITY_SHA256};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint8_t digest[EVP_MAX_MD_SIZE];
		unsigned len;
		const EVP_MD *md = kinds[i] == MS_INTEGRITY_SHA1 ? EVP_md5()
								 : EVP_sha256();

		ck_assert(EVP_Digest("u:r:p", 5, digest, &len, md, NULL));
		ck_assert(ms_key(&want, kinds[i], text_of("u"), text_of("r"),
				 text_of("p")));
		ck_assert_uint_eq(want.len, len);
		ck_assert_mem_eq(want.bytes, digest, len);

		ck_assert(ms_key(&got, kinds[i], text_of("\"u\""), text_of("r"),
				 text_of("p")));
		ck_assert_mem_eq(got.bytes, digest, len);
		ck_assert(ms_key(&got, kinds[i], text_of("u"), text_of("\"r\""),
				 text_of("p")));
		ck_assert_mem_eq(got.bytes, digest, len);
		ck_assert(ms_key(&got, kinds[i], text_of("u"), text_of("r"),
				 (struct slice){(const uint8_t *)"\"p\"\0", 4}));
		ck_assert_mem_eq(got.bytes, digest, len);
	}
}
END_TEST

START_TEST(the_key_of_the_worked_example)
{
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	struct slice want = bytes_hex("837d6280cfb3bd5c77656ff9cff4a079");

	ck_assert_uint_eq(key.len, want.len);
	ck_assert_mem_eq(key.bytes, want.data, want.len);
	bytes_free(want);
}
END_TEST

/*
 * The login of the worked example. The third message is the first one that carries an
 * integrity, over 144 bytes and 48 of padding; the fourth over 104 and 24, the last over 56
 * and 8.
 */
static const char allocate[] = "0003 0010 f25068f0a5eced55954742c4046000ee"
			       "000f 0004 72c64bc6"
			       "8008 0004 00000001";
#define NONCE "22 3443383543444632333844373239323933393543313435373933414546373236 22"
static const char unauthorized[] = "0113 0064 f25068f0a5eced55954742c4046000ee"
				   "000f 0004 72c64bc6"
				   "0009 0010 00000401 556e617574686f72697a6564"
				   "0015 000a" REALM "0014 0022" NONCE
				   "000e 0008 0001 a206 7f000001"
				   "8008 0004 00000002";
static const char allocate_again[] = "0003 0094 1cd6c035b830bb49378a034928ca3891"
				     "000f 0004 72c64bc6"
				     "8008 0004 00000001"
				     "0015 000a" REALM "0014 0022" NONCE "0006 0034" ALICE
				     "0008 0014 4e19f1026e1c05f0136bcbc224dd4275ede15d06";
#define CONNECTION_ID "a27920da2ea5945202c46ec5c632a71d4b680de8"
static const char allocated[] = "0103 006c 1cd6c035b830bb49378a034928ca3891"
				"000f 0004 72c64bc6"
				"8008 0004 00000002"
				"0001 0008 0001 c459 7f000001"
				"8020 0008 0001 d6fc 63d6c034"
				"000d 0004 00000258"
				"0010 0004 000002ee"
				"8050 0018" CONNECTION_ID "00000000"
				"0008 0014 5d9c9ed95b154979ec8f253628f2e0ad148ae082";
static const char destination_set[] =
	"0106 003c 78b505639eae47dcb1eac5f13ea50589"
	"000f 0004 72c64bc6"
	"8050 0018" CONNECTION_ID "00000005"
	"0008 0014 b1930f9dced8350234cbd637bbacd5790d7f8a5f";

static uint8_t buf[512];
static struct ms_builder builder;

/* A builder with the type and transaction id of the wanted message. */
static struct ms_builder *begin(struct slice want)
{
	ms_builder_start(&builder, buf, sizeof(buf), load_be16(want.data), want.data + 4);
	return &builder;
}

/* The built message is the wanted one. Frees it. */
static void built(struct slice want)
{
	ck_assert_uint_eq(ms_builder_finish(&builder), want.len);
	ck_assert_mem_eq(buf, want.data, want.len);
	bytes_free(want);
}

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint ep;

	ck_assert(endpoint_parse(text, 0, &ep));
	return ep;
}

static struct ms_sequence sequence_of(uint32_t number)
{
	struct slice id = bytes_hex(CONNECTION_ID);
	struct ms_sequence sequence = {.number = number};

	memcpy(sequence.connection_id, id.data, sizeof(sequence.connection_id));
	bytes_free(id);
	return sequence;
}

static void add_hex(struct ms_builder *b, uint16_t type, const char *hex)
{
	struct slice value = bytes_hex(hex);

	ms_builder_add(b, type, value.data, value.len);
	bytes_free(value);
}

START_TEST(the_login_of_the_worked_example_is_built)
{
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	struct endpoint server = endpoint_of("127.0.0.1:41478");
	struct endpoint relayed = endpoint_of("127.0.0.1:50265");
	struct endpoint client = endpoint_of("127.0.0.1:51754");
	struct ms_sequence sequence = sequence_of(0);

	struct slice want = bytes_hex(allocate);
	ms_add_u32(begin(want), MS_VERSION, MS_VERSION_ICE);
	built(want);

	want = bytes_hex(unauthorized);
	begin(want);
	ms_add_error_code(&builder, MS_UNAUTHORIZED, ms_error_reason(MS_UNAUTHORIZED));
	ms_builder_add(&builder, MS_REALM, "\"rtcmedia\"", 10);
	add_hex(&builder, MS_NONCE, NONCE);
	ms_add_address(&builder, MS_ALTERNATE_SERVER, &server);
	ms_add_u32(&builder, MS_VERSION, MS_VERSION_ICE2);
	built(want);

	want = bytes_hex(allocate_again);
	ms_add_u32(begin(want), MS_VERSION, MS_VERSION_ICE);
	ms_builder_add(&builder, MS_REALM, "\"rtcmedia\"", 10);
	add_hex(&builder, MS_NONCE, NONCE);
	add_hex(&builder, MS_USERNAME, ALICE);
	ms_add_integrity(&builder, MS_INTEGRITY_SHA1, &key);
	built(want);

	want = bytes_hex(allocated);
	ms_add_u32(begin(want), MS_VERSION, MS_VERSION_ICE2);
	ms_add_address(&builder, MS_MAPPED_ADDRESS, &relayed);
	ms_add_xor_address(&builder, MS_XOR_MAPPED_ADDRESS, &client);
	ms_add_u32(&builder, MS_LIFETIME, 600);
	ms_add_u32(&builder, MS_BANDWIDTH, 750);
	ms_add_sequence(&builder, &sequence);
	ms_add_integrity(&builder, MS_INTEGRITY_SHA1, &key);
	built(want);

	want = bytes_hex(destination_set);
	sequence = sequence_of(5);
	ms_add_sequence(begin(want), &sequence);
	ms_add_integrity(&builder, MS_INTEGRITY_SHA1, &key);
	built(want);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	bool is_signed;
} login[] = {
	{"Allocate", allocate, false},
	{"401", unauthorized, false},
	{"Allocate, signed", allocate_again, true},
	{"Allocate response", allocated, true},
	{"Set Active Destination response", destination_set, true},
};

START_TEST(the_login_of_the_worked_example_is_verified)
{
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	struct slice bytes = bytes_hex(login[_i].hex);
	struct ms_msg msg;

	ck_assert_int_eq(ms_msg_parse(bytes, &msg), MS_PARSE_OK);
	ck_assert_msg(ms_verify(&msg, &key) == login[_i].is_signed, "%s", login[_i].name);
	key.bytes[15] ^= 0x80;
	ck_assert_msg(!ms_verify(&msg, &key), "%s: verified with another key",
		      login[_i].name);
	bytes_free(bytes);
}
END_TEST

/* Quotes included in the hash give another key, as in a server that does not trim. */
START_TEST(quotes_are_not_part_of_the_key)
{
	struct slice username = bytes_hex(ALICE);
	struct slice password = bytes_hex(PASSWORD);
	struct slice bytes = bytes_hex(allocate_again);
	struct stun_key key;
	struct ms_msg msg;

	ck_assert_int_eq(ms_msg_parse(bytes, &msg), MS_PARSE_OK);
	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_MD5, username,
				     text_of("\"rtcmedia\""), password));
	ck_assert(!ms_verify(&msg, &key));
	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_MD5, username,
				     text_of("rtcmedia"), password));
	ck_assert(ms_verify(&msg, &key));
	bytes_free(username);
	bytes_free(password);
	bytes_free(bytes);
}
END_TEST

/*
 * The MAC computed independently: one call of libcrypto over a copy with explicit zeros.
 */
static void check_mac(const uint8_t *bytes, size_t offset, enum ms_integrity kind,
		      const struct stun_key *key)
{
	const EVP_MD *md = kind == MS_INTEGRITY_SHA1 ? EVP_sha1() : EVP_sha256();
	size_t padded = (offset + 63) / 64 * 64;
	uint8_t *copy = calloc(1, padded);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, offset);
	ck_assert_ptr_nonnull(HMAC(md, key->bytes, key->len, copy, padded, mac, &len));
	ck_assert_uint_eq(load_be16(bytes + offset), MS_MESSAGE_INTEGRITY);
	ck_assert_uint_eq(load_be16(bytes + offset + 2), len);
	ck_assert_mem_eq(bytes + offset + MS_ATTR_HEADER_LEN, mac, len);
	free(copy);
}

/* Each length of the text modulo 64, including those that need no padding. */
START_TEST(the_text_is_padded_to_64_bytes)
{
	static const uint8_t txid[MS_TXID_LEN] = "sixteen bytes...";
	static const uint8_t value[129] = "padding";
	enum ms_integrity kind = _i == 0 ? MS_INTEGRITY_SHA1 : MS_INTEGRITY_SHA256;
	struct stun_key key = alice_key(kind);
	size_t unpadded = 0;

	for (size_t len = 0; len < sizeof(value); len++) {
		struct ms_msg msg;

		ms_builder_start(&builder, buf, sizeof(buf), MS_SEND_REQUEST, txid);
		ms_builder_add(&builder, MS_DATA, value, len);
		size_t offset = builder.len;
		unpadded += offset % 64 == 0;
		ms_add_integrity(&builder, kind, &key);
		check_mac(buf, offset, kind, &key);
		ck_assert_int_eq(ms_msg_parse((struct slice){buf, builder.len}, &msg),
				 MS_PARSE_OK);
		ck_assert_int_eq(msg.integrity, kind);
		ck_assert_uint_eq(msg.mi_offset, offset);
		ck_assert(ms_verify(&msg, &key));
	}
	ck_assert_uint_eq(unpadded, 2);
}
END_TEST

START_TEST(one_changed_bit_is_detected)
{
	struct slice bytes = bytes_hex(_i == 0 ? allocated : destination_set);
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	uint8_t *data = (uint8_t *)(uintptr_t)bytes.data;
	struct ms_msg msg;

	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (ms_msg_parse(bytes, &msg) == MS_PARSE_OK)
			ck_assert_msg(!ms_verify(&msg, &key), "bit %zu", bit);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(ms_msg_parse(bytes, &msg), MS_PARSE_OK);
	ck_assert(ms_verify(&msg, &key));
	bytes_free(bytes);
}
END_TEST

/* The length is hashed as on the wire, so appending an attribute changes the MAC. */
START_TEST(an_appended_attribute_breaks_the_integrity)
{
	struct slice bytes = bytes_hex(destination_set);
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	uint8_t longer[128] = {0};
	struct ms_msg msg;

	memcpy(longer, bytes.data, bytes.len);
	store_be16(longer + bytes.len, MS_APP_ID);
	store_be16(longer + 2, (uint16_t)(bytes.len - MS_HEADER_LEN + 4));
	ck_assert_int_eq(ms_msg_parse((struct slice){longer, bytes.len + 4}, &msg),
			 MS_PARSE_OK);
	ck_assert_int_eq(msg.integrity, MS_INTEGRITY_SHA1);
	ck_assert(!ms_verify(&msg, &key));
	bytes_free(bytes);
}
END_TEST

START_TEST(signing_needs_room_and_a_kind)
{
	struct stun_key key = alice_key(MS_INTEGRITY_SHA1);
	struct slice want = bytes_hex(allocate);
	size_t room = MS_MSG_MIN + MS_ATTR_HEADER_LEN + MS_MI_SHA1_LEN;

	for (size_t size = room - 1; size <= room; size++) {
		ms_builder_start(&builder, buf, size, MS_ALLOCATE_ERROR, want.data + 4);
		ms_add_integrity(&builder, MS_INTEGRITY_SHA1, &key);
		ck_assert_uint_eq(ms_builder_finish(&builder), size < room ? 0 : room);
	}
	ms_add_u32(begin(want), MS_VERSION, MS_VERSION_ICE);
	ms_add_integrity(&builder, MS_INTEGRITY_NONE, NULL);
	built(want);
}
END_TEST

static void integrity_suite(Suite *suite)
{
	TCase *tc = tcase_create("keys");
	tcase_add_loop_test(tc, a_part_of_the_key_is_trimmed, 0, ROWS(parts));
	tcase_add_test(tc, all_three_parts_are_trimmed);
	tcase_add_test(tc, the_key_of_the_worked_example);
	suite_add_tcase(suite, tc);

	tc = tcase_create("integrity");
	tcase_add_test(tc, the_login_of_the_worked_example_is_built);
	tcase_add_loop_test(tc, the_login_of_the_worked_example_is_verified, 0,
			    ROWS(login));
	tcase_add_test(tc, quotes_are_not_part_of_the_key);
	tcase_add_loop_test(tc, the_text_is_padded_to_64_bytes, 0, 2);
	tcase_add_loop_test(tc, one_changed_bit_is_detected, 0, 2);
	tcase_add_test(tc, an_appended_attribute_breaks_the_integrity);
	tcase_add_test(tc, signing_needs_room_and_a_kind);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_integrity", integrity_suite)
