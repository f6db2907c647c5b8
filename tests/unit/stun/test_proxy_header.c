/*
 * test_proxy_header.c - headers of the PROXY protocol: sections are those of proxy-protocol.txt.
 */
#include "stun/proxy_header.h"

#include <stdio.h>

#include "stun/classify.h"
#include "stun/crc32.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define V4 "cb007107 c0000201 c350 01bb" /* 203.0.113.7:50000 to 192.0.2.1:443 */
#define V6                                                                  \
	"20010db8000000000000000000000007 20010db8000000000000000000000001" \
	"c350 01bb"
#define MAPPED                                                              \
	"00000000000000000000ffffcb007107 00000000000000000000ffffc0000201" \
	"c350 01bb"

static const struct {
	const char *name, *hex;
	enum proxy_transport transport;
	enum proxy_verdict want;
	enum proxy_origin origin;
	const char *client, *server;
} binary[] = {
	{"TCP over IPv4", SIGNATURE "21 11 000c" V4, PROXY_STREAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "203.0.113.7:50000", "192.0.2.1:443"},
	{"UDP over IPv4", SIGNATURE "21 12 000c" V4, PROXY_DGRAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "203.0.113.7:50000", "192.0.2.1:443"},
	{"TCP over IPv6", SIGNATURE "21 21 0024" V6, PROXY_STREAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "[2001:db8::7]:50000", "[2001:db8::1]:443"},
	{"UDP over IPv6", SIGNATURE "21 22 0024" V6, PROXY_DGRAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "[2001:db8::7]:50000", "[2001:db8::1]:443"},
	{"an IPv4-mapped client is the IPv4 one", SIGNATURE "21 21 0024" MAPPED,
	 PROXY_STREAM, PROXY_COMPLETE, PROXY_ORIGIN_CLIENT, "203.0.113.7:50000",
	 "192.0.2.1:443"},

	{"LOCAL", SIGNATURE "20 00 0000", PROXY_STREAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_LOCAL, NULL, NULL},
	{"LOCAL: addresses are discarded", SIGNATURE "20 11 000c" V4, PROXY_STREAM,
	 PROXY_COMPLETE, PROXY_ORIGIN_LOCAL, NULL, NULL},
	{"LOCAL: the family is ignored", SIGNATURE "20 ff 0003 010203", PROXY_DGRAM,
	 PROXY_COMPLETE, PROXY_ORIGIN_LOCAL, NULL, NULL},
	{"UNSPEC", SIGNATURE "21 00 0000", PROXY_STREAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_UNKNOWN, NULL, NULL},
	{"IPv4 of no transport", SIGNATURE "21 10 000c" V4, PROXY_STREAM, PROXY_COMPLETE,
	 PROXY_ORIGIN_UNKNOWN, NULL, NULL},
	{"UDP over IPv4 on a stream", SIGNATURE "21 12 000c" V4, PROXY_STREAM,
	 PROXY_COMPLETE, PROXY_ORIGIN_UNKNOWN, NULL, NULL},
	{"TCP over IPv4 in a datagram", SIGNATURE "21 11 000c" V4, PROXY_DGRAM,
	 PROXY_COMPLETE, PROXY_ORIGIN_UNKNOWN, NULL, NULL},

	{"TLVs of any type are skipped",
	 SIGNATURE "21 11 001a" V4 "01 0002 6832"
		   "e0 0000 ff 0003 010203",
	 PROXY_STREAM, PROXY_COMPLETE, PROXY_ORIGIN_CLIENT, "203.0.113.7:50000",
	 "192.0.2.1:443"},
	{"PP2_TYPE_NOOP pads", SIGNATURE "21 11 0014" V4 "04 0005 0000000000",
	 PROXY_STREAM, PROXY_COMPLETE, PROXY_ORIGIN_CLIENT, "203.0.113.7:50000",
	 "192.0.2.1:443"},
	{"PP2_TYPE_SSL is skipped, its inside unread",
	 SIGNATURE "21 11 0016" V4 "20 0007 07 00000000 21ff", PROXY_STREAM,
	 PROXY_COMPLETE, PROXY_ORIGIN_CLIENT, "203.0.113.7:50000", "192.0.2.1:443"},
	{"a TLV longer than the header", SIGNATURE "21 11 0010" V4 "04 0002 00",
	 PROXY_STREAM, PROXY_BROKEN, 0, NULL, NULL},
	{"half the header of a TLV", SIGNATURE "21 11 000e" V4 "04 00", PROXY_STREAM,
	 PROXY_BROKEN, 0, NULL, NULL},
	{"a checksum of five bytes", SIGNATURE "21 11 0014" V4 "03 0005 0000000000",
	 PROXY_STREAM, PROXY_BROKEN, 0, NULL, NULL},
	{"a wrong checksum", SIGNATURE "21 11 0013" V4 "03 0004 00000000", PROXY_STREAM,
	 PROXY_CHECKSUM, 0, NULL, NULL},

	{"version 1 in binary", SIGNATURE "11 11 000c" V4, PROXY_STREAM, PROXY_BROKEN, 0,
	 NULL, NULL},
	{"version 3", SIGNATURE "31 11 000c" V4, PROXY_STREAM, PROXY_BROKEN, 0, NULL,
	 NULL},
	{"command 2", SIGNATURE "22 11 000c" V4, PROXY_STREAM, PROXY_BROKEN, 0, NULL,
	 NULL},
	{"family 4", SIGNATURE "21 41 000c" V4, PROXY_STREAM, PROXY_BROKEN, 0, NULL,
	 NULL},
	{"transport 3", SIGNATURE "21 13 000c" V4, PROXY_STREAM, PROXY_BROKEN, 0, NULL,
	 NULL},
	{"no room for IPv4", SIGNATURE "21 11 000b" V4, PROXY_STREAM, PROXY_BROKEN, 0,
	 NULL, NULL},
	{"no room for IPv6", SIGNATURE "21 21 0023" V6, PROXY_STREAM, PROXY_BROKEN, 0,
	 NULL, NULL},
	{"no room for AF_UNIX", SIGNATURE "21 31 00d7", PROXY_STREAM, PROXY_BROKEN, 0,
	 NULL, NULL},
	{"4097 bytes", SIGNATURE "21 11 0ff1", PROXY_STREAM, PROXY_TOO_LONG, 0, NULL,
	 NULL},
	{"4097 bytes of LOCAL", SIGNATURE "20 00 0ff1", PROXY_STREAM, PROXY_TOO_LONG, 0,
	 NULL, NULL},
	{"another signature", "0d0a0d0a000d0a515549540b 21 11 000c" V4, PROXY_STREAM,
	 PROXY_NONE, 0, NULL, NULL},
	{"STUN", "0001 0000 2112a442 00010203", PROXY_DGRAM, PROXY_NONE, 0, NULL, NULL},
	{"the text of version 1 in a datagram", "50524f585920554e4b4e4f574e0d0a",
	 PROXY_DGRAM, PROXY_NONE, 0, NULL, NULL},
};

