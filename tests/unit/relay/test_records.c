/*
 * test_records.c - the newest records in memory, and the lines that a client gets.
 */
#include "relay/ops/records.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/ops/control.h"
#include "relay/ops/record_sums.h"
#include "relay/ops/record_writer.h"
#include "relay/relay.h"
#include "tests/unit/lib/unit.h"

enum { ROOM = 4 };

static struct relay relay;
static int real_stderr;
static struct control_reply reply;

static void begin(void)
{
	unsetenv("JOURNAL_STREAM");
	log_open("tester");
	real_stderr = dup(STDERR_FILENO);
	relay = (struct relay){.records = records_new(ROOM)};
	ck_assert_ptr_nonnull(relay.records);
}

static void end(void)
{
	control_reply_clear(&reply);
	records_free(relay.records);
}

static void add(uint64_t id)
{
	const struct record record = {.id = id, .user = "alice"};

	records_add(relay.records, &record);
}

START_TEST(records_come_in_order)
{
	uint64_t position = records_first(relay.records), lost = 0;
	struct record record;

	ck_assert(!records_read(relay.records, &position, &record, &lost));
	add(1);
	add(2);
	ck_assert(records_read(relay.records, &position, &record, &lost));
	ck_assert_uint_eq(record.id, 1);
	ck_assert(records_read(relay.records, &position, &record, &lost));
	ck_assert_uint_eq(record.id, 2);
	ck_assert(!records_read(relay.records, &position, &record, &lost));
	ck_assert_uint_eq(lost, 0);
}
END_TEST

START_TEST(a_slow_reader_is_told_how_many_are_lost)
{
	uint64_t position = records_first(relay.records), lost = 0;
	struct record record;

	for (uint64_t id = 1; id <= ROOM + 3; id++)
		add(id);
	ck_assert(records_read(relay.records, &position, &record, &lost));
	ck_assert_uint_eq(record.id, 4);
	ck_assert_uint_eq(lost, 3);
	ck_assert_uint_eq(records_first(relay.records), 3);
	ck_assert_uint_eq(records_end(relay.records), ROOM + 3);
}
END_TEST

static void add_short(const char *user, uint64_t id, uint64_t now_ms)
{
	struct record record = {.id = id,
				.allocations = 1,
				.duration_ms = 7,
				.permissions = 1,
				.ended_ms = (int64_t)now_ms};

	snprintf(record.user, sizeof(record.user), "%s", user);
	ck_assert(record_is_short(&record));
	records_add_short(relay.records, &record, now_ms);
}

/* Reads all that are left; returns how many allocations they stand for. */
static unsigned read_rest(uint64_t *position, unsigned *count, struct record *last)
{
	unsigned allocations = 0;
	struct record record;
	uint64_t lost = 0;

	for (*count = 0; records_read(relay.records, position, &record, &lost);
	     (*count)++) {
		allocations += record.allocations;
		*last = record;
	}
	ck_assert_uint_eq(lost, 0);
	return allocations;
}

static void begin_again(size_t room)
{
	records_free(relay.records);
	relay.records = records_new(room);
	ck_assert_ptr_nonnull(relay.records);
}

START_TEST(only_idle_and_short_allocations_are_summed_up)
{
	ck_assert(record_is_short(&(struct record){.duration_ms = 999}));
	ck_assert(!record_is_short(&(struct record){.duration_ms = 1000}));
	ck_assert(!record_is_short(&(struct record){.to_peer.packets = 1}));
	ck_assert(!record_is_short(&(struct record){.to_client.packets = 1}));
}
END_TEST

START_TEST(many_short_ones_are_one_record)
{
	uint64_t position = 0;
	struct record last;
	unsigned count;

	begin_again(256);
	ck_assert_uint_eq(records_add_sums(relay.records, 1000), UINT64_MAX);
	for (uint64_t i = 0; i < 1000; i++)
		add_short("alice", i, 1000 + i);
	for (uint64_t i = 0; i < 10; i++)
		add_short("bob", 2000 + i, 2000);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 20);
	ck_assert_uint_eq(records_add_sums(relay.records, 2000), 4000);
	ck_assert_uint_eq(records_add_sums(relay.records, 5999), 1);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 0);
	/* Bob's time goes on; he has no sum. */
	ck_assert_uint_eq(records_add_sums(relay.records, 6000), 1000);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 990);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(last.user, "alice");
	ck_assert_uint_eq(last.id, 999);
	ck_assert_uint_eq(last.duration_ms, 990 * 7);
	ck_assert_uint_eq(last.permissions, 990);
	ck_assert_int_eq(last.ended_ms, 1999);
	ck_assert_uint_eq(records_add_sums(relay.records, 7000), UINT64_MAX);
	/* A new time, and ten of her own again. */
	add_short("alice", 1, 8000);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 1);
}
END_TEST

