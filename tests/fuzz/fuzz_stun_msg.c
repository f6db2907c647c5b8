/*
 * fuzz_stun_msg.c - any bytes as a STUN message: parse, walk, decode as every type, verify,
 * build again.
 *
 * The first byte holds options: its low three bits are the alignment of the message in
 * memory, bit 3 puts the correct length and cookie into the header, bit 4 appends a
 * correct FINGERPRINT, so that neither stops the search. The rest is the message.
 */
#include <stdbool.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/integrity.h"
#include "tests/fuzz/fuzz.h"

enum {
	STEER_ALIGNMENT = 7,
	STEER_HEADER = 8,
	STEER_FINGERPRINT = 16,
};

static const struct stun_key key = {.len = 16, .bytes = "a key of sixteen"};

/* A sink for reads that only serve the sanitizers. */
static volatile unsigned seen;

static void see(struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		seen ^= bytes.data[i];
}

static void check_inside(struct slice outer, struct slice inner)
{
	FUZZ_CHECK(inner.data >= outer.data);
	FUZZ_CHECK((size_t)(inner.data - outer.data) <= outer.len);
	FUZZ_CHECK(inner.len <= outer.len - (size_t)(inner.data - outer.data));
}

/* A decoded address can be written and read back unchanged. */
static void check_address(const struct stun_msg *msg, const struct endpoint *ep,
			  bool xored)
{
	uint8_t buf[64];
	struct stun_builder b;
	struct stun_msg again;
	struct stun_attr attr;
	struct endpoint got;
	char text[ENDPOINT_TEXT_LEN];

	FUZZ_CHECK(ip_addr_len(ep->ip.family) != 0);
	stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_SUCCESS, msg->txid);
	if (xored)
		stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, ep);
	else
		stun_add_address(&b, STUN_MAPPED_ADDRESS, ep);
	FUZZ_CHECK(stun_msg_parse((struct slice){buf, stun_builder_finish(&b)}, &again) ==
		   STUN_PARSE_OK);
	FUZZ_CHECK(stun_attr_next(&again.body, &attr));
	FUZZ_CHECK(xored ? stun_attr_xor_address(&attr, again.txid, &got)
			 : stun_attr_address(&attr, &got));
	FUZZ_CHECK(endpoint_equal(&got, ep));

	struct endpoint parsed;
	endpoint_format(ep, text, sizeof(text));
	FUZZ_CHECK(endpoint_parse(text, 0, &parsed) && endpoint_equal(&parsed, ep));
}

/* Every decoder gets every attribute: it sees only the bytes of the value. */
static void decode_all_ways(const struct stun_msg *msg, const struct stun_attr *attr)
{
	struct endpoint ep;
	uint32_t u32;
	uint16_t number;
	uint8_t byte;
	bool flag;
	int code;
	struct slice reason;

	if (stun_attr_address(attr, &ep))
		check_address(msg, &ep, false);
	if (stun_attr_xor_address(attr, msg->txid, &ep))
		check_address(msg, &ep, true);
	if (stun_attr_u32(attr, &u32))
		seen ^= u32;
	if (stun_attr_channel_number(attr, &number))
		seen ^= number;
	if (stun_attr_first_of_four(attr, &byte))
		seen ^= byte;
	if (stun_attr_even_port(attr, &flag))
		seen ^= flag;
	if (stun_attr_error_code(attr, &code, &reason)) {
		FUZZ_CHECK(code >= 300 && code <= 699);
		check_inside(attr->value, reason);
		seen ^= (unsigned)strlen(stun_error_reason(code));
	}

	struct slice rest = attr->value;
	struct stun_password_entry entry;
	bool malformed;
	while (stun_password_next(&rest, &entry, &malformed)) {
		check_inside(attr->value, entry.parameters);
		see(entry.parameters);
	}
	FUZZ_CHECK(malformed == (rest.len > 0));
	if (stun_nonce_features(attr->value, &u32)) {
		char cookie[STUN_NONCE_COOKIE_LEN];
		stun_nonce_cookie(cookie, u32);
		FUZZ_CHECK(memcmp(cookie, attr->value.data, sizeof(cookie)) == 0);
	}
	seen ^= stun_attr_name(attr->type) != NULL;
}

