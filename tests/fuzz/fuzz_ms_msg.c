/*
 * fuzz_ms_msg.c - any bytes as an MS-TURN message: parse, walk, decode as every type,
 * verify, build again.
 *
 * The first byte holds options: its low three bits are the alignment of the message in
 * memory, bit 3 puts the correct length and cookie into the header, bit 4 appends a
 * correct MESSAGE-INTEGRITY (bit 5: with SHA-256), so that neither stops the search. The
 * rest is the message.
 */
#include <stdbool.h>
#include <string.h>

#include "stun/classify.h"
#include "stun/ms_attr.h"
#include "stun/ms_bandwidth.h"
#include "stun/ms_integrity.h"
#include "tests/fuzz/fuzz.h"

enum {
	STEER_ALIGNMENT = 7,
	STEER_HEADER = 8,
	STEER_INTEGRITY = 16,
	STEER_SHA256 = 32,
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

/* The only attribute of b has that value; compare from the given byte on. */
static void check_value(struct ms_builder *b, const struct stun_attr *want, size_t from)
{
	struct ms_msg msg;
	struct stun_attr attr;

	FUZZ_CHECK(ms_msg_parse((struct slice){b->buf, ms_builder_finish(b)}, &msg) ==
		   MS_PARSE_OK);
	FUZZ_CHECK(ms_attr_next(&msg.body, &attr) && msg.body.len == 0);
	FUZZ_CHECK(attr.type == want->type && attr.value.len == want->value.len);
	FUZZ_CHECK(memcmp(attr.value.data + from, want->value.data + from,
			  attr.value.len - from) == 0);
}

static struct ms_builder *begin(struct ms_builder *b, uint8_t *buf, size_t size,
				const struct ms_msg *msg)
{
	ms_builder_reply(b, buf, size, msg, MS_ALLOCATE_RESPONSE);
	return b;
}

/* A decoded value is written back the same, except for reserved bits. */
static void decode_addresses(const struct ms_msg *msg, const struct stun_attr *attr)
{
	uint8_t buf[64];
	struct ms_builder b;
	struct endpoint ep, xored;

	bool ok = stun_attr_address(attr, &ep);
	FUZZ_CHECK(ok == ms_attr_xor_address(attr, msg->txid, &xored));
	if (!ok)
		return;
	ms_add_address(begin(&b, buf, sizeof(buf), msg), attr->type, &ep);
	check_value(&b, attr, 1);
	ms_add_xor_address(begin(&b, buf, sizeof(buf), msg), attr->type, &xored);
	check_value(&b, attr, 1);
}

static void decode_numbers(const struct ms_msg *msg, const struct stun_attr *attr)
{
	uint8_t buf[64];
	struct ms_builder b;
	struct ms_sequence sequence;
	struct ms_service_quality quality;
	uint32_t number;
	uint8_t family;

	if (stun_attr_u32(attr, &number)) {
		ms_add_u32(begin(&b, buf, sizeof(buf), msg), attr->type, number);
		check_value(&b, attr, 0);
	}
	if (stun_attr_first_of_four(attr, &family))
		seen ^= family;
	if (ms_attr_sequence(attr, &sequence)) {
		ms_add_sequence(begin(&b, buf, sizeof(buf), msg), &sequence);
		if (attr->type == MS_SEQUENCE_NUMBER)
			check_value(&b, attr, 0);
	}
	if (ms_attr_service_quality(attr, &quality)) {
		ms_add_service_quality(begin(&b, buf, sizeof(buf), msg), &quality);
		if (attr->type == MS_SERVICE_QUALITY)
			check_value(&b, attr, 0);
	}
}

static void decode_texts(const struct stun_attr *attr)
{
	struct slice rest = attr->value;
	struct slice text;
	uint16_t type;
	int code;

	if (stun_attr_error_code(attr, &code, &text)) {
		FUZZ_CHECK(code >= 300 && code <= 699);
		check_inside(attr->value, text);
		see(text);
		seen ^= (unsigned)strlen(ms_error_reason(code));
	}
	if (ms_attr_text(attr, &text)) {
		FUZZ_CHECK(text.len <= MS_TEXT_MAX);
		check_inside(attr->value, text);
	}
	text = ms_key_part(attr->value);
	check_inside(attr->value, text);
	FUZZ_CHECK(text.len == 0 ||
		   (text.data[0] != '"' && text.data[text.len - 1] != '"' &&
		    text.data[text.len - 1] != '\0'));
	for (size_t i = 0; i < attr->value.len / 2; i++)
		FUZZ_CHECK(ms_unknown_next(&rest, &type));
	FUZZ_CHECK(!ms_unknown_next(&rest, &type));
}

static void decode_bandwidth(const struct ms_msg *msg, const struct stun_attr *attr)
{
	uint8_t buf[64];
	struct ms_builder b;
	struct ms_reservation_amount amount;
	struct ms_path path, path_again;
	struct slice id;
	uint16_t message;

	if (ms_attr_bandwidth_message(attr, &message)) {
		ms_add_bandwidth_message(begin(&b, buf, sizeof(buf), msg), message);
		if (attr->type == MS_BANDWIDTH_MESSAGE)
			check_value(&b, attr, 2);
	}
	if (ms_attr_reservation_id(attr, &id)) {
		FUZZ_CHECK(id.len == MS_RESERVATION_ID_LEN);
		see(id);
		ms_add_reservation_id(begin(&b, buf, sizeof(buf), msg), id.data);
		if (attr->type == MS_RESERVATION_ID)
			check_value(&b, attr, 0);
	}
	if (ms_attr_reservation_amount(attr, &amount)) {
		ms_add_reservation_amount(begin(&b, buf, sizeof(buf), msg), &amount);
		if (attr->type == MS_RESERVATION_AMOUNT)
			check_value(&b, attr, 0);
	}
	if (ms_attr_path(attr, &path)) {
		ms_add_path(begin(&b, buf, sizeof(buf), msg), attr->type, &path);
		check_value(&b, attr, 4);
		struct stun_attr again = {attr->type,
					  {buf + MS_MSG_MIN + MS_ATTR_HEADER_LEN,
					   attr->value.len}};
		FUZZ_CHECK(ms_attr_path(&again, &path_again));
		FUZZ_CHECK(path.usable == path_again.usable);
		FUZZ_CHECK(path.pstn_failover == path_again.pstn_failover);
	}
}

/* The attributes in effect, signed by us, make a message with the same attributes. */
static void rebuild(const struct ms_msg *msg, enum ms_integrity kind)
{
	size_t size = msg->bytes.len + MS_ATTR_HEADER_LEN + MS_MI_SHA256_LEN;
	uint8_t *buf = malloc(size);
	struct ms_builder b;
	struct ms_msg again;
	struct stun_attr attr;
	struct slice rest = msg->body;

	if (!buf)
		return;
	ms_builder_start(&b, buf, size, msg->type, msg->txid);
	while (ms_attr_next(&rest, &attr))
		ms_builder_add(&b, attr.type, attr.value.data, attr.value.len);
	ms_add_integrity(&b, kind, &key);

	/* A message that is longer than a frame can be parsed, but not built. */
	size_t len = ms_builder_finish(&b);
	FUZZ_CHECK(len != 0 || size > MS_MSG_MAX);
	if (len != 0) {
		FUZZ_CHECK(ms_msg_parse((struct slice){buf, len}, &again) == MS_PARSE_OK);
		FUZZ_CHECK(again.type == msg->type && again.integrity == kind);
		FUZZ_CHECK(ms_verify(&again, &key));
		FUZZ_CHECK(again.body.len == msg->body.len);
		FUZZ_CHECK(memcmp(again.body.data, msg->body.data, msg->body.len) == 0);
	}
	free(buf);
}

/* The iterator gives the same attributes as a walk without the parser. */
static void check_unknown(const struct ms_msg *msg)
{
	uint16_t types[8];
	size_t count = ms_msg_unknown(msg, types, 8);
	struct stun_attr attr;

	FUZZ_CHECK(count <= 8);
	for (size_t i = 0; i < count; i++) {
		FUZZ_CHECK(types[i] < 0x8000 && ms_attr_name(types[i]) == NULL);
		FUZZ_CHECK(ms_msg_find(msg, types[i], &attr));
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(types[k] != types[i]);
	}
}

static void use(const struct ms_msg *msg)
{
	struct slice rest = msg->body;
	struct stun_attr attr, first;

	FUZZ_CHECK(datagram_is_ms_control(msg->bytes));
	FUZZ_CHECK(load_be16(msg->bytes.data + 2) == msg->bytes.len - MS_HEADER_LEN);
	check_inside(msg->bytes, msg->body);
	while (ms_attr_next(&rest, &attr)) {
		check_inside(msg->body, attr.value);
		FUZZ_CHECK(attr.type != MS_MESSAGE_INTEGRITY);
		FUZZ_CHECK(ms_msg_find(msg, attr.type, &first));
		FUZZ_CHECK(first.value.data <= attr.value.data);
		see(attr.value);
		decode_addresses(msg, &attr);
		decode_numbers(msg, &attr);
		decode_texts(&attr);
		decode_bandwidth(msg, &attr);
	}
	FUZZ_CHECK(rest.len == 0);
	FUZZ_CHECK((msg->integrity == MS_INTEGRITY_NONE) == (msg->mi_offset == 0));
	FUZZ_CHECK(msg->mi_offset == 0 || msg->mi_offset == MS_MSG_MIN + msg->body.len);
	check_unknown(msg);
	rebuild(msg, MS_INTEGRITY_SHA1);
	rebuild(msg, MS_INTEGRITY_SHA256);
}

/* Returns the new length. There is room for a MESSAGE-INTEGRITY. */
static size_t repair(uint8_t *bytes, size_t len, unsigned steer)
{
	if (len < MS_MSG_MIN || len > MS_MSG_MAX)
		return len;
	if (steer & STEER_HEADER) {
		bytes[0] &= 0x3F;
		store_be16(bytes + 2, (uint16_t)(len - MS_HEADER_LEN));
		store_be32(bytes + MS_HEADER_LEN, (uint32_t)MS_COOKIE << 16 | 4);
		store_be32(bytes + MS_HEADER_LEN + 4, MS_MAGIC_COOKIE);
	}
	if (steer & STEER_INTEGRITY) {
		struct ms_builder b = {bytes, len + 36, len, false};
		ms_add_integrity(&b,
				 steer & STEER_SHA256 ? MS_INTEGRITY_SHA256
						      : MS_INTEGRITY_SHA1,
				 &key);
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
	uint8_t *work = malloc(len + MS_ATTR_HEADER_LEN + MS_MI_SHA256_LEN);
	if (!work)
		return 0;
	memcpy(work, data + 1, len);
	size_t repaired = repair(work, len, steer);

	/* The message ends where its allocation ends. */
	uint8_t *space = malloc(alignment + repaired);
	if (space) {
		struct slice bytes = {space + alignment, repaired};
		struct ms_msg msg;

		memcpy(space + alignment, work, repaired);
		if (ms_msg_parse(bytes, &msg) == MS_PARSE_OK) {
			use(&msg);
			/* Our integrity is in effect if it is the only one. */
			bool ours = msg.mi_offset == len && repaired > len;
			FUZZ_CHECK(!ours || ms_verify(&msg, &key));
		}
	}
	free(space);
	free(work);
	return 0;
}