START_TEST(a_sum_of_one_is_its_record)
{
	uint64_t position = 0;
	struct record last;
	unsigned count;

	begin_again(256);
	for (uint64_t i = 0; i < 11; i++)
		add_short("alice", i, 1000);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 10);
	records_close(relay.records);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 1);
	ck_assert_uint_eq(last.id, 10);
	ck_assert_uint_eq(last.allocations, 1);
}
END_TEST

START_TEST(no_allocation_is_missing_from_sums)
{
	enum { USERS = 100, EACH_USER = 50 };
	unsigned count, total = 0;
	uint64_t position = 0;
	struct record last;
	char user[16];

	begin_again(8192);
	/* More users than there is room for sums. */
	for (uint64_t i = 0; i < USERS * EACH_USER; i++) {
		snprintf(user, sizeof(user), "user%d", (int)(i / 20 % USERS));
		add_short(user, i, 1000 + i);
	}
	total += read_rest(&position, &count, &last);
	ck_assert_uint_lt(count, USERS * EACH_USER);
	records_close(relay.records);
	total += read_rest(&position, &count, &last);
	ck_assert_uint_eq(total, USERS * EACH_USER);
	/* All places sum: others stay alone. */
	begin_again(8192);
	position = 0;
	for (uint64_t i = 0; i < 80 * 11; i++) {
		snprintf(user, sizeof(user), "user%d", (int)(i / 11));
		add_short(user, i, 1000);
	}
	total = read_rest(&position, &count, &last);
	ck_assert_uint_eq(total, 64 * 10 + 16 * 11);
	records_close(relay.records);
	ck_assert_uint_eq(read_rest(&position, &count, &last), 64);
}
END_TEST

static void *add_later(void *arg)
{
	(void)arg;
	add(1);
	return NULL;
}

START_TEST(a_wait_ends_with_a_record)
{
	uint64_t position = 0, lost = 0;
	struct record record;
	pthread_t thread;

	records_wait(relay.records, 0, 1); /* no record comes, but the call returns */
	ck_assert_int_eq(pthread_create(&thread, NULL, add_later, NULL), 0);
	records_wait(relay.records, 0, 60000);
	ck_assert(records_read(relay.records, &position, &record, &lost));
	pthread_join(thread, NULL);
}
END_TEST

/* Four writers and a reader: no record is torn or doubled, and lost ones are counted. */
enum { WRITERS = 4, EACH = 20000 };

static void *write_many(void *arg)
{
	uint64_t writer = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < EACH; i++) {
		struct record record = {.id = writer * EACH + i};

		record.duration_ms = record.to_peer.bytes = record.id;
		records_add(relay.records, &record);
	}
	return NULL;
}

START_TEST(writers_and_a_reader_share_the_ring)
{
	uint64_t position = 0, lost = 0, read = 0, last[WRITERS] = {0};
	pthread_t threads[WRITERS];
	struct record record;

	for (uintptr_t i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, (void *)i),
				 0);
	while (read + lost < (uint64_t)WRITERS * EACH) {
		if (!records_read(relay.records, &position, &record, &lost)) {
			records_wait(relay.records, position, 10);
			continue;
		}
		uint64_t writer = record.id / EACH;

		ck_assert_uint_eq(record.id, record.duration_ms);
		ck_assert_uint_eq(record.id, record.to_peer.bytes);
		ck_assert_uint_ge(record.id + 1, last[writer] + 1);
		last[writer] = record.id;
		read++;
	}
	ck_assert_uint_eq(read + lost, (uint64_t)WRITERS * EACH);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

static void ask(const struct control_argument *arguments, size_t count, unsigned want)
{
	const struct control_message message = {
		.method = "GET",
		.path = "/v1/records",
		.arguments = arguments,
		.argument_count = count,
	};

	control_reply_clear(&reply);
	control_dispatch(control_routes, control_route_count, &relay, &message, &reply);
	ck_assert_uint_eq(reply.status, want);
}

static void get(const char *follow, unsigned want)
{
	ask(&(struct control_argument){"follow", follow}, follow ? 1 : 0, want);
}

