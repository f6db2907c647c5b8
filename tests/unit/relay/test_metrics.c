/*
 * test_metrics.c - the relay's metrics: the same families and samples whatever the
 * clients, and values that agree with what happened.
 */
#include "relay/ops/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

static struct fixture fixture;
static struct metrics_facts facts;

static void begin(void)
{
	ck_assert(fixture_start(&fixture, NULL));
	memset(&facts, 0, sizeof(facts));
	facts.now_s = facts.started_s = 1700000000;
	facts.pool_count = 1;
	facts.pools[0] = (struct metrics_pool){
		.address = ep("198.18.0.1:0").ip,
		.protocol = TRANSPORT_UDP,
		.figures = {.size = 100, .used = 3, .resting = 20},
	};
	facts.worker_count = 2;
	facts.workers[1] = (struct worker_load_reading){.cpu_s = 2.5, .ratio = 0.25};
	facts.signing_key_ends_s = 1700003600;
	facts.last_key_ends_s = INT64_MAX;
	facts.reload.generation = 1;
}

static void end(void)
{
	fixture_stop(&fixture);
}

static char *scrape(size_t *len)
{
	struct openmetrics om;

	openmetrics_init(&om, OPENMETRICS_1_0_0);
	memset(&facts.counters, 0, sizeof(facts.counters));
	counters_sum(&facts.counters, &fixture.turn.counters);
	metrics_write(&facts, &om);
	char *text = openmetrics_finish(&om, len);
	ck_assert_ptr_nonnull(text);
	return text;
}

/* The value of that sample, by name and labels as written; NAN if it is missing. */
static double value_of(const char *text, const char *sample)
{
	size_t len = strlen(sample);

	for (const char *p = text; (p = strstr(p, sample)) != NULL; p += len) {
		if (p[-1] == '\n' && p[len] == ' ')
			return strtod(p + len, NULL);
	}
	return (double)NAN;
}

#define EXPECT(text, sample, want)                                            \
	ck_assert_msg(value_of(text, sample) == (want), "%s: got %g", sample, \
		      value_of(text, sample))

static unsigned lines_of(const char *text)
{
	unsigned lines = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		lines++;
	return lines;
}

START_TEST(values_agree_with_the_facts)
{
	char *text = scrape(NULL);

	EXPECT(text,
	       "avedge_relay_ports{address=\"198.18.0.1\",protocol=\"udp\",state=\"free\"}",
	       77);
	EXPECT(text,
	       "avedge_relay_ports{address=\"198.18.0.1\",protocol=\"udp\",state=\"used\"}",
	       3);
	EXPECT(text,
	       "avedge_relay_ports{address=\"198.18.0.1\",protocol=\"udp\",state=\"resting\"}",
	       20);
	EXPECT(text, "avedge_worker_cpu_seconds_total{worker=\"1\"}", 2.5);
	EXPECT(text, "avedge_worker_busy_ratio{worker=\"1\"}", 0.25);
	EXPECT(text, "avedge_worker_busy_ratio{worker=\"0\"}", 0);
	EXPECT(text, "avedge_key_expiry_timestamp_seconds{key=\"signing\"}", 1700003600);
	EXPECT(text, "avedge_key_expiry_timestamp_seconds{key=\"last\"}",
	       (double)INFINITY);
	EXPECT(text, "avedge_reload_successful", 1);
	EXPECT(text, "avedge_reload_timestamp_seconds", 1700000000);
	EXPECT(text, "avedge_restart_pending", 0);
	EXPECT(text, "avedge_draining", 0);
	EXPECT(text, "avedge_offload_on", 0);
	EXPECT(text, "avedge_offload_passed_up_packets_total{reason=\"failed\"}", 0);
	ck_assert(isnan(value_of(text, "avedge_certificate_expiry_timestamp_seconds")));
	ck_assert(isnan(value_of(text, "avedge_drain_deadline_timestamp_seconds")));
	free(text);

	facts.certificate_ends_s = 1800000000;
	facts.reload = (struct reload_last){.at_s = 1700000009,
					    .result = RELOAD_REJECTED,
					    .generation = 4,
					    .restart_pending = "realm, workers"};
	facts.drain = (struct drain_state){
		.draining = true, .deadline_s = 1700000500, .remaining = 6};
	facts.offload = (struct offload_view){.is_on = true,
					      .is_missed = true,
					      .flows = 12,
					      .flows_max = 64,
					      .counts = {.packets = 99,
							 .ups = {[FLOW_UP_NO_WAY] = 5}}};
	text = scrape(NULL);
	EXPECT(text, "avedge_offload_on", 1);
	EXPECT(text, "avedge_offload_missed", 1);
	EXPECT(text, "avedge_offload_flows", 12);
	EXPECT(text, "avedge_offload_flows_max", 64);
	EXPECT(text, "avedge_offload_forwarded_packets_total", 99);
	EXPECT(text, "avedge_offload_passed_up_packets_total{reason=\"no-way\"}", 5);
	EXPECT(text, "avedge_certificate_expiry_timestamp_seconds", 1800000000);
	EXPECT(text, "avedge_reload_successful", 0);
	EXPECT(text, "avedge_reload_timestamp_seconds", 1700000009);
	EXPECT(text, "avedge_configuration_generation", 4);
	EXPECT(text, "avedge_restart_pending", 1);
	EXPECT(text, "avedge_draining", 1);
	EXPECT(text, "avedge_drain_remaining_allocations", 6);
	EXPECT(text, "avedge_drain_deadline_timestamp_seconds", 1700000500);
	free(text);
}
END_TEST

