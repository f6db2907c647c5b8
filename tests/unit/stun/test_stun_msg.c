/*
 * test_stun_msg.c - parsing, walking and building messages (RFC 8489 sections 5, 6.3 and 14).
 */
#include "stun/msg.h"

#include <stdio.h>

#include "stun/attr.h"
#include "stun/integrity.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

#define COOKIE "2112a442 "
#define TXID "000102030405060708090a0b "

static const uint8_t txid[STUN_TXID_LEN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static const struct {
	const char *name;
	const char *hex;
	enum stun_parse want;
} parses[] = {
	{"smallest message", "0001 0000" COOKIE TXID, STUN_PARSE_OK},
	{"nothing", "", STUN_PARSE_SHORT},
	{"one byte", "00", STUN_PARSE_SHORT},
	{"three bytes", "000100", STUN_PARSE_SHORT},
	{"header short by one (T-001)", "0001 0000" COOKIE "000102030405060708090a",
	 STUN_PARSE_SHORT},
	{"top bits 01 (T-001)", "4001 0000" COOKIE TXID, STUN_PARSE_NOT_STUN},
	{"top bits 10 (T-001)", "8001 0000" COOKIE TXID, STUN_PARSE_NOT_STUN},
	{"top bits 11 (T-001)", "c001 0000" COOKIE TXID, STUN_PARSE_NOT_STUN},
	{"length 1 (T-002)", "0001 0001" COOKIE TXID "00", STUN_PARSE_BAD_LENGTH},
	{"length 2 (T-002)", "0001 0002" COOKIE TXID "0000", STUN_PARSE_BAD_LENGTH},
	{"length 3 (T-002)", "0001 0003" COOKIE TXID "000000", STUN_PARSE_BAD_LENGTH},
	{"claims more than arrived (T-003)", "0001 0004" COOKIE TXID,
	 STUN_PARSE_BAD_LENGTH},
	{"claims the maximum", "0001 fffc" COOKIE TXID, STUN_PARSE_BAD_LENGTH},
	{"trailing bytes (T-003)", "0001 0000" COOKIE TXID "00000000",
	 STUN_PARSE_BAD_LENGTH},
	{"one trailing byte (T-003)", "0001 0000" COOKIE TXID "00",
	 STUN_PARSE_BAD_LENGTH},
	{"another cookie is classic (T-004)", "0001 0000 2112a443" TXID, STUN_PARSE_OK},
	{"empty attribute", "0001 0004" COOKIE TXID "8022 0000", STUN_PARSE_OK},
	{"attribute past the end (T-010)", "0001 0004" COOKIE TXID "8022 0001",
	 STUN_PARSE_BAD_ATTR},
	{"longest attribute past the end (T-010)", "0001 0004" COOKIE TXID "8022 ffff",
	 STUN_PARSE_BAD_ATTR},
	{"attribute past the end by one (T-010)",
	 "0001 0008" COOKIE TXID "8022 0005 00000000", STUN_PARSE_BAD_ATTR},
	{"second attribute past the end (T-010)",
	 "0001 000c" COOKIE TXID "8022 0004 00000000 8022 0004", STUN_PARSE_BAD_ATTR},
	{"attribute fills the rest", "0001 0008" COOKIE TXID "8022 0004 00000000",
	 STUN_PARSE_OK},
	{"value of 1 byte", "0001 0008" COOKIE TXID "8022 0001 61000000", STUN_PARSE_OK},
	{"value of 3 bytes", "0001 0008" COOKIE TXID "8022 0003 61616100", STUN_PARSE_OK},
	{"padding is not zero (T-011)", "0001 0008" COOKIE TXID "8022 0001 61ffffff",
	 STUN_PARSE_OK},
	{"fingerprint", "0001 0008" COOKIE TXID "8028 0004 5b0ff6fc", STUN_PARSE_OK},
	{"fingerprint with one bit wrong (T-044)",
	 "0001 0008" COOKIE TXID "8028 0004 5b0ff6fd", STUN_PARSE_BAD_FINGERPRINT},
	{"fingerprint of 3 bytes (T-044)", "0001 0008" COOKIE TXID "8028 0003 00000000",
	 STUN_PARSE_BAD_FINGERPRINT},
	{"fingerprint of 8 bytes (T-044)",
	 "0001 000c" COOKIE TXID "8028 0008 0000000000000000",
	 STUN_PARSE_BAD_FINGERPRINT},
	{"attribute after the fingerprint (T-045)",
	 "0001 000c" COOKIE TXID "8028 0004 2807d133 8022 0000",
	 STUN_PARSE_BAD_FINGERPRINT},
	{"two fingerprints (T-045)",
	 "0001 0010" COOKIE TXID "8028 0004 aa4e201f 8028 0004 ec74b13f",
	 STUN_PARSE_BAD_FINGERPRINT},
	{"method above 0x0FF is left to the classifier", "3eef 0000" COOKIE TXID,
	 STUN_PARSE_OK},
};

START_TEST(parse_row)
{
	struct slice bytes = bytes_hex(parses[_i].hex);
	struct stun_msg msg;
	enum stun_parse got = stun_msg_parse(bytes, &msg);

	ck_assert_msg(got == parses[_i].want, "%s: got %d", parses[_i].name, got);
	bytes_free(bytes);
}
END_TEST

START_TEST(cookie_tells_modern_from_classic) /* T-004 */
{
	struct slice modern = bytes_hex("0001 0000" COOKIE TXID);
	struct slice classic = bytes_hex("0001 0000 2112a443" TXID);
	struct stun_msg msg;

	ck_assert_int_eq(stun_msg_parse(modern, &msg), STUN_PARSE_OK);
	ck_assert(msg.has_cookie);
	ck_assert_ptr_eq(msg.txid, modern.data + 8);
	ck_assert_int_eq(stun_msg_parse(classic, &msg), STUN_PARSE_OK);
	ck_assert(!msg.has_cookie);
	ck_assert_ptr_eq(msg.txid, classic.data + 4);
	bytes_free(modern);
	bytes_free(classic);
}
END_TEST

START_TEST(types_are_a_bijection) /* T-006 */
{
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		uint8_t bytes[STUN_HEADER_LEN] = {(uint8_t)(type >> 8), (uint8_t)type};
		struct stun_msg msg;
		enum stun_parse got =
			stun_msg_parse((struct slice){bytes, sizeof(bytes)}, &msg);

		ck_assert_int_eq(got,
				 type < 0x4000 ? STUN_PARSE_OK : STUN_PARSE_NOT_STUN);
		if (got != STUN_PARSE_OK)
			continue;
		ck_assert_uint_lt(msg.method, 0x1000);
		ck_assert_uint_eq(stun_type(msg.method, msg.class), type);
	}
	ck_assert_uint_eq(stun_type(STUN_BINDING, STUN_SUCCESS), 0x0101);
	ck_assert_uint_eq(stun_type(STUN_BINDING, STUN_ERROR), 0x0111);
}
END_TEST

