/*
 * test_ms_vectors.c - every message of ms-turn-vectors.json: parsed, each attribute read
 * and compared, the integrity verified with the account's key and computed independently,
 * rebuilt byte by byte.
 *
 * Each member of a message has a row below that checks it or gives a reason not to; a
 * member without a row fails.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "stun/classify.h"
#include "stun/framing.h"
#include "stun/ms_attr.h"
#include "stun/ms_integrity.h"
#include "stun/pseudo_tls.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"
#include "tests/unit/stun/ms_attr_describe.h"

enum {
	SETS = 4,
	CAPTURED = 174,
	COMPOSED = 2,
};

/* The vector being tested. */
static json_t *root;
static const json_t *set; /* NULL for a composed one */
static const json_t *vector;
static char id[80];
static struct vectors_bytes bytes;
static struct slice whole;
static struct ms_msg msg; /* only of a control message */
static struct stun_key key;

static bool text_is(const json_t *object, const char *member, const char *want)
{
	return strcmp(vectors_text(object, member), want) == 0;
}

static bool is_control(void)
{
	return text_is(vector, "kind", "control");
}

static void check_message_type(void)
{
	ck_assert_uint_eq(msg.type, vectors_number(vector, "message_type"));
}

static void check_transaction_id(void)
{
	struct vectors_bytes want = vectors_hex(vector, "transaction_id");

	ck_assert_uint_eq(want.len, MS_TXID_LEN);
	ck_assert_mem_eq(msg.txid, want.data, want.len);
	free(want.data);
}

/* "Allocate request", "401 Unauthorized": the kind of message, as text. */
static void check_note(void)
{
	const char *note = vectors_text(vector, "note");
	const char *name = ms_type_name(msg.type);
	struct stun_attr attr;
	struct slice reason;
	int code;

	ck_assert_ptr_nonnull(name);
	if (ms_msg_find(&msg, MS_ERROR_CODE, &attr)) {
		ck_assert(stun_attr_error_code(&attr, &code, &reason));
		ck_assert_msg(atoi(note) == code, "%s", id);
		ck_assert_str_eq(note + 4, ms_error_reason(code));
	} else if (strcmp(note, "deallocated") == 0) {
		uint32_t lifetime;

		ck_assert_uint_eq(msg.type, MS_ALLOCATE_RESPONSE);
		ck_assert(ms_msg_find(&msg, MS_LIFETIME, &attr));
		ck_assert(stun_attr_u32(&attr, &lifetime));
		ck_assert_uint_eq(lifetime, 0);
	} else {
		ck_assert_msg(strncmp(note, name, strlen(name)) == 0, "%s: %s", id, name);
	}
}

/* The address that the relay saw, as stated in its answers to Allocate. */
static void check_client(void)
{
	struct stun_attr attr;
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	if (!is_control() || !ms_msg_find(&msg, MS_XOR_MAPPED_ADDRESS, &attr))
		return;
	ck_assert(ms_attr_xor_address(&attr, msg.txid, &ep));
	ck_assert_str_eq(endpoint_format(&ep, text, sizeof(text)),
			 vectors_text(vector, "client"));
}

static void check_dir(void)
{
	bool from_client = text_is(vector, "dir", "client-to-server");

	if (is_control())
		ck_assert(from_client == (msg.type < 0x0100));
}

static void attribute_is(const struct stun_attr *attr, const char *want)
{
	const char *name = ms_attr_name(attr->type);
	char value[400], text[500];

	ck_assert_msg(name != NULL, "%s: attribute 0x%04x", id, attr->type);
	ms_attr_describe(attr, msg.txid, value, sizeof(value));
	snprintf(text, sizeof(text), "%s=%s", name, value);
	ck_assert_msg(strcmp(text, want) == 0, "%s: %s is not %s", id, text, want);
}

