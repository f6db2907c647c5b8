/*
 * client_config.h - what a client is told at its start, and what it reports.
 */
#ifndef TOOLS_CLIENT_CLIENT_CONFIG_H
#define TOOLS_CLIENT_CLIENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

struct client_loop;

enum client_transport {
	CLIENT_UDP,
	CLIENT_TCP,
	CLIENT_TLS,  /* RFC 8656 only */
	CLIENT_DTLS, /* over UDP (RFC 7350); RFC 8656 only */
	CLIENT_PTLS, /* TCP with Microsoft's pseudo-TLS; that dialect only */
};

struct client_config {
	struct client_loop *loop;
	enum client_transport transport;
	bool ms;        /* the Microsoft dialect instead of RFC 8656 */
	bool send_mode; /* a Send around each packet; no channel, no active destination */
	/*
	 * RFC 8656 only. tcp_relay (RFC 6062) requires a stream: the relayed address is one of TCP,
	 * and each end puts the length of a packet in front of it, as packet_stream.h does.
	 */
	bool tcp_relay;
	bool mobility; /* RFC 8016: ask for a ticket; client_move() needs one */
	/*
	 * With mobility, over TCP, TLS or DTLS: a client whose connection has ended, or over which DTLS is
	 * silent, connects again and brings its ticket; moved() follows.
	 */
	bool come_back;
	bool dont_fragment; /* ask for DONT-FRAGMENT, and put it into each Send */
	bool dual;          /* ask for a relayed address of the other family, too */
	struct endpoint server;
	/*
	 * The client sends the header of a balancer (PROXY protocol, version 2) in front of a
	 * connection, or of each datagram: it forwards a client of this address and the port of
	 * its own socket. Of the server's family; IP_NONE: no header.
	 */
	struct ip_addr proxied;
	SSL_CTX *tls;         /* CLIENT_TLS, CLIENT_DTLS: decides what is verified */
	const char *tls_name; /* host name or address that the certificate must show */
	/*
	 * Borrowed for the client's life. In the Microsoft dialect the base64 texts of the
	 * bytes that it sends and signs with.
	 */
	const char *username, *password;
	/*
	 * An access token (RFC 7635) instead of a password, borrowed likewise: then username is
	 * the key id and session_key what the token encloses, at most STUN_KEY_MAX bytes.
	 */
	struct slice token, session_key;
	uint8_t family;    /* of the relayed address; IP_NONE: the server's choice */
	size_t send_queue; /* bytes queued on a stream before sends are refused */
};

/* client_data.channel of data from the active destination (Microsoft dialect). */
enum { CLIENT_ACTIVE = 1 };

/* Data from a peer; borrowed for the call. */
struct client_data {
	uint16_t channel; /* 0: it came in a Data indication, and peer is its source */
	struct endpoint peer;
	struct slice payload;
	uint64_t arrived_ns; /* CLOCK_REALTIME, by the kernel where it says */
};

/* What the relay heard of an earlier packet (RFC 8656 section 18.13). */
struct client_icmp {
	struct endpoint peer;
	uint8_t type; /* of ICMP, or of ICMPv6 if the peer is IPv6 */
	uint16_t code;
	uint32_t data; /* the MTU of a packet that was too big */
};

/* permitted, moved and icmp may be NULL. */
struct client_events {
	void *arg;
	/* Allocated: client_relayed() is valid. */
	void (*ready)(void *arg);
	/* client_bind() has been granted; a peer awaited by client_await() has connected. */
	void (*bound)(void *arg);
	/* client_await() has been granted: the peer can connect now. */
	void (*permitted)(void *arg);
	/* client_move() is done, or the client has come back: packets leave from the new socket. */
	void (*moved)(void *arg);
	void (*icmp)(void *arg, const struct client_icmp *icmp);
	void (*data)(void *arg, const struct client_data *data);
	/* client_release() is done. */
	void (*released)(void *arg);
	/*
	 * The client is finished: connection lost, no answer, refused. code: STUN error code
	 * or 0; what: a whole sentence.
	 */
	void (*failed)(void *arg, int code, const char *what);
};

#endif
