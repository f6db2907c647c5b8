/*
 * test_stun_vectors.c - every message of rfc-vectors.json: parsed, walked, its typed
 * attributes compared, its MACs verified and computed independently, rebuilt.
 *
 * Each member of a message has a row below that checks it or gives a reason not to; a
 * member without a row fails. (T-001, T-010, T-012, T-044, T-045, T-060..T-065, T-067,
 * T-069, T-090, T-091, T-121)
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/integrity.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

enum {
	MESSAGES = 76,
};

/* The vector being tested. */
static json_t *root;
static json_t *vector;
static const char *id;
static struct vectors_bytes bytes;
static struct stun_msg msg;
static struct stun_key key;

/* Messages that are wrong on purpose and must not parse. */
static const struct {
	const char *id;
	enum stun_parse want;
} refused[] = {
	{"rfc8489-b1-as-printed", STUN_PARSE_BAD_LENGTH}, /* T-E02 */
	{"neg-fp-flipped", STUN_PARSE_BAD_FINGERPRINT},   /* T-044 */
	{"neg-fp-not-last", STUN_PARSE_BAD_FINGERPRINT},  /* T-045 */
};

static enum stun_parse wanted_parse(void)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(refused[i].id, id) == 0)
			return refused[i].want;
	return STUN_PARSE_OK;
}

static struct stun_attr attr_of(uint16_t type)
{
	struct stun_attr attr;

	ck_assert_msg(stun_msg_find(&msg, type, &attr), "%s: no attribute 0x%04x", id,
		      type);
	return attr;
}

static void equals(struct slice got, const void *want, size_t len, const char *what)
{
	ck_assert_msg(got.len == len && memcmp(got.data, want, len) == 0,
		      "%s: %s differs", id, what);
}

static void attr_is_text(uint16_t type, const char *key_name)
{
	const char *want = vectors_text(vector, key_name);

	equals(attr_of(type).value, want, strlen(want), key_name);
}

static void check_length(void)
{
	ck_assert_uint_eq(bytes.len, vectors_number(vector, "length"));
}

static void check_transaction_id(void)
{
	struct vectors_bytes want = vectors_hex(vector, "transaction_id");

	equals((struct slice){msg.txid, STUN_TXID_LEN}, want.data, want.len,
	       "transaction id");
	free(want.data);
}

/* A reply or an indication has no USERNAME; there the member only identifies the key. */
static void check_username(void)
{
	if (msg.class == STUN_REQUEST && !json_object_get(vector, "userhash"))
		attr_is_text(STUN_USERNAME, "username");
}

static void check_username_hex(void)
{
	struct vectors_bytes want = vectors_hex(vector, "username_hex");

	equals(vectors_slice(vectors_text(vector, "username")), want.data, want.len,
	       "username");
	free(want.data);
}

/* neg-missing-realm lacks it on purpose; a reply may omit it. */
static void check_realm(void)
{
	struct stun_attr attr;

	if (stun_msg_find(&msg, STUN_REALM, &attr))
		attr_is_text(STUN_REALM, "realm");
	else
		ck_assert_msg(msg.class != STUN_REQUEST, "%s: no REALM", id);
}

static void check_nonce(void)
{
	attr_is_text(STUN_NONCE, "nonce");
}

static void check_software(void)
{
	attr_is_text(STUN_SOFTWARE, "software");
}

static void check_kid(void)
{
	attr_is_text(STUN_USERNAME, "kid");
}

static void userhash_is(struct slice value)
{
	struct vectors_bytes want = vectors_hex(vector, "userhash");
	uint8_t got[STUN_USERHASH_LEN];

	equals(value, want.data, want.len, "USERHASH");
	ck_assert(stun_userhash(got, vectors_slice(vectors_text(vector, "username")),
				vectors_slice(vectors_text(vector, "realm"))));
	equals((struct slice){got, sizeof(got)}, want.data, want.len,
	       "computed USERHASH");
	free(want.data);
}

