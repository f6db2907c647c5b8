/*
 * counters.h - what happened, by closed sets of names. Every drop has a reason here.
 *
 * Owner    one struct per worker, embedded in its struct turn.
 * Threads  one writer; others read with counter_read(). No locks; 64 bits, so that none wraps.
 */
#ifndef RELAY_CORE_COUNTERS_H
#define RELAY_CORE_COUNTERS_H

#include <stdint.h>

#include "relay/core/counter.h"
#include "relay/core/distribution.h"
#include "relay/core/front.h"
#include "stun/classify.h"

/* Why a datagram or frame was dropped: identifier, name for lists and metrics, explanation. */
#define DROP_REASONS(X)                                                                  \
	X(NONE, "none", "not dropped")                                                   \
	X(NOT_STUN, "not-stun", "first byte belongs to no protocol served here")         \
	X(MALFORMED, "malformed", "STUN header or attribute lengths are inconsistent")   \
	X(BAD_COOKIE, "bad-cookie",                                                      \
	  "not the magic cookie, and not a classic Binding request")                     \
	X(BAD_FINGERPRINT, "bad-fingerprint", "FINGERPRINT wrong or not last")           \
	X(UNKNOWN_METHOD, "unknown-method",                                              \
	  "method not served, or class not allowed for it")                              \
	X(UNEXPECTED_RESPONSE, "unexpected-response", "response without a request")      \
	X(UNKNOWN_ATTRIBUTE, "unknown-attribute",                                        \
	  "indication with an unknown required attribute")                               \
	X(BAD_INDICATION, "bad-indication", "Send without peer address or data")         \
	X(LIMITED, "limited", "answer to a stranger withheld by the limiter")            \
	X(NO_ALLOCATION, "no-allocation", "data on a 5-tuple without allocation")        \
	X(BAD_CHANNEL_DATA, "bad-channel-data", "ChannelData shorter than it claims")    \
	X(NO_CHANNEL, "no-channel", "channel number is not bound")                       \
	X(NO_PERMISSION, "no-permission", "no permission for this peer")                 \
	X(WRONG_FAMILY, "wrong-family",                                                  \
	  "peer is of another address family than the relay")                            \
	X(POLICY, "policy", "peer policy refuses this peer")                             \
	X(TOO_LARGE, "too-large", "does not fit in one datagram or frame")               \
	X(CLIENT_SLOW, "client-slow", "send queue towards a stream client is full")      \
	X(CLIENT_GONE, "client-gone", "client connection is closing")                    \
	X(SEND_FAILED, "send-failed", "the system refused the send")                     \
	X(NO_CONNECTION, "no-connection", "no TCP connection to this peer")              \
	X(SOURCE_PORT_ZERO, "source-port-zero", "source port 0 cannot be answered")      \
	X(CLIENT_ACL, "client-acl", "client address not allowed on this side")           \
	X(REPLY_TOO_LARGE, "reply-too-large", "reply did not fit its buffer")            \
	X(BAD_INTEGRITY, "bad-integrity", "MS Send without valid integrity")             \
	X(REPLAYED, "replayed", "MS sequence number used before, or too old")            \
	X(OTHER_CONNECTION, "other-connection", "MS Send for an earlier allocation")     \
	X(NO_DESTINATION, "no-destination", "raw MS data without an active destination") \
	X(PERMISSIONS_FULL, "permissions-full", "MS Send to one peer too many")          \
	X(MULTIPLEXED, "multiplexed", "multiplexed TURN, which is not supported")        \
	X(TRUNCATED, "truncated", "datagram larger than the receive buffer")             \
	X(ICMP_TYPE, "icmp-type", "ICMP error of a type that clients are not told")      \
	X(ICMP_LIMIT, "icmp-limit", "more ICMP errors than an allocation is told")       \
	X(ICMP_DIALECT, "icmp-dialect", "ICMP error for a client of MS-TURN")            \
	X(BANDWIDTH_ALLOCATION, "bandwidth-allocation",                                  \
	  "allocation above its average bandwidth")                                      \
	X(BANDWIDTH_ALLOCATION_PEAK, "bandwidth-peak-allocation",                        \
	  "allocation above its peak bandwidth")                                         \
	X(BANDWIDTH_USER, "bandwidth-user", "user above the average bandwidth")          \
	X(BANDWIDTH_USER_PEAK, "bandwidth-peak-user", "user above the peak bandwidth")   \
	X(BANDWIDTH_PREFIX, "bandwidth-prefix",                                          \
	  "source prefix above the average bandwidth")                                   \
	X(BANDWIDTH_PREFIX_PEAK, "bandwidth-peak-prefix",                                \
	  "source prefix above the peak bandwidth")                                      \
	X(BANDWIDTH_SIDE, "bandwidth-side", "user above the fair share of the side")     \
	X(BANDWIDTH_TOTAL, "bandwidth-total", "user above the fair share of the relay")  \
	X(PROXY_MISSING, "proxy-missing",                                                \
	  "from one of side.*.balancers, without a PROXY header")                        \
	X(PROXY_REFUSED, "proxy-refused", "PROXY header not valid, or of no client")     \
	X(RELOCATION, "relocation",                                                      \
	  "too much from a mobile client whose allocation is another worker's")          \
	X(STRAY, "stray", "too much at once that came to another worker than its own")   \
	X(DTLS_HELLO, "dtls-hello", "ClientHello of DTLS that is malformed")             \
	X(DTLS_FRAGMENTED, "dtls-fragmented", "ClientHello of DTLS in fragments")        \
	X(DTLS_COOKIE, "dtls-cookie", "ClientHello with a cookie too old or not ours")   \
	X(DTLS_RECORD, "dtls-record",                                                    \
	  "DTLS record that is invalid, repeated or too early")                          \
	X(NO_ASSOCIATION, "no-association", "DTLS record of no association")             \
	X(UNPADDED_CHANNEL_DATA, "unpadded-channel-data",                                \
	  "message not found behind ChannelData on a stream: its padding is missing")    \
	X(HOP_LIMIT, "hop-limit", "its hop limit (TTL) was used up on the way here")

