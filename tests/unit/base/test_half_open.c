/*
 * test_half_open.c - who gives way, and a model: a plain list in order of arrival.
 */
#include "base/net/half_open.h"

#include <string.h>

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

static const struct siphash_key key = {1, 2};

static struct ip_addr source(unsigned n)
{
	return (struct ip_addr){
		.family = IP_V4,
		.bytes = {192, 0, (uint8_t)(n >> 8), (uint8_t)n},
	};
}

static struct half_open *half_open;

static void set_up(void)
{
	half_open = half_open_new(4, &key);
	ck_assert_ptr_nonnull(half_open);
}

static void tear_down(void)
{
	half_open_free(half_open);
}

static void add(struct half_open_entry *entry, unsigned from)
{
	struct ip_addr ip = source(from);

	ck_assert(half_open_add(half_open, entry, &ip));
}

static struct half_open_entry *oldest_from(unsigned from)
{
	struct ip_addr ip = source(from);

	return half_open_oldest_from(half_open, &ip);
}

static struct half_open_entry *oldest_of_fullest(void)
{
	size_t count;

	return half_open_oldest_of_fullest(half_open, &count);
}

START_TEST(nothing_is_the_oldest_of_none)
{
	size_t count = 1;

	ck_assert_ptr_null(half_open_oldest_of_fullest(half_open, &count));
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(oldest_from(1));
	ck_assert_uint_eq(half_open_count(half_open), 0);
}
END_TEST

START_TEST(the_oldest_of_the_fullest_gives_way)
{
	struct half_open_entry quiet[2] = {0}, loud[3] = {0};

	add(&quiet[0], 1);
	add(&loud[0], 2);
	add(&loud[1], 2);
	add(&quiet[1], 1);
	add(&loud[2], 2);
	ck_assert_ptr_eq(oldest_of_fullest(), &loud[0]);
	ck_assert_ptr_eq(oldest_from(1), &quiet[0]);
	ck_assert_ptr_eq(oldest_from(2), &loud[0]);

	/* The middle one authenticates; now both have two, source 1 for longer. */
	half_open_remove(half_open, &loud[1]);
	ck_assert(!half_open_has(&loud[1]) && half_open_has(&loud[2]));
	ck_assert_ptr_eq(oldest_of_fullest(), &quiet[0]);
	half_open_remove(half_open, &quiet[0]);
	ck_assert_ptr_eq(oldest_of_fullest(), &loud[0]);
	half_open_remove(half_open, &loud[0]);
	half_open_remove(half_open, &loud[2]);
	ck_assert_ptr_null(oldest_from(2));
	ck_assert_ptr_eq(oldest_of_fullest(), &quiet[1]);
	half_open_remove(half_open, &quiet[1]);
}
END_TEST

START_TEST(among_single_ones_the_oldest_gives_way)
{
	struct half_open_entry entries[100] = {0};

	for (unsigned i = 0; i < 100; i++)
		add(&entries[i], i);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_ptr_eq(oldest_of_fullest(), &entries[i]);
		half_open_remove(half_open, &entries[i]);
	}
}
END_TEST

/* --- the model ------------------------------------------------------------------------------- */

enum { ENTRIES = 400, SOURCES = 12 };

struct model {
	struct half_open_entry entries[ENTRIES];
	unsigned from[ENTRIES];
	unsigned order[ENTRIES]; /* indexes of entries, the oldest first */
	unsigned count;
};

static unsigned model_count_from(const struct model *model, unsigned from)
{
	unsigned count = 0;

	for (unsigned i = 0; i < model->count; i++)
		count += model->from[model->order[i]] == from;
	return count;
}

static const struct half_open_entry *model_oldest_from(const struct model *model,
						       unsigned from)
{
	for (unsigned i = 0; i < model->count; i++) {
		if (model->from[model->order[i]] == from)
			return &model->entries[model->order[i]];
	}
	return NULL;
}