/* The list includes cookie and integrity; the attributes in effect are between them. */
static void check_attributes(void)
{
	const json_t *list = json_object_get(vector, "attributes");
	size_t count = json_array_size(list);
	struct slice rest = msg.body;
	struct stun_attr attr = {MS_COOKIE, {whole.data + MS_HEADER_LEN + 4, 4}};

	attribute_is(&attr, json_string_value(json_array_get(list, 0)));
	count -= msg.integrity != MS_INTEGRITY_NONE;
	for (size_t i = 1; i < count; i++) {
		ck_assert_msg(ms_attr_next(&rest, &attr), "%s: walk ends early", id);
		attribute_is(&attr, json_string_value(json_array_get(list, i)));
	}
	ck_assert_msg(!ms_attr_next(&rest, &attr), "%s: walk goes on", id);

	if (msg.integrity != MS_INTEGRITY_NONE) {
		size_t len = msg.integrity == MS_INTEGRITY_SHA1 ? MS_MI_SHA1_LEN
								: MS_MI_SHA256_LEN;

		/* The last attribute, and nothing after it. */
		ck_assert_uint_eq(msg.mi_offset + MS_ATTR_HEADER_LEN + len, whole.len);
		attr = (struct stun_attr){MS_MESSAGE_INTEGRITY,
					  slice_skip(whole,
						     msg.mi_offset + MS_ATTR_HEADER_LEN)};
		attribute_is(&attr, json_string_value(json_array_get(list, count)));
	}
}

static const json_t *account_named(const char *name)
{
	const json_t *accounts = json_object_get(root, "accounts");

	for (size_t i = 0; i < json_array_size(accounts); i++)
		if (text_is(json_array_get(accounts, i), "name", name))
			return json_array_get(accounts, i);
	ck_abort_msg("%s: no account %s", id, name);
	return NULL;
}

/* The realm of the captured set; a composed message has its own. */
static struct slice realm_in_force(void)
{
	struct stun_attr attr;

	if (set != NULL)
		return vectors_slice(vectors_text(set, "realm"));
	ck_assert(ms_msg_find(&msg, MS_REALM, &attr));
	return attr.value;
}

static void make_key(const json_t *integrity)
{
	const json_t *account = account_named(vectors_text(integrity, "account"));
	struct vectors_bytes username = vectors_hex(account, "username_hex");
	struct vectors_bytes password = vectors_hex(account, "password_hex");
	struct vectors_bytes want = vectors_hex(integrity, "key_hex");

	ck_assert(ms_key(&key, msg.integrity, (struct slice){username.data, username.len},
			 realm_in_force(), (struct slice){password.data, password.len}));
	ck_assert_msg(key.len == want.len && memcmp(key.bytes, want.data, key.len) == 0,
		      "%s: key differs", id);
	free(username.data);
	free(password.data);
	free(want.data);
}

/*
 * The MAC computed independently: one call of libcrypto over the text with explicit
 * zeros.
 */
static void check_mac(size_t padded_len)
{
	const EVP_MD *md = msg.integrity == MS_INTEGRITY_SHA1 ? EVP_sha1() : EVP_sha256();
	uint8_t *text = calloc(1, padded_len);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len;

	ck_assert_ptr_nonnull(text);
	memcpy(text, whole.data, msg.mi_offset);
	ck_assert_ptr_nonnull(HMAC(md, key.bytes, key.len, text, padded_len, mac, &len));
	ck_assert_msg(memcmp(whole.data + whole.len - len, mac, len) == 0,
		      "%s: HMAC computed independently", id);
	free(text);
}

static void check_integrity(void)
{
	const json_t *integrity = json_object_get(vector, "integrity");
	bool sha1 = text_is(integrity, "algorithm", "HMAC-SHA1");
	const json_t *verified = json_object_get(integrity, "verified");
	size_t padded_len = vectors_number(integrity, "padded_to");

	ck_assert(verified == NULL || json_is_true(verified));
	ck_assert_int_eq(msg.integrity, sha1 ? MS_INTEGRITY_SHA1 : MS_INTEGRITY_SHA256);
	ck_assert_uint_eq(msg.mi_offset, vectors_number(integrity, "text_bytes"));
	ck_assert_uint_eq(padded_len, (msg.mi_offset + 63) / 64 * 64);
	check_mac(padded_len);

	ck_assert_msg(ms_verify(&msg, &key), "%s: not verified", id);
	struct stun_key other = key;
	other.bytes[0] ^= 1;
	ck_assert_msg(!ms_verify(&msg, &other), "%s: verified with another key", id);
}

