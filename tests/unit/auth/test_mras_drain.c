/*
 * test_mras_drain.c - relays that answers leave out, and when a drain is refused.
 */
#include "auth/mras/mras_drain.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

enum { RELAYS = 4 };

static struct service_relay relays[RELAYS];

static struct ip_addr ip(const char *text)
{
	struct ip_addr addr;

	ck_assert(ip_addr_parse(text, &addr));
	return addr;
}

/* Two outside, one with an address; two inside, one of which is the same machine. */
static void make(void)
{
	static const char *const hosts[RELAYS] = {"av1.lab.example", "2001:db8::2",
						  "edge-in.lab.example",
						  "av1.lab.example"};

	memset(relays, 0, sizeof(relays));
	for (int i = 0; i < RELAYS; i++) {
		relays[i].location = i < 2 ? LOCATION_INTERNET : LOCATION_INTRANET;
		relays[i].host = hosts[i];
	}
	relays[2].direct = ip("10.0.0.5");
}

/* One letter for each relay: d draining, n named. */
static const char *states(void)
{
	static char text[RELAYS + 1];

	for (int i = 0; i < RELAYS; i++)
		text[i] = relays[i].draining ? 'd' : 'n';
	return text;
}

static const struct {
	const char *name;
	const char *before;
	const char *called;
	bool force;
	enum mras_drain_result want;
	const char *after;
} begins[] = {
	{"both entries of one machine", "nnnn", "av1.lab.example", false, MRAS_DRAIN_DONE,
	 "dnnd"},
	{"case does not matter", "nnnn", "AV1.Lab.Example", false, MRAS_DRAIN_DONE,
	 "dnnd"},
	{"a host that is an address", "nnnn", "2001:db8::2", false, MRAS_DRAIN_DONE,
	 "ndnn"},
	{"another spelling of the address", "nnnn", "2001:0DB8:0::0002", false,
	 MRAS_DRAIN_DONE, "ndnn"},
	{"the address of a relay with a name", "nnnn", "10.0.0.5", false, MRAS_DRAIN_DONE,
	 "nndn"},
	{"a name of no relay", "nnnn", "av3.lab.example", false, MRAS_DRAIN_UNKNOWN,
	 "nnnn"},
	{"an address of no relay", "nnnn", "10.0.0.6", false, MRAS_DRAIN_UNKNOWN, "nnnn"},
	{"relays without an address do not match one", "nnnn", "0.0.0.0", false,
	 MRAS_DRAIN_UNKNOWN, "nnnn"},
	{"part of a name", "nnnn", "av1", false, MRAS_DRAIN_UNKNOWN, "nnnn"},
	{"nothing", "nnnn", "", false, MRAS_DRAIN_UNKNOWN, "nnnn"},
	{"once more", "dnnd", "av1.lab.example", false, MRAS_DRAIN_DONE, "dnnd"},
	{"the last outside", "dnnd", "2001:db8::2", false, MRAS_DRAIN_LAST, "dnnd"},
	{"the last inside, though others are outside", "nndn", "av1.lab.example", false,
	 MRAS_DRAIN_LAST, "nndn"},
	{"the last, with force", "dnnd", "2001:db8::2", true, MRAS_DRAIN_DONE, "ddnd"},
	{"force with an unknown name", "nnnn", "av3.lab.example", true,
	 MRAS_DRAIN_UNKNOWN, "nnnn"},
	{"a location that had no relay left", "ddnn", "av1.lab.example", false,
	 MRAS_DRAIN_DONE, "ddnd"},
};

START_TEST(drain_begins)
{
	for (int i = 0; i < RELAYS; i++)
		relays[i].draining = begins[_i].before[i] == 'd';

	enum mras_drain_result got =
		mras_drain_begin(relays, RELAYS, begins[_i].called, begins[_i].force);
	ck_assert_msg(got == begins[_i].want, "%s: got %d", begins[_i].name, (int)got);
	ck_assert_msg(strcmp(states(), begins[_i].after) == 0, "%s: %s", begins[_i].name,
		      states());
}
END_TEST

START_TEST(drain_ends)
{
	mras_drain_begin(relays, RELAYS, "av1.lab.example", false);
	ck_assert_uint_eq(mras_drain_count(relays, RELAYS), 2);
	ck_assert_int_eq(mras_drain_end(relays, RELAYS, "av2.lab.example"),
			 MRAS_DRAIN_UNKNOWN);
	ck_assert_str_eq(states(), "dnnd");
	ck_assert_int_eq(mras_drain_end(relays, RELAYS, "AV1.lab.example"),
			 MRAS_DRAIN_DONE);
	ck_assert_str_eq(states(), "nnnn");
	ck_assert_uint_eq(mras_drain_count(relays, RELAYS), 0);
}
END_TEST

START_TEST(drain_survives_a_reload)
{
	struct service_relay next[3] = {
		{.location = LOCATION_INTRANET, .host = "AV1.lab.example"},
		{.location = LOCATION_INTERNET, .host = "edge-in.lab.example"},
		{.location = LOCATION_INTERNET, .host = "2001:db8::2"},
	};

	mras_drain_begin(relays, RELAYS, "av1.lab.example", false);
	mras_drain_begin(relays, RELAYS, "edge-in.lab.example", true);
	mras_drain_carry_over(relays, RELAYS, next, 3);
	ck_assert(next[0].draining);
	ck_assert_msg(!next[1].draining, "the relay drains at the other location");
	ck_assert(!next[2].draining);
}
END_TEST

START_TEST(drain_leaves_by_location)
{
	ck_assert(mras_drain_leaves(relays, RELAYS, LOCATION_INTERNET));
	relays[0].draining = relays[1].draining = true;
	ck_assert(!mras_drain_leaves(relays, RELAYS, LOCATION_INTERNET));
	ck_assert(mras_drain_leaves(relays, RELAYS, LOCATION_INTRANET));
	ck_assert(!mras_drain_leaves(relays, 0, LOCATION_INTRANET));
}
END_TEST

static void drain_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_drain");

	tcase_add_checked_fixture(tc, make, NULL);
	tcase_add_loop_test(tc, drain_begins, 0, ROWS(begins));
	tcase_add_test(tc, drain_ends);
	tcase_add_test(tc, drain_survives_a_reload);
	tcase_add_test(tc, drain_leaves_by_location);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_drain", drain_suite)
