/*
 * relay_port.c - which outside address, which port, and a socket on it.
 */
#include "relay/core/relay_port.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "relay/core/allocation_request.h"
#include "relay/core/allocation_state.h"
#include "relay/core/charge.h"
#include "relay/core/turn.h"

enum {
	/* Give up after this many ports held by other programs: that is no coincidence. */
	TRIES = 16,
	/* Reserved ports of one user whose allocations are not limited. */
	RESERVED_MAX = 64,
};

bool relay_port_has_family(const struct turn *turn, uint8_t family)
{
	const struct turn_settings *settings = turn->settings;

	for (size_t i = 0; i < settings->relay_count; i++) {
		if (turn->shared->relay[settings->relay[i]].local.family == family)
			return true;
	}
	return false;
}

static uint32_t random_below(const struct turn *turn, size_t count)
{
	uint32_t r;

	assert(count > 0);
	turn->edge->random(turn->edge->self, &r, sizeof(r));
	return (uint32_t)(r % count);
}

static struct port_pool *pool_of(const struct turn *turn, const struct allocation *al)
{
	return turn_ports(turn, al->relay_transport);
}

/* A relayed address: an index of shared->relay and a port of that address. */
struct place {
	uint16_t address, port;
};

static uint8_t family_of(const struct turn *turn, size_t address)
{
	assert(address < turn->shared->relay_count);
	return turn->shared->relay[address].local.family;
}

static int open_socket(struct turn *turn, struct allocation *al, size_t address,
		       uint16_t port, struct place *place)
{
	const struct edge *edge = turn->edge;
	struct endpoint local = {turn->shared->relay[address].local, port};

	*place = (struct place){(uint16_t)address, port};
	if (al->relay_transport == TRANSPORT_TCP)
		return edge->relay_listen(edge->self, al->slot, &local);
	return edge->relay_open(edge->self, al->slot, &local);
}

static void close_socket(struct turn *turn, const struct allocation *al, size_t address)
{
	const struct edge *edge = turn->edge;

	if (al->relay_transport == TRANSPORT_TCP)
		edge->relay_unlisten(edge->self, al->slot);
	else
		edge->relay_close(edge->self, al->slot, family_of(turn, address));
}

/* Another program has that port. */
static void count_conflict(struct turn *turn, const struct allocation *al, size_t address,
			   uint16_t port)
{
	counter_add(&turn->counters.bind_failures, 1);
	turn_note_conflict(turn, (struct turn_conflict){
					 .address = (uint16_t)address,
					 .port = port,
					 .tcp = al->relay_transport == TRANSPORT_TCP,
				 });
}

static void give(struct port_pool *pool, size_t address, uint16_t port,
		 enum port_want want, uint64_t now_ms)
{
	port_pool_give(pool, address, port, now_ms);
	if (want == PORT_EVEN_PAIR)
		port_pool_give(pool, address, port + 1, now_ms);
}

/*
 * A port of that address with a socket on it. Ports that another program turns out to hold are
 * kept until the end, so that the pool does not offer them twice. Returns 0 or a negative
 * errno; -EADDRNOTAVAIL if the pool has none left there.
 */
static int open_on(struct turn *turn, struct allocation *al, size_t address,
		   enum port_want want, uint64_t now_ms, unsigned *tries,
		   struct place *place)
{
	struct port_pool *pool = pool_of(turn, al);
	uint16_t refused[TRIES];
	size_t count = 0;
	int error = -EADDRINUSE;

	while (error == -EADDRINUSE && *tries > 0) {
		uint16_t port = port_pool_take(pool, address, want, now_ms);
		if (port == 0) {
			error = -EADDRNOTAVAIL;
			break;
		}
		error = open_socket(turn, al, address, port, place);
		assert(error <= 0);
		if (error) {
			assert(count < TRIES);
			refused[count++] = port;
		}
		if (error == -EADDRINUSE) {
			count_conflict(turn, al, address, port);
			(*tries)--;
		}
	}
	while (count > 0)
		give(pool, address, refused[--count], want, now_ms);
	return error;
}

/* Any address of the family will do: begin with a random one, take the first that works. */
static int open_any(struct turn *turn, struct allocation *al, uint8_t family,
		    enum port_want want, uint64_t now_ms, struct place *place)
{
	size_t fitting[PORT_POOL_ADDRESSES_MAX];
	size_t count = 0;
	unsigned tries = TRIES;

	for (size_t i = 0; i < turn->settings->relay_count; i++) {
		size_t address = turn->settings->relay[i];
		if (family_of(turn, address) == family)
			fitting[count++] = address;
	}
	assert(count > 0);

	uint32_t start = random_below(turn, count);
	for (size_t i = 0; i < count; i++) {
		int error = open_on(turn, al, fitting[(start + i) % count], want, now_ms,
				    &tries, place);
		if (error == 0)
			return 0;
		/* No port or no such address: the next one. No descriptor: the same anywhere. */
		if (error != -EADDRNOTAVAIL && error != -EADDRINUSE)
			break;
	}
	return STUN_INSUFFICIENT_CAPACITY;
}

/* Reservations ask for the 64 bits of the owner that are as good as all. */
static uint64_t reservation_owner(const struct allocation *al)
{
	return load_be64(al->owner.id.bytes);
}

