/*
 * test_config_compare.c - differences between two configurations, their effect in a
 * reload, and the values in force.
 */
#include <stdio.h>
#include <string.h>

#include "relay/reload/relay_config.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

#define INSIDE "side inside { addresses = {10.0.0.5} }\n"
#define OUTSIDE "side outside { addresses = {192.0.2.10} }\n"
#define SIDES INSIDE OUTSIDE

static struct relay_config *must_parse(const char *text)
{
	char error[512];
	struct relay_config *config =
		relay_config_parse("F", text, strlen(text), error, sizeof(error));

	ck_assert_msg(config != NULL, "%s", error);
	return config;
}

struct seen {
	char text[2048];
};

static const char *const effects[] = {
	[RELOAD_EFFECT_APPLIED] = "",
	[RELOAD_EFFECT_NEW_ALLOCATIONS] = " (new)",
	[RELOAD_EFFECT_DRAINING] = " (draining)",
	[RELOAD_EFFECT_RESTART] = " (restart)",
};

static void note(void *arg, const char *key, const char *before, const char *after,
		 enum reload_effect effect)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s: %s -> %s%s\n", key,
		 before, after, effects[effect]);
}

START_TEST(config_compare_finds_nothing_in_equals)
{
	struct relay_config *a = must_parse(SIDES), *b = must_parse(OUTSIDE INSIDE);
	struct seen seen = {""};

	ck_assert_uint_eq(config_compare(&a->common, &b->common, note, &seen), 0);
	ck_assert_str_eq(seen.text, "");
	relay_config_free(a);
	relay_config_free(b);
}
END_TEST

START_TEST(config_compare_says_what_a_reload_applies)
{
	struct relay_config *a =
		must_parse(SIDES "tls { certificate = /a private_key = /k }");
	struct relay_config *b = must_parse(
		"side inside { addresses = {10.0.0.5} networks = {10.0.0.0/8} }\n"
		"side outside { addresses = {192.0.2.10} public = {203.0.113.1} }\n"
		"tls { certificate = /b private_key = /k }\n"
		"realm = other relay { rest = 1m } log { level = debug }\n"
		"limits { stranger_rate = 20 channels = 100 }\n");
	struct seen seen = {""};

	ck_assert_uint_eq(config_compare(&a->common, &b->common, note, &seen), 8);
	ck_assert_str_eq(seen.text,
			 "realm: edge -> other (restart)\n"
			 "tls.certificate: /a -> /b\n"
			 "side.inside.networks: {} -> {10.0.0.0/8}\n"
			 "side.outside.public: {192.0.2.10} -> {203.0.113.1} (new)\n"
			 "relay.rest: 30s -> 1m\n"
			 "limits.channels: 64 -> 100 (restart)\n"
			 "limits.stranger_rate: 10 -> 20\n"
			 "log.level: info -> debug\n");
	relay_config_free(a);
	relay_config_free(b);
}
END_TEST

/* The effect on fronts: sections side inside and side outside before and after. */
static const struct {
	const char *name, *before, *after, *want;
} listeners[] = {
	{"an added inside address", "side inside { addresses = {10.0.0.5} }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.5, 10.0.0.6} }\n" OUTSIDE,
	 "side.inside.addresses: {10.0.0.5} -> {10.0.0.5, 10.0.0.6}\n"},
	{"a removed inside address",
	 "side inside { addresses = {10.0.0.5, 10.0.0.6} }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.6} }\n" OUTSIDE,
	 "side.inside.addresses: {10.0.0.5, 10.0.0.6} -> {10.0.0.6} (draining)\n"},
	{"another order", "side inside { addresses = {10.0.0.5, 10.0.0.6} }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.6, 10.0.0.5} }\n" OUTSIDE,
	 "side.inside.addresses: {10.0.0.5, 10.0.0.6} -> {10.0.0.6, 10.0.0.5}\n"},
	{"an added outside address", "side outside { addresses = {192.0.2.10} }\n" INSIDE,
	 "side outside { addresses = {192.0.2.10, 192.0.2.11} }\n" INSIDE,
	 "side.outside.addresses: {192.0.2.10} -> {192.0.2.10, 192.0.2.11} (new)\n"
	 "side.outside.public: {192.0.2.10} -> {192.0.2.10, 192.0.2.11} (new)\n"},
	{"a port changes",
	 "side inside { addresses = {10.0.0.5} udp_ports = 3478 }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.5} udp_ports = 3479 }\n" OUTSIDE,
	 "side.inside.udp_ports: {3478} -> {3479} (draining)\n"},
	{"a port is added",
	 "side inside { addresses = {10.0.0.5} udp_ports = 3478 }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.5} udp_ports = {443, 3478} }\n" OUTSIDE,
	 "side.inside.udp_ports: {3478} -> {443, 3478}\n"},
	{"a port is removed",
	 "side inside { addresses = {10.0.0.5} tcp_ports = {443, 3478} }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.5} }\n" OUTSIDE,
	 "side.inside.tcp_ports: {443, 3478} -> {443} (draining)\n"},
	{"a port appears",
	 "side inside { addresses = {10.0.0.5} tcp_ports = 0 }\n" OUTSIDE,
	 "side inside { addresses = {10.0.0.5} tcp_ports = 443 }\n" OUTSIDE,
	 "side.inside.tcp_ports: {} -> {443}\n"},
	{"the relay range", SIDES, SIDES "relay { ports = \"40000-40999\" }\n",
	 "relay.ports: 50000-59999 -> 40000-40999 (new)\n"},
};