/* The four bytes of its frame header, and the frame that they form with it. */
static void check_frame_header(void)
{
	struct vectors_bytes want = vectors_hex(vector, "frame_header_hex");
	uint8_t header[MS_FRAME_HEADER_LEN];
	uint8_t *frame = malloc(sizeof(header) + whole.len);
	size_t frame_len;

	ck_assert_ptr_nonnull(frame);
	ms_frame_write_header(header, is_control() ? MS_FRAME_CONTROL : MS_FRAME_DATA,
			      whole.len);
	ck_assert_uint_eq(want.len, sizeof(header));
	ck_assert_mem_eq(header, want.data, want.len);

	memcpy(frame, header, sizeof(header));
	memcpy(frame + sizeof(header), whole.data, whole.len);
	ck_assert_int_eq(
		ms_framing_next((struct slice){frame, sizeof(header) + whole.len},
				&frame_len),
		is_control() ? MS_FRAMING_CONTROL : MS_FRAMING_DATA);
	ck_assert_uint_eq(frame_len, sizeof(header) + whole.len);
	free(frame);
	free(want.data);
}

static const struct {
	const char *key;
	void (*check)(void);
	bool of_control; /* checked on control messages only */
	const char *why_not;
} fields[] = {
	{"dir", check_dir, false, NULL},
	{"client", check_client, false, NULL},
	{"note", check_note, true, NULL},
	{"message_type", check_message_type, true, NULL},
	{"transaction_id", check_transaction_id, true, NULL},
	{"attributes", check_attributes, true, NULL},
	{"integrity", check_integrity, true, NULL},
	{"frame_header_hex", check_frame_header, false, NULL},
	{"kind", NULL, false, "decides what is checked"},
	{"transport", NULL, false, "frame_header_hex shows it"},
	{"hex", NULL, false, "the message itself"},
	{"confidence", NULL, false, "for people"},
};

static void check_fields(void)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)vector, name, value)
	{
		size_t i = 0;

		while (i < ARRAY_LEN(fields) && strcmp(fields[i].key, name) != 0)
			i++;
		ck_assert_msg(i < ARRAY_LEN(fields), "%s: no row checks \"%s\"", id,
			      name);
		ck_assert(fields[i].check || fields[i].why_not);
		if (fields[i].check && (is_control() || !fields[i].of_control))
			fields[i].check();
	}
}

/* Add the attribute by the function made for its type, from the decoded value. */
static void add_typed(struct ms_builder *b, const struct stun_attr *attr)
{
	struct ms_sequence sequence;
	struct endpoint ep;
	struct slice reason;
	uint32_t number;
	int code;

	switch (attr->type) {
	case MS_MAPPED_ADDRESS:
	case MS_ALTERNATE_SERVER:
	case MS_DESTINATION_ADDRESS:
	case MS_REMOTE_ADDRESS:
		ck_assert(stun_attr_address(attr, &ep));
		ms_add_address(b, attr->type, &ep);
		break;
	case MS_XOR_MAPPED_ADDRESS:
		ck_assert(ms_attr_xor_address(attr, msg.txid, &ep));
		ms_add_xor_address(b, attr->type, &ep);
		break;
	case MS_LIFETIME:
	case MS_BANDWIDTH:
	case MS_VERSION:
		ck_assert(stun_attr_u32(attr, &number));
		ms_add_u32(b, attr->type, number);
		break;
	case MS_ERROR_CODE:
		ck_assert(stun_attr_error_code(attr, &code, &reason));
		ms_add_error_code(b, code, ms_error_reason(code));
		break;
	case MS_SEQUENCE_NUMBER:
		ck_assert(ms_attr_sequence(attr, &sequence));
		ms_add_sequence(b, &sequence);
		break;
	default:
		ms_builder_add(b, attr->type, attr->value.data, attr->value.len);
	}
}

