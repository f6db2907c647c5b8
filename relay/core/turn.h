/*
 * turn.h - everything that TURN needs in one worker: its own tables, shared tables and
 * settings. The core and the dialects take it as their first argument.
 *
 * Owner    worker.c owns the struct and its table; shared are main's, shared by all workers
 *          (each says how in its header); settings are immutable and replaced whole on reload.
 */
#ifndef RELAY_CORE_TURN_H
#define RELAY_CORE_TURN_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "auth/credential/access_token.h"
#include "relay/core/attribute_counts.h"
#include "relay/core/change_list.h"
#include "relay/core/counters.h"
#include "relay/core/edge.h"
#include "relay/core/front.h"
#include "relay/core/hot.h"
#include "relay/core/limiter.h"
#include "relay/core/marking.h"
#include "relay/core/mobility_ticket.h"
#include "relay/core/nat_discovery.h"
#include "relay/core/nonce.h"
#include "relay/core/peer_policy.h"
#include "relay/core/port_pool.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"
#include "relay/core/user_groups.h"

struct allocation_table;
struct connection_homes;
struct visitors;
struct tcp_connections;

enum { REALM_MAX = 127, ALTERNATE_DOMAIN_MAX = 255 };

/*
 * Bits per second of what clients and peers send through the relay, both directions together,
 * headers not counted; 0: no limit. See core/bandwidth/bandwidth.h for what average and peak mean.
 */
struct turn_bandwidth {
	uint64_t per_allocation[DIALECT_COUNT];
	uint64_t per_user[DIALECT_COUNT];
	uint64_t per_prefix;
	uint64_t per_side[SIDE_COUNT]; /* of the client */
	uint64_t total;
	uint32_t burst_ms;     /* 5 s: how long the peak may last */
	uint32_t peak_percent; /* 200: of the average */
};

struct turn_limits {
	uint32_t lifetime_default_s;                  /* 600 */
	uint32_t lifetime_max_s;                      /* 3600 */
	uint32_t allocations_per_user[DIALECT_COUNT]; /* 0: no limit, here and below */
	uint32_t allocations_per_prefix;
	uint32_t allocations_per_side[SIDE_COUNT];
	uint32_t allocation_rate_per_user;  /* new ones, per second */
	uint32_t allocation_burst_per_user; /* of them, after a pause */
	uint32_t allocations_reserved; /* of the total, for users who have one already */
	struct turn_bandwidth bandwidth;
	bool enforce_credential_expiry; /* strict; see core/revocation.h */
	uint32_t stranger_rate;         /* answers per second and prefix */
	uint32_t stranger_burst;
	int64_t credential_ttl_max_s; /* 0: no ceiling */
	int64_t clock_skew_s; /* 60: of issuers against us, for credentials and keys */
	/* Of TCP relayed addresses, see core/tcp_relay.h. */
	uint32_t peer_connections;          /* 16, of one allocation */
	uint32_t peer_connections_per_user; /* of its TCP allocations; 0: no limit */
	uint32_t held_connections;          /* 256, of one worker */
	uint32_t early_peer_age_ms;         /* 10 s: how long an allocation is young */
	uint32_t early_peer_hold_ms;        /* 10 s; 0: hold no peer */
};

enum { MS_BANDWIDTH_UNIT_MAX = 8000000 };

/* The dialect of Microsoft's clients. */
struct turn_ms {
	bool enabled;
	char realm[REALM_MAX + 1]; /* as sent, with its quotes if it has any */
	uint32_t version;          /* highest MS-VERSION we admit to */
	bool bandwidth_management; /* answer bandwidth requests */
	bool pstn_failover;        /* suggest the telephone where a path has no room */
	uint32_t reservation_lifetime_s;
	uint32_t bandwidth_unit_bps; /* of amounts, 1 to MS_BANDWIDTH_UNIT_MAX */
	bool ipv6;                   /* relayed IPv6 addresses, with version 4 */
};

/* What a client that wants a new allocation is told while this relay drains. */
enum drain_answer {
	DRAIN_REDIRECT, /* 300 and another relay; as DRAIN_REFUSE if none of its family is known */
	DRAIN_REFUSE, /* 486, in the MS dialect 500 */
	DRAIN_IGNORE, /* nothing; a stream is closed */
};

