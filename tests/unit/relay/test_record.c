/*
 * test_record.c - the record of an allocation that ended, complete and in order; and
 * notifications to systemd.
 */
#include "relay/ops/record.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "relay/core/turn.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/source_file.h"
#include "tests/unit/lib/unit.h"

static struct relay_address outside[2];
static struct turn_shared shared;
static struct turn turn;
static struct allocation_table allocations;
/* Not on the stack: gcc 12's address sanitizer aligns nothing there to cache lines. */
static struct allocation al;

static void make_allocation(void)
{
	al = (struct allocation){
		.side = SIDE_INSIDE,
		.transport = TRANSPORT_TCP,
		.dialect = DIALECT_IETF,
		.families = IP_V4,
		.relay_port = 50002,
		.to_peer = {.packets = 10, .bytes = 1600},
		.to_client = {.packets = 9, .bytes = 1440},
		.id = 0x0100000002000003,
		.created_ms = 1000,
		.end_reason = END_EXPIRED,
		.ms = {.stream_type = 2, .quality = 1},
		.permission_count = 2,
		.channel_count = 1,
	};

	ck_assert(endpoint_parse("10.0.0.9:1234", 0, &al.tuple.client));
	ck_assert(ip_addr_parse("192.0.2.10", &outside[0].local));
	ck_assert(ip_addr_parse("203.0.113.10", &outside[0].public));
	ck_assert(ip_addr_parse("2001:db8::10", &outside[1].local));
	outside[1].public = outside[1].local;
	shared = (struct turn_shared){.relay = outside, .relay_count = 2};
	turn.shared = &shared;
	turn.table = &allocations;
	owner_store_release(&allocations.owners);
	ck_assert(owner_store_init(&allocations.owners, 1));
	owner_store_put(&allocations.owners, &al.owner,
			&(struct owner){.user = "al ice", .key_id = "k1"});
}

START_TEST(record_has_all_fields)
{
	make_allocation();

	struct record record = record_of(&turn, &al, 61500);
	FILE *captured = tmpfile();
	int real_stderr = dup(STDERR_FILENO);
	char text[2048] = "";

	unsetenv("JOURNAL_STREAM");
	log_open("tester");
	log_set_level(LOG_LEVEL_NOTICE);
	dup2(fileno(captured), STDERR_FILENO);
	record_log(&record);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	ck_assert_int_gt(pread(fileno(captured), text, sizeof(text) - 1, 0), 0);
	fclose(captured);
	ck_assert_str_eq(
		text,
		"tester: notice: allocation ended ALLOCATION_ID=0100000002000003 "
		"USER=\"al ice\" KEY_ID=k1 SIDE=inside TRANSPORT=tcp RELAY_TRANSPORT=udp "
		"DIALECT=ietf STREAM_TYPE=video SERVICE_QUALITY=reliable "
		"CLIENT=10.0.0.9:1234 RELAYED=203.0.113.10:50002 "
		"PACKETS_TO_PEER=10 BYTES_TO_PEER=1600 PACKETS_TO_CLIENT=9 "
		"BYTES_TO_CLIENT=1440 DURATION_MS=60500 PERMISSIONS=2 CHANNELS=1 "
		"REASON=expired\n");
}
END_TEST

START_TEST(record_in_json_has_the_same_fields)
{
	make_allocation();

	struct record record = record_of(&turn, &al, 61500);

	record.ended_ms = 1767225600007;
	json_t *got = record_json(&record);
	json_t *want = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, "
		"s:i, s:i, s:i, s:i, s:s}",
		"record", "allocation", "ended", "2026-01-01T00:00:00.007Z",
		"allocation_id", "0100000002000003", "user", "al ice", "key_id", "k1",
		"side", "inside", "transport", "tcp", "relay_transport", "udp", "dialect",
		"ietf", "stream_type", "video", "service_quality", "reliable", "client",
		"10.0.0.9:1234", "relayed", "203.0.113.10:50002", "packets_to_peer", 10,
		"bytes_to_peer", 1600, "packets_to_client", 9, "bytes_to_client", 1440,
		"duration_ms", 60500, "permissions", 2, "channels", 1, "reason",
		"expired");

	ck_assert_ptr_nonnull(want);
	ck_assert(json_equal(got, want));
	json_decref(got);
	json_decref(want);
}
END_TEST

START_TEST(record_of_many_leaves_out_what_one_has)
{
	make_allocation();

	struct record record = record_of(&turn, &al, 61500);

	ck_assert_uint_eq(record.allocations, 1);
	record.allocations = 990;
	json_t *json = record_json(&record);

	ck_assert_str_eq(json_string_value(json_object_get(json, "record")),
			 "allocations");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "allocations")), 990);
	ck_assert_str_eq(json_string_value(json_object_get(json, "client")),
			 "10.0.0.9:1234");
	ck_assert_ptr_null(json_object_get(json, "allocation_id"));
	ck_assert_ptr_null(json_object_get(json, "relayed"));
	json_decref(json);
}
END_TEST

