/*
 * route_message.h - requests to the kernel about devices, addresses, routes and neighbours, and what it says, as
 * bytes of rtnetlink(7). Pure.
 *
 * Threads  any.
 */
#ifndef RELAY_OFFLOAD_ROUTE_MESSAGE_H
#define RELAY_OFFLOAD_ROUTE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct route_request {
	_Alignas(8) uint8_t bytes[128];
	size_t len;
};

/* Which way leads from that address of ours to that one, of the same family? */
void route_message_ask_route(struct route_request *request, uint32_t sequence,
			     const struct ip_addr *from, const struct ip_addr *to);
/* Who has that address on the link of that device? */
void route_message_ask_neighbour(struct route_request *request, uint32_t sequence,
				 uint32_t ifindex, const struct ip_addr *ip);
/* All devices; all addresses. */
void route_message_ask_links(struct route_request *request, uint32_t sequence);
void route_message_ask_addresses(struct route_request *request, uint32_t sequence);

enum route_kind {
	ROUTE_OTHER,     /* not understood, or of no interest */
	ROUTE_LINK,      /* a device is so from now on */
	ROUTE_LINK_GONE, /* only ifindex is known */
	ROUTE_ADDRESS,   /* this host has one, or has it no more */
	ROUTE_WAY,       /* in a notification: some route has changed */
	ROUTE_RULE,      /* likewise a rule of routing policy, or a next hop object */
	ROUTE_NEIGHBOUR,
	ROUTE_DONE,  /* the last of an answer in several */
	ROUTE_ERROR, /* the answer is an errno */
};

struct route_link {
	uint32_t ifindex;
	char name[16];
	bool is_up; /* and has a carrier */
	bool is_ethernet, is_loopback;
	uint32_t mtu;
	uint8_t mac[6];
	uint8_t hop_limit_v6; /* 0: not told */
};

/* Of a neighbour. */
struct route_neighbour {
	uint32_t ifindex;
	struct ip_addr ip;
	bool is_known; /* mac is valid, though it may be about to be asked for again */
	uint8_t mac[6];
};

struct route_way {
	bool is_unicast; /* false: local, broadcast, multicast, or refused */
	/* By a tunnel that belongs to the route, or over several ways at once. */
	bool is_special;
	uint32_t ifindex;
	struct ip_addr gateway; /* of family IP_NONE: on the link */
	uint32_t mtu;           /* of the route or the path; 0: none but the device's */
	uint8_t hop_limit;      /* 0: none but the device's or the system's */
};

struct route_message {
	enum route_kind kind;
	uint32_t sequence;
	int error; /* ROUTE_ERROR: errno, or 0: an acknowledgement */
	union {
		struct route_link link;
		struct {
			uint32_t ifindex;
			struct ip_addr ip;
		} address;
		struct route_neighbour neighbour;
		struct route_way way;
	};
};

/* Take the next message off the front of *rest. False: that was the last one, or what follows is not whole. */
struct slice;
bool route_message_next(struct slice *rest, struct route_message *message);

#endif
