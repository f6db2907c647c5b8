/*
 * relay_allocations.h - what people ask about allocations, and do to them. Rows are copies.
 *
 * Threads  any but a worker's. The workers are asked one after the other and answer on their
 *          threads, a slice of their table at a time, so that packets wait for some microseconds
 *          and not for the whole table.
 */
#ifndef RELAY_RELAY_ALLOCATIONS_H
#define RELAY_RELAY_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"
#include "relay/core/user_groups.h"
#include "relay/offload/flow_place.h"
#include "relay/peer/relay_tcp.h"
#include "relay/rates.h"
#include "stun/ip_prefix.h"

struct relay;

struct relay_allocation {
	uint64_t id;
	struct five_tuple tuple;
	struct endpoint via; /* the balancer that it comes through; of no family: none */
	enum side side;
	enum transport transport;
	enum transport relay_transport; /* of the relayed address: UDP or TCP */
	enum dialect dialect;
	struct endpoint relayed_local, relayed_public;
	struct endpoint second_local, second_public; /* of no family: it is not dual */
	char user[CREDENTIAL_USER_MAX + 1];
	char key_id[KEY_ID_MAX + 1];
	struct credential_quota quota; /* of its user, from the credential */
	bool is_token; /* it is an access token (RFC 7635), and key_id its kid */
	bool nameless; /* the credential is for anybody; see relay/core/charge.h */
	uint64_t age_ms;
	uint16_t restarts; /* that it has survived */
	uint64_t expires_in_ms;
	bool mobile;                /* its client has a ticket (RFC 8016) */
	bool client_gone;           /* and no connection at the moment */
	uint32_t moves;             /* of its client so far */
	enum transport moving_over; /* and over what */
	struct endpoint moving_to;  /* where else that is; of no family: nowhere */
	uint16_t permission_count, channel_count;
	unsigned peer_connections; /* TCP ones with peers */
	unsigned tls_connections;  /* of those, data connections whose client has TLS */
	struct traffic to_peer, to_client;
	struct traffic_rate rate;
	uint64_t reserved_bps;        /* [MS-TURNBWM] */
	bool over_average, over_peak; /* of its own bandwidth; see core/bandwidth.h */
};
/* All of them; *rows is malloc'ed, NULL if there are none. Returns 0 or a negative errno. */
int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count);

/* Which allocations are meant; a member that is not set matches all. Texts are borrowed. */
struct relay_filter {
	const char *user, *key_id;
	bool has_side, has_dialect, has_transport, has_relay_transport, has_client,
		has_peer;
	enum side side;
	enum dialect dialect;
	enum transport transport, relay_transport;
	struct ip_prefix client, peer; /* a permission or the destination lies there */
};
/* The same, of those. */
int relay_allocations_like(struct relay *relay, const struct relay_filter *filter,
			   struct relay_allocation **rows, size_t *count);

/* One with all that hangs off it. Expired entries are left out. */
struct relay_allocation_detail {
	struct relay_allocation row;
	struct endpoint front;  /* as bound */
	struct endpoint active; /* of no family: none */
	struct flow_place active_place;
	uint32_t lifetime_s;
	int64_t credential_expires_s; /* Unix seconds */
	uint64_t ends_in_ms;          /* whatever is refreshed; UINT64_MAX: it need not */
	uint16_t stream_type, quality;
	char user_group[USER_GROUP_NAME_MAX + 1]; /* "": none */
	uint64_t reservation_in_ms; /* until it expires; UINT64_MAX: there is none */
	size_t permission_count, channel_count, peer_count;
	struct {
		struct ip_addr peer;
		uint64_t expires_in_ms; /* UINT64_MAX: with the allocation */
	} permissions[ENTRIES_EACH_MAX];
	struct {
		struct endpoint peer;
		uint64_t expires_in_ms;
		uint16_t number;
		struct flow_place place;
	} channels[ENTRIES_EACH_MAX];
	struct relay_tcp_peer peers[1024];
};
/* 0, -ENOENT if there is none with that id, or another negative errno. */
int relay_allocation_show(struct relay *relay, uint64_t id,
			  struct relay_allocation_detail *detail);

/* End those with reason END_KILLED. Returns how many, or a negative errno. */
int64_t relay_end_by_id(struct relay *relay, uint64_t id);
int64_t relay_end_like(struct relay *relay, const struct relay_filter *filter);

/* The few that have relayed most payload, most first; fewer if out of memory. */
enum { RELAY_TOP_MAX = 50 };
struct relay_top {
	struct relay_allocation rows[RELAY_TOP_MAX];
	size_t count;
};
void relay_allocations_top(struct relay *relay, struct relay_top *top);

#endif