static void check_userhash(void)
{
	userhash_is(attr_of(STUN_USERHASH).value);
}

/* The nth attribute of that type, XORed or not, is that transport address. */
static void attr_is_address(uint16_t type, int nth, const char *text)
{
	struct slice rest = msg.body;
	struct stun_attr attr = {0};
	struct endpoint got;
	char got_text[ENDPOINT_TEXT_LEN];

	while (stun_attr_next(&rest, &attr))
		if (attr.type == type && nth-- == 0)
			break;
	ck_assert_msg(nth < 0, "%s: no attribute 0x%04x", id, type);
	ck_assert(type == STUN_MAPPED_ADDRESS
			  ? stun_attr_address(&attr, &got)
			  : stun_attr_xor_address(&attr, msg.txid, &got));
	/*
	 * A bare address is a peer of CreatePermission, where the port does not matter.
	 */
	if (strchr(text, '[') || (strchr(text, '.') && strchr(text, ':')))
		endpoint_format(&got, got_text, sizeof(got_text));
	else
		ip_addr_format(&got.ip, got_text, sizeof(got_text));
	ck_assert_msg(strcmp(got_text, text) == 0, "%s: %s, not %s", id, got_text, text);
}

static void check_mapped_address(void)
{
	attr_is_address(msg.has_cookie ? STUN_XOR_MAPPED_ADDRESS : STUN_MAPPED_ADDRESS, 0,
			vectors_text(vector, "mapped_address"));
}

static void check_relayed_address(void)
{
	attr_is_address(TURN_XOR_RELAYED_ADDRESS, 0,
			vectors_text(vector, "relayed_address"));
}

static void check_each(const char *key_name, uint16_t type)
{
	const json_t *list = json_object_get(vector, key_name);

	ck_assert_uint_gt(json_array_size(list), 0);
	for (size_t i = 0; i < json_array_size(list); i++)
		attr_is_address(type, (int)i, json_string_value(json_array_get(list, i)));
}

static void check_relayed_addresses(void)
{
	check_each("relayed_addresses", TURN_XOR_RELAYED_ADDRESS);
}

static void check_peers(void)
{
	check_each("peers", TURN_XOR_PEER_ADDRESS);
}

static void check_peer(void)
{
	attr_is_address(TURN_XOR_PEER_ADDRESS, 0, vectors_text(vector, "peer"));
}

static void check_channel(void)
{
	struct stun_attr attr = attr_of(TURN_CHANNEL_NUMBER);
	uint16_t number;

	ck_assert(stun_attr_channel_number(&attr, &number));
	ck_assert_uint_eq(number, vectors_number(vector, "channel"));
}

static void check_data(void)
{
	struct vectors_bytes want = vectors_hex(vector, "data_hex");

	equals(attr_of(TURN_DATA_ATTR).value, want.data, want.len, "DATA");
	free(want.data);
}

static void check_connection_id(void)
{
	struct stun_attr attr = attr_of(TURN_CONNECTION_ID);
	uint32_t got;

	ck_assert(stun_attr_u32(&attr, &got));
	ck_assert_uint_eq(got, vectors_number(vector, "connection_id"));
}

/*
 * Passed through: the layout is chosen above the codec (T-E05); the RFC's figure has 7 +
 * 9 bits.
 */
static void check_icmp(void)
{
	const json_t *icmp = json_object_get(vector, "icmp");
	struct slice value = attr_of(TURN_ICMP).value;
	unsigned type_bits = strstr(id, "-alt") ? 8 : 9;

	ck_assert_uint_eq(value.len, 8);
	ck_assert_uint_eq(load_be16(value.data), 0);
	ck_assert_uint_eq(load_be16(value.data + 2),
			  vectors_number(icmp, "type") << type_bits |
				  vectors_number(icmp, "code"));
	ck_assert_uint_eq(load_be32(value.data + 4), vectors_number(icmp, "error_data"));
}

