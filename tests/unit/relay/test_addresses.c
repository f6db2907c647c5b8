/*
 * test_addresses.c - the list of this host's addresses, and notification of changes by
 * netlink. The change is made on the loopback interface of a new network namespace;
 * without the right to create one, the test reports that it is skipped.
 */
#include "relay/ops/addresses.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/unit/lib/unit.h"

static bool contains(const struct host_addresses *host, const char *text)
{
	struct ip_addr ip;

	ck_assert(ip_addr_parse(text, &ip));
	for (size_t i = 0; i < host->count; i++) {
		if (ip_addr_equal(&host->addresses[i], &ip))
			return true;
	}
	return false;
}

START_TEST(addresses_contain_loopback)
{
	struct host_addresses *host = addresses_now();

	ck_assert_ptr_nonnull(host);
	ck_assert(contains(host, "127.0.0.1"));
	ck_assert(!contains(host, "192.0.2.1"));
	free(host);
}
END_TEST

START_TEST(addresses_are_sorted_and_unique)
{
	struct host_addresses *host = addresses_now();

	ck_assert_ptr_nonnull(host);
	for (size_t i = 1; i < host->count; i++)
		ck_assert_int_lt(
			ip_addr_compare(&host->addresses[i - 1], &host->addresses[i]), 0);
	free(host);
}
END_TEST

struct heard {
	struct event_base *base;
	unsigned calls;
	struct host_addresses *last;
};

static void on_change(void *arg, struct host_addresses *now)
{
	struct heard *heard = arg;

	heard->calls++;
	free(heard->last);
	heard->last = now;
	event_base_loopbreak(heard->base);
}

static void run(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

/* Wait for a change, at most some seconds. */
static void wait_for_change(struct heard *heard)
{
	const struct timeval most = {.tv_sec = 5};

	event_base_loopexit(heard->base, &most);
	event_base_dispatch(heard->base);
}

static bool enter_namespace(void)
{
	if (system("command -v ip >/dev/null") != 0) {
		printf("skipped: no ip command\n");
		return false;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace (%s)\n", strerror(errno));
		return false;
	}
	run("ip link set lo up");
	return true;
}

START_TEST(addresses_follow_the_kernel)
{
	struct heard heard = {0};

	if (!enter_namespace())
		return;
	heard.base = event_base_new();

	struct addresses *addresses = addresses_watch(heard.base, on_change, &heard);
	ck_assert_ptr_nonnull(addresses);

	/* Two changes at once result in one list. */
	run("ip address add 192.0.2.1/32 dev lo && ip address add 192.0.2.2/32 dev lo");
	wait_for_change(&heard);
	ck_assert_uint_eq(heard.calls, 1);
	ck_assert(contains(heard.last, "192.0.2.1"));
	ck_assert(contains(heard.last, "192.0.2.2"));

	run("ip address del 192.0.2.1/32 dev lo");
	wait_for_change(&heard);
	ck_assert_uint_eq(heard.calls, 2);
	ck_assert(!contains(heard.last, "192.0.2.1"));
	ck_assert(contains(heard.last, "192.0.2.2"));

	addresses_free(addresses);
	free(heard.last);
	event_base_free(heard.base);
}
END_TEST

START_TEST(addresses_added_and_removed_at_once_are_no_change)
{
	struct heard heard = {0};
	const struct timeval half = {.tv_usec = 500 * 1000};

	if (!enter_namespace())
		return;
	heard.base = event_base_new();

	struct addresses *addresses = addresses_watch(heard.base, on_change, &heard);
	ck_assert_ptr_nonnull(addresses);
	run("ip address add 192.0.2.1/32 dev lo && ip address del 192.0.2.1/32 dev lo");
	event_base_loopexit(heard.base, &half);
	event_base_dispatch(heard.base);
	ck_assert_uint_eq(heard.calls, 0);

	addresses_free(addresses);
	event_base_free(heard.base);
}
END_TEST

static void addresses_suite(Suite *suite)
{
	TCase *tc = tcase_create("addresses");

	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, addresses_contain_loopback);
	tcase_add_test(tc, addresses_are_sorted_and_unique);
	tcase_add_test(tc, addresses_follow_the_kernel);
	tcase_add_test(tc, addresses_added_and_removed_at_once_are_no_change);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("addresses", addresses_suite)
