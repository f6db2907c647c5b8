/*
 * test_stun_tables.c - the lists of rfc-vectors.json other than messages: malformed
 * input, ChannelData, message types, addresses, keys, nonce cookies, first bytes.
 *
 * Every list of the file has a row in `lists` with its length and its test, or the reason
 * why it does not concern the codec; a list or a vector without one fails.
 */
#include <stdio.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/classify.h"
#include "stun/framing.h"
#include "stun/integrity.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

static json_t *root;

static void setup(void)
{
	root = vectors_load("stun/rfc-vectors.json");
}

static void teardown(void)
{
	json_decref(root);
}

static const json_t *row(const char *list, int i)
{
	return json_array_get(json_object_get(root, list), (size_t)i);
}

static void equals_hex(const json_t *vector, const char *key, const void *got, size_t len)
{
	struct vectors_bytes want = vectors_hex(vector, key);

	ck_assert_uint_eq(len, want.len);
	ck_assert_msg(len == 0 || memcmp(got, want.data, len) == 0, "%s differs", key);
	free(want.data);
}

/*
 * The codec's result for each. The last ones are well-formed messages that the server
 * discards for their method, class or missing cookie: the codec must report these.
 */
static const struct {
	const char *id;
	enum stun_parse want;
	bool has_cookie;
	uint16_t method;
	enum stun_class class;
} malformed_rows[] = {
	{"short-19", STUN_PARSE_SHORT, false, 0, 0},
	{"empty", STUN_PARSE_SHORT, false, 0, 0},
	{"topbits", STUN_PARSE_NOT_STUN, false, 0, 0},     /* T-001 */
	{"len-odd", STUN_PARSE_BAD_LENGTH, false, 0, 0},   /* T-002 */
	{"len-short", STUN_PARSE_BAD_LENGTH, false, 0, 0}, /* T-003 */
	{"len-trailing", STUN_PARSE_BAD_LENGTH, false, 0, 0},
	{"attr-overrun", STUN_PARSE_BAD_ATTR, false, 0, 0}, /* T-010 */
	{"attr-pad-overrun", STUN_PARSE_BAD_LENGTH, false, 0, 0},
	{"attr-half-header", STUN_PARSE_BAD_LENGTH, false, 0, 0},
	{"cookie", STUN_PARSE_OK, false, TURN_ALLOCATE, STUN_REQUEST}, /* T-004 */
	{"unknown-method", STUN_PARSE_OK, true, 0x07F, STUN_REQUEST},
	{"send-request", STUN_PARSE_OK, true, TURN_SEND, STUN_REQUEST},
	{"alloc-indication", STUN_PARSE_OK, true, TURN_ALLOCATE, STUN_INDICATION},
	{"stray-success", STUN_PARSE_OK, true, STUN_BINDING, STUN_SUCCESS},
};

START_TEST(malformed)
{
	const json_t *vector = row("malformed", _i);
	const char *id = vectors_text(vector, "id");
	struct vectors_bytes bytes = vectors_hex(vector, "hex");
	struct stun_msg msg;
	size_t i = 0;

	while (i < ARRAY_LEN(malformed_rows) && strcmp(malformed_rows[i].id, id) != 0)
		i++;
	ck_assert_msg(i < ARRAY_LEN(malformed_rows), "%s: no row", id);
	ck_assert_uint_eq(bytes.len, vectors_number(vector, "length"));
	ck_assert_int_eq(strncmp(vectors_text(vector, "expected"), "discard", 7), 0);

	enum stun_parse got = stun_msg_parse((struct slice){bytes.data, bytes.len}, &msg);
	ck_assert_msg(got == malformed_rows[i].want, "%s: parsed as %d", id, got);
	if (got == STUN_PARSE_OK) {
		ck_assert(msg.has_cookie == malformed_rows[i].has_cookie);
		ck_assert_uint_eq(msg.method, malformed_rows[i].method);
		ck_assert_int_eq(msg.class, malformed_rows[i].class);
	}
	free(bytes.data);
}
END_TEST

