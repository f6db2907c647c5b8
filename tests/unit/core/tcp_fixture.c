/*
 * tcp_fixture.c - see tcp_fixture.h.
 */
#include "tests/unit/core/tcp_fixture.h"

#include "relay/core/permission.h"
#include "tests/unit/lib/unit.h"

struct fixture fixture;

void begin(void)
{
	ck_assert(fixture_start(&fixture, NULL));
	/* Of the IETF dialect without data connections, which no request can have. */
	fixture_by_hand(&fixture);
}

void begin_behind_nat(void)
{
	ck_assert(fixture_start(&fixture, &(struct fixture_options){.nat = true}));
	fixture_by_hand(&fixture);
}

void end(void)
{
	fixture_stop(&fixture);
}

int allocate(enum transport relay, uint16_t front, enum dialect dialect,
	     struct allocation **al)
{
	static uint16_t port = 1000;
	struct allocation_request request = {
		.tuple = fixture_tuple("10.0.0.9:1", front),
		.dialect = dialect,
		.relay_transport = relay,
	};

	request.tuple.client.port = port++;
	return fixture_create(&fixture, "alice", request, al);
}

struct allocation *tcp_allocation(enum dialect dialect)
{
	struct allocation *al = NULL;

	ck_assert_int_eq(allocate(TRANSPORT_TCP, INSIDE_TCP, dialect, &al), 0);
	return al;
}

void permit(struct allocation *al, const char *peer)
{
	const struct endpoint to = ep(peer);

	ck_assert_int_eq(
		permission_install(&fixture.turn, al, &to, 1, fixture.now_ms, NULL), 0);
}

uint64_t events(enum peer_event event)
{
	return fixture.turn.counters.peer_events[event];
}
