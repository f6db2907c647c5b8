/*
 * allocation.h - a client's relayed transport address and all that hangs off it
 * (RFC 8656 sections 3.2, 6, 7 and 8).
 *
 * Owner    the table owns its allocations; an allocation owns its permissions, channels and
 *          relay port. Pointers handed out are borrowed until the event loop resumes; who
 *          keeps a reference keeps the slot number, or the id if the slot may be reused.
 * Threads  one table per worker, used only by that worker. No locks.
 * Time     monotonic milliseconds, passed in. Nothing here reads a clock.
 * Memory   fixed arrays, sized at start, reserved but not touched until used; objects refer to
 *          each other by index, so the arrays may live at any address.
 */
#ifndef RELAY_CORE_ALLOCATION_H
#define RELAY_CORE_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/bandwidth/lease.h"
#include "relay/core/counters.h"
#include "relay/core/dual.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"
#include "relay/core/ms_state.h"
#include "relay/core/owner.h"
#include "relay/core/reservation.h"
#include "relay/core/slab.h"
#include "relay/core/transactions.h"
#include "stun/registry.h"

struct turn;

#define SLOT_NONE UINT32_MAX

enum end_reason {
	END_RELEASED, /* Refresh with lifetime 0 */
	END_EXPIRED,
	END_CLIENT_GONE, /* stream connection closed */
	END_KILLED,      /* by the administrator */
	END_SHUTDOWN,
	END_DRAINED,    /* the deadline of a drain came */
	END_REVOKED,    /* its user, or the key of its credential */
	END_CREDENTIAL, /* the time of its credential is over; see core/revocation.h */
	END_REASON_COUNT
} __attribute__((packed));
const char *end_reason_name(enum end_reason reason);

/*
 * Everything that packets read or write lies in the first two cache lines; allocation.c
 * asserts the offsets. Enums are of one byte (packed), so that a field has its type and the
 * layout, which a memory file will hold one day, does not depend on the compiler's choice.
 */
struct allocation {
	/* What every packet touches. */
	_Alignas(SLAB_ALIGN) struct five_tuple tuple;
	enum side side;           /* of the client */
	enum transport transport; /* of the client */
	uint32_t slot;
	uint32_t generation;  /* of the slot; odd while it is taken */
	uint32_t permissions; /* where its permissions start; SLOT_NONE if none */
	uint32_t channels;    /* where its channels start */
	enum dialect dialect;
	enum transport relay_transport; /* of the relayed address: UDP or TCP */
	uint8_t families;    /* of its relayed addresses: IP_V4, IP_V6 or both bits */
	uint32_t lifetime_s; /* granted last */
	uint64_t expires_ms; /* or the half of a dual one that ends first */
	uint64_t ends_ms;    /* it expires no later than that; UINT64_MAX: it may go on */
	struct destination active; /* MS only */
	uint32_t credit;           /* bytes that are left of its lease */
	struct traffic to_peer, to_client;

	/* What requests touch. */
	uint64_t id; /* worker, generation, slot: see relay/core/ids.h */
	uint64_t created_ms;
	uint16_t relay_address; /* index into shared->relay */
	uint16_t relay_port;
	uint16_t permission_count; /* entries in use, expired ones included */
	uint16_t channel_count;
	struct dual dual;
	struct reservation reservation;
	uint8_t txid[STUN_TXID_LEN];       /* of the Allocate that made it */
	bool fingerprint;                  /* client sends FINGERPRINT: mirror it */
	enum end_reason end_reason;        /* set before allocation_ended() */
	uint64_t user_quota, prefix_quota; /* what it is charged to */
	struct lease lease;
	struct transactions transactions;
	struct ms_state ms;
	struct owner owner;
};

struct allocation_table;

/* Most permissions, and most channels, that one allocation can be given. */
enum { ENTRIES_EACH_MAX = 256 };

/*
 * NULL if out of memory. slots: most allocations at once, up to SLOTS_MAX. permissions_each,
 * channels_each: per allocation; more than ENTRIES_EACH_MAX means that. The size is final.
 */
struct allocation_table *allocation_table_new(size_t slots, uint16_t permissions_each,
					      uint16_t channels_each,
					      const struct siphash_key *key);
/* Memory only: who wants sockets closed and records made deletes all allocations first. */
void allocation_table_free(struct allocation_table *table); /* NULL is allowed */

/* Borrowed, or NULL. On the packet path. */
struct allocation *allocation_find(struct allocation_table *table,
				   const struct five_tuple *tuple);