enum drop_reason {
#define X(id, name, text) DROP_##id,
	DROP_REASONS(X)
#undef X
		DROP_REASON_COUNT
};

const char *drop_reason_name(enum drop_reason reason);
const char *drop_reason_text(enum drop_reason reason);

/* Why a connection or a DTLS association ended. A refused one has never been opened. */
#define CONNECTION_ENDS(X)                                                                  \
	X(CLIENT, "client-closed", "the client closed it")                                  \
	X(BROKEN, "broken", "reset by the client, lost, or out of memory")                  \
	X(GREETING, "greeting-timeout",                                                     \
	  "limits.greeting: no protocol or no TLS in time")                                 \
	X(AUTHENTICATION, "authentication-timeout",                                         \
	  "limits.authentication: no valid credentials in time")                            \
	X(FRAME, "frame-timeout", "limits.frame: a message begun, not complete in time")    \
	X(IDLE, "idle-timeout", "limits.idle: silent without an allocation")                \
	X(GAVE_WAY_PREFIX, "gave-way-prefix",                                               \
	  "limits.unauthenticated_per_prefix: the oldest of its source gave way")           \
	X(GAVE_WAY, "gave-way",                                                             \
	  "limits.unauthenticated or limits.connections: the oldest of the fullest source " \
	  "gave way")                                                                       \
	X(GAVE_WAY_FILES, "gave-way-descriptors",                                           \
	  "no descriptor left (LimitNOFILE): the oldest of the fullest source gave way")    \
	X(CLIENT_ACL, "client-acl",                                                         \
	  "side.*.clients: the PROXY header names another client")                          \
	X(PROXY_MISSING, "proxy-missing",                                                   \
	  "from one of side.*.balancers, without a PROXY header")                           \
	X(PROXY_REFUSED, "proxy-refused", "PROXY header not valid, or of no client")        \
	X(NOT_BALANCER, "not-balancer",                                                     \
	  "PROXY header from an address not in side.*.balancers")                           \
	X(NOT_SERVED, "not-served", "the first bytes belong to no protocol served here")    \
	X(NOT_STUN, "not-stun", "bytes that are no message")                                \
	X(UNPADDED, "unpadded-channel-data",                                                \
	  "ChannelData not padded to a multiple of four bytes (RFC 8656 section 12.5)")     \
	X(HANDSHAKE, "tls-handshake", "the TLS handshake failed")                           \
	X(VERSION, "tls-version",                                                           \
	  "the client speaks no version of TLS or DTLS served here")                        \
	X(ALGORITHMS, "tls-algorithms", "no cipher suite, group or signature in common")    \
	X(ALERT, "tls-alert",                                                               \
	  "the client ended the handshake; it may not trust our certificate")               \
	X(ALPN_H2, "alpn-h2", "ALPN offers HTTP/2, no protocol of STUN")                    \
	X(ALPN_HTTP_1_1, "alpn-http-1-1", "ALPN offers HTTP/1.1, no protocol of STUN")      \
	X(ALPN_OTHER, "alpn-other", "ALPN offers no protocol of STUN")                      \
	X(REPLACED, "replaced",                                                             \
	  "a new DTLS handshake of the same 5-tuple took its place")                        \
	X(PASSED, "passed-through", "pass_through: it is the web server's")                 \
	X(DATA, "data-connection", "a data connection that is over (RFC 6062)")             \
	X(RESTART, "restart", "TLS or DTLS, whose keys do not outlive the process")         \
	X(IN_DOUBT, "in-doubt",                                                             \
	  "the process before was killed while it sent: what has been sent is not known")   \
	X(RELAY, "relay", "the relay stopped, or no longer listens there")