/*
 * However it is cut, and whatever follows. Returns what the whole gives; the verdict never goes
 * back, and MORE always asks for more than there is.
 */
static enum proxy_verdict read_cut(struct slice all, enum proxy_transport transport,
				   struct proxy_header *header, const char *name)
{
	enum proxy_verdict before = PROXY_MORE;

	for (size_t len = 0; len <= all.len; len++) {
		struct slice cut = bytes_exact(all.data, len);
		size_t needed = 0;
		enum proxy_verdict got =
			proxy_header_read(cut, transport, header, &needed);

		ck_assert_msg(before == PROXY_MORE || got == before,
			      "%s: verdict changes at %zu", name, len);
		ck_assert_msg(got != PROXY_MORE || needed > len, "%s: needs %zu of %zu",
			      name, needed, len);
		before = got;
		bytes_free(cut);
	}
	return before;
}

static void check_origin(const struct proxy_header *header, enum proxy_origin origin,
			 const char *client, const char *server, const char *name)
{
	char text[ENDPOINT_TEXT_LEN];

	ck_assert_msg(header->origin == origin, "%s: origin %d", name, header->origin);
	if (client == NULL) {
		ck_assert_uint_eq(header->client.ip.family, IP_NONE);
		return;
	}
	ck_assert_str_eq(endpoint_format(&header->client, text, sizeof(text)), client);
	ck_assert_str_eq(endpoint_format(&header->server, text, sizeof(text)), server);
}

