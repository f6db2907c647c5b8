/*
 * test_control_memory.c - the control interface when memory runs out at any point of an
 * answer: no crash, no leak, and the next request is answered.
 */
#include "relay/ops/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/control_fixture.h"

static struct control_fixture cw;
static struct relay_client alice;

/* All of jansson's allocations; after `room` of them all others fail. */
static unsigned room = UINT32_MAX;
static bool ran_out;
static long live;

static void *give(size_t size)
{
	if (room == 0) {
		ran_out = true;
		return NULL;
	}
	room--;
	live++;
	return malloc(size);
}

static void take(void *block)
{
	if (block)
		live--;
	free(block);
}

static void begin(void)
{
	json_set_alloc_funcs(give, take);
	control_fixture_start(&cw);
	client_connect(&alice, &cw.fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &cw.fixture.peers);
}

static void end(void)
{
	client_close(&alice);
	control_fixture_stop(&cw);
}

static unsigned ask(const char *method, const char *path, const char *body,
		    unsigned allowed)
{
	const struct control_message message = {
		.method = method,
		.path = path,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	struct control_reply reply = {0};
	unsigned status;

	room = allowed;
	ran_out = false;
	control_dispatch(control_routes, control_route_count, &cw.fixture.relay, &message,
			 &reply);
	room = UINT32_MAX;
	status = reply.status;
	ck_assert_uint_ne(status, 0);
	ck_assert(status != 200 || reply.document || reply.stream.read);
	control_reply_clear(&reply);
	return status;
}

static const struct {
	const char *method, *path, *body;
	unsigned want;
} requests[] = {
	{"GET", "/v1/status", NULL, 200},
	{"GET", "/v1/ports", NULL, 200},
	{"GET", "/v1/counters", NULL, 200},
	{"GET", "/v1/limits", NULL, 200},
	{"GET", "/v1/configuration", NULL, 200},
	{"GET", "/v1/allocations", NULL, 200},
	{"GET", "/v1/allocations/ID", NULL, 200},
	{"PUT", "/v1/drain", "{\"deadline_s\": 60}", 200},
	{"DELETE", "/v1/drain", NULL, 200},
	{"POST", "/v1/reload", NULL, 422},
	{"GET", "/v1/log-levels", NULL, 200},
	{"PUT", "/v1/log-levels/peer", "{\"level\": null}", 200},
	{"GET", "/v1/records", NULL, 200},
	{"GET", "/v1/nothing", NULL, 404},
};

START_TEST(an_answer_without_memory)
{
	char path[64];
	long before = live;

	snprintf(path, sizeof(path), "%s", requests[_i].path);
	if (strcmp(path, "/v1/allocations/ID") == 0)
		snprintf(path, sizeof(path), "/v1/allocations/%016" PRIx64, alice.id);
	ck_assert_uint_eq(ask(requests[_i].method, path, requests[_i].body, UINT32_MAX),
			  requests[_i].want);
	unsigned allowed = 0;
	do {
		ask(requests[_i].method, path, requests[_i].body, allowed);
		ck_assert_msg(live == before, "%s %s: %ld blocks leaked with %u allowed",
			      requests[_i].method, path, live - before, allowed);
		allowed++;
	} while (ran_out);
	ck_assert_uint_eq(ask(requests[_i].method, path, requests[_i].body, UINT32_MAX),
			  requests[_i].want);
}
END_TEST

static void control_memory_suite(Suite *suite)
{
	TCase *tc = tcase_create("control_memory");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, an_answer_without_memory, 0, ROWS(requests));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("control_memory", control_memory_suite)
