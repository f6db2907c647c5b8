/*
 * test_client_hello.c - the name of the server and the protocols that a TLS hello asks for.
 */
#include "base/net/client_hello.h"

#include <stdio.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static uint8_t scratch[CLIENT_HELLO_MAX];

struct built {
	uint8_t bytes[CLIENT_HELLO_MAX + 4096];
	size_t len;
};

static void add(struct built *built, struct slice bytes)
{
	ck_assert_uint_le(built->len + bytes.len, sizeof(built->bytes));
	if (bytes.len > 0)
		memcpy(built->bytes + built->len, bytes.data, bytes.len);
	built->len += bytes.len;
}

static void add_number(struct built *built, size_t number, size_t len)
{
	for (size_t i = len; i-- > 0;)
		add(built,
		    (struct slice){(const uint8_t[]){(uint8_t)(number >> 8 * i)}, 1});
}

static struct slice whole(const struct built *built)
{
	return (struct slice){built->bytes, built->len};
}

/* A message with these extensions; padding: bytes of an extension that nobody knows. */
static void build_message(struct built *message, const char *extensions, size_t padding)
{
	static struct built body;
	struct slice hex = bytes_hex(extensions);
	size_t all = hex.len + (padding > 0 ? 4 + padding : 0);

	body.len = 0;
	add_number(&body, 0x0303, 2);
	for (int i = 0; i < 32; i++)
		add_number(&body, (size_t)i, 1);
	add_number(&body, 2, 1); /* session id */
	add_number(&body, 0xabcd, 2);
	add_number(&body, 4, 2); /* cipher suites */
	add_number(&body, 0x13011302, 4);
	add_number(&body, 0x0100, 2);
	if (all > 0) {
		add_number(&body, all, 2);
		add(&body, hex);
	}
	if (padding > 0) {
		add_number(&body, 21, 2);
		add_number(&body, padding, 2);
		for (size_t i = 0; i < padding; i++)
			add_number(&body, 0, 1);
	}
	message->len = 0;
	add_number(message, 1, 1);
	add_number(message, body.len, 3);
	add(message, whole(&body));
	bytes_free(hex);
}

/* In records of at most that many bytes. */
static void build_records(struct built *out, const struct built *message, size_t each)
{
	struct slice rest = whole(message);

	out->len = 0;
	while (rest.len > 0) {
		struct slice part = {rest.data, rest.len < each ? rest.len : each};

		add_number(out, 0x160301, 3);
		add_number(out, part.len, 2);
		add(out, part);
		rest = slice_skip(rest, part.len);
	}
}

/* However it is cut; MORE asks for more than there is, and never for more than there will be. */
static enum client_hello_verdict read_cut(struct slice all, size_t step,
					  struct client_hello *hello)
{
	enum client_hello_verdict before = CLIENT_HELLO_MORE;

	for (size_t len = 0; len <= all.len;
	     len = len < all.len && len + step > all.len ? all.len : len + step) {
		struct slice cut = bytes_exact(all.data, len);
		size_t needed = 0;
		enum client_hello_verdict got =
			client_hello_read(cut, scratch, hello, &needed);

		ck_assert_msg(before == CLIENT_HELLO_MORE || got == before,
			      "changes at %zu", len);
		if (got == CLIENT_HELLO_MORE)
			ck_assert_msg(needed > len && needed <= CLIENT_HELLO_MAX,
				      "needs %zu at %zu", needed, len);
		before = got;
		bytes_free(cut);
	}
	return before;
}

#define ALPN_H2 "0010 000e 000c 02 6832 08 687474702f312e31"
#define ALPN_TURN "0010 000c 000a 09 7374756e2e7475726e"

static const struct {
	const char *name, *extensions, *server_name, *alpn;
	enum client_hello_verdict want;
} hellos[] = {
	{"nothing", "", "", "", CLIENT_HELLO_COMPLETE},
	{"a name", "0000 000b 0009 00 0006 612e74657374", "a.test", "",
	 CLIENT_HELLO_COMPLETE},
	{"h2 and http/1.1", ALPN_H2, "", "h2,http/1.1", CLIENT_HELLO_COMPLETE},
	{"stun.turn", ALPN_TURN, "", "stun.turn", CLIENT_HELLO_COMPLETE},
	{"both, among others",
	 "ff01 0001 00 0000 000b 0009 00 0006 612e74657374 000b 0002 0100" ALPN_H2
	 "002b 0003 02 0304",
	 "a.test", "h2,http/1.1", CLIENT_HELLO_COMPLETE},
	{"a name of another type is passed over",
	 "0000 0010 000e 07 0002 6162 00 0006 612e74657374", "a.test", "",
	 CLIENT_HELLO_COMPLETE},

	{"an empty list of names", "0000 0002 0000", "", "", CLIENT_HELLO_UNKNOWN},
	{"an empty name", "0000 0005 0003 00 0000", "", "", CLIENT_HELLO_UNKNOWN},
	{"a name longer than its list", "0000 0008 0006 00 0006 612e74", "", "",
	 CLIENT_HELLO_UNKNOWN},
	{"bytes behind the list", "0000 000c 0009 00 0006 612e74657374 00", "", "",
	 CLIENT_HELLO_UNKNOWN},
	{"two extensions with names",
	 "0000 000b 0009 00 0006 612e74657374 0000 000b 0009 00 0006 622e74657374", "",
	 "", CLIENT_HELLO_UNKNOWN},
	{"an empty list of protocols", "0010 0002 0000", "", "", CLIENT_HELLO_UNKNOWN},
	{"an empty protocol", "0010 0003 0001 00", "", "", CLIENT_HELLO_UNKNOWN},
	{"a protocol longer than its list", "0010 0005 0003 03 6832", "", "",
	 CLIENT_HELLO_UNKNOWN},
	{"two lists of protocols", ALPN_H2 ALPN_TURN, "", "", CLIENT_HELLO_UNKNOWN},
	{"an extension longer than the hello", "0010 00ff 0003", "", "",
	 CLIENT_HELLO_UNKNOWN},
	{"half an extension", "0010 00", "", "", CLIENT_HELLO_UNKNOWN},
};