START_TEST(binary_row)
{
	struct slice all = bytes_hex(binary[_i].hex);
	struct proxy_header header = {0};
	enum proxy_verdict got =
		read_cut(all, binary[_i].transport, &header, binary[_i].name);

	ck_assert_msg(got == binary[_i].want, "%s: got %d", binary[_i].name, got);
	if (got == PROXY_COMPLETE) {
		ck_assert_uint_eq(header.version, 2);
		ck_assert_uint_eq(header.len, all.len);
		check_origin(&header, binary[_i].origin, binary[_i].client,
			     binary[_i].server, binary[_i].name);
	}
	bytes_free(all);
}
END_TEST

START_TEST(af_unix_is_of_unknown_origin)
{
	uint8_t bytes[16 + 216] = {0};
	struct slice start = bytes_hex(SIGNATURE "21 31 00d8");
	struct proxy_header header = {0};

	memcpy(bytes, start.data, start.len);
	ck_assert_int_eq(read_cut((struct slice){bytes, sizeof(bytes)}, PROXY_STREAM,
				  &header, "AF_UNIX"),
			 PROXY_COMPLETE);
	check_origin(&header, PROXY_ORIGIN_UNKNOWN, NULL, NULL, "AF_UNIX");
	bytes_free(start);
}
END_TEST

START_TEST(the_longest_header_is_read)
{
	static uint8_t bytes[PROXY_HEADER_MAX + 1];
	struct slice start = bytes_hex(SIGNATURE "21 11 0ff0" V4 "04 0fe1");
	struct proxy_header header = {0};

	memcpy(bytes, start.data, start.len);
	ck_assert_int_eq(read_cut((struct slice){bytes, sizeof(bytes)}, PROXY_STREAM,
				  &header, "longest"),
			 PROXY_COMPLETE);
	ck_assert_uint_eq(header.len, PROXY_HEADER_MAX);
	bytes_free(start);
}
END_TEST

START_TEST(crc32c_has_the_values_of_its_rfc) /* RFC 3720 appendix B.4 */
{
	uint8_t bytes[32] = {0};
	struct slice all = {bytes, sizeof(bytes)};

	ck_assert_uint_eq(stun_crc32c(0, all), 0x8A9136AA);
	memset(bytes, 0xFF, sizeof(bytes));
	ck_assert_uint_eq(stun_crc32c(0, all), 0x62A8AB43);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	ck_assert_uint_eq(stun_crc32c(0, all), 0x46DD794E);
	uint32_t part = stun_crc32c(0, (struct slice){bytes, 13});
	ck_assert_uint_eq(stun_crc32c(part, slice_skip(all, 13)), 0x46DD794E);
}
END_TEST