/* T-005, T-006; T-050 for the classic one */
START_TEST(reply_echoes_transaction_and_method)
{
	static const char *const requests[] = {"0003 0000" COOKIE TXID,
					       "0003 0000 f0f1f2f3" TXID};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct slice request = bytes_hex(requests[i]);
		uint8_t buf[STUN_HEADER_LEN];
		struct stun_msg msg, reply;
		struct stun_builder b;

		ck_assert_int_eq(stun_msg_parse(request, &msg), STUN_PARSE_OK);
		stun_builder_reply(&b, buf, sizeof(buf), &msg, STUN_ERROR);
		ck_assert_uint_eq(stun_builder_finish(&b), sizeof(buf));
		ck_assert_mem_eq(buf + 4, request.data + 4, 16);

		ck_assert_int_eq(stun_msg_parse((struct slice){buf, sizeof(buf)}, &reply),
				 STUN_PARSE_OK);
		ck_assert_uint_eq(reply.method, TURN_ALLOCATE);
		ck_assert_int_eq(reply.class, STUN_ERROR);
		ck_assert(reply.has_cookie == msg.has_cookie);
		bytes_free(request);
	}
}
END_TEST

/* T-011, T-012: old contents of the buffer do not leak into the message. */
START_TEST(builder_zeroes_padding)
{
	for (size_t len = 0; len <= 9; len++) {
		uint8_t buf[STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN + 12];
		uint8_t value[9];
		struct stun_builder b;

		memset(buf, 0xA5, sizeof(buf));
		memset(value, 0x11, sizeof(value));
		stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_REQUEST,
				   txid);
		stun_builder_add(&b, STUN_SOFTWARE, value, len);

		size_t end = STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN + len;
		ck_assert_uint_eq(stun_builder_finish(&b), padded4(end));
		ck_assert_uint_eq(load_be16(buf + STUN_HEADER_LEN + 2), len);
		ck_assert_uint_eq(load_be16(buf + 2), padded4(end) - STUN_HEADER_LEN);
		for (; end % 4 != 0; end++)
			ck_assert_uint_eq(buf[end], 0);
		for (size_t i = 0; i < end; i++)
			ck_assert_uint_ne(buf[i], 0xA5);
		ck_assert(end == sizeof(buf) || buf[end] == 0xA5);
	}
}
END_TEST