/* Where new clients are sent while this relay drains (RFC 8489 section 10). */
struct turn_alternate {
	struct ip_addr v4,
		v6; /* of no family: none; the port is that of the client's front */
	char domain[ALTERNATE_DOMAIN_MAX + 1]; /* "": the same certificate serves */
};

/* What a reload may change. Immutable once published. */
struct turn_settings {
	/*
	 * A new number with every publication. Permissions and channels note the one their peer
	 * was judged under, and the first packet under a new one judges them again.
	 */
	uint32_t generation;
	char realm[REALM_MAX + 1];
	char software[128]; /* SOFTWARE in answers; "" leaves it out */
	/*
	 * Clients that show nothing of RFC 8656 may use channel numbers up to 0x7FFF, as in RFC
	 * 5766; RFC 8656 section 12 wants them refused.
	 */
	bool rfc5766_channels;
	bool mobility;     /* RFC 8016 */
	bool classic_stun; /* answer Binding of RFC 3489 over UDP (RFC 8489 section 11) */
	struct nat_discovery discovery;
	bool tcp_allocations; /* RFC 6062 */
	struct turn_ms ms;
	struct turn_limits limits;
	struct turn_alternate alternates[SIDE_COUNT]; /* by the client's side */
	enum drain_answer drain_answers[SIDE_COUNT];
	/* Relay hop limits less one, as a router; else the system's default goes out. */
	bool decrement_hop_limit;
	struct marking markings[USER_GROUPS_MAX + 1][MARKING_LEG_COUNT]
			       [MARKING_STREAM_COUNT];
	struct user_groups *groups; /* NULL: none */
	struct keyring *keyring;
	struct revoked_users *revoked; /* NULL: none */
	/* Third-party authorization (RFC 7635). */
	const struct token_keyring *token_keys; /* NULL: not served */
	char server_name[ACCESS_TOKEN_SERVER_NAME_MAX + 1];
	struct peer_policy *policy;
	struct host_addresses *host;
	struct nonce_key nonce_key;
	/* Where new relayed addresses are: indices of shared->relay. */
	uint16_t relay[PORT_POOL_ADDRESSES_MAX];
	size_t relay_count;
	bool retired_fronts[FRONTS_MAX]; /* no new allocations there */
};

/* Shared by all workers; fixed from start to end. */
struct turn_shared {
	struct port_pool *ports;     /* of relayed addresses on UDP ... */
	struct port_pool *tcp_ports; /* ... and on TCP; the same range */
	struct reservation_table *reservations;
	struct mobility_directory *mobile; /* where mobile allocations are now */
	struct mobility_key mobility_key;  /* of their tickets */
	/* Of allocations, with a struct owner_row each; a user counts in each dialect. */
	struct quota *users[DIALECT_COUNT];
	struct quota *prefixes;
	struct quota *sides[SIDE_COUNT]; /* one owner, 0: all clients of that side */
	struct quota *total;             /* one owner, 0: all allocations of the relay */
	struct quota *half_open; /* stream clients yet to authenticate, by prefix */
	struct bandwidth *bandwidth;
	struct ms_reserved *reserved; /* bandwidth, by clients of the MS dialect */
	struct limiter *strangers;
	uint32_t allocations_total; /* limit; 0: none but the ports */
	/*
	 * Outside addresses by the pool's index, and fronts as in a 5-tuple, with gaps. main
	 * changes only what no settings and no allocation refer to.
	 */
	const struct relay_address *relay;
	size_t relay_count;
	const struct front *fronts;
	size_t front_count;
	unsigned worker_count;       /* 0 counts as 1 */
	struct siphash_key hash_key; /* for owners, quotas and tables */
	/* Of data connections of the process before; NULL: none. */
	struct connection_homes *connection_homes;
	/*
	 * Refuse new allocations; everything else continues. Any thread may change it, with
	 * turn_set_draining().
	 */
	bool draining;
};

static inline void turn_set_draining(struct turn_shared *shared, bool draining)
{
	__atomic_store_n(&shared->draining, draining, __ATOMIC_RELAXED);
}

static inline bool turn_is_draining(const struct turn_shared *shared)
{
	return __atomic_load_n(&shared->draining, __ATOMIC_RELAXED);
}