START_TEST(a_checksum_covers_each_bit)
{
	struct slice built = bytes_hex(SIGNATURE "21 12 0019" V4 "03 0004 00000000"
						 "04 0003 010203");
	uint8_t bytes[64];
	size_t len = built.len, at = 16 + 12 + 3, needed;
	struct proxy_header header;

	memcpy(bytes, built.data, len);
	store_be32(bytes + at, stun_crc32c(0, built));
	struct slice whole = {bytes, len};
	ck_assert_int_eq(proxy_header_read(whole, PROXY_DGRAM, &header, &needed),
			 PROXY_COMPLETE);
	/* What is not part of the structure. */
	for (size_t i = 16; i < len; i++) {
		if ((i >= 28 && i < 31) || (i >= 35 && i < 38))
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1u << bit);
			ck_assert_int_eq(proxy_header_read(whole, PROXY_DGRAM, &header,
							   &needed),
					 PROXY_CHECKSUM);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	bytes_free(built);
}
END_TEST

START_TEST(two_checksums_are_refused)
{
	struct slice all = bytes_hex(SIGNATURE "21 12 001a" V4 "03 0004 00000000"
					       "03 0004 00000000");
	struct proxy_header header;
	size_t needed;

	ck_assert_int_eq(proxy_header_read(all, PROXY_DGRAM, &header, &needed),
			 PROXY_BROKEN);
	bytes_free(all);
}
END_TEST

