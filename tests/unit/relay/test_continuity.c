/*
 * test_continuity.c - which allocations a restart would lose, by the configuration that the next
 * process reads, and how that is told.
 */
#include "relay/ops/continuity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credential/keyring.h"
#include "auth/credential/token_keyring.h"
#include "relay/core/revoked_users.h"
#include "relay/core/turn.h"
#include "relay/reload/next_owners.h"

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

/* --- owners ---------------------------------------------------------------------------------- */

/* Of 32 bytes each. */
#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OTHER_SECRET "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
#define JANUARY 1767225600 /* 2026-01-01 */

static struct keyring *keys_of(const char *text)
{
	struct keyring_error error;
	struct keyring *ring = keyring_parse(text, strlen(text), &error);

	ck_assert_msg(ring != NULL, "%s", error.reason);
	return ring;
}

static struct token_keyring *token_keys_of(const char *text)
{
	struct keyring_error error;
	struct token_keyring *ring = token_keyring_parse(text, strlen(text), &error);

	ck_assert_msg(ring != NULL, "%s", error.reason);
	return ring;
}

static const struct {
	const char *name, *keys, *token_keys, *revoked;
	bool is_token;
	enum restore_result want;
} owners_rows[] = {
	{"the same", "one " SECRET, NULL, "bob\n", false, RESTORED},
	{"revoked", "one " SECRET, NULL, "bob\nalice\n", false, RESTORE_REVOKED},
	{"key gone", "two " SECRET, NULL, "", false, RESTORE_REVOKED},
	{"key changed", "one " OTHER_SECRET, NULL, "", false, RESTORE_REVOKED},
	{"key beside a new one", "two " OTHER_SECRET "\none " SECRET, NULL, "", false,
	 RESTORED},
	{"its time is over", "one " SECRET " - 2025-12-31T00:00:00Z\ntwo " SECRET, NULL,
	 "", false, RESTORE_CREDENTIAL},
	{"within clock_skew", "one " SECRET " - 2025-12-31T23:59:30Z", NULL, "", false,
	 RESTORED},
	{"token, the same", "two " SECRET, "one " SECRET " A256GCM", "", true, RESTORED},
	{"token, revoked", "two " SECRET, "one " SECRET " A256GCM", "alice", true,
	 RESTORE_REVOKED},
	{"token, no keys", "one " SECRET, NULL, "", true, RESTORE_REVOKED},
	{"token, key gone", "one " SECRET, "two " SECRET " A256GCM", "", true,
	 RESTORE_REVOKED},
	{"token, key changed", "one " SECRET, "one " OTHER_SECRET " A256GCM", "", true,
	 RESTORE_REVOKED},
	{"token, time over", "one " SECRET,
	 "one " SECRET " A256GCM - 2025-12-31T00:00:00Z", "", true, RESTORE_CREDENTIAL},
};

START_TEST(owners_by_the_files_on_disk) /* one for each */
{
	const char *name = owners_rows[_i].name, *revoked = owners_rows[_i].revoked;
	const char *tokens = owners_rows[_i].token_keys;
	struct revoked_users_error error;
	struct keyring *keyring = keys_of("one " SECRET);
	struct token_keyring *token_keyring = token_keys_of("one " SECRET " A256GCM");
	const struct turn_settings in_force = {
		.keyring = keyring,
		.token_keys = token_keyring,
	};
	struct next_owners owners = {
		.keyring = keys_of(owners_rows[_i].keys),
		.token_keys = tokens != NULL ? token_keys_of(tokens) : NULL,
		.revoked = revoked_users_parse(revoked, strlen(revoked), &error),
		.skew_s = 60,
	};

	strcpy(row.user, "alice");
	strcpy(row.key_id, "one");
	row.is_token = owners_rows[_i].is_token;
	enum restore_result got = next_owners_judge(&owners, &in_force, &row, JANUARY);

	ck_assert_msg(got == owners_rows[_i].want, "%s: %s, not %s", name,
		      restore_result_name(got),
		      restore_result_name(owners_rows[_i].want));
	next_owners_release(&owners);
	keyring_free(keyring);
	token_keyring_free(token_keyring);
}
END_TEST

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static void remove_file(const char *directory, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(unlink(path), 0);
}

/* No process starts with a file that cannot be read, so that is told instead of losses. */
START_TEST(files_of_owners_are_read)
{
	char directory[] = "/tmp/avedge-next-XXXXXX", text[512], error[512] = "";
	struct next_owners owners;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(text, sizeof(text),
		 "keys = \"%s/keys\"\nrevoked_users = \"%s/revoked\"\n%s", directory,
		 directory, before);
	load(text);
	ck_assert(!next_owners_load(&owners, config, error, sizeof(error)));
	ck_assert_msg(strstr(error, "/keys") != NULL, "%s", error);
	write_file(directory, "keys", "one " SECRET "\n");
	ck_assert(!next_owners_load(&owners, config, error, sizeof(error)));
	ck_assert_msg(strstr(error, "/revoked") != NULL, "%s", error);
	write_file(directory, "revoked", "alice\n");
	ck_assert(next_owners_load(&owners, config, error, sizeof(error)));
	ck_assert(keyring_find(owners.keyring, "one") != NULL && owners.skew_s == 60);
	ck_assert(revoked_users_has(owners.revoked, "alice"));
	next_owners_release(&owners);
	remove_file(directory, "keys");
	remove_file(directory, "revoked");
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* --- the document ---------------------------------------------------------------------------- */

static struct continuity_check sample(void)
{
	struct continuity_check check = {
		.allocations = 10, .handshakes = 2, .data_connections = 3};

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
	ck_assert_int_eq(
		json_integer_value(json_object_get(document, "data_connections")), 3);
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
	check.continuity.unsaved_streams = 2;
	check.continuity.unsaved_peers = 4; /* which costs no allocation */
	document = continuity_check_document(&check);
	ck_assert_uint_eq(continuity_check_lost(&check), 7);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "lost_by")), 4);
	json_t *next = json_object_get(document, "next");
	ck_assert_int_eq(json_integer_value(json_object_get(next, "unsaved_streams")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(next, "unsaved_peers")), 4);
	json_decref(document);
	check.continuity.connections.unkept = 1;
	check.continuity.store_is_full = true;
	document = continuity_check_document(&check);
	ck_assert_uint_eq(continuity_check_lost(&check), 8);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "lost_by")), 5);
	next = json_object_get(document, "next");
	ck_assert_int_eq(json_integer_value(json_object_get(next, "connections_unkept")),
			 1);
	ck_assert(json_is_true(json_object_get(next, "store_full")));
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
	tcase_add_loop_test(tc, owners_by_the_files_on_disk, 0, ROWS(owners_rows));
	tcase_add_test(tc, files_of_owners_are_read);
	suite_add_tcase(suite, tc);
	tc = tcase_create("document");
	tcase_add_test(tc, nothing_is_lost);
	tcase_add_test(tc, reasons_add_up);
	tcase_add_test(tc, without_a_way_all_are_lost);
	tcase_add_test(tc, without_a_configuration_all_are_lost);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("continuity", continuity_suite)
