/*
 * test_ms_msg.c - messages of MS-TURN: parsing, attributes in effect, building.
 */
#include "stun/ms_msg.h"

#include "stun/ms_attr.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

#define TXID "000102030405060708090a0b0c0d0e0f"
#define COOKIE "000f 0004 72c64bc6"

static const struct {
	const char *name;
	const char *hex;
	enum ms_parse want;
	size_t body_len;
	enum ms_integrity integrity;
} messages[] = {
	{"nothing", "", MS_PARSE_SHORT, 0, 0},
	{"a header alone", "0003 0000" TXID, MS_PARSE_SHORT, 0, 0},
	{"cookie short by one", "0003 0007" TXID "000f 0004 72c64b", MS_PARSE_SHORT, 0,
	 0},
	{"the smallest", "0003 0008" TXID COOKIE, MS_PARSE_OK, 0, 0},
	{"Data Indication, a type of no STUN class", "0115 0008" TXID COOKIE, MS_PARSE_OK,
	 0, 0},
	{"an unknown type parses", "3fff 0008" TXID COOKIE, MS_PARSE_OK, 0, 0},
	{"bit 15 set", "8003 0008" TXID COOKIE, MS_PARSE_NOT_MS, 0, 0},
	{"bit 14 set", "4003 0008" TXID COOKIE, MS_PARSE_NOT_MS, 0, 0},
	{"cookie is not first", "0003 0010" TXID "8008 0004 00000001" COOKIE,
	 MS_PARSE_NOT_MS, 0, 0},
	{"wrong cookie", "0003 0008" TXID "000f 0004 72c64bc7", MS_PARSE_NOT_MS, 0, 0},
	{"cookie of another type", "0003 0008" TXID "0010 0004 72c64bc6", MS_PARSE_NOT_MS,
	 0, 0},
	{"cookie of five bytes", "0003 0009" TXID "000f 0005 72c64bc600", MS_PARSE_NOT_MS,
	 0, 0},
	{"transaction id like STUN's cookie",
	 "0003 0008 2112a442 0405060708090a0b0c0d0e0f" COOKIE, MS_PARSE_OK, 0, 0},
	{"length too small by one", "0003 0007" TXID COOKIE, MS_PARSE_BAD_LENGTH, 0, 0},
	{"length too large by one", "0003 0009" TXID COOKIE, MS_PARSE_BAD_LENGTH, 0, 0},
	{"length of nothing", "0003 0000" TXID COOKIE, MS_PARSE_BAD_LENGTH, 0, 0},
	{"length 65535", "0003 ffff" TXID COOKIE, MS_PARSE_BAD_LENGTH, 0, 0},
	{"empty attribute", "0003 000c" TXID COOKIE "8037 0000", MS_PARSE_OK, 4, 0},
	{"one byte, no padding", "0003 000d" TXID COOKIE "8037 0001 41", MS_PARSE_OK, 5,
	 0},
	{"padding would be an attribute", "0003 0010" TXID COOKIE "8037 0001 41 000000",
	 MS_PARSE_BAD_ATTR, 0, 0},
	{"attribute at an odd offset",
	 "0003 0015" TXID COOKIE "8037 0001 41 8008 0004 00000001", MS_PARSE_OK, 13, 0},
	{"one byte of an attribute", "0003 0009" TXID COOKIE "80", MS_PARSE_BAD_ATTR, 0,
	 0},
	{"attribute header short by one", "0003 000b" TXID COOKIE "803700",
	 MS_PARSE_BAD_ATTR, 0, 0},
	{"attribute passes the end", "0003 000d" TXID COOKIE "8037 0002 41",
	 MS_PARSE_BAD_ATTR, 0, 0},
	{"attribute of 65535", "0003 000d" TXID COOKIE "8037 ffff 41", MS_PARSE_BAD_ATTR,
	 0, 0},
	{"integrity of 20 bytes",
	 "0003 0020" TXID COOKIE "0008 0014 0000000000000000000000000000000000000000",
	 MS_PARSE_OK, 0, MS_INTEGRITY_SHA1},
	{"integrity of 32 bytes",
	 "0003 002c" TXID COOKIE "0008 0020 00000000000000000000000000000000"
	 "00000000000000000000000000000000",
	 MS_PARSE_OK, 0, MS_INTEGRITY_SHA256},
	{"integrity of 16 bytes",
	 "0003 001c" TXID COOKIE "0008 0010 00000000000000000000000000000000",
	 MS_PARSE_BAD_INTEGRITY, 0, 0},
	{"empty integrity", "0003 000c" TXID COOKIE "0008 0000", MS_PARSE_BAD_INTEGRITY,
	 0, 0},
	{"after the integrity nothing is in effect",
	 "0003 0030" TXID COOKIE "8008 0004 00000001"
	 "0008 0014 0000000000000000000000000000000000000000 000d 0004 00000000",
	 MS_PARSE_OK, 8, MS_INTEGRITY_SHA1},
	{"a second integrity is ignored, even if malformed",
	 "0003 0024" TXID COOKIE
	 "0008 0014 0000000000000000000000000000000000000000 0008 0000",
	 MS_PARSE_OK, 0, MS_INTEGRITY_SHA1},
	{"attributes after the integrity must be well formed too",
	 "0003 0024" TXID COOKIE
	 "0008 0014 0000000000000000000000000000000000000000 000d 0001",
	 MS_PARSE_BAD_ATTR, 0, 0},
};