#define LONGEST_V6 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct {
	const char *text;
	enum proxy_verdict want;
	enum proxy_origin origin;
	const char *client, *server;
} lines[] = {
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "203.0.113.7:50000", "192.0.2.1:443"},
	{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "255.255.255.255:65535", "255.255.255.255:65535"},
	{"PROXY TCP6 2001:db8::7 2001:DB8::1 50000 0\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "[2001:db8::7]:50000", "[2001:db8::1]:0"},
	{"PROXY TCP6 " LONGEST_V6 " " LONGEST_V6 " 65535 65535\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "[" LONGEST_V6 "]:65535", "[" LONGEST_V6 "]:65535"},
	{"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 50000 443\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_CLIENT, "203.0.113.7:50000", "192.0.2.1:443"},
	{"PROXY UNKNOWN\r\n", PROXY_COMPLETE, PROXY_ORIGIN_UNKNOWN, NULL, NULL},
	{"PROXY UNKNOWN " LONGEST_V6 " " LONGEST_V6 " 65535 65535\r\n", PROXY_COMPLETE,
	 PROXY_ORIGIN_UNKNOWN, NULL, NULL},
	{"PROXY UNKNOWN whatever\r\n", PROXY_COMPLETE, PROXY_ORIGIN_UNKNOWN, NULL, NULL},

	{"PROXY UNKNOWN " LONGEST_V6 " " LONGEST_V6 " 65535 655350\r\n", PROXY_BROKEN, 0,
	 NULL, NULL},
	{"PROXY UNKNOWNS\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY \r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY UDP4 203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY tcp4 203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY  TCP4 203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4  203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443 \r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.07 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 2001:db8::7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP6 203.0.113.7 192.0.2.1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP6 fe80::1%lo ::1 50000 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 050 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 -1 443\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r \n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY UNKNOWN\rX\r\n", PROXY_BROKEN, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443", PROXY_MORE, 0, NULL, NULL},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r", PROXY_MORE, 0, NULL, NULL},
	{"PRI * HTTP/2.0\r\n", PROXY_NONE, 0, NULL, NULL},
	{"PROXYTCP4\r\n", PROXY_NONE, 0, NULL, NULL},
};

START_TEST(line_row)
{
	struct slice all = {(const uint8_t *)lines[_i].text, strlen(lines[_i].text)};
	struct proxy_header header = {0};
	enum proxy_verdict got = read_cut(all, PROXY_STREAM, &header, lines[_i].text);

	ck_assert_msg(got == lines[_i].want, "%s: got %d", lines[_i].text, got);
	if (got == PROXY_COMPLETE) {
		ck_assert_uint_eq(header.version, 1);
		ck_assert_uint_eq(header.len, all.len);
		check_origin(&header, lines[_i].origin, lines[_i].client,
			     lines[_i].server, lines[_i].text);
	}
}
END_TEST

START_TEST(a_line_without_end_is_given_up_after_107_bytes)
{
	struct proxy_header header;
	uint8_t bytes[PROXY_HEADER_V1_MAX];
	size_t needed;

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "PROXY UNKNOWN ", 14);
	struct slice all = {bytes, sizeof(bytes)};
	ck_assert_int_eq(proxy_header_read(all, PROXY_STREAM, &header, &needed),
			 PROXY_BROKEN);
	all.len = PROXY_HEADER_V1_MAX - 2;
	ck_assert_int_eq(proxy_header_read(all, PROXY_STREAM, &header, &needed),
			 PROXY_MORE);
	ck_assert_uint_eq(needed, PROXY_HEADER_V1_MAX - 1);
}
END_TEST

START_TEST(the_classifier_agrees)
{
	struct slice v2 = bytes_hex(SIGNATURE "21 11 000c" V4);
	const char *v1 = "PROXY UNKNOWN\r\n";

	ck_assert_int_eq(stream_classify(v2), STREAM_PROXY);
	ck_assert_int_eq(stream_classify((struct slice){(const uint8_t *)v1, 15}),
			 STREAM_PROXY);
	bytes_free(v2);
}
END_TEST

static const struct {
	enum proxy_transport transport;
	const char *client, *server, *hex, *read_client;
} written[] = {
	{PROXY_DGRAM, "203.0.113.7:50000", "192.0.2.1:443", SIGNATURE "21 12 000c" V4,
	 "203.0.113.7:50000"},
	{PROXY_STREAM, "203.0.113.7:50000", "192.0.2.1:443", SIGNATURE "21 11 000c" V4,
	 "203.0.113.7:50000"},
	{PROXY_STREAM, "[2001:db8::7]:50000", "[2001:db8::1]:443",
	 SIGNATURE "21 21 0024" V6, "[2001:db8::7]:50000"},
	{PROXY_STREAM, "203.0.113.7:50000", "[2001:db8::1]:443",
	 SIGNATURE "21 21 0024 00000000000000000000ffffcb007107"
		   "20010db8000000000000000000000001 c350 01bb",
	 "203.0.113.7:50000"},
};

START_TEST(what_is_written_is_read)
{
	struct slice want = bytes_hex(written[_i].hex);
	uint8_t out[PROXY_HEADER_WRITTEN_MAX];
	struct endpoint client, server;
	struct proxy_header header;
	char text[ENDPOINT_TEXT_LEN];
	size_t needed;

	ck_assert(endpoint_parse(written[_i].client, 0, &client));
	ck_assert(endpoint_parse(written[_i].server, 0, &server));
	size_t len = proxy_header_write(out, written[_i].transport, &client, &server);
	ck_assert_uint_eq(len, want.len);
	ck_assert_mem_eq(out, want.data, len);
	ck_assert_int_eq(proxy_header_read(want, written[_i].transport, &header, &needed),
			 PROXY_COMPLETE);
	ck_assert_str_eq(endpoint_format(&header.client, text, sizeof(text)),
			 written[_i].read_client);
	bytes_free(want);
}
END_TEST

static void proxy_header_suite(Suite *suite)
{
	TCase *tc = tcase_create("proxy_header");
	tcase_add_loop_test(tc, binary_row, 0, ROWS(binary));
	tcase_add_test(tc, af_unix_is_of_unknown_origin);
	tcase_add_test(tc, the_longest_header_is_read);
	tcase_add_test(tc, crc32c_has_the_values_of_its_rfc);
	tcase_add_test(tc, a_checksum_covers_each_bit);
	tcase_add_test(tc, two_checksums_are_refused);
	tcase_add_loop_test(tc, line_row, 0, ROWS(lines));
	tcase_add_test(tc, a_line_without_end_is_given_up_after_107_bytes);
	tcase_add_test(tc, the_classifier_agrees);
	tcase_add_loop_test(tc, what_is_written_is_read, 0, ROWS(written));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("proxy_header", proxy_header_suite)