static void rebuild(void)
{
	uint8_t buf[512];
	struct ms_builder b;
	struct slice rest = msg.body;
	struct stun_attr attr;

	ms_builder_start(&b, buf, sizeof(buf), msg.type, msg.txid);
	while (ms_attr_next(&rest, &attr))
		add_typed(&b, &attr);
	ms_add_integrity(&b, msg.integrity, &key);

	ck_assert_msg(ms_builder_finish(&b) == whole.len, "%s: rebuilt length", id);
	ck_assert_msg(memcmp(buf, whole.data, whole.len) == 0, "%s: rebuilt message", id);
}

/* The packet path builds the same bytes in another way. */
static void rebuild_data_indication(void)
{
	uint8_t buf[512];
	struct stun_attr remote, data;
	struct endpoint peer;

	ck_assert(ms_msg_find(&msg, MS_REMOTE_ADDRESS, &remote));
	ck_assert(ms_msg_find(&msg, MS_DATA, &data));
	ck_assert(stun_attr_address(&remote, &peer));
	size_t len = ms_data_indication_header(buf, msg.txid, &peer, data.value.len);
	ck_assert_uint_eq(len, MS_DATA_HEADER_V4);
	ck_assert_uint_eq(len + data.value.len, whole.len);
	memcpy(buf + len, data.value.data, data.value.len);
	ck_assert_msg(memcmp(buf, whole.data, whole.len) == 0, "%s: built header", id);
}

static void drive_control(void)
{
	const json_t *integrity = json_object_get(vector, "integrity");
	enum ms_parse got = ms_msg_parse(whole, &msg);
	uint16_t types[1];

	ck_assert_msg(got == MS_PARSE_OK, "%s: parsed as %d", id, got);
	ck_assert(datagram_is_ms_control(whole));
	ck_assert_uint_eq(ms_msg_unknown(&msg, types, 1), 0);
	ck_assert_msg((msg.integrity != MS_INTEGRITY_NONE) == (integrity != NULL),
		      "%s: integrity", id);
	if (integrity != NULL)
		make_key(integrity);
	check_fields();
	rebuild();
	if (msg.type == MS_DATA_INDICATION)
		rebuild_data_indication();
}

/* Bare data between the active destination and its client, including STUN keep-alives. */
static void drive_data(void)
{
	ck_assert_msg(!datagram_is_ms_control(whole), "%s is a message", id);
	check_fields();
}

static void drive_pseudo_tls(void)
{
	uint8_t buf[PSEUDO_TLS_ANSWER_LEN];
	uint32_t stamp = load_be32(whole.data + 11);

	if (text_is(vector, "dir", "client-to-server")) {
		ck_assert_uint_eq(whole.len, PSEUDO_TLS_HELLO_LEN);
		ck_assert_int_eq(pseudo_tls_hello(whole), PSEUDO_TLS_COMPLETE);
		ck_assert_int_eq(stream_classify(whole), STREAM_PSEUDO_TLS);
		pseudo_tls_write_hello(buf, stamp, whole.data + 15);
	} else {
		ck_assert_uint_eq(whole.len, PSEUDO_TLS_ANSWER_LEN);
		ck_assert_int_eq(pseudo_tls_answer(whole), PSEUDO_TLS_COMPLETE);
		pseudo_tls_write_answer(buf, stamp, whole.data + 15, whole.data + 44);
	}
	ck_assert_msg(memcmp(buf, whole.data, whole.len) == 0, "%s: written", id);
	check_fields();
}

static void drive(void)
{
	bytes = vectors_hex(vector, "hex");
	whole = (struct slice){bytes.data, bytes.len};
	if (is_control())
		drive_control();
	else if (text_is(vector, "kind", "data"))
		drive_data();
	else if (text_is(vector, "kind", "pseudo-tls"))
		drive_pseudo_tls();
	else
		ck_abort_msg("%s: kind %s", id, vectors_text(vector, "kind"));
	free(bytes.data);
}