/* The names and the password must give the key of the vector (T-090, T-091). */
static void check_password(void)
{
	struct slice password = vectors_slice(vectors_text(vector, "password"));
	struct stun_key got = {0};

	if (strcmp(vectors_text(vector, "mechanism"), "short-term") == 0) {
		equals(password, key.bytes, key.len, "short-term key");
		return;
	}

	bool md5 = strcmp(vectors_text(vector, "password_algorithm"), "MD5") == 0;
	ck_assert(stun_key_long_term(&got, md5 ? STUN_PASSWORD_MD5 : STUN_PASSWORD_SHA256,
				     vectors_slice(vectors_text(vector, "username")),
				     vectors_slice(vectors_text(vector, "realm")),
				     password));
	equals((struct slice){got.bytes, got.len}, key.bytes, key.len, "long-term key");
}

/*
 * The list in the JSON has all attributes, even those without effect: walk without the
 * parser.
 */
static void check_attributes(void)
{
	const json_t *list = json_object_get(vector, "attributes");
	size_t offset = STUN_HEADER_LEN;

	if (!list)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *want = json_array_get(list, i);
		size_t len = vectors_number(want, "length");
		uint16_t type = (uint16_t)vectors_number(want, "type");
		const char *name = stun_attr_name(type);

		ck_assert_uint_eq(vectors_number(want, "offset"), offset);
		ck_assert_uint_le(offset + STUN_ATTR_HEADER_LEN + padded4(len),
				  bytes.len);
		ck_assert_uint_eq(load_be16(bytes.data + offset), type);
		ck_assert_uint_eq(load_be16(bytes.data + offset + 2), len);
		if (name)
			ck_assert_str_eq(name, vectors_text(want, "name"));
		offset += STUN_ATTR_HEADER_LEN + padded4(len);
	}
	ck_assert_uint_eq(offset, bytes.len);
}

/*
 * Compare the attributes in effect with the rule of RFC 8489 section 9 applied to the
 * list.
 */
static void check_effect(void)
{
	const json_t *list = json_object_get(vector, "attributes");
	struct slice rest = msg.body;
	unsigned mi = 0, mi256 = 0;
	bool tail = false, fingerprint = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *want = json_array_get(list, i);
		unsigned type = vectors_number(want, "type");
		unsigned offset = vectors_number(want, "offset");
		struct stun_attr attr;

		if (type == STUN_MESSAGE_INTEGRITY && mi == 0 && mi256 == 0)
			mi = offset;
		if (type == STUN_MESSAGE_INTEGRITY_SHA256 && mi256 == 0)
			mi256 = offset;
		fingerprint |= type == STUN_FINGERPRINT;
		tail |= mi != 0 || mi256 != 0 || fingerprint;
		if (tail)
			continue;

		ck_assert_msg(stun_attr_next(&rest, &attr), "%s: walk ends early", id);
		ck_assert_uint_eq(attr.type, type);
		ck_assert_uint_eq(attr.value.len, vectors_number(want, "length"));
		ck_assert_ptr_eq(attr.value.data,
				 bytes.data + offset + STUN_ATTR_HEADER_LEN);
	}
	ck_assert_msg(rest.len == 0, "%s: walk goes on", id);
	ck_assert_uint_eq(msg.mi_offset, mi);
	ck_assert_uint_eq(msg.mi256_offset, mi256);
	ck_assert(msg.has_fingerprint == fingerprint);
}

/*
 * The MAC computed independently: one call of libcrypto over a copy with the length
 * adjusted.
 */
static bool mac_prefix_matches(size_t offset, const EVP_MD *md, unsigned header_len)
{
	size_t len = load_be16(bytes.data + offset + 2);
	uint8_t *copy = malloc(offset);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_len;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes.data, offset);
	store_be16(copy + 2, (uint16_t)header_len);
	ck_assert_ptr_nonnull(HMAC(md, key.bytes, key.len, copy, offset, mac, &mac_len));
	free(copy);
	return len <= mac_len &&
	       memcmp(mac, bytes.data + offset + STUN_ATTR_HEADER_LEN, len) == 0;
}