/* The frames in the vector's list, in order. */
static void check_stream(const json_t *vector, struct slice stream)
{
	const json_t *frames = json_object_get(vector, "frames");
	size_t offset = 0;

	for (size_t i = 0; i < json_array_size(frames); i++) {
		const json_t *want = json_array_get(frames, i);
		bool channel = strcmp(vectors_text(want, "kind"), "ChannelData") == 0;
		size_t len;

		ck_assert_uint_eq(offset, vectors_number(want, "offset"));
		enum framing got = framing_next(slice_skip(stream, offset), &len);
		ck_assert_int_eq(got, channel ? FRAMING_CHANNEL_DATA : FRAMING_STUN);
		ck_assert_uint_eq(len, vectors_number(want, "size"));

		struct slice frame = {stream.data + offset, len};
		struct stun_msg msg;
		if (channel) {
			uint16_t number;
			struct slice payload;
			ck_assert(chandata_parse(frame, &number, &payload));
			ck_assert_uint_eq(number, vectors_number(want, "channel"));
			equals_hex(want, "data_hex", payload.data, payload.len);
		} else {
			ck_assert_int_eq(stun_msg_parse(frame, &msg), STUN_PARSE_OK);
			ck_assert_ptr_nonnull(strstr(vectors_text(want, "kind"),
						     stun_method_name(msg.method)));
		}
		offset += len;
	}
	ck_assert_uint_eq(offset, stream.len);
}

static void check_framed(struct slice bytes, unsigned padding)
{
	size_t len;

	ck_assert_int_eq(framing_next(bytes, &len), FRAMING_CHANNEL_DATA);
	ck_assert_uint_eq(len, bytes.len);
	for (size_t cut = 0; cut < bytes.len; cut++)
		ck_assert_int_eq(framing_next((struct slice){bytes.data, cut}, &len),
				 FRAMING_MORE);

	uint16_t number;
	struct slice payload;
	ck_assert(chandata_parse(bytes, &number, &payload));
	ck_assert_uint_eq(CHANDATA_HEADER_LEN + payload.len + padding, bytes.len);
}

/* T-371..T-375 */
START_TEST(channel_data)
{
	const json_t *vector = row("channel_data", _i);
	const char *id = vectors_text(vector, "id");
	struct vectors_bytes hex = vectors_hex(vector, "hex");
	struct slice bytes = {hex.data, hex.len};
	uint16_t number;
	struct slice payload;

	ck_assert_uint_eq(bytes.len, vectors_number(vector, "length"));
	if (json_object_get(vector, "frames")) {
		check_stream(vector, bytes);
	} else if (json_object_get(vector, "data_hex")) {
		ck_assert_msg(chandata_parse(bytes, &number, &payload), "%s", id);
		ck_assert_uint_eq(number, vectors_number(vector, "channel"));
		equals_hex(vector, "data_hex", payload.data, payload.len);
		ck_assert_int_eq(datagram_classify(bytes), DATAGRAM_CHANNEL_DATA);
		if (strcmp(vectors_text(vector, "transport"), "tcp") == 0)
			check_framed(bytes, vectors_number(vector, "padding"));

		uint8_t header[CHANDATA_HEADER_LEN];
		chandata_write_header(header, number, payload.len);
		ck_assert_mem_eq(header, bytes.data, sizeof(header));
	} else {
		/* Either it does not parse, or its first byte is not ChannelData's. */
		bool short_one = !chandata_parse(bytes, &number, &payload);
		bool reserved = datagram_classify(bytes) != DATAGRAM_CHANNEL_DATA;
		ck_assert_msg(short_one != reserved, "%s: taken", id);
		ck_assert(short_one || number > CHANNEL_NUMBER_MAX);
	}
	free(hex.data);
}
END_TEST