/* All that is available, in pieces of that size. */
static const char *lines(size_t size)
{
	static char text[16 * 1024];
	size_t len = 0;
	int n;

	while (len + size < sizeof(text) &&
	       (n = reply.stream.read(reply.stream.arg, text + len, size, 1)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

/* A line is a record or the number of lost ones; returns the id, or minus that number. */
static json_int_t meaning(char *line)
{
	json_t *json = json_loads(line, 0, NULL);
	unsigned long long id = 0;
	json_int_t lost = json_integer_value(json_object_get(json, "lost"));

	ck_assert_msg(json != NULL, "%s", line);
	if (lost == 0)
		ck_assert_int_eq(
			sscanf(json_string_value(json_object_get(json, "allocation_id")),
			       "%llx", &id),
			1);
	json_decref(json);
	return lost > 0 ? -lost : (json_int_t)id;
}

static void expect(const char *text, const json_int_t *want, size_t count)
{
	char *copy = strdup(text), *rest = copy, *line;
	size_t i = 0;

	while ((line = strsep(&rest, "\n")) != NULL && *line) {
		ck_assert_uint_lt(i, count);
		ck_assert_int_eq(meaning(line), want[i++]);
	}
	ck_assert_uint_eq(i, count);
	free(copy);
}

START_TEST(without_follow_it_ends)
{
	get(NULL, 200);
	ck_assert_int_eq(reply.stream.read(reply.stream.arg, (char[8]){0}, 8, 1000), -1);

	add(1);
	add(2);
	get(NULL, 200);
	ck_assert_str_eq(reply.stream.content_type, "application/jsonl");
	add(3); /* too late */
	expect(lines(1000), (json_int_t[]){1, 2}, 2);
	ck_assert_int_eq(reply.stream.read(reply.stream.arg, (char[8]){0}, 8, 1000), -1);
}
END_TEST

START_TEST(with_follow_it_goes_on)
{
	add(1);
	get("1", 200);
	expect(lines(1000), (json_int_t[]){1}, 1);
	expect(lines(1000), NULL, 0);
	add(2);
	expect(lines(7), (json_int_t[]){2}, 1);
	for (uint64_t id = 3; id < 3 + ROOM + 2; id++)
		add(id);
	expect(lines(100), (json_int_t[]){-2, 5, 6, 7, 8}, 5);
}
END_TEST

START_TEST(follow_is_yes_or_no)
{
	get("0", 200);
	get("2", 400);
	get("", 400);
}
END_TEST

static void add_of(uint64_t id, const char *user, int64_t ended_ms)
{
	struct record record = {.id = id, .ended_ms = ended_ms};

	strcpy(record.user, user);
	records_add(relay.records, &record);
}

static const struct {
	const char *name;
	struct control_argument arguments[4];
	unsigned status;
	size_t count;
	json_int_t want[ROOM];
} selections[] = {
	{"a user", {{"user", "bob"}}, 200, 2, {3, 5}},
	{"an unknown user", {{"user", "eve"}}, 200, 0, {0}},
	{"a user is no prefix", {{"user", "bo"}}, 200, 0, {0}},
	{"since", {{"since", "4"}}, 200, 2, {4, 5}},
	{"since the beginning", {{"since", "0"}}, 200, 4, {2, 3, 4, 5}},
	{"the newest", {{"limit", "1"}}, 200, 1, {5}},
	{"more than there are", {{"limit", "100"}}, 200, 4, {2, 3, 4, 5}},
	{"none", {{"limit", "0"}}, 200, 0, {0}},
	{"the newest of a user", {{"limit", "1"}, {"user", "alice"}}, 200, 1, {4}},
	{"all three", {{"limit", "9"}, {"user", "bob"}, {"since", "4"}}, 200, 1, {5}},
	{"no number", {{"since", "2026-01-31"}}, 400, 0, {0}},
	{"negative", {{"limit", "-1"}}, 400, 0, {0}},
	{"too many", {{"limit", "1000001"}}, 400, 0, {0}},
	{"empty", {{"since", ""}}, 400, 0, {0}},
	{"no value", {{"limit", NULL}}, 400, 0, {0}},
};

START_TEST(the_query_selects)
{
	size_t count = 0;

	for (uint64_t id = 1; id <= ROOM + 1; id++)
		add_of(id, id % 2 == 0 ? "alice" : "bob", (int64_t)id * 1000);
	while (count < 4 && selections[_i].arguments[count].name)
		count++;
	ask(selections[_i].arguments, count, selections[_i].status);
	if (selections[_i].status == 200)
		expect(lines(100), selections[_i].want, selections[_i].count);
}
END_TEST

START_TEST(the_query_selects_what_comes)
{
	const struct control_argument bob[] = {
		{"follow", "1"}, {"user", "bob"}, {"limit", "1"}};

	add_of(1, "bob", 0);
	add_of(2, "bob", 0);
	ask(bob, 3, 200);
	expect(lines(100), (json_int_t[]){2}, 1);
	add_of(3, "alice", 0);
	expect(lines(100), NULL, 0);
	add_of(4, "bob", 0);
	add_of(5, "bob", 0);
	expect(lines(100), (json_int_t[]){4, 5}, 2);
	/* What was lost may have been wanted. */
	for (uint64_t id = 6; id < 6 + ROOM + 2; id++)
		add_of(id, "alice", 0);
	expect(lines(100), (json_int_t[]){-2}, 1);
}
END_TEST

/* --- to the log ---------------------------------------------------------------------------- */

/* Redirect the log to that descriptor, or restore it. */
static void log_to(int fd)
{
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
}

static void add_logged(uint64_t id, bool is_logged)
{
	const struct record record = {.id = id, .user = "alice", .is_logged = is_logged};

	records_add(relay.records, &record);
}

START_TEST(the_writer_logs_if_the_log_is_on)
{
	FILE *captured = tmpfile();
	struct record_writer *writer;
	char text[4096] = "";

	add_logged(1, true);
	log_to(fileno(captured));
	writer = record_writer_start(relay.records);
	ck_assert_ptr_nonnull(writer);
	add_logged(2, false);
	add_logged(3, true);
	record_writer_stop(writer); /* not before all are written */
	log_to(real_stderr);
	ck_assert_int_gt(pread(fileno(captured), text, sizeof(text) - 1, 0), 0);
	fclose(captured);
	ck_assert_ptr_nonnull(strstr(text, "ALLOCATION_ID=0000000000000001"));
	ck_assert_ptr_null(strstr(text, "ALLOCATION_ID=0000000000000002"));
	ck_assert_ptr_nonnull(strstr(text, "ALLOCATION_ID=0000000000000003"));
}
END_TEST

static void *read_all(void *arg)
{
	FILE *in = fdopen(*(int *)arg, "r");
	char line[1024];
	uintptr_t lost = 0;
	unsigned long n;

	while (fgets(line, sizeof(line), in)) {
		const char *at = strstr(line, "tester: warning: ");

		if (at &&
		    sscanf(at, "tester: warning: %lu records were not logged", &n) == 1)
			lost += n;
	}
	fclose(in);
	return (void *)lost;
}

/* A pipe without a reader simulates a stalled journal. */
START_TEST(a_stalled_log_blocks_no_worker)
{
	struct record_writer *writer;
	pthread_t reader;
	void *lost;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], "\n", 1) == 1)
		;
	fcntl(ends[1], F_SETFL, 0);
	log_to(ends[1]);
	writer = record_writer_start(relay.records);
	ck_assert_ptr_nonnull(writer);
	for (uint64_t id = 0; id < 20000; id++)
		add_logged(id, true);
	ck_assert(!records_catch_up(relay.records));

	ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
	record_writer_stop(writer);
	log_to(real_stderr);
	close(ends[1]);
	pthread_join(reader, &lost);
	ck_assert_uint_gt((uintptr_t)lost, 10000);
	ck_assert_uint_lt((uintptr_t)lost, 20000);
}
END_TEST