/* The attribute's place in the list; 0 if missing. */
static unsigned listed_offset(unsigned type)
{
	const json_t *list = json_object_get(vector, "attributes");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (vectors_number(json_array_get(list, i), "type") == type)
			return vectors_number(json_array_get(list, i), "offset");
	return 0;
}

static void check_mac(enum stun_integrity kind, bool match)
{
	bool sha1 = kind == STUN_INTEGRITY_SHA1;
	unsigned offset = listed_offset(sha1 ? STUN_MESSAGE_INTEGRITY
					     : STUN_MESSAGE_INTEGRITY_SHA256);
	unsigned len = load_be16(bytes.data + offset + 2);
	bool got = stun_verify(&msg, kind, &key);

	ck_assert_uint_ne(offset, 0);
	ck_assert_msg(mac_prefix_matches(offset, sha1 ? EVP_sha1() : EVP_sha256(),
					 offset + 4 + len - STUN_HEADER_LEN) == match,
		      "%s: HMAC computed independently", id);

	/* A valid prefix is not enough in TURN (T-064). */
	ck_assert(msg.bad_mi_len == (strcmp(id, "neg-mi256-trunc16") == 0));
	ck_assert_msg(got == (match && !msg.bad_mi_len), "%s: verified %d", id, got);

	struct stun_key other = key;
	other.bytes[0] ^= 1;
	ck_assert_msg(!stun_verify(&msg, kind, &other), "%s: verified with another key",
		      id);
}

/*
 * Appendix B.1 of RFC 8489 as printed: the MAC fits only with the wrong length in the header
 * (T-E02). MESSAGE-INTEGRITY-SHA256 is the last attribute of its 156 bytes.
 */
static void check_b1_as_printed(void)
{
	size_t offset = bytes.len - STUN_ATTR_HEADER_LEN - STUN_MI256_LEN;

	ck_assert(mac_prefix_matches(offset, EVP_sha256(), 0x9c));
	ck_assert(!mac_prefix_matches(offset, EVP_sha256(), 0x88));
	ck_assert_uint_eq(load_be16(bytes.data + 2), 0x9c);
	userhash_is((struct slice){bytes.data + STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN,
				   STUN_USERHASH_LEN});
}

static void check_verified(void)
{
	const char *what;
	json_t *said;

	json_object_foreach(json_object_get(vector, "verified"), what, said)
	{
		bool match = strcmp(json_string_value(said), "match") == 0;

		if (strcmp(id, "rfc8489-b1-as-printed") == 0)
			check_b1_as_printed();
		else if (strcmp(what, "MESSAGE-INTEGRITY") == 0)
			check_mac(STUN_INTEGRITY_SHA1, match);
		else if (strcmp(what, "MESSAGE-INTEGRITY-SHA256") == 0)
			check_mac(STUN_INTEGRITY_SHA256, match);
		else if (strcmp(what, "FINGERPRINT") == 0)
			ck_assert(match ==
				  (wanted_parse() != STUN_PARSE_BAD_FINGERPRINT));
		else
			ck_assert_str_eq(what, "structure");
	}
}