START_TEST(first_of_duplicates_counts) /* T-013 */
{
	struct slice bytes = bytes_hex("0003 0018" COOKIE TXID "000d 0004 00000001"
				       "8022 0004 61616161 000d 0004 00000002");
	struct stun_msg msg;
	struct stun_attr attr;
	uint32_t lifetime_s;

	ck_assert_int_eq(stun_msg_parse(bytes, &msg), STUN_PARSE_OK);
	ck_assert(stun_msg_find(&msg, TURN_LIFETIME, &attr));
	ck_assert(stun_attr_u32(&attr, &lifetime_s));
	ck_assert_uint_eq(lifetime_s, 1);
	ck_assert(!stun_msg_find(&msg, STUN_REALM, &attr));
	bytes_free(bytes);
}
END_TEST

#define MI "0008 0014 1111111111111111111111111111111111111111 "
#define MI256 \
	"001c 0020 2222222222222222222222222222222222222222222222222222222222222222 "
#define LIFETIME "000d 0004 00000258 "

/* Attributes in effect after a tail; offsets count from the end of the first LIFETIME. */
static const struct {
	const char *name;
	const char *tail;
	int mi, mi256;
	unsigned mi256_len;
	bool bad_len;
} tails[] = {
	{"no integrity", "", -1, -1, 0, false},
	{"MI", MI, 0, -1, 0, false},
	{"MI256", MI256, -1, 0, 32, false},
	{"MI then MI256", MI MI256, 0, 24, 32, false},
	{"MI256 hides a MI after it (T-063)", MI256 MI, -1, 0, 32, false},
	{"MI256 hides a MI of wrong length (T-063)", MI256 "0008 0000", -1, 0, 32, false},
	{"LIFETIME after MI is ignored (T-062)", MI LIFETIME, 0, -1, 0, false},
	{"unknown 0x7abc after MI is ignored (T-062)", MI "7abc 0000", 0, -1, 0, false},
	{"MI256 after an ignored one counts (T-062)", MI LIFETIME MI256, 0, 32, 32,
	 false},
	{"LIFETIME after MI256 is ignored (T-062)", MI256 LIFETIME, -1, 0, 32, false},
	{"a second MI is ignored", MI "0008 0000", 0, -1, 0, false},
	{"a second MI256 is ignored", MI256 "001c 0000", -1, 0, 32, false},
	{"MI of 0 bytes (T-065)", "0008 0000", 0, -1, 0, true},
	{"MI of 19 bytes (T-065)", "0008 0013 1111111111111111111111111111111111111100",
	 0, -1, 0, true},
	{"MI of 24 bytes (T-065)",
	 "0008 0018 111111111111111111111111111111111111111111111111", 0, -1, 0, true},
	{"MI256 of 16 bytes (T-064)", "001c 0010 22222222222222222222222222222222", -1, 0,
	 16, true},
	{"MI256 of 20 bytes (T-064)",
	 "001c 0014 2222222222222222222222222222222222222222", -1, 0, 20, true},
	{"MI256 of 28 bytes (T-064)",
	 "001c 001c 22222222222222222222222222222222222222222222222222222222", -1, 0, 28,
	 true},
	{"MI256 of 36 bytes (T-064)",
	 "001c 0024 2222222222222222222222222222222222222222222222222222222222222222 22222222",
	 -1, 0, 36, true},
	{"good MI, bad MI256", MI "001c 0000", 0, 24, 0, true},
};