static void alpn_text(struct slice alpn, char *text, size_t size)
{
	struct slice name;

	text[0] = '\0';
	while (client_hello_alpn_next(&alpn, &name))
		snprintf(text + strlen(text), size - strlen(text), "%s%.*s",
			 text[0] != '\0' ? "," : "", (int)name.len,
			 (const char *)name.data);
}

START_TEST(hello_row)
{
	static const size_t records[] = {CLIENT_HELLO_MAX, 40, 3, 1};
	static struct built message, bytes;
	struct client_hello hello;
	char alpn[100];

	build_message(&message, hellos[_i].extensions, 0);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		build_records(&bytes, &message, records[i]);
		enum client_hello_verdict got = read_cut(whole(&bytes), 1, &hello);

		ck_assert_msg(got == hellos[_i].want, "%s in records of %zu: %d",
			      hellos[_i].name, records[i], got);
		if (got != CLIENT_HELLO_COMPLETE)
			continue;
		ck_assert_uint_eq(hello.server_name.len, strlen(hellos[_i].server_name));
		ck_assert(hello.server_name.len == 0 ||
			  memcmp(hello.server_name.data, hellos[_i].server_name,
				 hello.server_name.len) == 0);
		alpn_text(hello.alpn, alpn, sizeof(alpn));
		ck_assert_str_eq(alpn, hellos[_i].alpn);
	}
}
END_TEST

START_TEST(what_follows_is_not_read)
{
	static struct built message, bytes;
	struct client_hello hello;

	build_message(&message, ALPN_H2, 0);
	build_records(&bytes, &message, CLIENT_HELLO_MAX);
	add_number(&bytes, 0x1403, 2);
	ck_assert_int_eq(read_cut(whole(&bytes), 1, &hello), CLIENT_HELLO_COMPLETE);
	ck_assert_uint_eq(hello.alpn.len, 12);
}
END_TEST

START_TEST(no_more_than_16_kib_are_looked_at)
{
	static struct built message, bytes;
	struct client_hello hello;

	/* The longest; the header of its record counts. */
	build_message(&message, ALPN_H2, 16384 - 5 - 4 - 47 - 18 - 4);
	build_records(&bytes, &message, 16384);
	ck_assert_uint_eq(bytes.len, 16384);
	ck_assert_int_eq(read_cut(whole(&bytes), 997, &hello), CLIENT_HELLO_COMPLETE);
	/* One byte more, in one record or in small ones. */
	build_message(&message, ALPN_H2, 16384 - 5 - 4 - 47 - 18 - 4 + 1);
	build_records(&bytes, &message, 16384);
	ck_assert_int_eq(read_cut(whole(&bytes), 997, &hello), CLIENT_HELLO_UNKNOWN);
	build_message(&message, ALPN_H2, 9000);
	build_records(&bytes, &message, 4);
	ck_assert_int_eq(read_cut(whole(&bytes), 997, &hello), CLIENT_HELLO_UNKNOWN);
}
END_TEST

static const struct {
	const char *name, *hex;
} others[] = {
	{"an alert", "15 0301 0002 0228"},
	{"major version 2", "16 0201 0040 01 00003c"},
	{"an empty record", "16 0301 0000"},
	{"a record that is too long", "16 0301 4001"},
	{"a ServerHello", "16 0301 0040 02"},
	{"an alert in the middle", "16 0301 0003 010000 15 0301 0001 10"},
	{"a message of 16 MiB", "16 0301 0040 01 ffffff"},
	{"a message that is too short", "16 0301 0006 01 000002 0303"},
};

START_TEST(others_are_not_understood)
{
	struct slice bytes = bytes_hex(others[_i].hex);
	struct client_hello hello;

	ck_assert_msg(read_cut(bytes, 1, &hello) == CLIENT_HELLO_UNKNOWN, "%s",
		      others[_i].name);
	bytes_free(bytes);
}
END_TEST

static void client_hello_suite(Suite *suite)
{
	TCase *tc = tcase_create("client_hello");

	tcase_add_loop_test(tc, hello_row, 0, ROWS(hellos));
	tcase_add_test(tc, what_follows_is_not_read);
	tcase_add_test(tc, no_more_than_16_kib_are_looked_at);
	tcase_add_loop_test(tc, others_are_not_understood, 0, ROWS(others));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("client_hello", client_hello_suite)
