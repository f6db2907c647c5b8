/*
 * test_plane_devices.c - which devices get a program, for which addresses, and what the loader says of them.
 */
#include "relay/offload/plane_devices.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static struct links *links;
static struct offload_wanted wanted;
static struct plane_devices devices;

static void link_is(uint32_t ifindex, const char *name, bool is_ethernet,
		    bool is_loopback)
{
	struct route_link link = {.ifindex = ifindex,
				  .is_up = true,
				  .is_ethernet = is_ethernet,
				  .is_loopback = is_loopback,
				  .mtu = 1500};

	snprintf(link.name, sizeof(link.name), "%s", name);
	ck_assert(links_set(links, &link));
}

static struct ip_addr ip(const char *text)
{
	struct ip_addr ip;

	ck_assert(ip_addr_parse(text, &ip));
	return ip;
}

static void address_on(uint32_t ifindex, const char *text)
{
	const struct ip_addr address = ip(text);

	ck_assert(links_add_address(links, ifindex, &address));
}

static void want(enum side side, const char *text)
{
	wanted.addresses[wanted.address_count].side = side;
	wanted.addresses[wanted.address_count++].ip = ip(text);
}

static void set_up(void)
{
	links = links_new();
	ck_assert_ptr_nonnull(links);
	memset(&wanted, 0, sizeof(wanted));
	memset(&devices, 0, sizeof(devices));
	link_is(1, "lo", false, true);
	link_is(2, "eth0", true, false);
	link_is(3, "eth1", true, false);
	link_is(4, "wg0", false, false);
	address_on(1, "127.0.0.1");
	address_on(2, "10.0.0.5");
	address_on(3, "192.0.2.10");
	address_on(3, "2001:db8::1");
	address_on(4, "10.9.0.1");
}

static void tear_down(void)
{
	links_free(links);
}

static bool choose(void)
{
	return plane_devices_choose(&devices, &wanted, links);
}

static enum offload_mode mode_of(uint32_t ifindex)
{
	const struct plane_device *device = plane_devices_find(&devices, ifindex);

	return device != NULL ? device->wanted : OFFLOAD_OFF;
}

START_TEST(devices_with_our_addresses_and_no_others)
{
	want(SIDE_INSIDE, "10.0.0.5");
	want(SIDE_OUTSIDE, "2001:db8::1");
	want(SIDE_OUTSIDE, "127.0.0.1");
	want(SIDE_OUTSIDE, "198.51.100.1"); /* nobody has it */
	ck_assert(!choose());
	ck_assert_uint_eq(devices.count, 2);
	ck_assert_int_eq(mode_of(2), OFFLOAD_AUTO);
	ck_assert_int_eq(mode_of(3), OFFLOAD_AUTO);
	ck_assert(choose()); /* nothing has changed */
}
END_TEST

static const struct {
	enum offload_mode inside, outside, want;
} sides[] = {
	{OFFLOAD_AUTO, OFFLOAD_AUTO, OFFLOAD_AUTO},
	{OFFLOAD_TC, OFFLOAD_AUTO, OFFLOAD_TC},
	{OFFLOAD_AUTO, OFFLOAD_XDP, OFFLOAD_XDP},
	{OFFLOAD_TC, OFFLOAD_XDP, OFFLOAD_TC},
	{OFFLOAD_XDP, OFFLOAD_TC, OFFLOAD_TC},
	{OFFLOAD_OFF, OFFLOAD_XDP, OFFLOAD_XDP},
	{OFFLOAD_OFF, OFFLOAD_AUTO, OFFLOAD_AUTO},
	{OFFLOAD_OFF, OFFLOAD_OFF, OFFLOAD_OFF},
};

START_TEST(two_sides_on_one_device)
{
	address_on(2, "192.0.2.20");
	want(SIDE_INSIDE, "10.0.0.5");
	want(SIDE_OUTSIDE, "192.0.2.20");
	wanted.modes[SIDE_INSIDE] = sides[_i].inside;
	wanted.modes[SIDE_OUTSIDE] = sides[_i].outside;
	choose();
	ck_assert_int_eq(mode_of(2), sides[_i].want);
}
END_TEST

