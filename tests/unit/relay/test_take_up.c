/*
 * test_take_up.c - a relay takes up what a process has left that ended while an allocation was on its way
 * between its workers: both have a record of it, and the later one counts, once.
 */
#include "relay/take_up.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/past.h"
#include "relay/state/saved_allocation.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"
#include "tests/unit/state/images.h"

static struct relay_fixture fixture;
static struct allocation_image image;
static struct inherited *inherited;

static void with_mobility(struct relay_settings *settings)
{
	settings->turn.mobility = true;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Of a client that is nowhere at the moment, with hops to other workers so far. */
static void make_image(uint16_t hops, uint32_t lifetime_s)
{
	static char username[32];
	struct allocation *al = &image.move.al;

	image_make(&image, IMAGE_CLIENT_GONE);
	snprintf(username, sizeof(username), "%lld:alice", (long long)time(NULL) + 3600);
	image.proof.bytes = (struct slice){(uint8_t *)username, strlen(username)};
	image.key_mark = 0;
	snprintf(image.move.owner.key_id, sizeof(image.move.owner.key_id), "%s",
		 fixture.settings->turn.keyring->keys[0].id);
	image.front = fixture.fronts[0];
	al->side = image.front.side;
	al->transport = image.front.transport;
	image.relay_address = fixture.address.local;
	al->relay_port = 50100;
	al->permission_count = al->channel_count = 0;
	al->transactions = (struct transactions){.next = 0};
	al->created_ms = now_ms() - 1000;
	al->expires_ms = al->created_ms + 600000;
	al->lifetime_s = lifetime_s;
	image.move.mobility.hops = hops;
	ck_assert(allocation_image_is_sound(&image));
}

/* A file of the process before, with the image in it unless it is the shared one. */
static void leave(uint32_t worker)
{
	static uint8_t bytes[SAVED_ALLOCATION_MAX];
	const struct state_sizes sizes = {.records = {[STATE_ALLOCATION] = 8}};
	struct state_head head = {
		.process = 1, .worker = worker, .workers = FIXTURE_WORKERS};
	struct state_memory memory;
	char name[PAST_NAME_SIZE];

	ck_assert(state_boot_id(head.boot_id));
	ck_assert_int_eq(state_memory_make(&memory, "test", state_file_bytes(&sizes)), 0);
	struct state_file *file =
		state_file_new(memory.memory, memory.bytes, &head, &sizes);

	ck_assert_ptr_nonnull(file);
	if (worker == STATE_SHARED) {
		state_file_complete(file);
	} else {
		size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

		ck_assert(state_file_put(file, STATE_ALLOCATION, 3,
					 (struct slice){bytes, len}));
	}
	state_file_free(file);
	past_name(1, name);
	ck_assert(inherited_add(inherited, name, dup(memory.fd)));
	state_memory_release(&memory);
}

static struct allocation *only_one(const struct turn **turn)
{
	struct allocation *found = NULL;

	for (unsigned i = 0; i < FIXTURE_WORKERS; i++) {
		struct allocation *al =
			allocation_next(fixture.workers[i]->turn.table, 0);

		if (al == NULL)
			continue;
		ck_assert_ptr_null(found);
		found = al;
		*turn = &fixture.workers[i]->turn;
	}
	ck_assert_ptr_nonnull(found);
	return found;
}

static const struct {
	const char *name;
	uint16_t hops[FIXTURE_WORKERS]; /* of the record in the file of each worker */
} rows[] = {
	{"it came to worker 1", {0, 2}},
	{"it came to worker 0", {2, 0}},
	{"it came back", {4, 2}},
};

START_TEST(the_later_record_counts_once) /* one for each row */
{
	const struct turn *turn = NULL;

	relay_fixture_start(&fixture, NULL, with_mobility);
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
		worker_pause(fixture.workers[i]);
	inherited = inherited_new();
	ck_assert_ptr_nonnull(inherited);
	for (uint32_t i = 0; i < FIXTURE_WORKERS; i++) {
		bool later = rows[_i].hops[i] > rows[_i].hops[1 - i];

		make_image(rows[_i].hops[i], later ? 900 : 600);
		leave(i);
	}
	leave(STATE_SHARED);
	struct past *past = past_new(inherited);

	ck_assert_uint_eq(past_process(past), 1);
	struct take_up *take_up = take_up_run(&fixture.relay, past, inherited, 1);

	ck_assert_ptr_nonnull(take_up);
	const struct take_up_report *report = take_up_report(take_up);

	for (int i = 0; i < RESTORE_RESULT_COUNT; i++)
		ck_assert_msg(report->lost[i] == 0, "%s: %d", rows[_i].name, i);
	ck_assert_uint_eq(report->taken_up, 1);
	struct allocation *al = only_one(&turn);

	ck_assert_msg(al->lifetime_s == 900, "%s: the one before", rows[_i].name);
	ck_assert_uint_ge(mobility_of(turn, al)->hops, 2);

	take_up_settle(take_up);
	take_up_free(take_up);
	past_free(past);
	inherited_free(inherited);
	relay_fixture_stop(&fixture);
}
END_TEST

static void take_up_suite(Suite *suite)
{
	TCase *tc = tcase_create("take_up");

	tcase_add_loop_test(tc, the_later_record_counts_once, 0, ROWS(rows));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("take_up", take_up_suite)