enum connection_end {
#define X(id, name, text) CONNECTION_END_##id,
	CONNECTION_ENDS(X)
#undef X
		CONNECTION_END_COUNT
};

const char *connection_end_name(enum connection_end end);
const char *connection_end_text(enum connection_end end);

/* What became of PROXY headers, and of what should have had one: on streams and in datagrams. */
#define PROXY_RESULTS(X)                                                               \
	X(V1, "v1", "of version 1, names a client")                                    \
	X(V2, "v2", "of version 2, names a client")                                    \
	X(LOCAL, "local", "of the balancer itself: a health check")                    \
	X(UNKNOWN, "unknown", "names nobody; counts as the balancer's own")            \
	X(NOT_BALANCER, "not-balancer", "from an address not in side.*.balancers")     \
	X(MISSING, "missing", "a balancer sent none")                                  \
	X(INVALID, "invalid", "malformed, or not complete in its datagram")            \
	X(CHECKSUM, "checksum", "its CRC-32C is wrong")                                \
	X(TOO_LONG, "too-long", "longer than 4096 bytes")                              \
	X(NO_CLIENT, "no-client", "names an address that cannot be a client's")        \
	X(CLIENT_ACL, "client-acl", "side.*.clients refuses the client that it names") \
	X(IN_USE, "in-use", "names a client that has a connection to the same address")

enum proxy_result {
#define X(id, name, text) PROXY_RESULT_##id,
	PROXY_RESULTS(X)
#undef X
		PROXY_RESULT_COUNT
};

const char *proxy_result_name(enum proxy_result result);
const char *proxy_result_text(enum proxy_result result);