START_TEST(message_row)
{
	struct slice bytes = bytes_hex(messages[_i].hex);
	struct ms_msg msg;
	enum ms_parse got = ms_msg_parse(bytes, &msg);

	ck_assert_msg(got == messages[_i].want, "%s: parsed as %d", messages[_i].name,
		      got);
	if (got == MS_PARSE_OK) {
		ck_assert_uint_eq(msg.type, load_be16(bytes.data));
		ck_assert_ptr_eq(msg.txid, bytes.data + 4);
		ck_assert_ptr_eq(msg.bytes.data, bytes.data);
		ck_assert_uint_eq(msg.bytes.len, bytes.len);
		ck_assert_ptr_eq(msg.body.data, bytes.data + MS_MSG_MIN);
		ck_assert_msg(msg.body.len == messages[_i].body_len, "%s: body of %zu",
			      messages[_i].name, msg.body.len);
		ck_assert_msg(msg.integrity == messages[_i].integrity, "%s: integrity %d",
			      messages[_i].name, msg.integrity);
		ck_assert_uint_eq(msg.mi_offset, msg.integrity == MS_INTEGRITY_NONE
							 ? 0
							 : MS_MSG_MIN + msg.body.len);
	}
	bytes_free(bytes);
}
END_TEST

static const uint8_t txid[MS_TXID_LEN] = {0, 1, 2,  3,  4,  5,  6,  7,
					  8, 9, 10, 11, 12, 13, 14, 15};

/* Cut anywhere, with the original or a corrected length, nothing is read past the end. */
START_TEST(a_message_cut_short)
{
	struct slice whole = bytes_hex("0003 0030" TXID COOKIE "0006 0003 616263"
				       "0015 0002 7274 8008 0004 00000001"
				       "0013 0001 58 000d 0004 00000258 0010 0002 0001");
	struct ms_msg msg;
	struct stun_attr attr;

	ck_assert_uint_eq(whole.len, MS_HEADER_LEN + 0x30);
	ck_assert_int_eq(ms_msg_parse(whole, &msg), MS_PARSE_OK);
	for (size_t len = 0; len < whole.len; len++) {
		struct slice cut = bytes_exact(whole.data, len);

		ck_assert_int_ne(ms_msg_parse(cut, &msg), MS_PARSE_OK);
		if (len >= MS_MSG_MIN) {
			store_be16((uint8_t *)(uintptr_t)cut.data + 2,
				   (uint16_t)(len - MS_HEADER_LEN));
			if (ms_msg_parse(cut, &msg) == MS_PARSE_OK)
				while (ms_attr_next(&msg.body, &attr))
					ck_assert_uint_le(
						(size_t)(attr.value.data - cut.data) +
							attr.value.len,
						len);
		}
		bytes_free(cut);
	}
	bytes_free(whole);
}
END_TEST

