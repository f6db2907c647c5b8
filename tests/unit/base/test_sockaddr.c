/*
 * test_sockaddr.c - conversion between endpoints and socket addresses.
 */
#include "base/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static const struct {
	const char *text;
	socklen_t len;
} endpoints[] = {
	{"192.0.2.1:3478", sizeof(struct sockaddr_in)},
	{"255.255.255.255:65535", sizeof(struct sockaddr_in)},
	{"[2001:db8::1]:443", sizeof(struct sockaddr_in6)},
	{"[::]:1", sizeof(struct sockaddr_in6)},
};

START_TEST(sockaddr_there_and_back)
{
	struct endpoint ep, back;
	struct sockaddr_storage sa;

	ck_assert(endpoint_parse(endpoints[_i].text, 0, &ep));
	ck_assert_uint_eq(sockaddr_from_endpoint(&ep, &sa), endpoints[_i].len);
	memset(&back, 0xA5, sizeof(back));
	ck_assert(sockaddr_to_endpoint(&sa, &back));
	ck_assert_msg(endpoint_equal(&ep, &back), "%s", endpoints[_i].text);
}
END_TEST

START_TEST(sockaddr_is_in_network_order)
{
	struct endpoint ep;
	struct sockaddr_storage sa;
	struct sockaddr_in sin;

	ck_assert(endpoint_parse("192.0.2.1:3478", 0, &ep));
	sockaddr_from_endpoint(&ep, &sa);
	memcpy(&sin, &sa, sizeof(sin));
	ck_assert_int_eq(sin.sin_family, AF_INET);
	ck_assert_uint_eq(ntohs(sin.sin_port), 3478);
	ck_assert_uint_eq(ntohl(sin.sin_addr.s_addr), 0xC0000201);
}
END_TEST

START_TEST(sockaddr_unmaps_ipv4) /* T-041 */
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
	struct sockaddr_storage sa = {0};
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	memcpy(sin6.sin6_addr.s6_addr + 10, "\xff\xff\xc0\x00\x02\x07", 6);
	memcpy(&sa, &sin6, sizeof(sin6));
	ck_assert(sockaddr_to_endpoint(&sa, &ep));
	ck_assert_str_eq(endpoint_format(&ep, text, sizeof(text)), "192.0.2.7:99");
}
END_TEST

START_TEST(sockaddr_refuses_other_families)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNIX};
	struct endpoint ep;

	ck_assert(!sockaddr_to_endpoint(&sa, &ep));
}
END_TEST

static void sockaddr_suite(Suite *suite)
{
	TCase *tc = tcase_create("sockaddr");

	tcase_add_loop_test(tc, sockaddr_there_and_back, 0, ROWS(endpoints));
	tcase_add_test(tc, sockaddr_is_in_network_order);
	tcase_add_test(tc, sockaddr_unmaps_ipv4);
	tcase_add_test(tc, sockaddr_refuses_other_families);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("sockaddr", sockaddr_suite)