START_TEST(config_compare_shows_the_effect_on_fronts)
{
	struct relay_config *before = must_parse(listeners[_i].before);
	struct relay_config *after = must_parse(listeners[_i].after);
	struct seen seen = {""};

	config_compare(&before->common, &after->common, note, &seen);
	ck_assert_msg(strcmp(seen.text, listeners[_i].want) == 0, "%s: %s",
		      listeners[_i].name, seen.text);
	relay_config_free(before);
	relay_config_free(after);
}
END_TEST

static void note_entry(void *arg, const struct config_entry *entry)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	if (strcmp(entry->key, "realm") == 0 || strcmp(entry->key, "log.level") == 0)
		snprintf(seen->text + len, sizeof(seen->text) - len,
			 "%s = %s, not %s%s\n", entry->key, entry->value, entry->fallback,
			 entry->reloads ? "" : " (restart)");
	ck_assert_uint_gt(strlen(entry->doc), 0);
}

static void note_set(void *arg, const struct config_entry *entry)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	if (entry->is_set)
		snprintf(seen->text + len, sizeof(seen->text) - len, "%s ", entry->key);
}

/* side.outside.public follows addresses, so its value is not its default. */
START_TEST(config_list_tells_what_the_file_has)
{
	struct relay_config *config =
		must_parse(SIDES "realm = avedge log { level = debug }\n");
	struct seen seen = {""};

	ck_assert(config_list(&config->common, note_set, &seen));
	ck_assert_ptr_nonnull(strstr(seen.text, "realm "));
	ck_assert_ptr_nonnull(strstr(seen.text, "log.level "));
	ck_assert_ptr_nonnull(strstr(seen.text, "side.outside.addresses "));
	ck_assert_ptr_null(strstr(seen.text, "side.outside.public "));
	ck_assert_ptr_null(strstr(seen.text, "limits."));
	relay_config_free(config);
}
END_TEST

START_TEST(config_in_force_shows_what_waits_for_a_restart)
{
	struct relay_config *started =
		must_parse(SIDES "realm = first log { level = error }\n");
	struct relay_config *last =
		must_parse(SIDES "realm = second log { level = debug }\n");
	struct seen seen = {""};

	ck_assert(config_keep_fixed(&started->common, &last->common));
	ck_assert(config_list(&last->common, note_entry, &seen));
	ck_assert_str_eq(seen.text, "realm = first, not edge (restart)\n"
				    "log.level = debug, not info\n");
	relay_config_free(started);
	relay_config_free(last);
}
END_TEST

START_TEST(config_compare_allows_tls_to_change)
{
	struct relay_config *a =
		must_parse(SIDES "tls { certificate = /a private_key = /k }");
	struct relay_config *b = must_parse(SIDES);
	struct seen seen = {""};

	config_compare(&a->common, &b->common, note, &seen);
	ck_assert_str_eq(seen.text, "tls.certificate: /a -> \n"
				    "tls.private_key: /k -> \n");
	relay_config_free(a);
	relay_config_free(b);
}
END_TEST

static void config_compare_suite(Suite *suite)
{
	TCase *tc = tcase_create("config_compare");

	tcase_add_test(tc, config_compare_finds_nothing_in_equals);
	tcase_add_test(tc, config_compare_says_what_a_reload_applies);
	tcase_add_test(tc, config_compare_allows_tls_to_change);
	tcase_add_loop_test(tc, config_compare_shows_the_effect_on_fronts, 0,
			    ROWS(listeners));
	tcase_add_test(tc, config_in_force_shows_what_waits_for_a_restart);
	tcase_add_test(tc, config_list_tells_what_the_file_has);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("config_compare", config_compare_suite)
