/*
 * A process is stopped before each of the writes of each kind of update, all of them, one after the
 * other. What it leaves is the old version of that one thing, or the new one, and all others.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/state/state_file.h"
#include "relay/state/state_memory.h"
#include "relay/state/state_view.h"
#include "tests/unit/lib/unit.h"

enum { RECORDS = 12, SUBJECT = 5 };

static const struct state_sizes sizes = {
	{[STATE_ALLOCATION] = RECORDS, [STATE_STREAM] = RECORDS, [STATE_RESTING] = 2},
};
static const struct state_head head = {.process = 3, .boot_id = {9}};
static struct state_memory memory;
static struct state_file *file;

/* What a view has to find: the text of a record is its length and a seed; length -1: none. */
struct want {
	int len;
	uint8_t seed;
	uint64_t words[STATE_WORDS];
};
struct wants {
	struct want records[STATE_KIND_COUNT][RECORDS];
	bool complete;
};
static struct wants now, after;

static const enum state_kind kinds[] = {STATE_ALLOCATION, STATE_STREAM};

static void text(uint8_t *to, const struct want *want)
{
	for (int i = 0; i < want->len; i++)
		to[i] = (uint8_t)(want->seed + i * 31 + (i >> 7));
}

static void do_put(enum state_kind kind, uint32_t index, struct want *want, int len,
		   uint8_t seed)
{
	static uint8_t bytes[STATE_RECORD_MAX];

	if (want->len < 0)
		memset(want->words, 0, sizeof(want->words));
	want->len = len;
	want->seed = seed;
	text(bytes, want);
	ck_assert(state_file_put(file, kind, index, (struct slice){bytes, (size_t)len}));
}

static void do_drop(enum state_kind kind, uint32_t index, struct want *want)
{
	want->len = -1;
	state_file_drop(file, kind, index);
}

static void do_word(uint32_t index, struct want *want, int number, uint64_t value)
{
	want->words[number] = value;
	state_word_store(file, state_file_words(file, STATE_STREAM, index) + number,
			 value);
}

/* Some records of many lengths, with freed blocks of each between them. */
static void fill(struct wants *wants)
{
	memset(wants, 0, sizeof(*wants));
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		for (uint32_t i = 0; i < RECORDS; i++) {
			struct want *want = &wants->records[kinds[k]][i];

			want->len = -1;
			do_put(kinds[k], i, want, 300 + 40 * (int)i, (uint8_t)i);
			do_put(kinds[k], i, want, 200 + 90 * (int)i, (uint8_t)(i + 1));
			if (kinds[k] == STATE_STREAM)
				do_word(i, want, 3, 1000 + i);
			if (i == SUBJECT + 1)
				do_drop(kinds[k], i, want);
		}
	}
}

/* --- the updates: each of one thing, told in wants as well -------------------------------------- */

static void put_new(struct wants *w)
{
	do_put(STATE_ALLOCATION, SUBJECT + 1, &w->records[STATE_ALLOCATION][SUBJECT + 1],
	       311, 77);
}

static void put_empty(struct wants *w)
{
	do_put(STATE_ALLOCATION, SUBJECT + 1, &w->records[STATE_ALLOCATION][SUBJECT + 1],
	       0, 0);
}

static void replace(struct wants *w)
{
	struct want *want = &w->records[STATE_ALLOCATION][SUBJECT];

	do_put(STATE_ALLOCATION, SUBJECT, want, want->len, 78);
}

static void longer(struct wants *w)
{
	do_put(STATE_ALLOCATION, SUBJECT, &w->records[STATE_ALLOCATION][SUBJECT], 2222,
	       79);
}

static void shorter(struct wants *w)
{
	do_put(STATE_ALLOCATION, SUBJECT, &w->records[STATE_ALLOCATION][SUBJECT], 10, 80);
}

static void drop(struct wants *w)
{
	do_drop(STATE_ALLOCATION, SUBJECT, &w->records[STATE_ALLOCATION][SUBJECT]);
}

static void stream_new(struct wants *w)
{
	do_put(STATE_STREAM, SUBJECT + 1, &w->records[STATE_STREAM][SUBJECT + 1], 500,
	       81);
}

static void stream_replace(struct wants *w)
{
	do_put(STATE_STREAM, SUBJECT, &w->records[STATE_STREAM][SUBJECT], 501, 82);
}

static void stream_drop(struct wants *w)
{
	do_drop(STATE_STREAM, SUBJECT, &w->records[STATE_STREAM][SUBJECT]);
}

static void word(struct wants *w)
{
	do_word(SUBJECT, &w->records[STATE_STREAM][SUBJECT], 6, 0x0102030405060708);
}

static void complete(struct wants *w)
{
	w->complete = true;
	state_file_complete(file);
}

