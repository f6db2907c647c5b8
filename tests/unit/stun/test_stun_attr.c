/*
 * test_stun_attr.c - attribute values with a structure (RFC 8489 section 14, RFC 8656
 * section 18).
 */
#include "stun/attr.h"

#include <stdio.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static const uint8_t txid[STUN_TXID_LEN] = {0};

/* Both decoders; txid is zero, so the XORed address reads as cookie and zeros. */
static const struct {
	const char *name;
	const char *hex;
	bool want;
	const char *plain, *xored;
} addresses[] = {
	{"IPv4", "0001 0d96 c0000201", true, "192.0.2.1:3478", "225.18.166.67:11396"},
	{"IPv6", "0002 0d96 20010db8000000000000000000000001", true, "[2001:db8::1]:3478",
	 "[113:a9fa::1]:11396"},
	{"zeros", "0001 0000 00000000", true, "0.0.0.0:0", "33.18.164.66:8466"},
	{"all ones", "0001 ffff ffffffff", true, "255.255.255.255:65535",
	 "222.237.91.189:57069"},
	{"first byte is ignored", "ff01 0d96 c0000201", true, "192.0.2.1:3478",
	 "225.18.166.67:11396"},
	{"IPv4-mapped stays IPv6", "0002 0d96 00000000000000000000ffffc0000201", true,
	 "[::ffff:192.0.2.1]:3478", NULL},
	{"empty", "", false, NULL, NULL},
	{"one byte", "00", false, NULL, NULL},
	{"three bytes", "000100", false, NULL, NULL},
	{"four bytes", "00010d96", false, NULL, NULL},
	{"IPv4 short by one", "0001 0d96 c00002", false, NULL, NULL},
	{"IPv4 long by one", "0001 0d96 c000020100", false, NULL, NULL},
	{"IPv4 family, IPv6 length", "0001 0d96 20010db8000000000000000000000001", false,
	 NULL, NULL},
	{"IPv6 family, IPv4 length", "0002 0d96 c0000201", false, NULL, NULL},
	{"IPv6 short by one", "0002 0d96 20010db80000000000000000000000", false, NULL,
	 NULL},
	{"IPv6 long by one", "0002 0d96 20010db800000000000000000000000100", false, NULL,
	 NULL},
	{"family 0", "0000 0d96 c0000201", false, NULL, NULL},
	{"family 0, no address", "0000 0d96", false, NULL, NULL},
	{"family 3", "0003 0d96 c0000201", false, NULL, NULL},
	{"family 255", "00ff 0d96 c0000201", false, NULL, NULL},
};

START_TEST(address_row)
{
	struct slice value = bytes_hex(addresses[_i].hex);
	struct stun_attr attr = {STUN_XOR_MAPPED_ADDRESS, value};
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	ck_assert_msg(stun_attr_address(&attr, &ep) == addresses[_i].want, "%s",
		      addresses[_i].name);
	if (addresses[_i].want)
		ck_assert_str_eq(endpoint_format(&ep, text, sizeof(text)),
				 addresses[_i].plain);
	ck_assert_msg(stun_attr_xor_address(&attr, txid, &ep) == addresses[_i].want, "%s",
		      addresses[_i].name);
	if (addresses[_i].xored)
		ck_assert_str_eq(endpoint_format(&ep, text, sizeof(text)),
				 addresses[_i].xored);
	bytes_free(value);
}
END_TEST

