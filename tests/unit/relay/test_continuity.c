/*
 * test_continuity.c - which allocations a restart would lose, by the configuration that the next
 * process reads, and how that is told.
 */
#include "relay/ops/continuity.h"

#include <string.h>

#include "relay/relay_allocations.h"
#include "relay/reload/relay_config.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

static const char before[] =
	"side inside { addresses = {10.0.0.5}\n udp_ports = {3478, 3479} }\n"
	"side outside { addresses = {192.0.2.10, 192.0.2.11} }\n";

static struct relay_config *config;
static struct relay_allocation row;
static struct front front;

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	ck_assert(endpoint_parse(text, 0, &ep));
	return ep;
}

static void begin(void)
{
	config = NULL;
	memset(&row, 0, sizeof(row));
	row.dialect = DIALECT_IETF;
	row.transport = TRANSPORT_UDP;
	row.relayed_local = endpoint("192.0.2.11:50000");
	memset(&front, 0, sizeof(front));
	front.side = SIDE_INSIDE;
	front.transport = TRANSPORT_UDP;
	front.local = endpoint("10.0.0.5:3479");
}

static void end(void)
{
	if (config != NULL)
		config_free(&config->common);
}

static void load(const char *text)
{
	char error[512];

	config = relay_config_parse("relay.conf", text, strlen(text), error,
				    sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
}

static void judged(const char *text, enum restore_result want)
{
	load(text);
	enum restore_result got = continuity_check_judge(config, &row, &front);

	ck_assert_msg(got == want, "%s: %s, not %s", text, restore_result_name(got),
		      restore_result_name(want));
}

START_TEST(the_same_configuration_loses_nothing)
{
	judged(before, RESTORED);
}
END_TEST

static const struct {
	const char *name, *text;
	enum restore_result want;
} changes[] = {
	{"its front's port is gone",
	 "side inside { addresses = {10.0.0.5} }\n"
	 "side outside { addresses = {192.0.2.10, 192.0.2.11} }\n",
	 RESTORE_NO_FRONT},
	{"its front's address is gone",
	 "side inside { addresses = {10.0.0.6}\n udp_ports = {3478, 3479} }\n"
	 "side outside { addresses = {192.0.2.10, 192.0.2.11} }\n",
	 RESTORE_NO_FRONT},
	{"that port is TCP only",
	 "side inside { addresses = {10.0.0.5}\n tcp_ports = {443, 3479} }\n"
	 "side outside { addresses = {192.0.2.10, 192.0.2.11} }\n",
	 RESTORE_NO_FRONT},
	{"its relayed address is gone",
	 "side inside { addresses = {10.0.0.5}\n udp_ports = {3478, 3479} }\n"
	 "side outside { addresses = {192.0.2.10} }\n",
	 RESTORE_NO_ADDRESS},
	{"another range of relay ports changes nothing",
	 "side inside { addresses = {10.0.0.5}\n udp_ports = {3478, 3479} }\n"
	 "side outside { addresses = {192.0.2.10, 192.0.2.11} }\n"
	 "relay { ports = \"51000-51999\" }\n",
	 RESTORED},
};

START_TEST(a_changed_configuration)
{
	judged(changes[_i].text, changes[_i].want);
}
END_TEST

START_TEST(a_dialect_that_is_off)
{
	char text[512];

	row.dialect = DIALECT_MS;
	snprintf(text, sizeof(text), "%sms { enabled = false }\n", before);
	judged(text, RESTORE_DIALECT);
	config_free(&config->common);
	judged(before, RESTORED);
}
END_TEST

START_TEST(tls_needs_mobility)
{
	row.transport = TRANSPORT_TLS;
	front.transport = TRANSPORT_TLS;
	front.local = endpoint("10.0.0.5:443");
	judged(before, RESTORE_NO_STREAM);
	config_free(&config->common);
	row.mobile = true;
	judged(before, RESTORED);
}
END_TEST

START_TEST(either_half_of_a_dual_one_is_enough)
{
	row.second_local = endpoint("[2001:db8::1]:50000");
	judged("side inside { addresses = {10.0.0.5}\n udp_ports = {3478, 3479} }\n"
	       "side outside { addresses = {192.0.2.10, 2001:db8::1} }\n",
	       RESTORED);
}
END_TEST

static struct continuity_check sample(void)
{
	struct continuity_check check = {.allocations = 10, .handshakes = 2};

	check.continuity.way = CONTINUITY_SYSTEMD;
	return check;
}

static const char *first_reason(json_t *document)
{
	return json_string_value(json_object_get(
		json_array_get(json_object_get(document, "lost_by"), 0), "reason"));
}

START_TEST(nothing_is_lost)
{
	struct continuity_check check = sample();
	json_t *document = continuity_check_document(&check);

	ck_assert_uint_eq(continuity_check_lost(&check), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "lost_by")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "noticed_by")), 1);
	ck_assert(json_is_null(json_object_get(document, "error")));
	json_decref(document);
}
END_TEST

START_TEST(reasons_add_up)
{
	struct continuity_check check = sample();

	check.lost[RESTORE_NO_STREAM] = 3;
	check.lost[RESTORE_NO_FRONT] = 1;
	check.continuity.unsaved = 1;
	json_t *document = continuity_check_document(&check);

	ck_assert_uint_eq(continuity_check_lost(&check), 5);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "lost_by")), 3);
	ck_assert_str_eq(first_reason(document), "no-front");
	json_decref(document);
	check.continuity.unsaved = 100; /* of those that are lost anyway, too */
	ck_assert_uint_eq(continuity_check_lost(&check), 10);
}
END_TEST

START_TEST(without_a_way_all_are_lost)
{
	struct continuity_check check = sample();

	check.continuity.way = CONTINUITY_NONE;
	json_t *document = continuity_check_document(&check);

	ck_assert_uint_eq(continuity_check_lost(&check), 10);
	ck_assert_str_eq(first_reason(document), "no-way");
	ck_assert(
		json_is_null(json_object_get(json_object_get(document, "next"), "way")));
	json_decref(document);
}
END_TEST

START_TEST(without_a_configuration_all_are_lost)
{
	struct continuity_check check = sample();

	strcpy(check.error, "relay.conf:1:1: unknown key");
	json_t *document = continuity_check_document(&check);

	ck_assert_uint_eq(continuity_check_lost(&check), 10);
	ck_assert_str_eq(first_reason(document), "configuration");
	ck_assert_str_eq(json_string_value(json_object_get(document, "error")),
			 check.error);
	json_decref(document);
}
END_TEST

static void continuity_suite(Suite *suite)
{
	TCase *tc = tcase_create("judge");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, the_same_configuration_loses_nothing);
	tcase_add_loop_test(tc, a_changed_configuration, 0, ROWS(changes));
	tcase_add_test(tc, a_dialect_that_is_off);
	tcase_add_test(tc, tls_needs_mobility);
	tcase_add_test(tc, either_half_of_a_dual_one_is_enough);
	suite_add_tcase(suite, tc);
	tc = tcase_create("document");
	tcase_add_test(tc, nothing_is_lost);
	tcase_add_test(tc, reasons_add_up);
	tcase_add_test(tc, without_a_way_all_are_lost);
	tcase_add_test(tc, without_a_configuration_all_are_lost);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("continuity", continuity_suite)
