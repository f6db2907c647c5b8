/*
 * test_stamp.c - stamps are transferred unchanged, and sequence numbers tell loss from
 * reordering.
 */
#include "tools/load/stamp.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

START_TEST(comes_back_as_written)
{
	const struct stamp in = {0xDEADBEEF, 8999, 1, 0x0123456789ABCDEF,
				 1763870400123456789};
	uint8_t bytes[STAMP_LEN + 10] = {0};
	struct stamp out;

	stamp_write(bytes, &in);
	ck_assert(stamp_read((struct slice){bytes, STAMP_LEN}, &out));
	ck_assert_uint_eq(out.run, in.run);
	ck_assert_uint_eq(out.client, in.client);
	ck_assert_uint_eq(out.direction, in.direction);
	ck_assert_uint_eq(out.sequence, in.sequence);
	ck_assert_uint_eq(out.sent_ns, in.sent_ns);
	ck_assert(stamp_read((struct slice){bytes, sizeof(bytes)}, &out));
	ck_assert(!stamp_read((struct slice){bytes, STAMP_LEN - 1}, &out));
	ck_assert(!stamp_read((struct slice){bytes, 0}, &out));
	bytes[3] ^= 1;
	ck_assert(!stamp_read((struct slice){bytes, STAMP_LEN}, &out));
}
END_TEST

/* The classification of each arrival: i in order, r reordered, d duplicated. */
static const struct {
	const char *name;
	uint64_t numbers[8];
	const char *want;
} flows[] = {
	{"in order", {0, 1, 2, 3}, "iiii"},
	{"with gaps", {0, 2, 7, 100}, "iiii"},
	{"the first ones lost", {5, 6}, "ii"},
	{"two swapped", {0, 2, 1, 3}, "iiri"},
	{"one repeated", {0, 1, 1, 2}, "iidi"},
	{"the first repeated", {0, 0}, "id"},
	{"late, then repeated", {0, 3, 1, 1, 2, 2}, "iirdrd"},
	{"repeated after others", {0, 1, 2, 0, 1, 2}, "iiiddd"},
	{"63 behind", {0, 63, 0}, "iid"},
	{"64 behind is too old to classify", {0, 64, 0}, "iir"},
	{"63 behind, seen first", {1, 64, 1, 2, 3, 2}, "iidrrd"},
	{"a jump forgets the window", {0, 1, 65, 2, 1, 2, 2}, "iiirrdd"},
	{"the highest number there is", {UINT64_MAX - 1, 0, UINT64_MAX - 1}, "ird"},
};

START_TEST(order_is_reported)
{
	static const char letters[] = {
		[STAMP_IN_ORDER] = 'i',
		[STAMP_REORDERED] = 'r',
		[STAMP_DUPLICATED] = 'd',
	};
	struct stamp_flow flow = {0};
	char got[9] = "";

	for (size_t i = 0; i < strlen(flows[_i].want); i++)
		got[i] = letters[stamp_flow_take(&flow, flows[_i].numbers[i])];
	ck_assert_msg(strcmp(got, flows[_i].want) == 0, "%s: got %s", flows[_i].name,
		      got);
}
END_TEST

/* Against a list of all arrivals, with every reordering within the window. */
START_TEST(agrees_with_a_list)
{
	enum { COUNT = 4000, NEAR = 40 };
	static bool seen[COUNT + NEAR];
	struct stamp_flow flow = {0};
	uint64_t state = 7, highest = 0;

	for (uint64_t i = 0; i < COUNT; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		uint64_t number = i / 2 + (state >> 33) % (NEAR / 2);
		enum stamp_order want = seen[number]                ? STAMP_DUPLICATED
					: i > 0 && number < highest ? STAMP_REORDERED
								    : STAMP_IN_ORDER;
		ck_assert_int_eq(stamp_flow_take(&flow, number), want);
		seen[number] = true;
		highest = number > highest ? number : highest;
	}
}
END_TEST

static void stamp_suite(Suite *suite)
{
	TCase *tc = tcase_create("stamp");
	tcase_add_test(tc, comes_back_as_written);
	tcase_add_loop_test(tc, order_is_reported, 0, ROWS(flows));
	tcase_add_test(tc, agrees_with_a_list);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stamp", stamp_suite)