START_TEST(addresses_survive_a_round_trip)
{
	uint64_t seed = 14;

	for (int round = 0; round < 2000; round++) {
		uint8_t buf[128], id[STUN_TXID_LEN];
		struct endpoint ep = {.port = (uint16_t)bytes_random(&seed)}, got;
		struct stun_builder b;
		struct stun_msg msg;
		struct stun_attr attr;

		for (size_t i = 0; i < sizeof(id); i++)
			id[i] = (uint8_t)bytes_random(&seed);
		ep.ip.family = round % 2 ? IP_V4 : IP_V6;
		for (size_t i = 0; i < ip_addr_len(ep.ip.family); i++)
			ep.ip.bytes[i] = (uint8_t)bytes_random(&seed);

		memset(buf, 0xA5, sizeof(buf));
		stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_SUCCESS, id);
		stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, &ep);
		stun_add_address(&b, STUN_MAPPED_ADDRESS, &ep);
		size_t len = stun_builder_finish(&b);
		ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg),
				 STUN_PARSE_OK);
		ck_assert(stun_msg_find(&msg, STUN_XOR_MAPPED_ADDRESS, &attr));
		ck_assert(stun_attr_xor_address(&attr, msg.txid, &got));
		ck_assert(endpoint_equal(&got, &ep));
		ck_assert_uint_eq(attr.value.data[0], 0);
		ck_assert(stun_msg_find(&msg, STUN_MAPPED_ADDRESS, &attr));
		ck_assert(stun_attr_address(&attr, &got));
		ck_assert(endpoint_equal(&got, &ep));
	}
}
END_TEST

/* Values of one length only, at 0, 1, 3, 4 and 5 bytes. */
static const struct {
	size_t len;
	bool four; /* a 4-byte number, CHANNEL-NUMBER, one byte of four */
	bool even_port;
} fixed[] = {{0, false, false}, {1, false, true}, {2, false, false},
	     {3, false, false}, {4, true, false}, {5, false, false}};

START_TEST(fixed_length)
{
	static const uint8_t some[5] = {0x80, 1, 2, 3, 4};
	struct slice value = bytes_exact(some, fixed[_i].len);
	struct stun_attr attr = {TURN_LIFETIME, value};
	uint32_t u32 = 0;
	uint16_t number = 0;
	uint8_t byte = 0;
	bool reserve = false;

	ck_assert(stun_attr_u32(&attr, &u32) == fixed[_i].four);
	ck_assert(stun_attr_channel_number(&attr, &number) == fixed[_i].four);
	ck_assert(stun_attr_first_of_four(&attr, &byte) == fixed[_i].four);
	ck_assert(stun_attr_even_port(&attr, &reserve) == fixed[_i].even_port);
	ck_assert_uint_eq(u32, fixed[_i].four ? 0x80010203 : 0);
	ck_assert_uint_eq(number, fixed[_i].four ? 0x8001 : 0); /* T-380: RFFU ignored */
	ck_assert_uint_eq(byte, fixed[_i].four ? 0x80 : 0);
	ck_assert(reserve == fixed[_i].even_port);
	bytes_free(value);
}
END_TEST

START_TEST(even_port_reads_one_bit)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t value[1] = {(uint8_t)byte};
		struct stun_attr attr = {TURN_EVEN_PORT, {value, 1}};
		bool reserve;

		ck_assert(stun_attr_even_port(&attr, &reserve));
		ck_assert(reserve == (byte >= 0x80));
	}
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	int want; /* 0: malformed */
} error_codes[] = {
	{"401 without reason", "0000 0401", 401},
	{"lowest", "0000 0300", 300},
	{"highest", "0000 0663", 699},
	{"with reason", "0000 0426 5374616c65", 438},
	{"reserved bits are ignored", "ffff fc01", 401},
	{"class 0", "0000 0001", 0},
	{"class 2", "0000 0201", 0},
	{"class 7", "0000 0701", 0},
	{"number 100", "0000 0464", 0},
	{"number 255", "0000 04ff", 0},
	{"three bytes", "0000 04", 0},
	{"empty", "", 0},
};