static const struct {
	const char *name;
	void (*run)(struct wants *wants);
	unsigned writes; /* at least so many are stopped before, or the test tests nothing */
} updates[] = {
	{"put a new one", put_new, 40},
	{"put an empty one", put_empty, 4},
	{"replace", replace, 80},
	{"replace by a longer one", longer, 270},
	{"replace by a shorter one", shorter, 5},
	{"drop", drop, 1},
	{"put a new one with words", stream_new, 70},
	{"replace one with words", stream_replace, 60},
	{"drop one with words", stream_drop, 1},
	{"store a word", word, 1},
	{"complete", complete, 1},
};

/* --- what the next process finds ---------------------------------------------------------------- */

static bool is(const struct state_found *found, bool there, const struct want *want,
	       enum state_kind kind)
{
	static uint8_t bytes[STATE_RECORD_MAX];

	if (!there || want->len < 0)
		return !there && want->len < 0;
	text(bytes, want);
	return found->good && found->record.len == (size_t)want->len &&
	       memcmp(found->record.data, bytes, (size_t)want->len) == 0 &&
	       (kind != STATE_STREAM ||
		memcmp(found->words, want->words, sizeof(want->words)) == 0);
}

/*
 * Is everything as in old or as in new, and all of the one that differs the one or the other? *is_new:
 * which.
 */
static bool finds(const void *at, size_t bytes, const struct wants *old,
		  const struct wants *new, bool *is_new)
{
	struct state_view view;
	int old_only = 0, new_only = 0;

	if (state_view_open(&view, at, bytes, head.boot_id) != STATE_GOOD)
		return false;
	old_only += view.complete == old->complete && view.complete != new->complete;
	new_only += view.complete != old->complete && view.complete == new->complete;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		struct state_found found = {.index = 0};
		uint32_t cursor = 0;
		bool more = state_view_next(&view, kinds[k], &cursor, &found);

		for (uint32_t i = 0; i < RECORDS; i++) {
			bool there = more && found.index == i;
			const struct want *was = &old->records[kinds[k]][i];
			const struct want *is_now = &new->records[kinds[k]][i];
			bool as_old = is(&found, there, was, kinds[k]);
			bool as_new = is(&found, there, is_now, kinds[k]);

			if (!as_old && !as_new)
				return false;
			old_only += as_old && !as_new;
			new_only += as_new && !as_old;
			if (there)
				more = state_view_next(&view, kinds[k], &cursor, &found);
		}
		if (more)
			return false;
	}
	*is_new = new_only > 0;
	return old_only + new_only == 1;
}

/* --- stopped by a kill -------------------------------------------------------------------------- */

static unsigned until;

static void kill_before(void *arg, const void *to, size_t len)
{
	(void)arg;
	(void)to;
	(void)len;
	if (until-- == 0)
		raise(SIGKILL);
}

static void setup(void)
{
	ck_assert_int_eq(state_memory_make(&memory, "test", state_file_bytes(&sizes)), 0);
	file = state_file_new(memory.memory, memory.bytes, &head, &sizes);
	ck_assert_ptr_nonnull(file);
	fill(&now);
	after = now;
}

static void teardown(void)
{
	state_file_free(file);
	state_memory_release(&memory);
}

/* True if the process was stopped before that write, false if it came to the end. */
static bool stopped_before(unsigned number, void (*run)(struct wants *))
{
	int status;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct wants own = now;

		until = number;
		state_file_watch(file, kill_before, NULL);
		run(&own);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status)) {
		ck_assert_int_eq(WEXITSTATUS(status), 0);
		return false;
	}
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return true;
}

START_TEST(a_kill_leaves_the_old_or_the_new)
{
	bool stopped = true, was_new = false;
	unsigned number = 0;

	for (; stopped; number++) {
		struct state_memory inherited;
		bool is_new;

		setup();
		stopped = stopped_before(number, updates[_i].run);
		/* What it should have become; this process has a copy of its own in the end. */
		struct state_file *own = file;
		struct state_memory copy;
		ck_assert_int_eq(state_memory_map(&inherited, dup(memory.fd)), 0);
		ck_assert_int_eq(
			state_memory_make(&copy, "test", state_file_bytes(&sizes)), 0);
		file = state_file_new(copy.memory, copy.bytes, &head, &sizes);
		fill(&after);
		updates[_i].run(&after);
		state_file_free(file);
		state_memory_release(&copy);
		file = own;

		ck_assert_msg(finds(inherited.memory, inherited.bytes, &now, &after,
				    &is_new),
			      "%s, killed before write %u: neither old nor new",
			      updates[_i].name, number);
		ck_assert_msg(stopped || is_new, "%s: not done", updates[_i].name);
		ck_assert_msg(!was_new || is_new, "%s: new, then old before write %u",
			      updates[_i].name, number);
		was_new = is_new;
		state_memory_release(&inherited);
		teardown();
	}
	ck_assert_msg(number > updates[_i].writes, "%s: stopped before %u writes only",
		      updates[_i].name, number - 1);
}
END_TEST

