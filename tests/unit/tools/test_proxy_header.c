/*
 * test_proxy_header.c - the header of a balancer, byte by byte.
 */
#include "tools/client/proxy_header.h"

#include "tests/unit/lib/unit.h"

static struct endpoint endpoint(const char *ip, uint16_t port)
{
	struct endpoint ep = {.port = port};

	ck_assert(ip_addr_parse(ip, &ep.ip));
	return ep;
}

/* clang-format off */

/* Version 2, PROXY; IPv4 and UDP; 12 bytes of addresses: proxy-protocol.txt section 2.2. */
static const uint8_t udp4[] = {
	0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
	0x21, 0x12, 0x00, 0x0C,
	192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x34, 0x0D, 0x96,
};

/* IPv6 and TCP; 36 bytes. */
static const uint8_t tcp6[] = {
	0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
	0x21, 0x21, 0x00, 0x24,
	0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x12, 0x34, 0x01, 0xBB,
};

/* clang-format on */

START_TEST(datagrams_of_ipv4)
{
	struct endpoint from = endpoint("192.0.2.1", 0x1234);
	struct endpoint to = endpoint("198.51.100.7", 3478);
	uint8_t out[PROXY_HEADER_MAX];

	ck_assert_uint_eq(proxy_header_write(out, false, &from, &to), sizeof(udp4));
	ck_assert_mem_eq(out, udp4, sizeof(udp4));
}
END_TEST

START_TEST(streams_of_ipv6)
{
	struct endpoint from = endpoint("2001:db8::1", 0x1234);
	struct endpoint to = endpoint("2001:db8::2", 443);
	uint8_t out[PROXY_HEADER_MAX];

	ck_assert_uint_eq(proxy_header_write(out, true, &from, &to), sizeof(tcp6));
	ck_assert_mem_eq(out, tcp6, sizeof(tcp6));
}
END_TEST

static void proxy_header_suite(Suite *suite)
{
	TCase *tc = tcase_create("proxy header");
	tcase_add_test(tc, datagrams_of_ipv4);
	tcase_add_test(tc, streams_of_ipv6);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("proxy header", proxy_header_suite)