/*
 * The last credential that was refused for its time alone. Read from any thread as counters
 * are, so that its members may be of two refusals.
 */
struct turn_refusal {
	uint64_t at_s;    /* Unix time; 0: none was */
	uint64_t off_s;   /* since its expiry, or beyond credential_ttl_max_s */
	uint64_t too_far; /* 1: the latter */
};

/*
 * A relay port that another program held: an index of shared->relay, a port, and its protocol in one
 * word, so that any thread reads all of one; port 0: none was.
 */
struct turn_conflict {
	uint16_t address, port;
	bool tcp;
};

enum { REFUSED_NAME_MAX = 512 }; /* as much of it as is kept */

struct turn {
	const struct turn_shared *shared;
	const struct turn_settings *settings;
	const struct edge *edge;
	struct allocation_table *table;
	struct visitors *visitors;           /* NULL: there is no other worker */
	struct tcp_connections *connections; /* see tcp_connection.h */
	struct counters counters;
	struct turn_refusal refusal;
	/* USERNAME of the request that was refused last, as it came; its worker's only. */
	uint8_t refused_name[REFUSED_NAME_MAX];
	uint16_t refused_name_len;
	struct attribute_counts unknown_attributes; /* of the MS dialect */
	uint64_t conflict; /* the last one, see turn_read_conflict() */
	uint16_t worker;   /* its number, part of every id it issues */
	uint32_t front_allocations[FRONTS_MAX]; /* written by the worker, read by main */
	struct change_list changes;             /* see changes.h */
	struct hot hot; /* for the kernel plane; all zero: there is none */
};

/* One allocation more or less of that front: main waits for its last one to end. */
static inline void turn_count_on_front(struct turn *turn, uint16_t front, int by)
{
	uint32_t *count = &turn->front_allocations[front];

	assert(by > 0 || *count > 0);
	__atomic_store_n(count, *count + (uint32_t)by, __ATOMIC_RELAXED);
}

/* For people who look for the reason; name may be empty. */
static inline void turn_note_refused(struct turn *turn, struct slice name)
{
	size_t len = name.len < REFUSED_NAME_MAX ? name.len : REFUSED_NAME_MAX;

	if (len > 0)
		memcpy(turn->refused_name, name.data, len);
	turn->refused_name_len = (uint16_t)len;
}

/* From any thread. */
static inline struct turn_refusal turn_read_refusal(const struct turn *turn)
{
	return (struct turn_refusal){
		.at_s = counter_read(&turn->refusal.at_s),
		.off_s = counter_read(&turn->refusal.off_s),
		.too_far = counter_read(&turn->refusal.too_far),
	};
}

static inline void turn_note_conflict(struct turn *turn, struct turn_conflict conflict)
{
	counter_set(&turn->conflict, (uint64_t)conflict.tcp << 32 |
					     (uint64_t)conflict.address << 16 |
					     conflict.port);
}

/* From any thread. */
static inline struct turn_conflict turn_read_conflict(const struct turn *turn)
{
	uint64_t word = counter_read(&turn->conflict);

	return (struct turn_conflict){
		.address = (uint16_t)(word >> 16),
		.port = (uint16_t)word,
		.tcp = word >> 32 != 0,
	};
}

/* Are there new allocations for clients of that front? */
static inline bool turn_takes_new(const struct turn *turn, uint16_t front)
{
	return !turn_is_draining(turn->shared) && !turn->settings->retired_fronts[front];
}

/* How a client of that front is refused then: redirected, told that it drains, or ignored. */
static inline enum refusal turn_drain_refusal(const struct turn *turn, uint16_t front,
					      bool can_redirect)
{
	switch (turn->settings->drain_answers[turn->shared->fronts[front].side]) {
	case DRAIN_REDIRECT:
		return can_redirect ? REFUSAL_REDIRECTED : REFUSAL_DRAINING;
	case DRAIN_IGNORE:
		return REFUSAL_IGNORED;
	case DRAIN_REFUSE:
		break;
	}
	return REFUSAL_DRAINING;
}

/* The relay ports of that transport. */
static inline struct port_pool *turn_ports(const struct turn *turn, enum transport relay)
{
	return relay == TRANSPORT_TCP ? turn->shared->tcp_ports : turn->shared->ports;
}

#endif