/* Of connections for a web server on the same port. Open: opened, less all others. */
#define PASS_EVENTS(X)                                                                  \
	X(OPENED, "opened", "not for the relay: passed on, or refused")                 \
	X(CLOSED, "closed", "both ends have closed it")                                 \
	X(BROKEN, "broken", "reset by an end, or lost")                                 \
	X(IDLE, "idle-timeout", "pass_through.*.idle: nothing moved")                   \
	X(GAVE_WAY, "gave-way",                                                         \
	  "pass_through.*.connections are open: the most silent of the fullest source") \
	X(FULL, "full", "pass_through.*.connections are open, and none gives way")      \
	X(NO_BACKEND, "no-backend", "the backend refuses, or did not answer in time")

enum pass_event {
#define X(id, name, text) PASS_EVENT_##id,
	PASS_EVENTS(X)
#undef X
		PASS_EVENT_COUNT
};

enum pass_direction { PASS_TO_BACKEND, PASS_TO_CLIENT, PASS_DIRECTION_COUNT };

const char *pass_event_name(enum pass_event event);
const char *pass_direction_name(enum pass_direction direction);

/*
 * Events of TCP connections between relayed addresses and peers. Open ones are those connected,
 * accepted and admitted less those revoked, stalled, closed, broken, unclaimed and ended.
 */
#define PEER_EVENTS(X)                                                               \
	X(CONNECTED, "connected", "made to a peer")                                  \
	X(ACCEPTED, "accepted", "accepted from a peer with a permission")            \
	X(HELD, "held", "waiting: the client may still permit it")                   \
	X(ADMITTED, "admitted", "held, then permitted")                              \
	X(TAKEN_UP, "taken-up", "open when this process began")                      \
	X(STRANGER, "stranger", "reset: no permission")                              \
	X(REFUSED, "refused", "reset: peer policy refuses this peer")                \
	X(FULL, "full", "reset or not made: the allocation is full")                 \
	X(HELD_FULL, "held-full", "reset: too many are held")                        \
	X(HELD_EXPIRED, "held-expired", "reset: held and not permitted in time")     \
	X(CONNECT_FAILED, "connect-failed", "the peer refuses or cannot be reached") \
	X(CONNECT_TIMEOUT, "connect-timeout", "the peer did not answer")             \
	X(REVOKED, "revoked", "reset: permission expired or policy changed")         \
	X(STALLED, "stalled", "reset: the peer reads too slowly")                    \
	X(CLOSED, "closed", "by the peer; a data connection also by the client")     \
	X(IN_DOUBT, "in-doubt", "reset: a restart left unknown what had passed")     \
	X(BROKEN, "broken", "reset by the peer or lost")                             \
	X(UNCLAIMED, "unclaimed", "closed: no ConnectionBind in time")               \
	X(ENDED, "ended", "with its allocation")

enum peer_event {
#define X(id, name, text) PEER_##id,
	PEER_EVENTS(X)
#undef X
		PEER_EVENT_COUNT
};

const char *peer_event_name(enum peer_event event);

/* Limits of bandwidth, in the order of their drop reasons. */
enum bandwidth_limit {
	BANDWIDTH_ALLOCATION,
	BANDWIDTH_ALLOCATION_PEAK,
	BANDWIDTH_USER,
	BANDWIDTH_USER_PEAK,
	BANDWIDTH_PREFIX,
	BANDWIDTH_PREFIX_PEAK,
	BANDWIDTH_SIDE,
	BANDWIDTH_TOTAL,
	BANDWIDTH_LIMIT_COUNT
};

static inline enum drop_reason bandwidth_drop(enum bandwidth_limit limit)
{
	return (enum drop_reason)(DROP_BANDWIDTH_ALLOCATION + limit);
}

const char *bandwidth_limit_name(enum bandwidth_limit limit); /* "peak-user" */