/* Exactly the reserved port, or nothing (RFC 8656 section 7.2). */
static int open_reserved(struct turn *turn, struct allocation *al, const uint8_t *token,
			 uint64_t now_ms, struct place *place)
{
	size_t address;
	uint16_t port;

	if (!reservation_redeem(turn->shared->reservations, token, reservation_owner(al),
				now_ms, &address, &port))
		return STUN_INSUFFICIENT_CAPACITY;
	int error = open_socket(turn, al, address, port, place);
	if (error == 0)
		return 0;
	if (error == -EADDRINUSE)
		count_conflict(turn, al, address, port);
	port_pool_give(turn->shared->ports, address, port, now_ms);
	return STUN_INSUFFICIENT_CAPACITY;
}

/* Hold the next port, which is taken already, under a fresh token. */
static int reserve_next(struct turn *turn, struct allocation *al,
			const struct place *place, uint64_t now_ms)
{
	turn->edge->random(turn->edge->self, al->reservation.token,
			   sizeof(al->reservation.token));
	al->reservation.held = reservation_add(turn->shared->reservations,
					       al->reservation.token,
					       reservation_owner(al), place->address,
					       place->port + 1, now_ms);
	assert(place->port % 2 == 0);
	if (al->reservation.held)
		return 0;

	close_socket(turn, al, place->address);
	give(turn->shared->ports, place->address, place->port, PORT_EVEN_PAIR, now_ms);
	return STUN_INSUFFICIENT_CAPACITY;
}

static int open_first(struct turn *turn, struct allocation *al,
		      const struct allocation_request *request, uint64_t now_ms,
		      struct place *place)
{
	const struct turn_shared *shared = turn->shared;
	uint32_t limit = charge_user_limit(turn, al);

	/* EVEN-PORT and RESERVATION-TOKEN are for UDP only (RFC 6062 section 5.1). */
	assert(al->relay_transport == TRANSPORT_UDP ||
	       (!request->reservation_token && !request->even_port));
	if (request->reservation_token)
		return open_reserved(turn, al, request->reservation_token, now_ms, place);
	if (!request->even_port)
		return open_any(turn, al, request->family, PORT_ANY, now_ms, place);
	if (!request->reserve_next)
		return open_any(turn, al, request->family, PORT_EVEN, now_ms, place);

	/*
	 * A reserved port outlives the allocation that asked for it. So an owner may hold no
	 * more of them than allocations, or than RESERVED_MAX if those are not limited;
	 * otherwise a loop of Allocate and Refresh with lifetime 0 would empty the pool for
	 * 30 s.
	 */
	if (limit == 0)
		limit = RESERVED_MAX;
	if (reservation_held(shared->reservations, reservation_owner(al), now_ms) >=
	    limit)
		return STUN_QUOTA_REACHED;
	int code = open_any(turn, al, request->family, PORT_EVEN_PAIR, now_ms, place);
	return code ? code : reserve_next(turn, al, place, now_ms);
}

int relay_port_open(struct turn *turn, struct allocation *al,
		    const struct allocation_request *request, uint64_t now_ms)
{
	struct place place;
	int code = open_first(turn, al, request, now_ms, &place);

	if (code)
		return code;
	assert(place.port != 0 && al->families == IP_NONE);
	al->relay_address = place.address;
	al->relay_port = place.port;
	al->families = family_of(turn, place.address);
	return 0;
}

int relay_port_open_second(struct turn *turn, struct allocation *al,
			   const struct allocation_request *request, uint64_t now_ms)
{
	struct place place;
	int code;

	assert(al->families == IP_V4 && al->relay_transport == TRANSPORT_UDP &&
	       !request->reserve_next);
	if (!relay_port_has_family(turn, IP_V6))
		return STUN_ADDRESS_FAMILY_NOT_SUPPORTED;
	code = open_any(turn, al, IP_V6, request->even_port ? PORT_EVEN : PORT_ANY,
			now_ms, &place);
	if (code)
		return code;
	assert(place.port != 0 && al->dual.port == 0);
	al->dual.address = place.address;
	al->dual.port = place.port;
	al->families |= IP_V6;
	return 0;
}

static void close_place(struct turn *turn, const struct allocation *al, uint16_t address,
			uint16_t port, uint64_t now_ms)
{
	close_socket(turn, al, address);
	port_pool_give(pool_of(turn, al), address, port, now_ms);
}

void relay_port_close_half(struct turn *turn, struct allocation *al, uint8_t family,
			   uint64_t now_ms)
{
	assert(al->dual.port != 0);
	if (family_of(turn, al->relay_address) == family) {
		close_place(turn, al, al->relay_address, al->relay_port, now_ms);
		al->relay_address = al->dual.address;
		al->relay_port = al->dual.port;
	} else {
		close_place(turn, al, al->dual.address, al->dual.port, now_ms);
	}
	al->dual.port = 0;
	al->families &= (uint8_t)~family;
}

void relay_port_close(struct turn *turn, struct allocation *al, uint64_t now_ms)
{
	assert(al->relay_port != 0);
	close_place(turn, al, al->relay_address, al->relay_port, now_ms);
	if (al->dual.port != 0)
		close_place(turn, al, al->dual.address, al->dual.port, now_ms);
}
