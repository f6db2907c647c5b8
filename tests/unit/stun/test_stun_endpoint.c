/*
 * test_stun_endpoint.c - addresses as text and back.
 */
#include "stun/endpoint.h"

#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static const struct {
	const char *text;
	uint16_t default_port;
	const char *want; /* as formatted; NULL if refused */
} endpoints[] = {
	{"192.0.2.1:3478", 0, "192.0.2.1:3478"},
	{"192.0.2.1:0", 0, "192.0.2.1:0"},
	{"192.0.2.1:65535", 0, "192.0.2.1:65535"},
	{"192.0.2.1:00080", 0, "192.0.2.1:80"},
	{"[2001:db8::1]:3478", 0, "[2001:db8::1]:3478"},
	{"[::]:1", 0, "[::]:1"},
	{"[::ffff:192.0.2.1]:1", 0, "[::ffff:192.0.2.1]:1"},
	{"[2001:db8:1111:2222:3333:4444:5555:6666]:65535", 0,
	 "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
	{"[2001:DB8:0:0:0:0:0:1]", 3478, "[2001:db8::1]:3478"},
	{"192.0.2.1", 3478, "192.0.2.1:3478"},
	{"192.0.2.1:5", 3478, "192.0.2.1:5"},
	{"192.0.2.1", 0, NULL},
	{"[2001:db8::1]", 0, NULL},
	{"192.0.2.1:", 3478, NULL},
	{"192.0.2.1:65536", 0, NULL},
	{"192.0.2.1:000080", 0, NULL},
	{"192.0.2.1:99999", 0, NULL},
	{"192.0.2.1:4294967297", 0, NULL},
	{"192.0.2.1:-1", 0, NULL},
	{"192.0.2.1:+1", 0, NULL},
	{"192.0.2.1: 1", 0, NULL},
	{"192.0.2.1:1 ", 0, NULL},
	{"192.0.2.1:1:2", 0, NULL},
	{"192.0.2.1:0x10", 0, NULL},
	{"192.0.2:1", 0, NULL},
	{"192.0.2.256:1", 0, NULL},
	{"[192.0.2.1]:1", 0, NULL},
	{"2001:db8::1", 3478, NULL},
	{"2001:db8::1:3478", 0, NULL},
	{"[2001:db8::1", 3478, NULL},
	{"[2001:db8::1]3478", 0, NULL},
	{"[2001:db8::1]]:3478", 0, NULL},
	{"[fe80::1%eth0]:3478", 0, NULL},
	{"[]:3478", 0, NULL},
	{"[", 3478, NULL},
	{"", 3478, NULL},
	{":3478", 0, NULL},
	{"localhost:3478", 0, NULL},
	{"[00000000000000000000000000000000000000000000000000000000000::1]:1", 0, NULL},
};

START_TEST(endpoint_row)
{
	struct endpoint ep = {.port = 7};
	char text[ENDPOINT_TEXT_LEN];
	bool got = endpoint_parse(endpoints[_i].text, endpoints[_i].default_port, &ep);

	ck_assert_msg(got == (endpoints[_i].want != NULL), "%s", endpoints[_i].text);
	if (got) {
		ck_assert_str_eq(endpoint_format(&ep, text, sizeof(text)),
				 endpoints[_i].want);
	} else {
		ck_assert_uint_eq(ep.port, 7);
		ck_assert_uint_eq(ep.ip.family, IP_NONE);
	}
}
END_TEST

START_TEST(ip_addresses)
{
	struct ip_addr v4, v6, out = {.family = 9};
	static const uint8_t v4_bytes[16] = {192, 0, 2, 1};
	char text[ENDPOINT_TEXT_LEN];

	ck_assert(ip_addr_parse("192.0.2.1", &v4));
	ck_assert_uint_eq(v4.family, IP_V4);
	ck_assert_mem_eq(v4.bytes, v4_bytes, 16);
	ck_assert(ip_addr_parse("2001:db8::c000:201", &v6));
	ck_assert_uint_eq(v6.family, IP_V6);
	ck_assert_str_eq(ip_addr_format(&v6, text, sizeof(text)), "2001:db8::c000:201");
	ck_assert(!ip_addr_parse("192.0.2.1:80", &out));
	ck_assert(!ip_addr_parse("[::1]", &out));
	ck_assert(!ip_addr_parse("", &out));
	ck_assert_uint_eq(out.family, 9);
	ck_assert_str_eq(ip_addr_format(&(struct ip_addr){0}, text, sizeof(text)), "-");
}
END_TEST

START_TEST(equality)
{
	struct endpoint a = {{IP_V4, {192, 0, 2, 1}}, 80};
	struct endpoint b = a;

	/* Bytes that the family does not use are not part of the address. */
	b.ip.bytes[4] = 1;
	ck_assert(endpoint_equal(&a, &b));
	b.ip.bytes[3] = 2;
	ck_assert(!endpoint_equal(&a, &b));
	b = a;
	b.port = 81;
	ck_assert(!endpoint_equal(&a, &b));
	ck_assert(ip_addr_equal(&a.ip, &b.ip));
	b = a;
	b.ip.family = IP_V6;
	ck_assert(!endpoint_equal(&a, &b));
	a.ip.family = IP_V6;
	ck_assert(endpoint_equal(&a, &b));
	b.ip.bytes[15] = 1;
	ck_assert(!endpoint_equal(&a, &b));
}
END_TEST

START_TEST(small_buffers_are_terminated)
{
	struct endpoint ep = {{IP_V6, {0x20, 1, 0xd, 0xb8, [15] = 1}}, 65535};

	for (size_t size = 1; size <= ENDPOINT_TEXT_LEN; size++) {
		char *text = malloc(size);
		ck_assert_ptr_nonnull(text);
		endpoint_format(&ep, text, size);
		ck_assert_uint_lt(strlen(text), size);
		ck_assert_int_eq(strncmp(text, "[2001:db8::1]:65535", size - 1), 0);
		ip_addr_format(&ep.ip, text, size);
		ck_assert_uint_lt(strlen(text), size);
		free(text);
	}
}
END_TEST

static void endpoint_suite(Suite *suite)
{
	TCase *tc = tcase_create("endpoint");
	tcase_add_loop_test(tc, endpoint_row, 0, ROWS(endpoints));
	tcase_add_test(tc, ip_addresses);
	tcase_add_test(tc, equality);
	tcase_add_test(tc, small_buffers_are_terminated);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun endpoint", endpoint_suite)
