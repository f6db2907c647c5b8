# relay/core/: what TURN is. No sockets, no clock, no log; see tests/lint.
# The library holds relay/dialect/ too (relay/dialect/local.mk adds to the list).
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	relay/core/allocation.c \
	relay/core/allocation.h \
	relay/core/allocation_table.h \
	relay/core/auth.c \
	relay/core/auth.h \
	relay/core/channel.c \
	relay/core/channel.h \
	relay/core/counters.c \
	relay/core/counters.h \
	relay/core/destination.c \
	relay/core/destination.h \
	relay/core/distribution.c \
	relay/core/distribution.h \
	relay/core/edge.h \
	relay/core/expiry.c \
	relay/core/expiry.h \
	relay/core/five_tuple.c \
	relay/core/five_tuple.h \
	relay/core/forward.c \
	relay/core/forward.h \
	relay/core/forward_ms.c \
	relay/core/forward_parts.h \
	relay/core/front.c \
	relay/core/front.h \
	relay/core/ids.h \
	relay/core/limiter.c \
	relay/core/limiter.h \
	relay/core/ms_auth.c \
	relay/core/ms_auth.h \
	relay/core/nonce.c \
	relay/core/nonce.h \
	relay/core/peer_policy.c \
	relay/core/peer_policy.h \
	relay/core/permission.c \
	relay/core/permission.h \
	relay/core/port_pool.c \
	relay/core/port_pool.h \
	relay/core/prefix_trie.c \
	relay/core/prefix_trie.h \
	relay/core/quota.c \
	relay/core/quota.h \
	relay/core/relay_port.c \
	relay/core/relay_port.h \
	relay/core/reservation.c \
	relay/core/reservation.h \
	relay/core/sequence.c \
	relay/core/sequence.h \
	relay/core/slab.c \
	relay/core/slab.h \
	relay/core/special_purpose.c \
	relay/core/special_purpose.h \
	relay/core/tcp_relay.c \
	relay/core/tcp_relay.h \
	relay/core/turn.h