/* By slot; NULL if that slot is free. */
struct allocation *allocation_at(struct allocation_table *table, uint32_t slot);
/* By id; NULL if that allocation is gone, even if its slot is taken again. */
struct allocation *allocation_by_id(struct allocation_table *table, uint64_t id);
size_t allocation_count(const struct allocation_table *table);
/* Slots from this one on were never taken. */
uint32_t allocation_slots(const struct allocation_table *table);
/* Walk all: start with slot 0, continue with the found slot + 1; NULL at the end. */
struct allocation *allocation_next(struct allocation_table *table, uint32_t slot);

/* What an Allocate request asks for, checked by the dialect. */
struct allocation_request {
	struct five_tuple tuple;
	enum dialect dialect;
	uint8_t family; /* IP_V4 or IP_V6 */
	bool dual; /* IPv6 as well, if it can be had; family is IPv4, relay_transport UDP */
	enum transport relay_transport;   /* of the relayed address: UDP or TCP */
	uint32_t lifetime_s;              /* granted */
	bool even_port, reserve_next;     /* EVEN-PORT and its R bit */
	const uint8_t *reservation_token; /* 8 bytes, or NULL */
	const uint8_t *txid;              /* 12 bytes */
	const struct owner *owner;
	uint64_t ends_ms; /* see core/revocation.h; 0: never */
};

/*
 * Make one: quotas, port, socket (RFC 8656 section 7.2). The 5-tuple must have none. Returns 0
 * and *out, or the error code to answer with, holding nothing (T-253):
 *   440 no relayed address of that family     442 TCP for a client of datagrams
 *   486 quota of the user, of the source prefix or of the side
 *   508 no port, bad reservation token, table full, the system refused a socket
 * With a reservation token the family is the reservation's; that of the request is not asked.
 * Where a dual one lacks its IPv6 address, its missing_code says why.
 */
int allocation_create(struct turn *turn, const struct allocation_request *request,
		      uint64_t now_ms, struct allocation **out);

/* T-245, T-260: what a client that asked for `requested` gets; absent: requested 0. */
uint32_t allocation_lifetime(const struct turn *turn, uint32_t requested_s);

/* New deadline lifetime_s from now, or earlier if it has to end before that. */
void allocation_refresh(struct turn *turn, struct allocation *al, uint32_t lifetime_s,
			uint64_t now_ms);

/*
 * The granted lifetime begins anew. For the packet path: the heap of deadlines is not touched
 * and finds out when the old deadline comes.
 */
static inline void allocation_touch(struct allocation *al, uint64_t now_ms)
{
	uint64_t expires_ms = now_ms + (uint64_t)al->lifetime_s * 1000;

	al->expires_ms = expires_ms < al->ends_ms ? expires_ms : al->ends_ms;
}

/* It has to end by then (UINT64_MAX: need not), however long it was granted. */
void allocation_bound(struct turn *turn, struct allocation *al, uint64_t ends_ms);

/* What is left of its lifetime, rounded up: the value of LIFETIME. */
uint32_t allocation_left_s(const struct allocation *al, uint64_t now_ms);

/*
 * It is overdue: end it, or the half of it that is. Returns the allocation if that goes on, NULL
 * if it does not.
 */
struct allocation *allocation_end_overdue(struct turn *turn, struct allocation *al,
					  uint64_t now_ms);

/* It is overdue: END_EXPIRED or END_CREDENTIAL. */
enum end_reason allocation_expiry_reason(const struct allocation *al, uint64_t now_ms);

/* End it: record, relay socket, port, quotas, permissions, channels. */
void allocation_delete(struct turn *turn, struct allocation *al, enum end_reason reason,
		       uint64_t now_ms);

/* End the allocations that are due; when to call again, UINT64_MAX for never. */
uint64_t allocation_table_expire(struct turn *turn, uint64_t now_ms);

/* Is that one of the families it relays? */
static inline bool allocation_has_family(const struct allocation *al, uint8_t family)
{
	return (al->families & family) != 0;
}

/* Has that family of it run out? On the packet path: nearly always the first test decides. */
static inline bool allocation_is_over(const struct allocation *al, uint8_t family,
				      uint64_t now_ms)
{
	return al->expires_ms <= now_ms &&
	       (al->dual.later_family != family || al->dual.later_ms <= now_ms);
}

/* The relayed transport address, as bound and as told to clients. */
struct endpoint allocation_relayed_local(const struct turn *turn,
					 const struct allocation *al);
struct endpoint allocation_relayed_public(const struct turn *turn,
					  const struct allocation *al);
/* The second one of a dual allocation; of no family if it is not dual. */
struct endpoint allocation_second_local(const struct turn *turn,
					const struct allocation *al);
struct endpoint allocation_second_public(const struct turn *turn,
					 const struct allocation *al);

#endif