static const struct {
	const char *key;
	void (*check)(void); /* only on a message that parsed */
	const char *why_not;
} fields[] = {
	{"transaction_id", check_transaction_id, NULL},
	{"username", check_username, NULL},
	{"username_hex", check_username_hex, NULL},
	{"realm", check_realm, NULL},
	{"nonce", check_nonce, NULL},
	{"software", check_software, NULL},
	{"kid", check_kid, NULL},
	{"userhash", check_userhash, NULL},
	{"mapped_address", check_mapped_address, NULL},
	{"relayed_address", check_relayed_address, NULL},
	{"relayed_addresses", check_relayed_addresses, NULL},
	{"peer", check_peer, NULL},
	{"peers", check_peers, NULL},
	{"channel", check_channel, NULL},
	{"data_hex", check_data, NULL},
	{"connection_id", check_connection_id, NULL},
	{"icmp", check_icmp, NULL},
	{"attributes", check_effect, NULL},
	{"id", NULL, "names the vector"},
	{"source", NULL, "for people"},
	{"description", NULL, "for people"},
	{"care", NULL, "for readers; its warnings have rows in this file"},
	{"hex", NULL, "the message itself"},
	{"length", NULL, "checked before parsing"},
	{"verified", NULL, "checked separately, for refused messages too"},
	{"key_hex", NULL, "the key itself"},
	{"password", NULL, "checked separately, for refused messages too"},
	{"password_algorithm", NULL, "read with the password"},
	{"mechanism", NULL, "read with the password"},
	{"algorithm", NULL, "\"verified\" names the attribute for it"},
	{"expected", NULL, "server behaviour: tests of the dialect"},
	{"expected_server_behaviour", NULL,
	 "the discard is checked as the parser's result"},
	{"password_before_hex", NULL, "string preparation is not part of the codec"},
	{"password_before_saslprep", NULL, "string preparation is not part of the codec"},
	{"server_name", NULL, "OAuth is not part of the product"},
	{"token", NULL, "OAuth is not part of the product"},
	{"clock_note", NULL, "OAuth is not part of the product"},
	{"secret", NULL, "TURN REST: tests of auth"},
	{"valid_until", NULL, "TURN REST: tests of auth"},
};

static void check_fields(void)
{
	const char *name;
	json_t *value;

	json_object_foreach(vector, name, value)
	{
		size_t i = 0;

		while (i < ARRAY_LEN(fields) && strcmp(fields[i].key, name) != 0)
			i++;
		ck_assert_msg(i < ARRAY_LEN(fields), "%s: no row checks \"%s\"", id,
			      name);
		ck_assert(fields[i].check || fields[i].why_not);
		if (fields[i].check)
			fields[i].check();
	}
}

/* Add the attribute by the function made for its type, from the decoded value. */
static void add_typed(struct stun_builder *b, const struct stun_attr *attr)
{
	struct endpoint ep;
	struct slice reason;
	char text[128];
	uint32_t u32;
	int code;

	switch (attr->type) {
	case STUN_XOR_MAPPED_ADDRESS:
	case TURN_XOR_PEER_ADDRESS:
	case TURN_XOR_RELAYED_ADDRESS:
		ck_assert(stun_attr_xor_address(attr, msg.txid, &ep));
		stun_add_xor_address(b, attr->type, &ep);
		break;
	case STUN_MAPPED_ADDRESS:
	case STUN_ALTERNATE_SERVER:
		ck_assert(stun_attr_address(attr, &ep));
		stun_add_address(b, attr->type, &ep);
		break;
	case TURN_LIFETIME:
	case TURN_CONNECTION_ID:
		ck_assert(stun_attr_u32(attr, &u32));
		stun_add_u32(b, attr->type, u32);
		break;
	case STUN_ERROR_CODE:
		ck_assert(stun_attr_error_code(attr, &code, &reason));
		snprintf(text, sizeof(text), "%.*s", (int)reason.len,
			 (const char *)reason.data);
		ck_assert_str_eq(text, stun_error_reason(code));
		stun_add_error_code(b, code, text);
		break;
	case STUN_UNKNOWN_ATTRIBUTES:
		ck_assert_uint_eq(attr->value.len, 2);
		stun_add_unknown_attributes(b, &(uint16_t){load_be16(attr->value.data)},
					    1);
		break;
	default:
		stun_builder_add(b, attr->type, attr->value.data, attr->value.len);
	}
}