START_TEST(captured)
{
	root = vectors_load("ms-turn/ms-turn-vectors.json");
	const json_t *sets = json_object_get(root, "sets");
	size_t rest = (size_t)_i;
	size_t s = 0;

	for (; s < SETS; s++) {
		set = json_array_get(sets, s);
		size_t count = json_array_size(json_object_get(set, "messages"));
		if (rest < count)
			break;
		rest -= count;
	}
	vector = json_array_get(json_object_get(set, "messages"), rest);
	ck_assert_ptr_nonnull(vector);
	snprintf(id, sizeof(id), "set %zu, message %zu", s, rest);
	drive();
	json_decref(root);
}
END_TEST

START_TEST(composed)
{
	root = vectors_load("ms-turn/ms-turn-vectors.json");
	set = NULL;
	vector = json_array_get(json_object_get(root, "composed"), (size_t)_i);
	snprintf(id, sizeof(id), "composed %d", _i);
	drive();
	json_decref(root);
}
END_TEST

/* The loops above have fixed ends; the vectors must have these counts. */
START_TEST(all_vectors_are_tested)
{
	root = vectors_load("ms-turn/ms-turn-vectors.json");
	const json_t *sets = json_object_get(root, "sets");
	size_t messages = 0;

	ck_assert_uint_eq(json_array_size(sets), SETS);
	for (size_t s = 0; s < SETS; s++)
		messages += json_array_size(
			json_object_get(json_array_get(sets, s), "messages"));
	ck_assert_uint_eq(messages, CAPTURED);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "composed")), COMPOSED);
	json_decref(root);
}
END_TEST

static void append(uint8_t *stream, size_t *len, const json_t *object, const char *member)
{
	struct vectors_bytes part;

	if (!json_object_get(object, member))
		return;
	part = vectors_hex(object, member);
	memcpy(stream + *len, part.data, part.len);
	*len += part.len;
	free(part.data);
}

/* A client's bytes of a connection, in pieces of 7 bytes, give the frames as sent. */
START_TEST(a_connection_in_pieces)
{
	root = vectors_load("ms-turn/ms-turn-vectors.json");
	const json_t *messages = json_object_get(
		json_array_get(json_object_get(root, "sets"), (size_t)_i), "messages");
	static uint8_t stream[16384];
	size_t ends[64], frames = 0, len = 0, hello_len = 0;

	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *m = json_array_get(messages, i);

		if (!text_is(m, "dir", "client-to-server") ||
		    !text_is(m, "client",
			     vectors_text(json_array_get(messages, 0), "client")))
			continue;
		append(stream, &len, m, "frame_header_hex");
		append(stream, &len, m, "hex");
		if (text_is(m, "kind", "pseudo-tls"))
			hello_len = len;
		else
			ends[frames++] = len;
	}
	ck_assert_uint_gt(frames, 5);
	ck_assert_uint_eq(hello_len, _i == 2 ? PSEUDO_TLS_HELLO_LEN : 0);
	if (hello_len > 0)
		ck_assert_int_eq(pseudo_tls_hello((struct slice){stream, len}),
				 PSEUDO_TLS_COMPLETE);

	size_t done = hello_len, seen = 0;
	for (size_t arrived = 0; arrived < len;) {
		arrived = len - arrived < 7 ? len : arrived + 7;
		while (done < arrived) {
			struct slice rest = {stream + done, arrived - done};
			size_t frame_len;
			enum ms_framing got = ms_framing_next(rest, &frame_len);

			ck_assert_int_ne(got, MS_FRAMING_BROKEN);
			if (got == MS_FRAMING_MORE)
				break;
			done += frame_len;
			ck_assert_uint_eq(done, ends[seen]);
			seen++;
		}
	}
	ck_assert_uint_eq(seen, frames);
	json_decref(root);
}
END_TEST

static void vectors_suite(Suite *suite)
{
	TCase *tc = tcase_create("messages");
	tcase_add_loop_test(tc, captured, 0, CAPTURED);
	tcase_add_loop_test(tc, composed, 0, COMPOSED);
	tcase_add_test(tc, all_vectors_are_tested);
	tcase_add_loop_test(tc, a_connection_in_pieces, 1, 3);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms vectors", vectors_suite)