static void model_check(const struct model *model)
{
	size_t count, most = 0;
	const struct half_open_entry *way =
		half_open_oldest_of_fullest(half_open, &count);

	ck_assert_uint_eq(half_open_count(half_open), model->count);
	for (unsigned from = 0; from < SOURCES; from++) {
		struct ip_addr ip = source(from);
		unsigned want = model_count_from(model, from);

		ck_assert_uint_eq(half_open_count_from(half_open, &ip), want);
		ck_assert_ptr_eq(half_open_oldest_from(half_open, &ip),
				 model_oldest_from(model, from));
		most = want > most ? want : most;
	}
	ck_assert_uint_eq(count, most);
	if (model->count == 0)
		return;
	unsigned from = model->from[way - model->entries];
	ck_assert_uint_eq(model_count_from(model, from), most);
	ck_assert_ptr_eq(way, model_oldest_from(model, from));
}

static void model_remove(struct model *model, unsigned at)
{
	half_open_remove(half_open, &model->entries[model->order[at]]);
	model->count--;
	memmove(&model->order[at], &model->order[at + 1],
		(model->count - at) * sizeof(model->order[0]));
}

static void model_add(struct model *model, unsigned from)
{
	unsigned free_one = 0;

	while (half_open_has(&model->entries[free_one]))
		free_one++;
	add(&model->entries[free_one], from);
	model->from[free_one] = from;
	model->order[model->count++] = free_one;
}

START_TEST(half_open_agrees_with_its_model)
{
	static struct model model;
	uint64_t random = (uint64_t)_i;

	const unsigned steps = unit_rounds(2000, 6000);
	for (unsigned step = 0; step < steps; step++) {
		/* It fills and empties by turns; low sources come more often. */
		bool fills = random_below(&random, 100) < (step / 1000 % 2 ? 35 : 65);

		if (fills && model.count < ENTRIES)
			model_add(&model,
				  random_below(&random,
					       1 + random_below(&random, SOURCES)));
		else if (model.count > 0)
			model_remove(&model, random_below(&random, model.count));
		model_check(&model);
	}
	while (model.count > 0)
		model_remove(&model, 0);
}
END_TEST

/* Networks of one IPv6 /48 count together where the fullest is asked for, and each for itself. */
START_TEST(an_ipv6_site_is_the_fullest)
{
	struct half_open_entry entries[6] = {0};
	struct ip_addr ip[6], other;
	size_t count;

	for (unsigned i = 0; i < 6; i++) {
		ck_assert(ip_addr_parse(i < 2 ? "192.0.2.7" : "2001:db8:5::", &ip[i]));
		if (i >= 2)
			ip[i].bytes[7] = (uint8_t)i;
		ck_assert(half_open_add(half_open, &entries[i], &ip[i]));
	}
	ck_assert_ptr_eq(half_open_oldest_of_fullest(half_open, &count), &entries[2]);
	ck_assert_uint_eq(count, 4);
	ck_assert_ptr_eq(half_open_oldest_from(half_open, &ip[4]), &entries[4]);
	ck_assert_ptr_eq(half_open_oldest_near(half_open, &ip[4]), &entries[2]);
	ck_assert_ptr_eq(half_open_oldest_near(half_open, &ip[1]), &entries[0]);
	ck_assert(ip_addr_parse("2001:db8:6::", &other));
	ck_assert_ptr_null(half_open_oldest_near(half_open, &other));
	for (unsigned i = 2; i < 5; i++)
		half_open_remove(half_open, &entries[i]);
	ck_assert_ptr_eq(half_open_oldest_of_fullest(half_open, &count), &entries[0]);
	half_open_remove(half_open, &entries[5]);
	half_open_remove(half_open, &entries[0]);
	half_open_remove(half_open, &entries[1]);
}
END_TEST

static void half_open_suite(Suite *suite)
{
	TCase *tc = tcase_create("half_open");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, nothing_is_the_oldest_of_none);
	tcase_add_test(tc, the_oldest_of_the_fullest_gives_way);
	tcase_add_test(tc, among_single_ones_the_oldest_gives_way);
	tcase_add_test(tc, an_ipv6_site_is_the_fullest);
	tcase_add_loop_test(tc, half_open_agrees_with_its_model, 1, 4);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("half_open", half_open_suite)
