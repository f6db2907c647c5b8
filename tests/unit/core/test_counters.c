/*
 * test_counters.c - the closed sets of names, and sums over workers.
 */
#include "relay/core/counters.h"

#include <ctype.h>
#include <string.h>

#include "relay/core/attribute_counts.h"
#include "tests/unit/lib/unit.h"

/* Names become metric labels: lower-case words with hyphens, all different. */
static void check_names(const char *what, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ck_assert_msg(names[i] && names[i][0], "%s %zu has no name", what, i);
		for (const char *c = names[i]; *c; c++)
			ck_assert_msg(islower((unsigned char)*c) ||
					      isdigit((unsigned char)*c) ||
					      (*c == '-' && c > names[i]),
				      "%s \"%s\"", what, names[i]);
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(strcmp(names[i], names[j]) != 0, "%s \"%s\" twice",
				      what, names[i]);
	}
}

START_TEST(every_name_is_there_once)
{
	const char *drops[DROP_REASON_COUNT], *methods[REQUEST_METHOD_COUNT];
	const char *sides[SIDE_COUNT], *transports[TRANSPORT_COUNT];
	const char *ends[CONNECTION_END_COUNT];
	const char *peers[PEER_EVENT_COUNT], *sockets[SOCKET_KIND_COUNT];

	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		drops[i] = drop_reason_name((enum drop_reason)i);
		ck_assert_int_gt(strlen(drop_reason_text((enum drop_reason)i)), 5);
	}
	for (int i = 0; i < CONNECTION_END_COUNT; i++) {
		ends[i] = connection_end_name((enum connection_end)i);
		ck_assert_int_gt(strlen(connection_end_text((enum connection_end)i)), 5);
	}
	for (int i = 0; i < PEER_EVENT_COUNT; i++)
		peers[i] = peer_event_name((enum peer_event)i);
	for (int i = 0; i < REQUEST_METHOD_COUNT; i++)
		methods[i] = request_method_name((enum request_method)i);
	for (int i = 0; i < SIDE_COUNT; i++)
		sides[i] = side_name((enum side)i);
	for (int i = 0; i < TRANSPORT_COUNT; i++)
		transports[i] = transport_name((enum transport)i);

	for (int i = 0; i < SOCKET_KIND_COUNT; i++)
		sockets[i] = socket_kind_name((enum socket_kind)i);

	check_names("socket", sockets, ARRAY_LEN(sockets));
	check_names("drop reason", drops, ARRAY_LEN(drops));
	check_names("end of a connection", ends, ARRAY_LEN(ends));
	check_names("peer event", peers, ARRAY_LEN(peers));
	check_names("method", methods, ARRAY_LEN(methods));
	check_names("side", sides, ARRAY_LEN(sides));
	check_names("transport", transports, ARRAY_LEN(transports));
}
END_TEST

START_TEST(numbers_outside_the_sets_have_a_name_too)
{
	ck_assert_str_eq(drop_reason_name(DROP_REASON_COUNT), "?");
	ck_assert_str_eq(connection_end_name(CONNECTION_END_COUNT), "?");
	ck_assert_str_eq(connection_end_text(CONNECTION_END_COUNT), "?");
	ck_assert_str_eq(drop_reason_text((enum drop_reason) - 1), "?");
	ck_assert_str_eq(peer_event_name(PEER_EVENT_COUNT), "?");
	ck_assert_str_eq(request_method_name(REQUEST_METHOD_COUNT), "?");
	ck_assert_str_eq(socket_kind_name(SOCKET_KIND_COUNT), "?");
	ck_assert_str_eq(admission_name(ADMISSION_COUNT), "?");
	ck_assert_str_eq(mobility_event_name(MOBILITY_EVENT_COUNT), "?");
	ck_assert_str_eq(mobility_event_text(MOBILITY_EVENT_COUNT), "?");
	ck_assert_str_eq(ms_attribute_name(MS_ATTRIBUTE_COUNT), "?");
	ck_assert_str_eq(side_name(SIDE_COUNT), "?");
	ck_assert_str_eq(transport_name(TRANSPORT_COUNT), "?");
}
END_TEST

