/*
 * test_page.c - the status page: complete, without external resources, and with figures
 * that are always JSON.
 */
#include "relay/ops/page.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "tests/unit/lib/unit.h"

static char *html;
static size_t html_len;

static void begin(void)
{
	html = page_html(&html_len);
	ck_assert_ptr_nonnull(html);
	ck_assert_uint_eq(strlen(html), html_len);
}

static void end(void)
{
	free(html);
}

/* External resources, or code that needs a more permissive policy. */
static const char *const forbidden[] = {
	"src=",      "@import",   "url(",           "style=\"",
	"onclick",   "onload",    "onerror",        "javascript:",
	"innerHTML", "outerHTML", "document.write", "insertAdjacentHTML",
	"eval(",     "<script ",  "<style ",
};

START_TEST(the_page_is_complete)
{
	ck_assert_msg(strstr(html, forbidden[_i]) == NULL, "%s", forbidden[_i]);
}
END_TEST

START_TEST(links_stay_here)
{
	static const char namespace[] = "http://www.w3.org/2000/svg";

	for (const char *p = html; (p = strstr(p, "://")) != NULL; p++)
		ck_assert_msg(strncmp(p - 4, namespace, strlen(namespace)) == 0, "%.40s",
			      p - 8);
}
END_TEST

static unsigned count_of(const char *what)
{
	unsigned count = 0;

	for (const char *p = html; (p = strstr(p, what)) != NULL; p++)
		count++;
	return count;
}

static void expect_hash(const char *policy, const char *tag)
{
	char from[16], to[16], text[64], want[96];
	unsigned char hash[32];

	snprintf(from, sizeof(from), "<%s>", tag);
	snprintf(to, sizeof(to), "</%s>", tag);
	ck_assert_uint_eq(count_of(from), 1);
	ck_assert_uint_eq(count_of(to), 1);
	const char *begins = strstr(html, from) + strlen(from);
	EVP_Digest(begins, (size_t)(strstr(html, to) - begins), hash, NULL, EVP_sha256(),
		   NULL);
	EVP_EncodeBlock((unsigned char *)text, hash, sizeof(hash));
	snprintf(want, sizeof(want), "%s-src 'sha256-%s'", tag, text);
	ck_assert_msg(strstr(policy, want) != NULL, "%s is not in %s", want, policy);
}

START_TEST(the_policy_names_script_and_style)
{
	char *policy = page_policy();

	ck_assert_ptr_nonnull(policy);
	ck_assert(strncmp(policy, "default-src 'none';", 19) == 0);
	ck_assert_ptr_null(strstr(policy, "unsafe"));
	expect_hash(policy, "script");
	expect_hash(policy, "style");
	free(policy);
}
END_TEST

static struct metrics_facts metrics;
static struct relay_top top;

static json_t *status(const struct port_row *listeners, size_t count)
{
	const struct page_facts facts = {
		.metrics = &metrics,
		.ports = listeners,
		.port_count = count,
		.top = &top,
	};
	size_t len = 0;
	char *text = page_status(&facts, &len);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), len);
	json_t *document = json_loads(text, 0, NULL);
	ck_assert_msg(json_is_object(document), "%s", text);
	free(text);
	return document;
}

static json_int_t number(const json_t *document, const char *name)
{
	const json_t *value = json_object_get(document, name);

	ck_assert_msg(json_is_integer(value), "%s", name);
	return json_integer_value(value);
}

START_TEST(an_idle_relay)
{
	memset(&metrics, 0, sizeof(metrics));
	memset(&top, 0, sizeof(top));
	metrics.last_key_ends_s = INT64_MAX;
	json_t *document = status(NULL, 0);

	ck_assert_str_eq(json_string_value(json_object_get(document, "state")),
			 "serving");
	ck_assert(json_is_null(json_object_get(document, "drain")));
	ck_assert(json_is_null(json_object_get(document, "key_ends_s")));
	ck_assert_int_eq(number(document, "certificate_ends_s"), 0);
	ck_assert_int_eq(number(document, "allocations"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "top_allocations")),
			  0);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "drop_reasons")), 0);
	json_decref(document);
}
END_TEST

START_TEST(a_busy_relay_that_drains)
{
	const struct port_row listeners[] = {
		{.side = SIDE_INSIDE, .protocol = "udp", .service = "STUN/TURN"},
		{.side = SIDE_COUNT, .protocol = "tcp", .service = "metrics"},
	};
	struct counters *counters = &metrics.counters;

	memset(&metrics, 0, sizeof(metrics));
	memset(&top, 0, sizeof(top));
	counters->allocations_opened = 70;
	counters->allocations_closed = 20;
	counters->drops[DROP_POLICY] = 5;
	counters->drops[DROP_LIMITED] = 6;
	counters->to_peer[SIDE_INSIDE][TRANSPORT_UDP] = (struct traffic){1, 10};
	counters->to_peer[SIDE_OUTSIDE][TRANSPORT_TLS] = (struct traffic){2, 20};
	metrics.drain = (struct drain_state){
		.draining = true, .since_s = 7, .began_with = 60, .remaining = 50};
	strcpy(metrics.reload.restart_pending, "realm, workers");
	metrics.continuity.taken = (struct take_up_report){.process = 2, .taken_up = 4};
	metrics.worker_count = 2;
	metrics.pool_count = 1;
	metrics.pools[0].figures.size = 100;
	top.count = RELAY_TOP_MAX;
	json_t *document = status(listeners, ARRAY_LEN(listeners));

	ck_assert_str_eq(json_string_value(json_object_get(document, "state")),
			 "draining");
	ck_assert_int_eq(number(json_object_get(document, "drain"), "remaining"), 50);
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_object_get(document, "reload"), "restart_pending")),
			 "realm, workers");
	ck_assert_int_eq(number(json_object_get(document, "taken_up"), "allocations"), 4);
	ck_assert(json_is_null(
		json_object_get(json_object_get(document, "next_restart"), "way")));
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_object_get(document, "offload"), "state")),
			 "off");
	ck_assert_int_eq(number(document, "allocations"), 50);
	ck_assert_int_eq(number(document, "drops"), 11);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "drop_reasons")), 2);
	ck_assert_int_eq(number(json_object_get(document, "to_peer"), "packets"), 3);
	ck_assert_int_eq(number(json_object_get(document, "to_peer"), "bytes"), 30);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "top_allocations")),
			  RELAY_TOP_MAX);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "workers")), 2);
	const json_t *rows = json_object_get(document, "listeners");
	ck_assert_str_eq(
		json_string_value(json_object_get(json_array_get(rows, 0), "side")),
		"inside");
	ck_assert_str_eq(
		json_string_value(json_object_get(json_array_get(rows, 1), "side")),
		"local");
	json_decref(document);
}
END_TEST

static void page_suite(Suite *suite)
{
	TCase *tc = tcase_create("page");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, the_page_is_complete, 0, ROWS(forbidden));
	tcase_add_test(tc, links_stay_here);
	tcase_add_test(tc, the_policy_names_script_and_style);
	tcase_add_test(tc, an_idle_relay);
	tcase_add_test(tc, a_busy_relay_that_drains);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("page", page_suite)