/* Why an authenticated client got no allocation. */
#define REFUSALS(X)                                                                 \
	X(USER, "user", "the user is at the limit")                                 \
	X(PREFIX, "prefix", "the source prefix is at the limit")                    \
	X(RATE, "rate", "too many new allocations of the user")                     \
	X(SIDE, "side", "the side is at the limit")                                 \
	X(TOTAL, "total", "the relay is at the limit")                              \
	X(CAPACITY, "capacity", "no port, socket or table space")                   \
	X(DRAINING, "draining", "the relay is draining")                            \
	X(REDIRECTED, "redirected", "draining; client redirected to another relay") \
	X(IGNORED, "ignored", "draining; request not answered")

enum refusal {
#define X(id, name, text) REFUSAL_##id,
	REFUSALS(X)
#undef X
		REFUSAL_COUNT
};

const char *refusal_name(enum refusal refusal);
const char *refusal_text(enum refusal refusal);

/*
 * Attributes of the MS dialect that a server must understand and that ours does not, by number:
 * those that are ignored because clients are known to send them, and those that get a 420.
 */
#define MS_ATTRIBUTES(X)  \
	X(0800, "0x0800") \
	X(24DF, "0x24df") \
	X(3802, "0x3802") \
	X(OTHER, "other")

enum ms_attribute {
#define X(id, name) MS_ATTRIBUTE_##id,
	MS_ATTRIBUTES(X)
#undef X
		MS_ATTRIBUTE_COUNT
};

enum ms_attribute ms_attribute_of(uint16_t type);
const char *ms_attribute_name(enum ms_attribute attribute);

/* What became of requests for bandwidth ([MS-TURNBWM]) and of reservations. */
#define ADMISSIONS(X)                                                             \
	X(CHECK_MET, "check-met", "check: room for the maxima")                   \
	X(CHECK_LOWERED, "check-lowered", "check: room for less than the maxima") \
	X(CHECK_FAILED, "check-failed", "check: no room for the minima")          \
	X(COMMITTED, "committed", "commit: reserved")                             \
	X(COMMIT_DENIED, "commit-denied", "commit: no room")                      \
	X(UPDATED, "updated", "update: changed as asked")                         \
	X(UPDATE_DENIED, "update-denied", "update: no room for more, unchanged")  \
	X(CANCELLED, "cancelled", "update: given back")                           \
	X(EXPIRED, "expired", "reservation at the end of its lifetime")           \
	X(IGNORED, "ignored", "incomplete, or of an unknown reservation")

enum admission {
#define X(id, name, text) ADMISSION_##id,
	ADMISSIONS(X)
#undef X
		ADMISSION_COUNT
};

const char *admission_name(enum admission event);

/* What became of mobile allocations (RFC 8016), and why a client could not move one. */
#define MOBILITY_EVENTS(X)                                                               \
	X(TICKET, "ticket", "allocation made with a ticket")                             \
	X(PREPARED, "prepared", "new 5-tuple and ticket given; the old ones serve on")   \
	X(REPEATED, "repeated", "Refresh repeated, answered again")                      \
	X(MOVED, "moved", "the new 5-tuple took over")                                   \
	X(WORKER, "worker", "the allocation went to another worker with it")             \
	X(LOST, "lost", "ended on its way to another worker, which had no room")         \
	X(ABANDONED, "abandoned", "new 5-tuple given up before it took over")            \
	X(KEPT, "kept", "connection closed; allocation kept for a ticket")               \
	X(FORBIDDEN, "forbidden", "405: mobility is off, or the front is being retired") \
	X(BAD_TICKET, "bad-ticket", "400: not a ticket of this relay")                   \
	X(OLD_TICKET, "old-ticket", "400: a ticket that was replaced")                   \
	X(SAME_ADDRESS, "same-address", "400: a ticket from where the client is")        \
	X(NO_ALLOCATION, "no-allocation", "437: the allocation has ended")               \
	X(IN_USE, "in-use", "437: the new 5-tuple has an allocation")                    \
	X(WRONG_OWNER, "wrong-owner", "441: the ticket of another user")                 \
	X(TRANSPORT, "transport", "400: a TCP allocation to a client of datagrams")      \
	X(ADDRESS, "address", "403: from a tunnel")                                      \
	X(LIMIT, "limit", "486: the new side or source prefix is at its limit")