/* T-006 */
START_TEST(message_types)
{
	const json_t *vector = row("message_types", _i);
	static const char *const classes[] = {
		[STUN_REQUEST] = "request",
		[STUN_INDICATION] = "indication",
		[STUN_SUCCESS] = "success",
		[STUN_ERROR] = "error",
	};
	uint16_t method = (uint16_t)vectors_number(vector, "code");

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		uint8_t bytes[STUN_HEADER_LEN] = {0};
		struct stun_msg msg;
		uint16_t want = (uint16_t)vectors_number(vector, classes[i]);

		ck_assert_uint_eq(stun_type(method, (enum stun_class)i), want);
		store_be16(bytes, want);
		ck_assert_int_eq(stun_msg_parse((struct slice){bytes, sizeof(bytes)},
						&msg),
				 STUN_PARSE_OK);
		ck_assert_uint_eq(msg.method, method);
		ck_assert_uint_eq(msg.class, i);
	}
	if (method < 0x080)
		ck_assert_str_eq(stun_method_name(method),
				 vectors_text(vector, "method"));
}
END_TEST

START_TEST(xor_addresses)
{
	const json_t *vector = row("xor_addresses", _i);
	struct vectors_bytes txid = vectors_hex(vector, "transaction_id");
	struct vectors_bytes value = vectors_hex(vector, "value_hex");
	struct stun_attr attr = {TURN_XOR_PEER_ADDRESS, {value.data, value.len}};
	struct endpoint want = {.port = (uint16_t)vectors_number(vector, "port")};
	struct endpoint got;

	ck_assert(ip_addr_parse(vectors_text(vector, "address"), &want.ip));
	ck_assert(stun_attr_xor_address(&attr, txid.data, &got));
	ck_assert(endpoint_equal(&got, &want));

	uint8_t buf[64];
	struct stun_builder b;
	stun_builder_start(&b, buf, sizeof(buf), TURN_SEND, STUN_INDICATION, txid.data);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &want);
	ck_assert_uint_eq(stun_builder_finish(&b), 24 + value.len);
	ck_assert_mem_eq(buf + 24, value.data, value.len);
	free(txid.data);
	free(value.data);
}
END_TEST

static void check_keys(const json_t *vector)
{
	struct slice user = vectors_slice(vectors_text(vector, "username"));
	struct slice realm = vectors_slice(vectors_text(vector, "realm"));
	struct slice password = vectors_slice(vectors_text(vector, "password"));
	struct stun_key key;

	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_MD5, user, realm, password));
	equals_hex(vector, "md5_key_hex", key.bytes, key.len);
	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_SHA256, user, realm, password));
	equals_hex(vector, "sha256_key_hex", key.bytes, key.len);
}

/* T-090, T-121 */
START_TEST(long_term_keys)
{
	const json_t *vector = row("long_term_keys", _i);
	uint8_t hash[STUN_USERHASH_LEN];

	check_keys(vector);
	ck_assert(stun_userhash(hash, vectors_slice(vectors_text(vector, "username")),
				vectors_slice(vectors_text(vector, "realm"))));
	equals_hex(vector, "userhash_hex", hash, sizeof(hash));
}
END_TEST

/* auth/ derives the password of TURN REST; here the key is derived from it. */
START_TEST(turn_rest)
{
	check_keys(row("turn_rest", _i));
}
END_TEST

/* T-110, T-111 */
START_TEST(nonce_cookies)
{
	const json_t *vector = row("nonce_cookies", _i);
	const char *want = vectors_text(vector, "nonce_cookie");
	const json_t *features = json_object_get(vector, "features");
	char got[STUN_NONCE_COOKIE_LEN];
	uint32_t bits = 0, read;

	for (size_t i = 0; i < json_array_size(features); i++) {
		const char *name = json_string_value(json_array_get(features, i));
		if (strcmp(name, "password-algorithms") == 0)
			bits |= STUN_FEATURE_PASSWORD_ALGORITHMS;
		else if (strcmp(name, "username-anonymity") == 0)
			bits |= STUN_FEATURE_USERNAME_ANONYMITY;
		else
			ck_assert_str_eq(name, "none");
	}
	ck_assert_uint_eq(bits, vectors_number(vector, "bits_hex"));

	stun_nonce_cookie(got, bits);
	ck_assert_uint_eq(strlen(want), sizeof(got));
	ck_assert_mem_eq(got, want, sizeof(got));
	ck_assert(stun_nonce_features(vectors_slice(want), &read));
	ck_assert_uint_eq(read, bits);
}
END_TEST