START_TEST(attributes_are_walked_in_order)
{
	struct slice bytes = bytes_hex("0003 0026" TXID COOKIE
				       "0006 0003 616263 8037 0000 0006 0001 64"
				       "8008 0004 00000001 000d 0002 0000");
	static const struct {
		uint16_t type;
		size_t len;
	} want[] = {{0x0006, 3}, {0x8037, 0}, {0x0006, 1}, {0x8008, 4}, {0x000D, 2}};
	struct ms_msg msg;
	struct stun_attr attr;

	ck_assert_int_eq(ms_msg_parse(bytes, &msg), MS_PARSE_OK);
	struct slice rest = msg.body;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		ck_assert(ms_attr_next(&rest, &attr));
		ck_assert_uint_eq(attr.type, want[i].type);
		ck_assert_uint_eq(attr.value.len, want[i].len);
	}
	ck_assert(!ms_attr_next(&rest, &attr));

	/* The first of its type counts. */
	ck_assert(ms_msg_find(&msg, MS_USERNAME, &attr));
	ck_assert_uint_eq(attr.value.len, 3);
	ck_assert(!ms_msg_find(&msg, MS_DATA, &attr));
	ck_assert_msg(!ms_msg_find(&msg, MS_COOKIE, &attr),
		      "the cookie is not part of the body");
	bytes_free(bytes);
}
END_TEST

START_TEST(after_integrity_nothing_is_found)
{
	struct slice bytes =
		bytes_hex("0003 0028" TXID COOKIE
			  "0008 0014 0000000000000000000000000000000000000000"
			  "000d 0004 00000000");
	struct ms_msg msg;
	struct stun_attr attr;
	uint16_t types[4];

	ck_assert_int_eq(ms_msg_parse(bytes, &msg), MS_PARSE_OK);
	ck_assert(!ms_msg_find(&msg, MS_LIFETIME, &attr));
	ck_assert(!ms_msg_find(&msg, MS_MESSAGE_INTEGRITY, &attr));
	ck_assert_uint_eq(ms_msg_unknown(&msg, types, 4), 0);
	bytes_free(bytes);
}
END_TEST

/* Types of the dialect and of its neighbours, and whether a 420 names them. */
static const struct {
	uint16_t type;
	bool unknown;
} required[] = {
	{MS_MAPPED_ADDRESS, false},
	{0x0002, true}, /* RESPONSE-ADDRESS of RFC 3489 */
	{MS_USERNAME, false},
	{0x0007, true}, /* PASSWORD of RFC 3489 */
	{MS_UNKNOWN_ATTRIBUTES, false},
	{0x000C, true}, /* CHANNEL-NUMBER */
	{MS_NONCE, false},
	{MS_REALM, false},
	{0x0016, true}, /* XOR-RELAYED-ADDRESS */
	{MS_REQUESTED_ADDRESS_FAMILY, false},
	{0x0019, true}, /* REQUESTED-TRANSPORT */
	{0x7FFF, true},
	{0x8000, false}, /* from here on comprehension is optional */
	{MS_VERSION, false},
	{0x0800, false}, /* seen in the field, meaning unknown, as the next four */
	{0x24DF, false},
	{0x3802, false},
	{0x8006, false},
	{0x8036, false},
	{0xFFFF, false},
};

START_TEST(unknown_attributes_are_listed_once)
{
	uint8_t buf[256];
	struct ms_builder b;
	struct ms_msg msg;
	uint16_t types[ARRAY_LEN(required)];
	size_t want = 0;

	ms_builder_start(&b, buf, sizeof(buf), MS_ALLOCATE_REQUEST, txid);
	for (int twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < ARRAY_LEN(required); i++)
			ms_builder_add(&b, required[i].type, NULL, 0);
	ck_assert_int_eq(ms_msg_parse((struct slice){buf, ms_builder_finish(&b)}, &msg),
			 MS_PARSE_OK);

	/* Previous contents of the array do not matter. */
	types[0] = types[1] = 0x0002;
	size_t count = ms_msg_unknown(&msg, types, ARRAY_LEN(types));
	for (size_t i = 0; i < ARRAY_LEN(required); i++) {
		if (!required[i].unknown)
			continue;
		ck_assert_uint_lt(want, count);
		ck_assert_uint_eq(types[want], required[i].type);
		want++;
	}
	ck_assert_uint_eq(count, want);

	/* No more than fit. */
	types[2] = 0x1234;
	ck_assert_uint_eq(ms_msg_unknown(&msg, types, 2), 2);
	ck_assert_uint_eq(types[2], 0x1234);
	ck_assert_uint_eq(ms_msg_unknown(&msg, types, 0), 0);
}
END_TEST