#define UDP_OUTSIDE \
	"{dialect=\"ietf\",side=\"outside\",transport=\"udp\",relay_transport=\"udp\"}"

START_TEST(an_allocation_is_seen_while_it_lives)
{
	int code;
	struct allocation *al = fixture_allocate(&fixture, "alice", 5000, &code);
	char *text = scrape(NULL);

	ck_assert_ptr_nonnull(al);
	EXPECT(text, "avedge_allocations" UDP_OUTSIDE, 1);
	EXPECT(text, "avedge_allocations_opened_total" UDP_OUTSIDE, 1);
	EXPECT(text, "avedge_allocation_duration_seconds_count", 0);
	free(text);

	al->to_peer = (struct traffic){10, 1600};
	allocation_delete(&fixture.turn, al, END_RELEASED, al->created_ms + 20500);
	text = scrape(NULL);
	EXPECT(text, "avedge_allocations" UDP_OUTSIDE, 0);
	EXPECT(text, "avedge_allocations_opened_total" UDP_OUTSIDE, 1);
	EXPECT(text, "avedge_allocations_ended_total{reason=\"released\"}", 1);
	EXPECT(text, "avedge_allocation_duration_seconds_bucket{le=\"15.0\"}", 0);
	EXPECT(text, "avedge_allocation_duration_seconds_bucket{le=\"60.0\"}", 1);
	EXPECT(text, "avedge_allocation_duration_seconds_sum", 20.5);
	EXPECT(text, "avedge_allocation_relayed_bytes_sum", 1600);
	free(text);
}
END_TEST