/* T-510..T-512: the ranges as written in the file, "20-63". */
static const struct {
	const char *protocol;
	enum datagram_kind kind;
} protocols[] = {
	{"STUN", DATAGRAM_STUN},
	{"drop", DATAGRAM_OTHER},
	{"ZRTP", DATAGRAM_ZRTP},
	{"DTLS", DATAGRAM_DTLS},
	{"TURN channel", DATAGRAM_CHANNEL_DATA},
	{"RTP/RTCP", DATAGRAM_RTP},
	{"QUIC or unknown: drop on a TURN port", DATAGRAM_QUIC},
};

static void range_is(unsigned first, unsigned last, enum datagram_kind want)
{
	for (unsigned byte = first; byte <= last; byte++) {
		uint8_t datagram[1] = {(uint8_t)byte};
		enum datagram_kind got = datagram_classify((struct slice){datagram, 1});
		ck_assert_msg(got == want, "%u: %s", byte, datagram_kind_name(got));
	}
}

START_TEST(first_byte_demux)
{
	const json_t *vector = row("first_byte_demux", _i);
	const char *protocol = vectors_text(vector, "protocol");
	const char *range = vectors_text(vector, "first_byte");
	unsigned first, last;
	size_t i = 0;

	while (i < ARRAY_LEN(protocols) && strcmp(protocols[i].protocol, protocol) != 0)
		i++;
	ck_assert_msg(i < ARRAY_LEN(protocols), "%s: no row", protocol);
	ck_assert_int_eq(sscanf(range, "%u-%u", &first, &last), 2);
	range_is(first, last, protocols[i].kind);
	/* "192-255 (RFC 9443) and 80-127 or rest" */
	if (sscanf(range, "%*u-%*u (RFC 9443) and %u-%u", &first, &last) == 2)
		range_is(first, last, protocols[i].kind);
}
END_TEST

static const struct {
	const char *list;
	int count;
	const TTest **test;
	const char *why_not;
} lists[] = {
	{"messages", 76, NULL, "driven by test_stun_vectors"},
	{"malformed", ROWS(malformed_rows), &malformed, NULL},
	{"channel_data", 19, &channel_data, NULL},
	{"message_types", 12, &message_types, NULL},
	{"xor_addresses", 7, &xor_addresses, NULL},
	{"long_term_keys", 4, &long_term_keys, NULL},
	{"turn_rest", 3, &turn_rest, NULL},
	{"nonce_cookies", 4, &nonce_cookies, NULL},
	{"first_byte_demux", ROWS(protocols), &first_byte_demux, NULL},
	{"oauth_tokens", 3, NULL, "OAuth (RFC 7635) is not part of the product"},
	{"prepared_strings", 5, NULL,
	 "preparation is not part of the codec: it takes prepared"},
	{"notes", 4, NULL, "for people"},
};

START_TEST(all_are_accounted_for)
{
	const char *name;
	json_t *list;

	json_object_foreach(root, name, list)
	{
		size_t i = 0;

		if (strcmp(name, "format") == 0) {
			ck_assert_int_eq(json_integer_value(list), 1);
			continue;
		}
		while (i < ARRAY_LEN(lists) && strcmp(lists[i].list, name) != 0)
			i++;
		ck_assert_msg(i < ARRAY_LEN(lists), "no row for \"%s\"", name);
		ck_assert_int_eq((int)json_array_size(list), lists[i].count);
		ck_assert((lists[i].test != NULL) != (lists[i].why_not != NULL));
	}
	ck_assert_uint_eq(json_object_size(root), ARRAY_LEN(lists) + 1);
}
END_TEST

static void tables_suite(Suite *suite)
{
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_are_accounted_for);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (lists[i].test)
			tcase_add_loop_test(tc, *lists[i].test, 0, lists[i].count);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun tables", tables_suite)
