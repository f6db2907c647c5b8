/*
 * allocation_state.h - one allocation as it lies in the table: what each noun of the core keeps
 * of it.
 *
 * Each part is a structure of its own noun. Objects name each other by index and there is no
 * pointer, so the memory may lie at any address.
 *
 * Owner    the table; see allocation_table.h.
 * Threads  its worker only.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_ALLOCATION_STATE_H
#define RELAY_CORE_ALLOCATION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/bandwidth/lease.h"
#include "relay/core/counters.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"
#include "relay/core/icmp_limit.h"
#include "relay/core/ms_state.h"
#include "relay/core/owner_store.h"
#include "relay/core/reservation.h"
#include "relay/core/slab.h"
#include "relay/core/transactions.h"
#include "stun/registry.h"

#define SLOT_NONE UINT32_MAX

enum end_reason {
	END_RELEASED, /* Refresh with lifetime 0 */
	END_EXPIRED,
	END_CLIENT_GONE, /* stream connection closed */
	END_KILLED,      /* by the administrator */
	END_SHUTDOWN,
	END_DRAINED,    /* the deadline of a drain came */
	END_REVOKED,    /* its user or key was revoked */
	END_UNPADDED,   /* stream closed: ChannelData without padding */
	END_RESTART,    /* stream closed: its TLS does not outlive the process */
	END_CREDENTIAL, /* its credential expired; see core/revocation.h */
	END_LOST,       /* it did not survive a restart; see core/allocation_restore.h */
	END_REASON_COUNT
} __attribute__((packed));

/* The second relayed address of an allocation; see dual.h. */
struct dual {
	uint64_t later_ms;    /* when the later half expires */
	uint8_t later_family; /* the half that outlives expires_ms; IP_NONE: none does */
	/* Where the IPv6 address is, the IPv4 one being the allocation's; port 0: there is none. */
	uint16_t address, port;
	uint16_t missing_code; /* why it got one of the two asked for; 0: it did not */
};

/*
 * Everything that packets read or write lies in the first two cache lines; allocation_table.c
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
	uint8_t families; /* of its relayed addresses: IP_V4, IP_V6 or both bits */
	bool rfc5766_channel : 1; /* a number above 0x4FFF was bound; see channel.h */
	uint8_t group : 6;        /* of its user, see user_groups.h */
	uint32_t lifetime_s;      /* granted last */
	uint64_t expires_ms;      /* or the half of a dual one that ends first */
	uint64_t ends_ms; /* it expires no later than that; UINT64_MAX: it may go on */
	struct destination active; /* MS only */
	uint32_t credit;           /* bytes that are left of its lease */
	struct traffic to_peer, to_client;

	/* What requests touch. */
	uint64_t id; /* worker, generation, slot: see relay/core/ids.h */
	uint64_t created_ms;
	uint16_t relay_address; /* index into shared->relay */
	uint16_t relay_port;
	uint16_t permission_count; /* entries in use, including expired ones */
	uint16_t channel_count;
	struct dual dual;
	struct reservation reservation;
	uint8_t txid[STUN_TXID_LEN]; /* of the Allocate that made it */
	bool fingerprint : 1;        /* client sends FINGERPRINT: mirror it */
	bool shows_rfc8656 : 1;      /* its client knows that RFC; see channel.h */
	bool mobile : 1;             /* it has tickets, see mobility.h ... */
	bool moving : 1;             /* ... and a second 5-tuple, for a while ... */
	bool client_gone : 1;        /* ... or none: its client's connection is closed */
	bool data_connections : 1;   /* RFC 6062: what peers send is not framed */
	enum end_reason end_reason;  /* set before allocation_ended() */
	uint16_t restarts; /* how many processes it has outlived; no more are counted than fit */
	struct icmp_limit icmp_limit;
	uint64_t user_quota, prefix_quota; /* what it is charged to ... */
	uint32_t user_row, prefix_row;     /* ... and the rows of these quotas */
	struct lease lease;
	struct transactions transactions;
	struct ms_state ms;
	struct stored_owner owner;
};

/*
 * Restart the granted lifetime. For the packet path: does not touch the heap of deadlines,
 * which notices at the old deadline.
 */
static inline void allocation_touch(struct allocation *al, uint64_t now_ms)
{
	uint64_t expires_ms = now_ms + (uint64_t)al->lifetime_s * 1000;

	al->expires_ms = expires_ms < al->ends_ms ? expires_ms : al->ends_ms;
}

/* Is its slot taken? */
static inline bool allocation_is_live(const struct allocation *al)
{
	return (al->generation & 1) != 0;
}

/* Do its TCP peers have data connections (RFC 6062), not messages on the client's stream? */
static inline bool allocation_has_data_connections(const struct allocation *al)
{
	return al->data_connections;
}

/* Does it relay that family? */
static inline bool allocation_has_family(const struct allocation *al, uint8_t family)
{
	return (al->families & family) != 0;
}

/*
 * Has it expired, or one half of it? Expired ones remain in the table until they are ended, once
 * per turn of the loop; what a client sends ends an expired half first.
 */
static inline bool allocation_has_expired(const struct allocation *al, uint64_t now_ms)
{
	return al->expires_ms <= now_ms;
}

/* Has that family of it expired? On the packet path: nearly always the first test decides. */
static inline bool allocation_family_has_expired(const struct allocation *al,
						 uint8_t family, uint64_t now_ms)
{
	return allocation_has_expired(al, now_ms) &&
	       (al->dual.later_family != family || al->dual.later_ms <= now_ms);
}

#endif