START_TEST(streams_are_tcp_and_tls)
{
	ck_assert(transport_is_stream(TRANSPORT_TCP));
	ck_assert(transport_is_stream(TRANSPORT_TLS));
	ck_assert(!transport_is_stream(TRANSPORT_UDP));
	ck_assert(!transport_is_stream(TRANSPORT_DTLS));
}
END_TEST

static const int codes[] = {0,   300, 400, 401, 403, 405, 420, 430, 431,
			    432, 434, 435, 436, 437, 438, 440, 441, 442,
			    443, 446, 447, 486, 487, 500, 508, 600};

START_TEST(each_code_has_its_own_index)
{
	bool used[REQUEST_RESULT_COUNT] = {false};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		int index = request_result_index(codes[i]);
		ck_assert_int_ge(index, 0);
		ck_assert_int_lt(index, REQUEST_RESULT_COUNT - 1);
		ck_assert_msg(!used[index], "%d shares index %d", codes[i], index);
		used[index] = true;
		ck_assert_int_eq(request_result_code(index), codes[i]);
	}
}
END_TEST

START_TEST(unknown_codes_share_the_last_index)
{
	const int unknown[] = {-1, 1, 200, 299, 439, 499, 601, 999};

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		ck_assert_int_eq(request_result_index(unknown[i]),
				 REQUEST_RESULT_COUNT - 1);
	ck_assert_int_eq(request_result_code(REQUEST_RESULT_COUNT - 1), -1);
	ck_assert_int_eq(request_result_code(REQUEST_RESULT_COUNT), -1);
	ck_assert_int_eq(request_result_code(-1), -1);
}
END_TEST

START_TEST(a_sum_takes_in_every_counter)
{
	struct counters one, two, sum;
	uint64_t *a = (uint64_t *)&one, *b = (uint64_t *)&two, *s = (uint64_t *)&sum;
	const size_t count = sizeof(one) / sizeof(*a);

	memset(&sum, 0, sizeof(sum));
	for (size_t i = 0; i < count; i++) {
		a[i] = i + 1;
		b[i] = 1000 * i;
	}
	counters_sum(&sum, &one);
	counters_sum(&sum, &two);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(s[i], 1001 * i + 1);
	/*
	 * The first and the last by name, to show that the array above covers the struct.
	 */
	ck_assert_uint_eq(sum.drops[DROP_NONE], 1);
	ck_assert_uint_eq(sum.bind_failures, one.bind_failures + two.bind_failures);
	ck_assert_uint_eq(sum.to_client[SIDE_OUTSIDE][TRANSPORT_TCP].bytes,
			  one.to_client[SIDE_OUTSIDE][TRANSPORT_TCP].bytes +
				  two.to_client[SIDE_OUTSIDE][TRANSPORT_TCP].bytes);
}
END_TEST

START_TEST(transports_add_up)
{
	struct traffic by_transport[TRANSPORT_COUNT];

	for (unsigned i = 0; i < TRANSPORT_COUNT; i++)
		by_transport[i] = (struct traffic){i + 1, 100 * (i + 1)};
	struct traffic sum = traffic_sum(by_transport);
	ck_assert_uint_eq(sum.packets, 1 + 2 + 3 + 4);
	ck_assert_uint_eq(sum.bytes, 1000);
}
END_TEST

START_TEST(a_gap_between_reads_opens_nothing)
{
	ck_assert_uint_eq(counters_open(7, 4), 3);
	ck_assert_uint_eq(counters_open(4, 4), 0);
	ck_assert_uint_eq(counters_open(4, 5), 0);
}
END_TEST

static const struct {
	const char *name;
	const struct distribution_bounds *bounds;
	uint64_t value;
	size_t want;
} figures[] = {
	{"nothing", &distribution_durations, 0, 0},
	{"a second", &distribution_durations, 1000, 0},
	{"a little more", &distribution_durations, 1001, 1},
	{"a working day", &distribution_durations, 8 * 3600 * 1000, 9},
	{"longer than any bound", &distribution_durations, UINT64_C(1) << 40, 10},
	{"a kilobyte", &distribution_bytes, 1000, 0},
	{"100 GB", &distribution_bytes, UINT64_C(100000000000), 8},
	{"more than 100 GB", &distribution_bytes, UINT64_C(100000000001), 9},
	{"one datagram", &distribution_batches, 1, 0},
	{"three", &distribution_batches, 3, 2},
	{"a full batch", &distribution_batches, 32, 5},
};

