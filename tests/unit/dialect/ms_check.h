/*
 * ms_check.h - shared by the tests of the MS dialect: one fixture, some clients.
 */
#ifndef TESTS_UNIT_DIALECT_MS_CHECK_H
#define TESTS_UNIT_DIALECT_MS_CHECK_H

#include <string.h>

#include "tests/unit/dialect/ms_client.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"

#define ALICE "192.0.2.200:5000"
#define BOB "192.0.2.201:5000"
#define PEER "192.0.2.1:7000"
#define PEER_OTHER_PORT "192.0.2.1:7001"
#define PEER_B "192.0.2.2:7000"
#define PEER_V6 "[2001:db8:1::1]:7000"
#define PEER_REFUSED "127.0.0.1:7000"

static struct fixture fixture;
static struct ms_client alice, bob;

static inline void begin_with(const struct fixture_options *options)
{
	ck_assert(fixture_start(&fixture, options));
	ms_fixture_enable(&fixture);
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
	ms_client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
}

static inline void begin(void)
{
	begin_with(NULL);
}

/* Alice is a stream client with a TCP relayed address. */
static inline void begin_on_stream(void)
{
	begin();
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
}

static inline void end(void)
{
	fixture_stop(&fixture);
}

/* The answer is well formed and has this code. */
static inline void expect(const struct ms_client *c, int want, const char *name)
{
	ck_assert_msg(c->fault == NULL, "%s: %s", name, c->fault);
	ck_assert_msg(c->code == want, "%s: got %d, want %d", name, c->code, want);
}

/* Alice's last message was dropped without an answer, and counted under this reason. */
static inline void expect_drop(const struct ms_client *c, enum drop_reason reason,
			       uint64_t before, const char *name)
{
	ck_assert_msg(c->out.action == DISPATCH_NOTHING, "%s: action %d", name,
		      c->out.action);
	ck_assert_msg(fixture_drops(c->fixture, reason) == before + 1,
		      "%s: not counted as %s", name, drop_reason_name(reason));
}

static inline void advance(uint64_t ms)
{
	fixture.now_ms += ms;
	fixture.unix_s += (int64_t)(ms / 1000);
	dispatch_expire(&fixture.turn, fixture.now_ms);
}

static inline bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static inline const struct endpoint *sent_to(const struct ms_client *c)
{
	return &c->out.forward.peer;
}

static inline bool is_peer(const struct endpoint *ep_, const char *text)
{
	struct endpoint want = ep(text);

	return endpoint_equal(ep_, &want);
}

/* An allocation with a permission for PEER's address. */
static inline void permit(void)
{
	ms_client_allocate(&alice);
	expect(&alice, 0, "allocate");
	ck_assert(ms_client_send(&alice, PEER, "hello", 5));
}

static inline void activate(const char *peer)
{
	ms_client_activate(&alice, peer);
	expect(&alice, 0, "set active destination");
}

#endif