/* --- the same without processes, for long runs --------------------------------------------------- */

static unsigned long looks;

static void look_before(void *arg, const void *to, size_t len)
{
	bool is_new;

	(void)arg;
	(void)to;
	(void)len;
	looks++;
	/* Before the store of the word it is all old, and after it, nothing more is written. */
	ck_assert(finds(memory.memory, memory.bytes, &now, &after, &is_new));
	ck_assert(!is_new);
}

static unsigned draw(unsigned below)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % below;
}

static void update_at_random(void)
{
	static const int most[] = {30, 400, 400, 400, 1500, 3000};
	enum state_kind kind = kinds[draw(ARRAY_LEN(kinds))];
	uint32_t index = draw(RECORDS);
	struct want *want = &after.records[kind][index];
	unsigned what = draw(10);

	/* after is told before the first write, now behind the last one. */
	if (what == 0 && want->len >= 0) {
		want->len = -1;
		state_file_watch(file, look_before, NULL);
		state_file_drop(file, kind, index);
	} else if (what == 1 && kind == STATE_STREAM && want->len >= 0) {
		want->words[draw(STATE_WORDS)]++;
		for (int i = 0; i < STATE_WORDS; i++) {
			if (want->words[i] == now.records[kind][index].words[i])
				continue;
			state_file_watch(file, look_before, NULL);
			state_word_store(file, state_file_words(file, kind, index) + i,
					 want->words[i]);
		}
	} else {
		int len = (int)draw((unsigned)most[draw(ARRAY_LEN(most))]);
		uint8_t bytes[3000];

		if (want->len < 0)
			memset(want->words, 0, sizeof(want->words));
		want->len = len;
		want->seed++;
		text(bytes, want);
		state_file_watch(file, look_before, NULL);
		ck_assert(state_file_put(file, kind, index,
					 (struct slice){bytes, (size_t)len}));
	}
	state_file_watch(file, NULL, NULL);
	now = after;
}

START_TEST(any_update_is_all_or_nothing)
{
	setup();
	for (int i = 0; i < 1500; i++)
		update_at_random();
	ck_assert_uint_gt(looks, 50000);
	teardown();
}
END_TEST

/* Long ones, whose pages go back to the system when there are many free blocks. */
START_TEST(long_ones_are_all_or_nothing)
{
	setup();
	for (uint32_t i = 0; i < RECORDS; i++)
		do_put(STATE_ALLOCATION, i, &now.records[STATE_ALLOCATION][i], 40000,
		       (uint8_t)i);
	after = now;
	for (uint32_t i = 0; i < RECORDS; i++) {
		if (i == SUBJECT)
			continue;
		struct want *want = &after.records[STATE_ALLOCATION][i];

		want->len = -1;
		state_file_watch(file, look_before, NULL);
		state_file_drop(file, STATE_ALLOCATION, i);
		state_file_watch(file, NULL, NULL);
		now = after;
	}
	for (uint32_t i = 0; i < RECORDS; i++)
		do_put(STATE_ALLOCATION, i, &now.records[STATE_ALLOCATION][i], 39000,
		       (uint8_t)(i + 100));
	bool is_new;
	after = now;
	after.complete = true;
	ck_assert(finds(memory.memory, memory.bytes, &now, &after, &is_new));
	teardown();
}
END_TEST

/* A file that is not whole yet is none. */
START_TEST(a_file_is_there_when_its_head_is)
{
	struct state_view view;
	uint8_t first[8];

	setup();
	memcpy(first, memory.memory, sizeof(first));
	for (unsigned i = 0; i < sizeof(first); i++) {
		memset((uint8_t *)memory.memory + i, 0, sizeof(first) - i);
		ck_assert_int_eq(state_view_open(&view, memory.memory, memory.bytes,
						 head.boot_id),
				 STATE_NOT_OURS);
		memcpy(memory.memory, first, sizeof(first));
	}
	teardown();
}
END_TEST

static void state_faults_suite(Suite *suite)
{
	TCase *tc = tcase_create("state_faults");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_kill_leaves_the_old_or_the_new, 0, ROWS(updates));
	tcase_add_test(tc, any_update_is_all_or_nothing);
	tcase_add_test(tc, long_ones_are_all_or_nothing);
	tcase_add_test(tc, a_file_is_there_when_its_head_is);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("state_faults", state_faults_suite)