/* Build the attributes in effect, sign the message, and read the same attributes back. */
static void rebuild(const struct stun_msg *msg)
{
	size_t size = msg->bytes.len + 2 * STUN_ATTR_HEADER_LEN + STUN_MI256_LEN +
		      STUN_FINGERPRINT_LEN;
	uint8_t *buf = malloc(size);
	struct stun_builder b;
	struct stun_msg again;
	struct stun_attr attr, attr_again;
	struct slice rest = msg->body;

	if (!buf)
		return;
	stun_builder_reply(&b, buf, size, msg, msg->class);
	while (stun_attr_next(&rest, &attr))
		stun_builder_add(&b, attr.type, attr.value.data, attr.value.len);
	stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &key);
	stun_add_fingerprint(&b);

	/* The 16-bit length is the only limit it can exceed. */
	size_t len = stun_builder_finish(&b);
	FUZZ_CHECK(len != 0 || size > STUN_HEADER_LEN + UINT16_MAX - 3);
	if (len != 0) {
		FUZZ_CHECK(stun_msg_parse((struct slice){buf, len}, &again) ==
			   STUN_PARSE_OK);
		FUZZ_CHECK(again.method == msg->method && again.class == msg->class);
		FUZZ_CHECK(again.has_fingerprint && !again.bad_mi_len);
		FUZZ_CHECK(stun_verify(&again, STUN_INTEGRITY_SHA256, &key) ==
			   msg->has_cookie);
		FUZZ_CHECK(again.body.len == msg->body.len);
		rest = msg->body;
		while (stun_attr_next(&rest, &attr)) {
			FUZZ_CHECK(stun_attr_next(&again.body, &attr_again));
			FUZZ_CHECK(attr.type == attr_again.type);
			FUZZ_CHECK(attr.value.len == attr_again.value.len);
			FUZZ_CHECK(memcmp(attr.value.data, attr_again.value.data,
					  attr.value.len) == 0);
		}
	}
	free(buf);
}

static void use(const struct stun_msg *msg)
{
	struct slice rest = msg->body;
	struct stun_attr attr, first;

	check_inside(msg->bytes, msg->body);
	FUZZ_CHECK(stun_type(msg->method, msg->class) == load_be16(msg->bytes.data));
	while (stun_attr_next(&rest, &attr)) {
		check_inside(msg->body, attr.value);
		FUZZ_CHECK(stun_msg_find(msg, attr.type, &first));
		FUZZ_CHECK(first.value.data <= attr.value.data);
		see(attr.value);
		decode_all_ways(msg, &attr);
	}
	FUZZ_CHECK(rest.len == 0);
	FUZZ_CHECK(!stun_msg_find(msg, STUN_MESSAGE_INTEGRITY, &first));
	FUZZ_CHECK(!stun_msg_find(msg, STUN_MESSAGE_INTEGRITY_SHA256, &first));
	FUZZ_CHECK(!stun_msg_find(msg, STUN_FINGERPRINT, &first));

	bool sha1 = stun_verify(msg, STUN_INTEGRITY_SHA1, &key);
	bool sha256 = stun_verify(msg, STUN_INTEGRITY_SHA256, &key);
	FUZZ_CHECK(!sha1 || msg->mi_offset != 0);
	FUZZ_CHECK(!sha256 ||
		   (msg->mi256_offset != 0 && msg->mi256_len == STUN_MI256_LEN));
	FUZZ_CHECK(msg->mi_offset == 0 || msg->mi256_offset == 0 ||
		   msg->mi_offset < msg->mi256_offset);
	rebuild(msg);
}

/* Returns the new length. There is room for a FINGERPRINT. */
static size_t repair(uint8_t *bytes, size_t len, unsigned steer)
{
	if (len < STUN_HEADER_LEN || len > UINT16_MAX - STUN_HEADER_LEN)
		return len;
	if (steer & STEER_HEADER) {
		bytes[0] &= 0x3F;
		store_be32(bytes + 4, STUN_MAGIC_COOKIE);
		store_be16(bytes + 2, (uint16_t)(len - STUN_HEADER_LEN));
	}
	if (steer & STEER_FINGERPRINT) {
		struct stun_builder b = {bytes, len + 8, len, false};
		stun_add_fingerprint(&b);
		return b.failed ? len : b.len;
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	unsigned steer = data[0];
	size_t alignment = steer & STEER_ALIGNMENT;
	size_t len = size - 1;
	uint8_t *work = malloc(len + STUN_ATTR_HEADER_LEN + STUN_FINGERPRINT_LEN);
	if (!work)
		return 0;
	memcpy(work, data + 1, len);
	len = repair(work, len, steer);

	/* The message ends where its allocation ends. */
	uint8_t *space = malloc(alignment + len);
	if (space) {
		struct stun_msg msg;

		memcpy(space + alignment, work, len);
		if (stun_msg_parse((struct slice){space + alignment, len}, &msg) ==
		    STUN_PARSE_OK)
			use(&msg);
	}
	free(space);
	free(work);
	return 0;
}