START_TEST(drops_and_traffic_have_their_labels)
{
	struct counters *counters = &fixture.turn.counters;

	counters->drops[DROP_NO_PERMISSION] = 7;
	counters->to_client[SIDE_INSIDE][TRANSPORT_TLS] = (struct traffic){2, 300};
	counters->requests[REQUEST_ALLOCATE][request_result_index(401)] = 9;
	counters->requests[REQUEST_BINDING][request_result_index(0)] = 4;
	counters->requests[REQUEST_REFRESH][request_result_index(999)] = 1;
	counters->socket_drops[SOCKET_RELAY] = 11;
	counters->refusals[REFUSAL_PREFIX] = 12;
	counters->exceeded_peak = 13;
	counters->stream_waits[BANDWIDTH_TOTAL] = 14;
	counters->admissions[ADMISSION_COMMIT_DENIED] = 15;
	facts.reserved = (struct ms_reserved_figures){
		.count = 2, .bps = 750000, .bps_of_side = {[SIDE_OUTSIDE] = 750000}};

	char *text = scrape(NULL);
	EXPECT(text, "avedge_drops_total{reason=\"no-permission\"}", 7);
	EXPECT(text,
	       "avedge_relayed_bytes_total{direction=\"to-client\",side=\"inside\","
	       "transport=\"tls\"}",
	       300);
	EXPECT(text,
	       "avedge_relayed_packets_total{direction=\"to-client\",side=\"inside\","
	       "transport=\"tls\"}",
	       2);
	EXPECT(text, "avedge_requests_total{method=\"allocate\",result=\"401\"}", 9);
	EXPECT(text, "avedge_requests_total{method=\"binding\",result=\"success\"}", 4);
	EXPECT(text, "avedge_requests_total{method=\"refresh\",result=\"other\"}", 1);
	EXPECT(text, "avedge_socket_drops_total{socket=\"relay\"}", 11);
	EXPECT(text, "avedge_allocation_refusals_total{reason=\"prefix\"}", 12);
	EXPECT(text, "avedge_bandwidth_exceeded_total{limit=\"average\"}", 0);
	EXPECT(text, "avedge_bandwidth_exceeded_total{limit=\"peak\"}", 13);
	EXPECT(text, "avedge_stream_waits_total{limit=\"total\"}", 14);
	EXPECT(text, "avedge_bandwidth_requests_total{result=\"commit-denied\"}", 15);
	EXPECT(text, "avedge_bandwidth_reservations", 2);
	EXPECT(text, "avedge_bandwidth_reserved_bytes_per_second{side=\"inside\"}", 0);
	EXPECT(text, "avedge_bandwidth_reserved_bytes_per_second{side=\"outside\"}",
	       93750);
	free(text);
}
END_TEST

/* Replace every digit: the rest must be the same text. */
static void blur(char *text)
{
	char *to = text;

	for (char *p = text; *p != '\0'; p++) {
		/* Only values: after the last space of a line that is not a comment. */
		if (*p == ' ' && text[0] != '\0' &&
		    strcspn(p + 1, " \n") == strcspn(p + 1, "\n")) {
			*to++ = ' ';
			p += strcspn(p, "\n");
		}
		*to++ = *p;
	}
	*to = '\0';
}

START_TEST(a_hundred_thousand_users_add_no_line)
{
	char user[32], *before = scrape(NULL);
	unsigned lines = lines_of(before);
	size_t len;
	int code;

	for (unsigned i = 0; i < 100000; i++) {
		snprintf(user, sizeof(user), "user-%u", i);
		struct allocation *al = fixture_allocate(
			&fixture, user, (uint16_t)(1024 + i % 60000), &code);
		ck_assert_msg(al != NULL, "%s: %d", user, code);
		fixture.now_ms += 7;
		allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	}

	char *after = scrape(&len);
	EXPECT(after, "avedge_allocations_opened_total" UDP_OUTSIDE, 100000);
	EXPECT(after, "avedge_allocation_duration_seconds_count", 100000);
	ck_assert_uint_eq(lines_of(after), lines);
	ck_assert_ptr_null(strstr(after, "user-"));
	ck_assert_uint_lt(len, 64 << 10);
	blur(before);
	blur(after);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

/* A family is announced once, and its samples follow it together. */
START_TEST(no_sample_appears_twice)
{
	char *text = scrape(NULL);

	for (char *line = text, *next; (next = strchr(line, '\n')) != NULL;
	     line = next + 1) {
		size_t len = strcspn(line, " ");
		char sample[256];

		if (*line == '#')
			len = (size_t)(next - line);
		ck_assert_uint_lt(len + 2, sizeof(sample));
		snprintf(sample, sizeof(sample), "\n%.*s", (int)len + (*line != '#'),
			 line);
		ck_assert_msg(strstr(next, sample) == NULL, "twice: %s", sample + 1);
	}
	free(text);
}
END_TEST

static void metrics_suite(Suite *suite)
{
	TCase *tc = tcase_create("metrics");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, values_agree_with_the_facts);
	tcase_add_test(tc, an_allocation_is_seen_while_it_lives);
	tcase_add_test(tc, drops_and_traffic_have_their_labels);
	tcase_add_test(tc, a_hundred_thousand_users_add_no_line);
	tcase_add_test(tc, no_sample_appears_twice);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("metrics", metrics_suite)
