/*
 * relay_config.h - mediarelayd.conf as checked values. See mediarelayd.conf(5) for the language
 * and base/config/config.h for loading and comparing.
 */
#ifndef RELAY_RELOAD_RELAY_CONFIG_H
#define RELAY_RELOAD_RELAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config/config.h"
#include "relay/core/front.h"
#include "relay/core/turn.h"
#include "relay/offload/offload_mode.h"

struct relay_config_side {
	struct ip_addr *addresses; /* at least one */
	size_t address_count;
	struct ip_addr *public; /* outside: one for each, equal unless behind 1:1 NAT */
	size_t public_count;
	uint16_t *udp_ports, *tcp_ports; /* on each address, at most CONFIG_PORTS_MAX */
	size_t udp_port_count, tcp_port_count; /* 0: no such front on this side */
	struct ip_prefix *networks; /* inside: what lies there; refused as peers */
	size_t network_count;
	struct ip_prefix *clients; /* allowed clients; empty: any */
	size_t client_count;
	struct ip_prefix *balancers; /* their PROXY headers name the client */
	size_t balancer_count;
	/* Where a draining relay sends new clients: one of each family at most. */
	struct ip_addr *alternates;
	size_t alternate_count;
	char *alternate_domain; /* NULL: none */
	uint16_t drain_answer;  /* enum drain_answer + 1 */
	bool nat_discovery;     /* two UDP ports, and two addresses of a family */
	bool response_port;     /* with nat_discovery, to any port of a client */
	uint16_t offload;       /* enum offload_mode + 1 */
};

/* Of relayed datagrams; words count from 1. */
enum hop_limit_policy { HOP_LIMIT_DEFAULT = 1, HOP_LIMIT_DECREMENT };

/* Connections for a web server on the ports of a side (front/pass_through.h). */
struct relay_pass_through {
	struct endpoint backend; /* of family IP_NONE: off */
	char **own_names;        /* SNI of the relay; empty: any */
	size_t own_name_count;
	bool proxy_protocol;  /* the backend expects a header */
	uint32_t connections; /* per worker */
	uint32_t connect_timeout_ms, idle_ms;
};

/* Of stream clients. */
struct relay_stream_limits {
	uint32_t connections;     /* per worker */
	uint32_t unauthenticated; /* of them not yet authenticated, per worker */
	uint32_t unauthenticated_per_prefix; /* of all workers */
	/* First bytes and TLS handshake; the second under pressure (front/stream_times.h). */
	uint32_t greeting_ms, greeting_min_ms;
	/* First authenticated request, likewise. */
	uint32_t authentication_ms, authentication_min_ms;
	uint32_t frame_ms;   /* a frame begun must be complete */
	uint32_t idle_ms;    /* without allocation; 0: no limit */
	uint32_t send_queue; /* bytes queued for a client */
};

/* Of TCP connections with peers. */
struct relay_peer_limits {
	uint32_t queue;      /* bytes queued for a peer */
	uint32_t timeout_ms; /* to connect to it, and for that queue to drain */
};

/* Code points of base/config/dscp.h; DSCP_NONE: as section dscp says. */
struct relay_config_group {
	struct user_group group; /* begins with the name */
	uint8_t peers, clients, connections;
	uint8_t streams[MARKING_STREAM_COUNT];
};

struct relay_config {
	struct config common;
	char *realm;
	char *revoked_users;   /* path of a file with one user per line; NULL: none */
	char *software;        /* "" leaves SOFTWARE out */
	bool rfc5766_channels; /* channel numbers up to 0x7FFF for old clients */
	bool mobility;         /* allocations with tickets (RFC 8016) */
	bool classic_stun;     /* Binding of RFC 3489 */
	unsigned workers;      /* 0: one per CPU */
	struct relay_config_side sides[SIDE_COUNT];
	struct relay_pass_through pass_through[SIDE_COUNT];
	struct {                   /* certificate NULL: no TLS fronts */
		char *certificate; /* PEM, leaf first, then the chain */
		char *private_key; /* PEM */
		bool dtls;         /* on UDP ports, with the same certificate */
	} tls;
	struct {                   /* keys NULL: not served */
		char *server_name; /* "" exactly then */
		char *keys;        /* path of a file, see token_keyring.h */
	} third_party;
	struct {
		bool enabled;
		char *realm; /* without the quotes that it is sent in */
		uint32_t version;
		bool bandwidth_management, pstn_failover, ipv6;
		uint32_t reservation_lifetime_s, bandwidth_unit_bps;
	} ms;
	struct {
		struct {
			uint16_t first, last;
		} ports;
		uint32_t rest_ms;     /* of a freed port */
		uint16_t hop_limit;   /* enum hop_limit_policy */
		bool tcp_allocations; /* RFC 6062 */
	} relay;
	struct { /* see base/config/dscp.h */
		uint8_t legs[MARKING_LEG_COUNT];
		uint8_t connections[SIDE_COUNT];       /* over TCP */
		uint8_t tls_connections[SIDE_COUNT];   /* DSCP_NONE: as over TCP */
		uint8_t streams[MARKING_STREAM_COUNT]; /* by enum ms_stream_type */
	} dscp;
	struct relay_config_group *groups;
	size_t group_count;
	struct {
		struct ip_prefix *allow, *deny;
		size_t allow_count, deny_count;
	} peers;
	struct turn_limits limits;
	uint32_t nonce_lifetime_s;
	struct relay_stream_limits stream;
	struct relay_peer_limits peer;
	struct {              /* the kernel plane (offload/offload.h) */
		char *socket; /* of its loader; NULL: none */
		uint32_t flows;
	} offload;
	struct {                            /* what only a restart changes */
		uint32_t allocations_total; /* 0: as many as there are ports */
		uint16_t permissions;       /* per allocation, 1..256 */
		uint16_t channels;          /* per allocation, 1..256 */
	} fixed_limits;
};

#endif