static void make_dual_allocation(void)
{
	make_allocation();
	al.families = IP_V4 | IP_V6;
	al.dual.address = 1;
	al.dual.port = 50004;
}

START_TEST(record_of_a_dual_one_has_both_addresses)
{
	make_dual_allocation();

	struct record record = record_of(&turn, &al, 61500);
	json_t *json = record_json(&record);

	ck_assert_str_eq(json_string_value(json_object_get(json, "relayed")),
			 "203.0.113.10:50002");
	ck_assert_str_eq(json_string_value(json_object_get(json, "second_relayed")),
			 "[2001:db8::10]:50004");
	json_decref(json);
}
END_TEST

START_TEST(record_names_the_quota_of_the_credential)
{
	make_allocation();
	al.owner.quota = (struct credential_quota){200, 20000000};

	struct record record = record_of(&turn, &al, 61500);
	json_t *json = record_json(&record);

	ck_assert_int_eq(json_integer_value(json_object_get(json, "quota_allocations")),
			 200);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "quota_bandwidth_bps")),
			 20000000);
	json_decref(json);
	al.owner.quota = (struct credential_quota){0};
	record = record_of(&turn, &al, 61500);
	json = record_json(&record);
	ck_assert_ptr_null(json_object_get(json, "quota_allocations"));
	ck_assert_ptr_null(json_object_get(json, "quota_bandwidth_bps"));
	json_decref(json);
}
END_TEST

START_TEST(record_counts_the_restarts)
{
	make_allocation();
	al.restarts = 2;

	struct record record = record_of(&turn, &al, 61500);
	json_t *json = record_json(&record);

	ck_assert_int_eq(json_integer_value(json_object_get(json, "restarts")), 2);
	json_decref(json);
	/* Those that share a record need not have survived the same ones. */
	record.allocations = 2;
	json = record_json(&record);
	ck_assert_ptr_null(json_object_get(json, "restarts"));
	json_decref(json);
	al.restarts = 0;
	record = record_of(&turn, &al, 61500);
	json = record_json(&record);
	ck_assert_ptr_null(json_object_get(json, "restarts"));
	json_decref(json);
}
END_TEST

/*
 * docs/records.md is the schema: it lists each field with its journal field, and no
 * others.
 */
START_TEST(record_is_documented)
{
	make_dual_allocation();
	al.owner.quota = (struct credential_quota){200, 20000000};

	struct record record = record_of(&turn, &al, 61500);

	record.moves = 2;
	record.restarts = 3;
	json_t *json = record_json(&record), *value;
	const char *const ends[] = {"| Reason", NULL};
	char *page = source_file("docs/records.md"), *line;
	char *table = source_part(page, "| Field", ends), *rest = table;
	const char *name;
	size_t rows = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char field[32] = "";

		if (sscanf(line, "| `%31[a-z_]` |", field) != 1)
			continue;
		rows++;
		ck_assert_msg(json_object_get(json, field) != NULL, "%s: unknown field",
			      field);
		json_object_del(json, field);
	}
	ck_assert_uint_gt(rows, 15);
	json_object_foreach(json, name, value)
		ck_abort_msg("%s is missing in docs/records.md", name);
	for (int i = 0; i < END_REASON_COUNT; i++) {
		char row[64];

		snprintf(row, sizeof(row), "\n| `%s` |",
			 end_reason_name((enum end_reason)i));
		ck_assert_msg(strstr(page, row) != NULL,
			      "%s is missing in docs/records.md", row);
	}
	json_decref(json);
	free(table);
	free(page);
}
END_TEST

START_TEST(notify_reaches_systemd)
{
	struct notify_status last = {""};
	int fd = notify_listener_open();

	notify_ready();
	ck_assert_str_eq(notify_listener_heard(fd), "READY=1");
	notify_status(&last, "7 allocations");
	ck_assert_str_eq(notify_listener_heard(fd), "STATUS=7 allocations");
	notify_reloading();
	ck_assert_ptr_nonnull(
		strstr(notify_listener_heard(fd), "RELOADING=1\nMONOTONIC_USEC="));
	notify_stopping();
	ck_assert_str_eq(notify_listener_heard(fd), "STOPPING=1");
	close(fd);
}
END_TEST

START_TEST(notify_without_systemd_is_nothing)
{
	struct notify_status last = {""};

	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	notify_status(&last, "x");
	notify_stopping();
}
END_TEST

static void record_suite(Suite *suite)
{
	TCase *tc = tcase_create("record");

	tcase_add_test(tc, record_has_all_fields);
	tcase_add_test(tc, record_in_json_has_the_same_fields);
	tcase_add_test(tc, record_of_many_leaves_out_what_one_has);
	tcase_add_test(tc, record_of_a_dual_one_has_both_addresses);
	tcase_add_test(tc, record_names_the_quota_of_the_credential);
	tcase_add_test(tc, record_counts_the_restarts);
	tcase_add_test(tc, record_is_documented);
	tcase_add_test(tc, notify_reaches_systemd);
	tcase_add_test(tc, notify_without_systemd_is_nothing);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("record", record_suite)