START_TEST(error_code_row) /* T-020 */
{
	struct slice value = bytes_hex(error_codes[_i].hex);
	struct stun_attr attr = {STUN_ERROR_CODE, value};
	int code = 0;
	struct slice reason = {0};

	ck_assert_msg(stun_attr_error_code(&attr, &code, &reason) ==
			      (error_codes[_i].want != 0),
		      "%s", error_codes[_i].name);
	ck_assert_int_eq(code, error_codes[_i].want);
	if (code != 0) {
		ck_assert_uint_eq(reason.len, value.len - 4);
		ck_assert_ptr_eq(reason.data, value.data + 4);
	}
	bytes_free(value);
}
END_TEST

/* T-020: every code of the registry, encoded as in RFC 8489 section 14.8. */
START_TEST(every_error_is_well_formed)
{
	unsigned known = 0;

	for (int code = 300; code <= 699; code++) {
		const char *reason = stun_error_reason(code);
		uint8_t buf[256];
		struct stun_builder b;
		struct stun_msg msg;
		struct stun_attr attr;
		struct slice read;
		int got;

		memset(buf, 0xA5, sizeof(buf));
		stun_builder_start(&b, buf, sizeof(buf), TURN_ALLOCATE, STUN_ERROR, txid);
		stun_add_error_code(&b, code, reason);
		ck_assert_int_eq(
			stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
				       &msg),
			STUN_PARSE_OK);
		ck_assert(stun_msg_find(&msg, STUN_ERROR_CODE, &attr));
		ck_assert(stun_attr_error_code(&attr, &got, &read));
		ck_assert_int_eq(got, code);
		ck_assert_uint_eq(load_be16(attr.value.data), 0);
		ck_assert_uint_eq(attr.value.data[2] & 0xF8, 0);
		ck_assert_uint_eq(read.len, strlen(reason));
		ck_assert_mem_eq(read.data, reason, read.len);
		ck_assert_uint_lt(read.len, 128);
		known += read.len > 0;
	}
	ck_assert_uint_eq(known, 17);
}
END_TEST

static const struct {
	const char *name;
	uint16_t types[5];
	size_t count;
	const char *want; /* the attribute */
} unknowns[] = {
	{"none", {0}, 0, "000a 0000"},
	{"one, two bytes of padding", {0x7FFF}, 1, "000a 0002 7fff 0000"},
	{"two", {0x7FFF, 0x0024}, 2, "000a 0004 7fff 0024"},
	{"three", {1, 2, 3}, 3, "000a 0006 0001 0002 0003 0000"},
	{"each is listed once", {7, 7, 8, 7, 8}, 5, "000a 0004 0007 0008"},
};

START_TEST(unknown_attributes_row) /* T-017 */
{
	struct slice want = bytes_hex(unknowns[_i].want);
	uint8_t buf[64];
	struct stun_builder b;

	memset(buf, 0xA5, sizeof(buf));
	stun_builder_start(&b, buf, sizeof(buf), TURN_ALLOCATE, STUN_ERROR, txid);
	stun_add_unknown_attributes(&b, unknowns[_i].types, unknowns[_i].count);
	ck_assert_msg(stun_builder_finish(&b) == STUN_HEADER_LEN + want.len, "%s",
		      unknowns[_i].name);
	ck_assert_mem_eq(buf + STUN_HEADER_LEN, want.data, want.len);
	bytes_free(want);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	const char *want; /* algorithm/parameters, one word each; "!" if malformed */
} passwords[] = {
	{"empty list", "", ""},
	{"SHA-256 and MD5", "0002 0000 0001 0000", "2/0 1/0 "},
	{"parameters are padded", "0003 0001 aa000000 0001 0000", "3/1 1/0 "},
	{"parameters of 4 bytes", "0003 0004 aabbccdd", "3/4 "},
	{"half an entry", "0002 0000 0001", "2/0 !"},
	{"one byte", "00", "!"},
	{"parameters pass the end", "0002 0001", "!"},
	{"padding passes the end", "0002 0003 aabbcc", "!"},
	{"longest parameters pass the end", "0002 ffff 00000000", "!"},
};