START_TEST(a_closed_ring_ends_followers)
{
	add(1);
	get("1", 200);
	records_close(relay.records);
	expect(lines(1000), (json_int_t[]){1}, 1);
	ck_assert_int_eq(reply.stream.read(reply.stream.arg, (char[8]){0}, 8, 60000), -1);
	records_wait(relay.records, 1, 60000); /* returns at once */
}
END_TEST

static void records_suite(Suite *suite)
{
	TCase *tc = tcase_create("records");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, records_come_in_order);
	tcase_add_test(tc, a_slow_reader_is_told_how_many_are_lost);
	tcase_add_test(tc, only_idle_and_short_allocations_are_summed_up);
	tcase_add_test(tc, many_short_ones_are_one_record);
	tcase_add_test(tc, a_sum_of_one_is_its_record);
	tcase_add_test(tc, no_allocation_is_missing_from_sums);
	tcase_add_test(tc, a_wait_ends_with_a_record);
	tcase_add_test(tc, writers_and_a_reader_share_the_ring);
	tcase_add_test(tc, without_follow_it_ends);
	tcase_add_test(tc, with_follow_it_goes_on);
	tcase_add_test(tc, follow_is_yes_or_no);
	tcase_add_loop_test(tc, the_query_selects, 0, ROWS(selections));
	tcase_add_test(tc, the_query_selects_what_comes);
	tcase_add_test(tc, the_writer_logs_if_the_log_is_on);
	tcase_add_test(tc, a_stalled_log_blocks_no_worker);
	tcase_add_test(tc, a_closed_ring_ends_followers);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("records", records_suite)