START_TEST(values_find_their_bucket)
{
	struct distribution distribution = {0};

	distribution_add(&distribution, figures[_i].bounds, figures[_i].value);
	ck_assert_uint_eq(distribution.sum, figures[_i].value);
	for (size_t i = 0; i < ARRAY_LEN(distribution.counts); i++)
		ck_assert_msg(distribution.counts[i] == (i == figures[_i].want),
			      "%s: bucket %zu", figures[_i].name, i);
}
END_TEST

START_TEST(bounds_rise)
{
	const struct distribution_bounds *const all[] = {
		&distribution_durations, &distribution_bytes, &distribution_batches};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		ck_assert_uint_le(all[i]->count, DISTRIBUTION_BOUNDS_MAX);
		for (size_t j = 1; j < all[i]->count; j++)
			ck_assert_uint_lt(all[i]->bounds[j - 1], all[i]->bounds[j]);
	}
}
END_TEST

START_TEST(attributes_are_counted_by_number)
{
	static struct attribute_counts workers[2];
	struct attribute_count list[ATTRIBUTE_COUNTS_MAX];
	size_t len = 0;

	attribute_counts_merge(&workers[0], list, &len);
	ck_assert_uint_eq(len, 0);
	for (unsigned i = 0; i < 5; i++)
		attribute_counts_add(&workers[i % 2], 0x7FFF);
	attribute_counts_add(&workers[1], 0x0000); /* a type like any other */
	for (unsigned i = 0; i < 9; i++)
		attribute_counts_add(&workers[1], 0x0018);
	for (unsigned i = 0; i < 2; i++)
		attribute_counts_merge(&workers[i], list, &len);
	attribute_counts_sort(list, len);
	ck_assert_uint_eq(len, 3);
	ck_assert(list[0].type == 0x0018 && list[0].count == 9);
	ck_assert(list[1].type == 0x7FFF && list[1].count == 5);
	ck_assert(list[2].type == 0x0000 && list[2].count == 1);
}
END_TEST

START_TEST(attribute_numbers_are_bounded)
{
	static struct attribute_counts workers[2];
	struct attribute_count list[ATTRIBUTE_COUNTS_MAX];
	size_t len = 0;

	for (unsigned type = 0; type < 0x8000; type++) {
		attribute_counts_add(&workers[0], (uint16_t)type);
		attribute_counts_add(&workers[1], (uint16_t)(0x7FFF - type));
	}
	attribute_counts_add(&workers[0], 5);
	for (unsigned i = 0; i < 2; i++)
		attribute_counts_merge(&workers[i], list, &len);
	attribute_counts_sort(list, len);
	ck_assert_uint_eq(len, ATTRIBUTE_COUNTS_MAX);
	ck_assert(list[0].type == 5 && list[0].count == 2);
	ck_assert(list[len - 1].type == ATTRIBUTE_COUNTS_MAX - 1);
}
END_TEST

START_TEST(attack_25_counters_pass_32_bits)
{
	uint64_t counter = UINT32_MAX;
	counter_add(&counter, 1);
	counter_add(&counter, UINT32_MAX);
	ck_assert_uint_eq(counter_read(&counter), UINT64_C(0x1FFFFFFFF));
}
END_TEST

static void counters_suite(Suite *suite)
{
	TCase *tc = tcase_create("counters");
	tcase_add_test(tc, every_name_is_there_once);
	tcase_add_test(tc, numbers_outside_the_sets_have_a_name_too);
	tcase_add_test(tc, streams_are_tcp_and_tls);
	tcase_add_test(tc, each_code_has_its_own_index);
	tcase_add_test(tc, unknown_codes_share_the_last_index);
	tcase_add_test(tc, a_sum_takes_in_every_counter);
	tcase_add_test(tc, transports_add_up);
	tcase_add_test(tc, a_gap_between_reads_opens_nothing);
	tcase_add_loop_test(tc, values_find_their_bucket, 0, ROWS(figures));
	tcase_add_test(tc, bounds_rise);
	tcase_add_test(tc, attributes_are_counted_by_number);
	tcase_add_test(tc, attribute_numbers_are_bounded);
	tcase_add_test(tc, attack_25_counters_pass_32_bits);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("counters", counters_suite)
