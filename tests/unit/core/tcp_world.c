/*
 * tcp_world.c - see tcp_world.h.
 */
#include "tests/unit/core/tcp_world.h"

#include "relay/core/permission.h"
#include "tests/unit/lib/unit.h"

struct world world;

void begin(void)
{
	ck_assert(world_start(&world, NULL));
}

void begin_behind_nat(void)
{
	ck_assert(world_start(&world, &(struct world_options){.nat = true}));
}

void end(void)
{
	world_stop(&world);
}

int allocate(enum transport relay, uint16_t front, enum dialect dialect,
	     struct allocation **al)
{
	static uint16_t port = 1000;
	struct allocation_request request = {
		.tuple = world_tuple("10.0.0.9:1", front),
		.dialect = dialect,
		.relay_transport = relay,
	};

	request.tuple.client.port = port++;
	return world_create(&world, "alice", request, al);
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

	ck_assert_int_eq(permission_install(&world.turn, al, &to, 1, world.now_ms, NULL),
			 0);
}

uint64_t events(enum peer_event event)
{
	return world.turn.counters.peer_events[event];
}
