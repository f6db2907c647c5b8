/*
 * fuzz_control.c - any request to the relay's control interface gets one answer, and has
 * the effect it states and no other. A real relay with two workers has an allocation on
 * each.
 */
#include <string.h>

#include "base/log.h"
#include "relay/ops/control.h"
#include "tests/fuzz/control_text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/relay/control_fixture.h"

enum { CLIENTS = 2 };

static struct control_fixture cw;
static struct relay_client clients[CLIENTS];

static void leave(void)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	control_fixture_stop(&cw);
}

static void begin(void)
{
	log_open("fuzz");
	control_fixture_start(&cw);
	cw.fixture.descriptors = 0; /* the fuzzer opens some itself */
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_connect(&clients[i], &cw.fixture, i);
		client_allocate(&clients[i], i == 0 ? DIALECT_IETF : DIALECT_MS);
		client_permit(&clients[i], &cw.fixture.peers);
	}
	atexit(leave);
}

static json_t *member(const struct control_reply *reply, const char *name)
{
	return json_object_get(reply->document, name);
}

/* As many allocations end as the answer says, and none unless asked for. */
static void check_ends(const struct control_message *message,
		       const struct control_reply *reply)
{
	json_int_t ended = json_integer_value(member(reply, "ended"));

	if (strcmp(message->method, "DELETE") != 0 || reply->status != 200)
		ended = 0;
	FUZZ_CHECK(relay_allocation_count(&cw.fixture.relay) ==
		   (uint64_t)(CLIENTS - ended));
}

/* Each line is an object, and the stream ends unless it follows. */
static void check_stream(struct control_reply *reply)
{
	char buf[4096];

	if (!reply->stream.read)
		return;
	for (int i = 0; i < 3; i++) {
		int n = reply->stream.read(reply->stream.arg, buf, sizeof(buf), 0);

		FUZZ_CHECK(n >= -1 && n <= (int)sizeof(buf));
		if (n > 0)
			FUZZ_CHECK(buf[0] == '{' || i > 0);
	}
}

/* Restore the initial state: both allocations, no drain, initial log levels. */
static void restore(void)
{
	const struct control_message undrain = {.method = "DELETE", .path = "/v1/drain"};
	struct control_reply reply = {0};

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (client_received(&clients[i]) == UINT64_MAX) {
			client_allocate(&clients[i], i == 0 ? DIALECT_IETF : DIALECT_MS);
			client_permit(&clients[i], &cw.fixture.peers);
		}
	}
	if (turn_is_draining(&cw.fixture.relay.shared))
		control_dispatch(control_routes, control_route_count, &cw.fixture.relay,
				 &undrain, &reply);
	control_reply_clear(&reply);
	FUZZ_CHECK(!turn_is_draining(&cw.fixture.relay.shared));
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < SUBSYSTEM_COUNT; i++)
		log_set_subsystem_level((enum subsystem)i, false, LOG_LEVEL_ERROR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_reply reply = {0};
	struct control_text request;

	if (cw.base == NULL)
		begin();
	restore();
	control_text_read(&request, data, size);
	control_dispatch(control_routes, control_route_count, &cw.fixture.relay,
			 &request.message, &reply);
	control_text_check(&reply);
	check_ends(&request.message, &reply);
	check_stream(&reply);
	control_reply_clear(&reply);
	control_text_free(&request);
	return 0;
}