START_TEST(tail_row)
{
	char hex[512];
	struct stun_msg msg;
	struct stun_attr attr;

	snprintf(hex, sizeof(hex), "0003 0000" COOKIE TXID LIFETIME "%s", tails[_i].tail);
	struct slice bytes = bytes_hex(hex);
	store_be16((uint8_t *)(uintptr_t)bytes.data + 2, (uint16_t)(bytes.len - 20));

	ck_assert_int_eq(stun_msg_parse(bytes, &msg), STUN_PARSE_OK);
	ck_assert_msg(msg.mi_offset ==
			      (tails[_i].mi < 0 ? 0u : 28u + (unsigned)tails[_i].mi),
		      "%s: MI at %u", tails[_i].name, msg.mi_offset);
	ck_assert_msg(msg.mi256_offset == (tails[_i].mi256 < 0
						   ? 0u
						   : 28u + (unsigned)tails[_i].mi256),
		      "%s: MI256 at %u", tails[_i].name, msg.mi256_offset);
	ck_assert_msg(msg.mi256_len == tails[_i].mi256_len, "%s: %u", tails[_i].name,
		      msg.mi256_len);
	ck_assert_msg(msg.bad_mi_len == tails[_i].bad_len, "%s: length", tails[_i].name);

	/* Exactly one LIFETIME is in effect. */
	struct slice rest = msg.body;
	ck_assert(stun_attr_next(&rest, &attr));
	ck_assert_uint_eq(attr.type, TURN_LIFETIME);
	ck_assert_msg(!stun_attr_next(&rest, &attr), "%s: 0x%04x seen", tails[_i].name,
		      attr.type);
	ck_assert(!stun_msg_find(&msg, 0x7abc, &attr));
	bytes_free(bytes);
}
END_TEST

/* Sizes for which 16 bits are just enough or just not enough. */
static const struct {
	const char *name;
	size_t len;
	bool fits;
} longest[] = {
	{"nothing", 0, true},
	{"1", 1, true},
	{"3", 3, true},
	{"4", 4, true},
	{"65515", 65515, true},
	{"65524", 65524, true},
	{"65525", 65525, true},
	{"longest that fits", 65528, true},
	{"one more", 65529, false},
	{"65532", 65532, false},
	{"65535", 65535, false},
	{"more than the length field can hold", 65536, false},
	{"65540", 65540, false},
	{"all", SIZE_MAX - 3, false},
	{"really all", SIZE_MAX, false},
};

START_TEST(longest_attribute)
{
	size_t size = 70000;
	uint8_t *buf = malloc(size);
	struct stun_builder b;
	struct stun_msg msg;
	struct stun_attr attr;
	size_t len = longest[_i].len;

	ck_assert_ptr_nonnull(buf);
	stun_builder_start(&b, buf, size, TURN_DATA, STUN_INDICATION, txid);
	uint8_t *value = stun_builder_reserve(&b, TURN_DATA_ATTR, len);
	ck_assert_msg((value != NULL) == longest[_i].fits, "%s", longest[_i].name);
	if (value) {
		memset(value, 0x5A, len);
		struct slice bytes = bytes_exact(buf, stun_builder_finish(&b));
		ck_assert_uint_eq(bytes.len, 24 + padded4(len));
		ck_assert_int_eq(stun_msg_parse(bytes, &msg), STUN_PARSE_OK);
		ck_assert(stun_msg_find(&msg, TURN_DATA_ATTR, &attr));
		ck_assert_uint_eq(attr.value.len, len);
		bytes_free(bytes);
	} else {
		ck_assert_uint_eq(stun_builder_finish(&b), 0);
	}
	free(buf);
}
END_TEST

/*
 * A length field that is wrong by up to 20, in messages of every size near the end of 16
 * bits.
 */
START_TEST(lying_lengths_near_the_end)
{
	for (size_t body = 65512; body <= 65532; body += 4) {
		uint8_t *buf = calloc(1, STUN_HEADER_LEN + body);

		ck_assert_ptr_nonnull(buf);
		store_be16(buf + 2, (uint16_t)body);
		for (size_t claim = 65500; claim <= 65535; claim++) {
			struct slice bytes = {buf, STUN_HEADER_LEN + body};
			struct stun_msg msg;

			store_be16(buf + 20, 0x8022);
			store_be16(buf + 22, (uint16_t)claim);
			ck_assert_int_eq(stun_msg_parse(bytes, &msg),
					 padded4(claim) + 4 <= body
						 ? STUN_PARSE_OK
						 : STUN_PARSE_BAD_ATTR);
		}
		free(buf);
	}
}
END_TEST

START_TEST(builder_fits_exactly_or_not_at_all)
{
	uint8_t buf[64];
	struct stun_builder b;

	for (size_t size = 0; size <= sizeof(buf); size++) {
		memset(buf, 0xA5, sizeof(buf));
		stun_builder_start(&b, buf, size, STUN_BINDING, STUN_REQUEST, txid);
		stun_builder_add(&b, STUN_SOFTWARE, "avedge", 6);
		stun_add_u32(&b, TURN_LIFETIME, 600);
		stun_add_fingerprint(&b);
		ck_assert_uint_eq(stun_builder_finish(&b), size >= 48 ? 48 : 0);
		for (size_t i = size; i < sizeof(buf); i++)
			ck_assert_uint_eq(buf[i], 0xA5);
	}
}
END_TEST