START_TEST(a_side_that_is_off_is_not_ours)
{
	const struct ip_addr inside = ip("10.0.0.5"), outside = ip("192.0.2.10");

	want(SIDE_INSIDE, "10.0.0.5");
	want(SIDE_OUTSIDE, "192.0.2.10");
	wanted.modes[SIDE_INSIDE] = OFFLOAD_OFF;
	choose();
	ck_assert(!plane_devices_have(&devices, &inside));
	ck_assert(plane_devices_have(&devices, &outside));
	ck_assert_ptr_null(plane_devices_of(&devices, &inside));
	ck_assert_uint_eq(plane_devices_of(&devices, &outside)->ifindex, 3);
}
END_TEST

START_TEST(what_is_no_ethernet_is_not_asked_for)
{
	struct loader_message message = {.kind = LOADER_OPEN};

	want(SIDE_INSIDE, "10.9.0.1");
	choose();
	ck_assert_uint_eq(devices.count, 1);
	ck_assert_uint_eq(plane_devices_possible(&devices), 0);
	ck_assert_str_eq(devices.list[0].why, "not an Ethernet device");
	plane_devices_ask(&devices, &message);
	ck_assert_uint_eq(message.device_count, 0);
}
END_TEST

START_TEST(the_loader_is_asked_and_answers)
{
	struct loader_message message = {.kind = LOADER_OPEN},
			      answer = {.device_count = 3};

	want(SIDE_INSIDE, "10.0.0.5");
	want(SIDE_OUTSIDE, "192.0.2.10");
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_XDP;
	choose();
	plane_devices_ask(&devices, &message);
	ck_assert_uint_eq(message.device_count, 2);
	ck_assert_uint_eq(message.devices[1].ifindex, 3);
	ck_assert_uint_eq(message.devices[1].mode, OFFLOAD_XDP);

	answer.devices[0] =
		(struct loader_device){.ifindex = 2, .mode = OFFLOAD_TC, .is_tcx = 1};
	answer.devices[1] = (struct loader_device){
		.ifindex = 3, .mode = OFFLOAD_OFF, .why = "no native XDP"};
	answer.devices[2] = (struct loader_device){.ifindex = 77, .mode = OFFLOAD_TC};
	plane_devices_answer(&devices, &answer);
	ck_assert_uint_eq(plane_devices_attached(&devices), 1);
	ck_assert_str_eq(plane_device_program(plane_devices_find(&devices, 2)), "tcx");
	ck_assert_str_eq(plane_device_program(plane_devices_find(&devices, 3)), "-");
	ck_assert_str_eq(plane_devices_find(&devices, 3)->why, "no native XDP");
	/* What was answered stays known when other devices come. */
	address_on(2, "10.0.0.6");
	want(SIDE_INSIDE, "10.0.0.6");
	ck_assert(choose());
	ck_assert_uint_eq(plane_devices_attached(&devices), 1);
	plane_devices_detach(&devices);
	ck_assert_uint_eq(plane_devices_attached(&devices), 0);
}
END_TEST

START_TEST(the_loader_is_told_of_changes)
{
	want(SIDE_INSIDE, "10.0.0.5");
	ck_assert(!choose());
	links_clear(links);
	link_is(5, "eth9", true, false);
	address_on(5, "10.0.0.5");
	ck_assert(!choose());
	ck_assert_ptr_null(plane_devices_find(&devices, 2));
	wanted.modes[SIDE_INSIDE] = OFFLOAD_TC;
	ck_assert(!choose());
	ck_assert(choose());
}
END_TEST

START_TEST(as_many_as_there_is_room_for)
{
	for (unsigned i = 0; i < OFFLOAD_DEVICES_MAX + 8; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.1.0.%u", i);
		link_is(100 + i, "eth", true, false);
		address_on(100 + i, text);
		want(SIDE_INSIDE, text);
	}
	choose();
	ck_assert_uint_eq(devices.count, OFFLOAD_DEVICES_MAX);
}
END_TEST

static void plane_devices_suite(Suite *suite)
{
	TCase *tc = tcase_create("plane_devices");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, devices_with_our_addresses_and_no_others);
	tcase_add_loop_test(tc, two_sides_on_one_device, 0, ROWS(sides));
	tcase_add_test(tc, a_side_that_is_off_is_not_ours);
	tcase_add_test(tc, what_is_no_ethernet_is_not_asked_for);
	tcase_add_test(tc, the_loader_is_asked_and_answers);
	tcase_add_test(tc, the_loader_is_told_of_changes);
	tcase_add_test(tc, as_many_as_there_is_room_for);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("plane_devices", plane_devices_suite)
