/*
 * route_asker.c - see route_asker.h.
 */
#include "relay/offload/route_asker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/net/route_socket.h"
#include "relay/offload/route_message.h"
#include "stun/wire.h"

enum { REPLY_SIZE = 32768, HOP_LIMIT_USUAL = 64 };

struct route_asker {
	struct route_asker_ops ops;
	int fd; /* -1: ops are another's */
	uint32_t sequence;
	uint8_t hop_limit_v4, hop_limit_v6; /* the system's */
	_Alignas(8) uint8_t reply[REPLY_SIZE];
};

static int ask_kernel(void *arg, const void *request, size_t len, void *reply,
		      size_t size)
{
	const struct route_asker *asker = arg;

	return route_socket_ask(asker->fd, request, len, reply, size);
}

static int more_of_kernel(void *arg, void *reply, size_t size)
{
	const struct route_asker *asker = arg;

	return route_socket_more(asker->fd, reply, size);
}

/* Of a fresh socket, since /proc/sys may not be there to read. */
static uint8_t system_hop_limit(int family, int level, int option)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int value = 0;
	socklen_t len = sizeof(value);

	if (fd < 0)
		return HOP_LIMIT_USUAL;
	if (getsockopt(fd, level, option, &value, &len) < 0)
		value = 0;
	close(fd);
	return value > 0 && value <= UINT8_MAX ? (uint8_t)value : HOP_LIMIT_USUAL;
}

static void read_hop_limits(struct route_asker *asker)
{
	asker->hop_limit_v4 = system_hop_limit(AF_INET, IPPROTO_IP, IP_TTL);
	asker->hop_limit_v6 = system_hop_limit(AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
}

struct route_asker *route_asker_new(const struct route_asker_ops *ops)
{
	struct route_asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL)
		return NULL;
	asker->fd = -1;
	if (ops != NULL) {
		asker->ops = *ops;
	} else {
		asker->ops = (struct route_asker_ops){ask_kernel, more_of_kernel, asker};
		asker->fd = route_socket_open(0);
		if (asker->fd < 0) {
			errno = -asker->fd;
			free(asker);
			return NULL;
		}
	}
	read_hop_limits(asker);
	return asker;
}

void route_asker_free(struct route_asker *asker)
{
	if (asker == NULL)
		return;
	if (asker->fd >= 0)
		close(asker->fd);
	free(asker);
}

/* --- devices and addresses ------------------------------------------------------------------------------ */

/* 1: there is more. */
static int take_packet(const struct route_asker *asker, size_t len, struct links *links)
{
	struct slice rest = {asker->reply, len};
	struct route_message message;
	bool ok = true;

	while (ok && route_message_next(&rest, &message)) {
		if (message.sequence != asker->sequence)
			continue;
		switch (message.kind) {
		case ROUTE_LINK:
			ok = links_set(links, &message.link);
			break;
		case ROUTE_ADDRESS:
			ok = links_add_address(links, message.address.ifindex,
					       &message.address.ip);
			break;
		case ROUTE_DONE:
			return 0;
		case ROUTE_ERROR:
			return -message.error;
		case ROUTE_LINK_GONE:
		case ROUTE_WAY:
		case ROUTE_RULE:
		case ROUTE_NEIGHBOUR:
		case ROUTE_OTHER:
			break;
		}
	}
	return ok ? 1 : -ENOMEM;
}

static int load_all(struct route_asker *asker, const struct route_request *request,
		    struct links *links)
{
	int n = asker->ops.ask(asker->ops.arg, request->bytes, request->len, asker->reply,
			       sizeof(asker->reply));

	while (n >= 0) {
		int result = take_packet(asker, (size_t)n, links);

		if (result <= 0)
			return result;
		n = asker->ops.more(asker->ops.arg, asker->reply, sizeof(asker->reply));
	}
	return n;
}

int route_asker_load(struct route_asker *asker, struct links *links)
{
	struct route_request request;
	int result;

	read_hop_limits(asker);
	links_clear(links);
	route_message_ask_links(&request, ++asker->sequence);
	result = load_all(asker, &request, links);
	if (result != 0)
		return result;
	route_message_ask_addresses(&request, ++asker->sequence);
	return load_all(asker, &request, links);
}

/* --- a way ------------------------------------------------------------------------------------------------ */

/* The answer in one message, of that kind. An answer to an earlier question may still wait. */
static bool ask_one(struct route_asker *asker, const struct route_request *request,
		    enum route_kind kind, struct route_message *message)
{
	int n = asker->ops.ask(asker->ops.arg, request->bytes, request->len, asker->reply,
			       sizeof(asker->reply));

	for (; n >= 0;
	     n = asker->ops.more(asker->ops.arg, asker->reply, sizeof(asker->reply))) {
		struct slice rest = {asker->reply, (size_t)n};

		while (route_message_next(&rest, message)) {
			if (message->sequence == asker->sequence)
				return message->kind == kind;
		}
	}
	return false;
}

static void add_macs(struct route_asker *asker, const struct route_link *link,
		     const struct ip_addr *neighbour, struct flow_hop *way)
{
	struct route_request request;
	struct route_message message;

	route_message_ask_neighbour(&request, ++asker->sequence, link->ifindex,
				    neighbour);
	if (!ask_one(asker, &request, ROUTE_NEIGHBOUR, &message) ||
	    !message.neighbour.is_known || message.neighbour.ifindex != link->ifindex ||
	    !ip_addr_equal(&message.neighbour.ip, neighbour))
		return;
	way->has_macs = 1;
	memcpy(way->to_mac, message.neighbour.mac, sizeof(way->to_mac));
	memcpy(way->from_mac, link->mac, sizeof(way->from_mac));
}

static uint8_t hop_limit_of(const struct route_asker *asker,
			    const struct route_way *found, const struct route_link *link,
			    uint8_t family)
{
	if (found->hop_limit != 0)
		return found->hop_limit;
	if (family == IP_V4)
		return asker->hop_limit_v4;
	return link->hop_limit_v6 != 0 ? link->hop_limit_v6 : asker->hop_limit_v6;
}

void route_asker_way(struct route_asker *asker, const struct links *links,
		     const struct ip_addr *from, const struct ip_addr *to,
		     route_asker_with_macs_fn *with_macs, void *arg, struct flow_hop *way)
{
	struct route_request request;
	struct route_message message;

	memset(way, 0, sizeof(*way));
	if (from->family != to->family)
		return;
	route_message_ask_route(&request, ++asker->sequence, from, to);
	if (!ask_one(asker, &request, ROUTE_WAY, &message))
		return;

	const struct route_way found = message.way;
	const struct route_link *link = links_find(links, found.ifindex);

	if (!found.is_unicast || found.is_special || link == NULL || !link->is_up ||
	    !link->is_ethernet || link->is_loopback)
		return;
	way->mtu = found.mtu != 0 && found.mtu < link->mtu ? found.mtu : link->mtu;
	way->hop_limit = hop_limit_of(asker, &found, link, to->family);
	if (found.gateway.family != IP_NONE) {
		way->family = found.gateway.family == IP_V4 ? 4 : 6;
		memcpy(way->gateway, found.gateway.bytes, sizeof(way->gateway));
	}
	if (with_macs(arg, link->ifindex))
		add_macs(asker, link,
			 found.gateway.family != IP_NONE ? &found.gateway : to, way);
	way->ifindex = link->ifindex;
}