START_TEST(builder_remembers_overflow)
{
	uint8_t buf[32];
	struct stun_builder b;

	stun_builder_start(&b, buf, sizeof(buf), STUN_BINDING, STUN_REQUEST, txid);
	stun_builder_add(&b, STUN_SOFTWARE, "ninebytes", 9);
	stun_builder_add(&b, STUN_SOFTWARE, "", 0);
	ck_assert_ptr_null(stun_builder_reserve(&b, STUN_SOFTWARE, 0));
	ck_assert_uint_eq(stun_builder_finish(&b), 0);

	stun_builder_start(&b, buf, STUN_HEADER_LEN - 1, STUN_BINDING, STUN_REQUEST,
			   txid);
	stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS,
			     &(struct endpoint){.ip.family = IP_V4});
	ck_assert_uint_eq(stun_builder_finish(&b), 0);
}
END_TEST

/* The attributes of a random message, in order. */
struct plan {
	size_t count;
	struct {
		uint16_t type;
		size_t len;
		uint8_t value[40];
	} attrs[12];
	enum stun_integrity integrity;
	bool fingerprint;
};

static const struct stun_key any_key = {.len = 16, .bytes = "0123456789abcdef"};

static void plan_random(struct plan *plan, uint64_t *seed)
{
	plan->count = bytes_random(seed) % (ARRAY_LEN(plan->attrs) + 1);
	for (size_t i = 0; i < plan->count; i++) {
		/* Never 0x0008, 0x001C or 0x8028, which have fixed places. */
		plan->attrs[i].type = (uint16_t)(bytes_random(seed) << 8 | 0x40);
		plan->attrs[i].len =
			bytes_random(seed) % (sizeof(plan->attrs[i].value) + 1);
		for (size_t n = 0; n < plan->attrs[i].len; n++)
			plan->attrs[i].value[n] = (uint8_t)bytes_random(seed);
	}
	plan->integrity = (enum stun_integrity)(bytes_random(seed) % 3);
	plan->fingerprint = bytes_random(seed) % 2;
}

static size_t plan_build(const struct plan *plan, uint8_t *buf, size_t size,
			 uint16_t method, enum stun_class class)
{
	struct stun_builder b;

	stun_builder_start(&b, buf, size, method, class, txid);
	for (size_t i = 0; i < plan->count; i++)
		stun_builder_add(&b, plan->attrs[i].type, plan->attrs[i].value,
				 plan->attrs[i].len);
	stun_add_integrity(&b, plan->integrity, &any_key);
	if (plan->fingerprint)
		stun_add_fingerprint(&b);
	return stun_builder_finish(&b);
}

START_TEST(what_is_built_parses_the_same)
{
	uint64_t seed = 8489;

	for (int round = 0; round < 5000; round++) {
		struct plan plan;
		uint8_t buf[1024];
		uint16_t method = (uint16_t)(bytes_random(&seed) % 0x1000);
		enum stun_class class = (enum stun_class)(bytes_random(&seed) % 4);
		struct stun_msg msg;
		struct stun_attr attr;

		plan_random(&plan, &seed);
		struct slice bytes = bytes_exact(buf, plan_build(&plan, buf, sizeof(buf),
								 method, class));
		ck_assert_int_eq(stun_msg_parse(bytes, &msg), STUN_PARSE_OK);
		ck_assert_uint_eq(msg.method, method);
		ck_assert_int_eq(msg.class, class);
		ck_assert_mem_eq(msg.txid, txid, sizeof(txid));
		ck_assert(msg.has_fingerprint == plan.fingerprint);
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &any_key) ==
			  (plan.integrity == STUN_INTEGRITY_SHA1));
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &any_key) ==
			  (plan.integrity == STUN_INTEGRITY_SHA256));

		struct slice rest = msg.body;
		for (size_t i = 0; i < plan.count; i++) {
			ck_assert(stun_attr_next(&rest, &attr));
			ck_assert_uint_eq(attr.type, plan.attrs[i].type);
			ck_assert_uint_eq(attr.value.len, plan.attrs[i].len);
			if (attr.value.len > 0)
				ck_assert_mem_eq(attr.value.data, plan.attrs[i].value,
						 attr.value.len);
		}
		ck_assert(!stun_attr_next(&rest, &attr));
		bytes_free(bytes);
	}
}
END_TEST