START_TEST(password_row)
{
	struct slice value = bytes_hex(passwords[_i].hex);
	struct slice rest = value;
	struct stun_password_entry entry;
	bool malformed;
	char got[64] = "";
	size_t n = 0;

	while (stun_password_next(&rest, &entry, &malformed)) {
		ck_assert(!malformed);
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%u/%zu ",
				      entry.algorithm, entry.parameters.len);
	}
	snprintf(got + n, sizeof(got) - n, "%s", malformed ? "!" : "");
	ck_assert_msg(strcmp(got, passwords[_i].want) == 0, "%s: %s", passwords[_i].name,
		      got);
	bytes_free(value);
}
END_TEST

static const struct {
	const char *name;
	const char *nonce;
	bool want;
	uint32_t bits;
} nonces[] = {
	{"nothing else", "obMatJos2gAAA", true, 0x800000},
	{"trailing data", "obMatJos2AAACf//499k954", true, 0x000002},
	{"all bits", "obMatJos2////", true, 0xFFFFFF},
	{"all digits of base64", "obMatJos2+z9Z", true, 0xFB3F59},
	{"short by one", "obMatJos2gAA", false, 0},
	{"cookie without features", "obMatJos2", false, 0},
	{"empty", "", false, 0},
	{"another cookie", "obMatJos3gAAA", false, 0},
	{"lower case", "obmatjos2gAAA", false, 0},
	{"base64url", "obMatJos2_AAA", false, 0},
	{"padding", "obMatJos2gA==", false, 0},
	{"no cookie", "f//499k954d6OL34oL9FSTvy64sA", false, 0},
};

START_TEST(nonce_row)
{
	struct slice nonce = bytes_exact(nonces[_i].nonce, strlen(nonces[_i].nonce));
	uint32_t bits = 0;

	ck_assert_msg(stun_nonce_features(nonce, &bits) == nonces[_i].want, "%s",
		      nonces[_i].name);
	ck_assert_uint_eq(bits, nonces[_i].bits);
	if (nonces[_i].want) {
		char cookie[STUN_NONCE_COOKIE_LEN];
		stun_nonce_cookie(cookie, bits);
		ck_assert_mem_eq(cookie, nonce.data, sizeof(cookie));
	}
	bytes_free(nonce);
}
END_TEST

START_TEST(names_of_numbers)
{
	ck_assert_str_eq(stun_method_name(TURN_CONNECTION_ATTEMPT), "ConnectionAttempt");
	ck_assert_ptr_null(stun_method_name(0x002));
	ck_assert_str_eq(stun_attr_name(TURN_XOR_PEER_ADDRESS), "XOR-PEER-ADDRESS");
	ck_assert_ptr_null(stun_attr_name(0x7FFF));
	ck_assert_str_eq(stun_error_reason(-1), "");
	ck_assert_str_eq(stun_error_reason(65536 + 400), "");
	ck_assert(stun_attr_is_required(0x7FFF));
	ck_assert(!stun_attr_is_required(0x8000));
}
END_TEST

static void attr_suite(Suite *suite)
{
	TCase *tc = tcase_create("attributes");
	tcase_add_loop_test(tc, address_row, 0, ROWS(addresses));
	tcase_add_test(tc, addresses_survive_a_round_trip);
	tcase_add_loop_test(tc, fixed_length, 0, ROWS(fixed));
	tcase_add_test(tc, even_port_reads_one_bit);
	tcase_add_loop_test(tc, error_code_row, 0, ROWS(error_codes));
	tcase_add_test(tc, every_error_is_well_formed);
	tcase_add_loop_test(tc, unknown_attributes_row, 0, ROWS(unknowns));
	tcase_add_loop_test(tc, password_row, 0, ROWS(passwords));
	tcase_add_loop_test(tc, nonce_row, 0, ROWS(nonces));
	tcase_add_test(tc, names_of_numbers);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun attr", attr_suite)