/* Vectors with padding other than ours: the MACs cover it, so they cannot be equal. */
static bool padding_is_zero(void)
{
	const json_t *list = json_object_get(vector, "attributes");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *attr = json_array_get(list, i);
		size_t end = vectors_number(attr, "offset") + STUN_ATTR_HEADER_LEN +
			     vectors_number(attr, "length");
		for (; end % 4 != 0; end++)
			if (bytes.data[end] != 0)
				return false;
	}
	return true;
}

/*
 * Rebuild the same bytes from the parsed message, with MACs and CRC of the builder
 * (T-069).
 */
static void rebuild(void)
{
	uint8_t buf[512];
	struct stun_builder b;
	struct slice rest = slice_skip(msg.bytes, STUN_HEADER_LEN);
	struct stun_attr attr;

	if (msg.has_cookie)
		stun_builder_start(&b, buf, sizeof(buf), msg.method, msg.class, msg.txid);
	else
		stun_builder_reply(&b, buf, sizeof(buf), &msg, msg.class);

	while (stun_attr_next(&rest, &attr)) {
		size_t offset =
			(size_t)(attr.value.data - bytes.data) - STUN_ATTR_HEADER_LEN;

		if (offset == msg.mi_offset &&
		    stun_verify(&msg, STUN_INTEGRITY_SHA1, &key))
			stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
		else if (offset == msg.mi256_offset &&
			 stun_verify(&msg, STUN_INTEGRITY_SHA256, &key))
			stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &key);
		else if (attr.type == STUN_FINGERPRINT)
			stun_add_fingerprint(&b);
		else
			add_typed(&b, &attr);
	}

	size_t len = stun_builder_finish(&b);
	ck_assert_uint_eq(len, bytes.len);
	if (padding_is_zero())
		equals((struct slice){buf, len}, bytes.data, bytes.len,
		       "rebuilt message");
	else
		ck_assert_int_ne(memcmp(buf, bytes.data, len), 0);
}

static void load_key(void)
{
	if (!json_object_get(vector, "key_hex"))
		return;

	struct vectors_bytes hex = vectors_hex(vector, "key_hex");
	ck_assert_uint_le(hex.len, STUN_KEY_MAX);
	key.len = (uint8_t)hex.len;
	memcpy(key.bytes, hex.data, hex.len);
	free(hex.data);
}

START_TEST(message)
{
	root = vectors_load("stun/rfc-vectors.json");
	vector = json_array_get(json_object_get(root, "messages"), (size_t)_i);
	id = vectors_text(vector, "id");
	bytes = vectors_hex(vector, "hex");
	load_key();
	check_length();
	check_attributes();

	enum stun_parse got = stun_msg_parse((struct slice){bytes.data, bytes.len}, &msg);
	ck_assert_msg(got == wanted_parse(), "%s: parsed as %d", id, got);
	if (got == STUN_PARSE_OK) {
		ck_assert_uint_eq(stun_type(msg.method, msg.class),
				  load_be16(bytes.data));
		check_fields();
		rebuild();
	}
	check_verified();
	if (json_object_get(vector, "password"))
		check_password();

	free(bytes.data);
	json_decref(root);
}
END_TEST

/* The loop above ends at MESSAGES; the refused ones must be among them. */
START_TEST(all_vectors_are_tested)
{
	root = vectors_load("stun/rfc-vectors.json");
	const json_t *messages = json_object_get(root, "messages");
	size_t found = 0;

	ck_assert_uint_eq(json_array_size(messages), MESSAGES);
	for (size_t i = 0; i < MESSAGES; i++) {
		id = vectors_text(json_array_get(messages, i), "id");
		found += wanted_parse() != STUN_PARSE_OK;
	}
	ck_assert_uint_eq(found, ARRAY_LEN(refused));
	json_decref(root);
}
END_TEST

static void vectors_suite(Suite *suite)
{
	TCase *tc = tcase_create("messages");
	tcase_add_loop_test(tc, message, 0, MESSAGES);
	tcase_add_test(tc, all_vectors_are_tested);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun vectors", vectors_suite)