START_TEST(a_built_message_is_complete_after_every_add)
{
	uint8_t buf[64];
	struct ms_builder b;
	struct ms_msg msg;

	memset(buf, 0xEE, sizeof(buf));
	ms_builder_start(&b, buf, sizeof(buf), MS_DATA_INDICATION, txid);
	ck_assert_int_eq(ms_msg_parse((struct slice){buf, b.len}, &msg), MS_PARSE_OK);
	ms_builder_add(&b, MS_USERNAME, "abc", 3);
	ck_assert_int_eq(ms_msg_parse((struct slice){buf, b.len}, &msg), MS_PARSE_OK);
	ms_builder_add(&b, MS_APP_ID, NULL, 0);

	struct slice want =
		bytes_hex("0115 0013" TXID COOKIE "0006 0003 616263 8037 0000");
	ck_assert_uint_eq(ms_builder_finish(&b), want.len);
	ck_assert_mem_eq(buf, want.data, want.len);
	ck_assert_uint_eq(buf[want.len], 0xEE);
	bytes_free(want);
}
END_TEST

START_TEST(a_reply_has_the_transaction_id_of_its_request)
{
	struct slice bytes =
		bytes_hex("0003 0008 2112a442 f0f1f2f3f4f5f6f7f8f9fafb" COOKIE);
	uint8_t buf[MS_MSG_MIN];
	struct ms_builder b;
	struct ms_msg request, reply;

	ck_assert_int_eq(ms_msg_parse(bytes, &request), MS_PARSE_OK);
	ms_builder_reply(&b, buf, sizeof(buf), &request, MS_ALLOCATE_ERROR);
	ck_assert_int_eq(ms_msg_parse((struct slice){buf, ms_builder_finish(&b)}, &reply),
			 MS_PARSE_OK);
	ck_assert_uint_eq(reply.type, 0x0113);
	ck_assert_mem_eq(reply.txid, request.txid, MS_TXID_LEN);
	bytes_free(bytes);
}
END_TEST

/* Two attributes in buffers of every size: all or nothing, and never a byte too many. */
START_TEST(a_builder_remembers_its_overflow)
{
	enum { WHOLE = MS_MSG_MIN + 4 + 5 + 4 + 1 };

	for (size_t size = 0; size <= WHOLE + 1; size++) {
		uint8_t *buf = malloc(size);
		struct ms_builder b;

		ck_assert(buf != NULL || size == 0);
		ms_builder_start(&b, buf, size, MS_ALLOCATE_RESPONSE, txid);
		ms_builder_add(&b, MS_USERNAME, "12345", 5);
		ms_builder_add(&b, MS_APP_ID, "x", 1);
		ck_assert_uint_eq(ms_builder_finish(&b), size < WHOLE ? 0 : WHOLE);
		free(buf);
	}

	/* After the failure nothing is added, even if it would fit. */
	uint8_t small[MS_MSG_MIN + 8];
	struct ms_builder b;
	ms_builder_start(&b, small, sizeof(small), MS_ALLOCATE_RESPONSE, txid);
	ms_builder_add(&b, MS_USERNAME, "12345", 5);
	ck_assert_ptr_null(ms_builder_reserve(&b, MS_USERNAME, 1));
	ck_assert_uint_eq(ms_builder_finish(&b), 0);
}
END_TEST