/* A sink for reads that only serve the address sanitizer. */
static volatile unsigned seen;

/*
 * Bytes similar to a valid message: if they parse, all attributes are inside and their
 * sizes add up.
 */
START_TEST(mutations_stay_inside)
{
	uint64_t seed = 8656;
	unsigned parsed = 0, refused = 0;

	for (int round = 0; round < 20000; round++) {
		struct plan plan;
		uint8_t buf[1024];
		struct stun_msg msg;
		struct stun_attr attr;

		plan_random(&plan, &seed);
		size_t len =
			plan_build(&plan, buf, sizeof(buf), TURN_ALLOCATE, STUN_REQUEST);
		for (unsigned n = bytes_random(&seed) % 4; n > 0; n--)
			buf[bytes_random(&seed) % len] = (uint8_t)bytes_random(&seed);
		if (bytes_random(&seed) % 8 == 0)
			len = bytes_random(&seed) % (len + 1);

		struct slice bytes = bytes_exact(buf, len);
		if (stun_msg_parse(bytes, &msg) == STUN_PARSE_OK) {
			struct slice rest = msg.body;
			parsed++;
			while (stun_attr_next(&rest, &attr)) {
				ck_assert(attr.value.data >= bytes.data + 24);
				ck_assert_uint_le((size_t)(attr.value.data - bytes.data) +
							  attr.value.len,
						  bytes.len);
				for (size_t i = 0; i < attr.value.len; i++)
					seen ^= attr.value.data[i];
			}
			ck_assert_uint_eq(rest.len, 0);
			seen ^= stun_verify(&msg, STUN_INTEGRITY_SHA1, &any_key);
			seen ^= stun_verify(&msg, STUN_INTEGRITY_SHA256, &any_key);
		} else {
			refused++;
		}
		bytes_free(bytes);
	}
	ck_assert_uint_gt(parsed, 1000);
	ck_assert_uint_gt(refused, 1000);
}
END_TEST

/* Nothing depends on the datagram's alignment; for UBSan. */
START_TEST(every_alignment)
{
	for (size_t offset = 0; offset < 8; offset++) {
		uint8_t space[8 + 128];
		uint8_t *buf = space + offset;
		struct endpoint ep = {.ip = {IP_V6, {0x20, 1, 0xd, 0xb8}}, .port = 7},
				got;
		struct stun_builder b;
		struct stun_msg msg;
		struct stun_attr attr;

		stun_builder_start(&b, buf, 128, TURN_SEND, STUN_INDICATION, txid);
		stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &ep);
		stun_add_integrity(&b, STUN_INTEGRITY_SHA256, &any_key);
		stun_add_fingerprint(&b);
		size_t len = stun_builder_finish(&b);
		ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg),
				 STUN_PARSE_OK);
		ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &any_key));
		ck_assert(stun_msg_find(&msg, TURN_XOR_PEER_ADDRESS, &attr));
		ck_assert(stun_attr_xor_address(&attr, msg.txid, &got));
		ck_assert(endpoint_equal(&ep, &got));
	}
}
END_TEST

static void msg_suite(Suite *suite)
{
	TCase *tc = tcase_create("parse");
	tcase_add_loop_test(tc, parse_row, 0, ROWS(parses));
	tcase_add_test(tc, cookie_tells_modern_from_classic);
	tcase_add_test(tc, types_are_a_bijection);
	tcase_add_test(tc, first_of_duplicates_counts);
	tcase_add_loop_test(tc, tail_row, 0, ROWS(tails));
	tcase_add_test(tc, lying_lengths_near_the_end);
	suite_add_tcase(suite, tc);

	tc = tcase_create("build");
	tcase_add_test(tc, reply_echoes_transaction_and_method);
	tcase_add_test(tc, builder_zeroes_padding);
	tcase_add_loop_test(tc, longest_attribute, 0, ROWS(longest));
	tcase_add_test(tc, builder_fits_exactly_or_not_at_all);
	tcase_add_test(tc, builder_remembers_overflow);
	suite_add_tcase(suite, tc);

	tc = tcase_create("both");
	tcase_add_test(tc, what_is_built_parses_the_same);
	tcase_add_test(tc, mutations_stay_inside);
	tcase_add_test(tc, every_alignment);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun msg", msg_suite)