enum mobility_event {
#define X(id, name, text) MOBILITY_##id,
	MOBILITY_EVENTS(X)
#undef X
		MOBILITY_EVENT_COUNT
};

const char *mobility_event_name(enum mobility_event event);
const char *mobility_event_text(enum mobility_event event);

/*
 * What became of the allocations of the process before, see core/allocation_restore.h. All but
 * TAKEN_UP are lost.
 */
#define RESTORE_RESULTS(X)                                                               \
	X(RESTORED, "taken-up", "goes on in this process")                               \
	X(RESTORE_DAMAGED, "damaged",                                                    \
	  "its record is in doubt, or contradicts itself or another one")                \
	X(RESTORE_VERSION, "version", "its record is of a version that is not read")     \
	X(RESTORE_EXPIRED, "expired", "its time was over while no process ran")          \
	X(RESTORE_REVOKED, "revoked", "its user, or the key of its credential is gone")  \
	X(RESTORE_CREDENTIAL, "credential-expired",                                      \
	  "its credential, or the key has expired")                                      \
	X(RESTORE_NO_FRONT, "no-front", "its client's front is not configured any more") \
	X(RESTORE_NO_ADDRESS, "no-address",                                              \
	  "its relayed address is not configured any more")                              \
	X(RESTORE_PORT_TAKEN, "port-taken",                                              \
	  "another program has its relayed port by now")                                 \
	X(RESTORE_DIALECT, "dialect", "its dialect is not served any more")              \
	X(RESTORE_FULL, "full", "tables are smaller by now")                             \
	X(RESTORE_DESCRIPTORS, "descriptors", "the system refused a socket")             \
	X(RESTORE_NO_STREAM, "no-stream",                                                \
	  "its client's connection did not survive: TLS, which only \"mobility = true\" helps, or not kept")

enum restore_result {
#define X(id, name, text) id,
	RESTORE_RESULTS(X)
#undef X
		RESTORE_RESULT_COUNT
};

const char *restore_result_name(enum restore_result result);
const char *restore_result_text(enum restore_result result);

/* Methods of requests; index of counters.requests. Methods outside TURN count as OTHER. */
enum request_method {
	REQUEST_BINDING,
	REQUEST_ALLOCATE,
	REQUEST_REFRESH,
	REQUEST_CREATE_PERMISSION,
	REQUEST_CHANNEL_BIND,
	REQUEST_CONNECT,
	REQUEST_CONNECTION_BIND,
	REQUEST_MS_ALLOCATE,
	REQUEST_MS_SET_ACTIVE_DESTINATION,
	REQUEST_METHOD_COUNT
};

/* Results are 0 (success) or an error code, folded into a closed set. */
enum { REQUEST_RESULT_COUNT = 27 };
int request_result_index(int code); /* unknown codes share the last index */
int request_result_code(int index); /* 0, 300, 400 ... ; -1 for the shared one */
const char *request_method_name(enum request_method method);

struct traffic {
	uint64_t packets;
	uint64_t bytes; /* application payload */
};

/* Which protocol speaks on the 5-tuple; fixed with the allocation. */
enum dialect {
	DIALECT_IETF,
	DIALECT_MS,
} __attribute__((packed));
enum { DIALECT_COUNT = DIALECT_MS + 1 };

/*
 * Closed stands before opened, here and below: a sum made while the worker runs may include an
 * allocation opened meanwhile, but never one closed and not opened.
 */
struct turnover {
	uint64_t closed, opened;
};

/* How allocations are told apart in counters. */
enum {
	COUNTED_RELAYS =
		TRANSPORT_TCP + 1, /* transports of relayed addresses: UDP and TCP */
	COUNTED_REASONS = 12,      /* for enum end_reason */
};