START_TEST(a_message_fits_the_frame_of_a_stream)
{
	size_t size = 2 * MS_MSG_MAX;
	uint8_t *buf = calloc(1, size);
	struct ms_builder b;
	struct ms_msg msg;
	size_t most = MS_MSG_MAX - MS_MSG_MIN - MS_ATTR_HEADER_LEN;

	ck_assert_ptr_nonnull(buf);
	ms_builder_start(&b, buf, size, MS_DATA_INDICATION, txid);
	ck_assert_ptr_nonnull(ms_builder_reserve(&b, MS_DATA, most));
	ck_assert_uint_eq(ms_builder_finish(&b), MS_MSG_MAX);
	ck_assert_int_eq(ms_msg_parse((struct slice){buf, MS_MSG_MAX}, &msg),
			 MS_PARSE_OK);
	ck_assert_ptr_null(ms_builder_reserve(&b, MS_APP_ID, 0));

	ms_builder_start(&b, buf, size, MS_DATA_INDICATION, txid);
	ck_assert_ptr_null(ms_builder_reserve(&b, MS_DATA, most + 1));
	ms_builder_start(&b, buf, size, MS_DATA_INDICATION, txid);
	ck_assert_ptr_null(ms_builder_reserve(&b, MS_DATA, SIZE_MAX));
	free(buf);
}
END_TEST

static const struct {
	const char *name;
	uint8_t family;
	size_t header_len;
	size_t payload_len;
} indications[] = {
	{"IPv4, empty", IP_V4, MS_DATA_HEADER_V4, 0},
	{"IPv4, one byte", IP_V4, MS_DATA_HEADER_V4, 1},
	{"IPv4, media", IP_V4, MS_DATA_HEADER_V4, 172},
	{"IPv4, maximum length", IP_V4, MS_DATA_HEADER_V4,
	 MS_MSG_MAX - MS_DATA_HEADER_V4},
	{"IPv6, empty", IP_V6, MS_DATA_HEADER_V6, 0},
	{"IPv6, one byte", IP_V6, MS_DATA_HEADER_V6, 1},
	{"IPv6, maximum length", IP_V6, MS_DATA_HEADER_V6,
	 MS_MSG_MAX - MS_DATA_HEADER_V6},
};

START_TEST(a_header_in_front_of_a_payload_is_a_data_indication)
{
	size_t header_len = indications[_i].header_len;
	size_t payload_len = indications[_i].payload_len;
	struct endpoint peer = {.ip = {.family = indications[_i].family}, .port = 50000};
	uint8_t *got = malloc(header_len + payload_len);
	uint8_t *want = malloc(header_len + payload_len);
	struct ms_builder b;
	struct ms_msg msg;

	ck_assert(got != NULL && want != NULL);
	for (size_t i = 0; i < ip_addr_len(peer.ip.family); i++)
		peer.ip.bytes[i] = (uint8_t)(200 + i);
	memset(got + header_len, 0x5A, payload_len);
	ck_assert_msg(ms_data_indication_header(got, txid, &peer, payload_len) ==
			      header_len,
		      "%s", indications[_i].name);

	ms_builder_start(&b, want, header_len + payload_len, MS_DATA_INDICATION, txid);
	ms_add_address(&b, MS_REMOTE_ADDRESS, &peer);
	memset(ms_builder_reserve(&b, MS_DATA, payload_len), 0x5A, payload_len);
	ck_assert_uint_eq(ms_builder_finish(&b), header_len + payload_len);
	ck_assert_msg(memcmp(got, want, header_len + payload_len) == 0, "%s",
		      indications[_i].name);
	ck_assert_int_eq(ms_msg_parse((struct slice){got, header_len + payload_len},
				      &msg),
			 MS_PARSE_OK);
	free(got);
	free(want);
}
END_TEST

static void msg_suite(Suite *suite)
{
	TCase *tc = tcase_create("parse");
	tcase_add_loop_test(tc, message_row, 0, ROWS(messages));
	tcase_add_test(tc, a_message_cut_short);
	tcase_add_test(tc, attributes_are_walked_in_order);
	tcase_add_test(tc, after_integrity_nothing_is_found);
	tcase_add_test(tc, unknown_attributes_are_listed_once);
	suite_add_tcase(suite, tc);

	tc = tcase_create("build");
	tcase_add_test(tc, a_built_message_is_complete_after_every_add);
	tcase_add_test(tc, a_reply_has_the_transaction_id_of_its_request);
	tcase_add_test(tc, a_builder_remembers_its_overflow);
	tcase_add_test(tc, a_message_fits_the_frame_of_a_stream);
	tcase_add_loop_test(tc, a_header_in_front_of_a_payload_is_a_data_indication, 0,
			    ROWS(indications));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_msg", msg_suite)