/* Whose receive queue overflowed. */
enum socket_kind { SOCKET_FRONT, SOCKET_RELAY, SOCKET_KIND_COUNT };
const char *socket_kind_name(enum socket_kind kind); /* "front", "relay" */

struct counters {
	uint64_t drops[DROP_REASON_COUNT];
	uint64_t requests[REQUEST_METHOD_COUNT][REQUEST_RESULT_COUNT];
	uint64_t datagrams[DATAGRAM_KIND_COUNT]; /* UDP fronts, by first byte */
	uint64_t streams[STREAM_KIND_COUNT];     /* connections by first bytes */
	struct traffic to_peer[SIDE_COUNT][TRANSPORT_COUNT]; /* by the client's */
	struct traffic to_client[SIDE_COUNT][TRANSPORT_COUNT];
	uint64_t indications;       /* Binding indications, kept silent */
	uint64_t icmp_told;         /* ICMP errors that became Data indications */
	uint64_t auth_failures[12]; /* by enum auth_failure */
	uint64_t refusals[REFUSAL_COUNT];
	uint64_t admissions[ADMISSION_COUNT];
	uint64_t mobility[MOBILITY_EVENT_COUNT];
	uint64_t restores[RESTORE_RESULT_COUNT];
	uint64_t moved_out, moved_in; /* allocations, to and from other workers */
	uint64_t ms_attributes[MS_ATTRIBUTE_COUNT];   /* one for each message with it */
	uint64_t stream_waits[BANDWIDTH_LIMIT_COUNT]; /* streams not read from, by limit */
	uint64_t exceeded_average; /* times that an allocation began to be above its limit */
	uint64_t exceeded_peak;
	uint64_t allocations_closed;
	uint64_t allocations_opened;
	struct turnover allocations[DIALECT_COUNT][SIDE_COUNT][TRANSPORT_COUNT]
				   [COUNTED_RELAYS];
	uint64_t allocations_ended[COUNTED_REASONS];
	struct distribution allocation_duration; /* ms */
	struct distribution allocation_bytes;    /* payload, both ways */
	uint64_t connections_opened;
	uint64_t connections_closed;
	uint64_t connections_departed;  /* for another worker */
	uint64_t connections_arrived;   /* from another worker */
	uint64_t connections_refused;   /* all of limits.connections are authenticated */
	uint64_t connections_timed_out; /* deadline for slow clients */
	uint64_t connections_ended[CONNECTION_END_COUNT];
	uint64_t proxy_results[PROXY_RESULT_COUNT];
	/* Of DTLS; closed before opened, see struct turnover. They end as connections do. */
	uint64_t associations_closed;
	uint64_t associations_opened;
	uint64_t associations_half_open; /* now, those that have not authenticated */
	uint64_t hello_verify_requests;  /* strangers asked for their cookie */
	uint64_t pass_events[PASS_EVENT_COUNT];
	uint64_t pass_bytes[PASS_DIRECTION_COUNT];
	uint64_t strays;        /* datagrams handed over to the worker of their source */
	uint64_t bind_failures; /* relay port held by another program */
	uint64_t peer_events[PEER_EVENT_COUNT];
	struct distribution batches[SOCKET_KIND_COUNT]; /* datagrams of one receive */
	uint64_t socket_drops[SOCKET_KIND_COUNT];       /* by the kernel: queue full */
};

/* Of all transports. */
struct traffic traffic_sum(const struct traffic by_transport[TRANSPORT_COUNT]);

/* How many are open, from a sum made while allocations came and went. */
static inline uint64_t counters_open(uint64_t opened, uint64_t closed)
{
	return opened > closed ? opened - closed : 0;
}

/* Add all of one into a sum; the sum is the caller's alone. */
void counters_sum(struct counters *sum, const struct counters *one);

#endif
