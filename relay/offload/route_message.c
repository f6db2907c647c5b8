/*
 * route_message.c - see route_message.h. Numbers are of the host's order there, but for addresses. A
 * message, its body and each attribute begin at a multiple of four.
 */
#include "relay/offload/route_message.h"

#include <assert.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "stun/wire.h"

enum { MAC_LEN = 6 };

/* --- requests -------------------------------------------------------------------------------------- */

static void begin(struct route_request *request, uint16_t type, uint16_t flags,
		  uint32_t sequence, const void *body, size_t len)
{
	const struct nlmsghdr header = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = sequence,
	};

	memset(request, 0, sizeof(*request));
	assert(sizeof(header) + padded4(len) <= sizeof(request->bytes));
	memcpy(request->bytes, &header, sizeof(header));
	memcpy(request->bytes + sizeof(header), body, len);
	request->len = sizeof(header) + padded4(len);
}

static void add(struct route_request *request, uint16_t type, const void *value,
		size_t len)
{
	const struct rtattr head = {.rta_type = type,
				    .rta_len = (uint16_t)(sizeof(head) + len)};

	assert(request->len + sizeof(head) + padded4(len) <= sizeof(request->bytes));
	memcpy(request->bytes + request->len, &head, sizeof(head));
	memcpy(request->bytes + request->len + sizeof(head), value, len);
	request->len += sizeof(head) + padded4(len);
}

static void finish(struct route_request *request)
{
	const uint32_t len = (uint32_t)request->len;

	memcpy(request->bytes + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

static uint8_t family_of(const struct ip_addr *ip)
{
	assert(ip->family == IP_V4 || ip->family == IP_V6);
	return ip->family == IP_V4 ? AF_INET : AF_INET6;
}

void route_message_ask_route(struct route_request *request, uint32_t sequence,
			     const struct ip_addr *from, const struct ip_addr *to)
{
	const uint8_t bits = (uint8_t)(8 * ip_addr_len(to->family));
	const struct rtmsg body = {
		.rtm_family = family_of(to), .rtm_dst_len = bits, .rtm_src_len = bits};
	const uint8_t protocol = 17; /* UDP: a rule of policy may ask */

	assert(from->family == to->family);
	begin(request, RTM_GETROUTE, 0, sequence, &body, sizeof(body));
	add(request, RTA_DST, to->bytes, ip_addr_len(to->family));
	add(request, RTA_SRC, from->bytes, ip_addr_len(from->family));
	add(request, RTA_IP_PROTO, &protocol, sizeof(protocol));
	finish(request);
}

void route_message_ask_neighbour(struct route_request *request, uint32_t sequence,
				 uint32_t ifindex, const struct ip_addr *ip)
{
	const struct ndmsg body = {.ndm_family = family_of(ip),
				   .ndm_ifindex = (int)ifindex};

	begin(request, RTM_GETNEIGH, 0, sequence, &body, sizeof(body));
	add(request, NDA_DST, ip->bytes, ip_addr_len(ip->family));
	finish(request);
}

void route_message_ask_links(struct route_request *request, uint32_t sequence)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	const uint32_t mask = RTEXT_FILTER_SKIP_STATS;

	begin(request, RTM_GETLINK, NLM_F_DUMP, sequence, &body, sizeof(body));
	add(request, IFLA_EXT_MASK, &mask, sizeof(mask));
	finish(request);
}

void route_message_ask_addresses(struct route_request *request, uint32_t sequence)
{
	const struct ifaddrmsg body = {.ifa_family = AF_UNSPEC};

	begin(request, RTM_GETADDR, NLM_F_DUMP, sequence, &body, sizeof(body));
	finish(request);
}

/* --- what comes back --------------------------------------------------------------------------------- */

struct attribute {
	uint16_t type;
	struct slice value;
};

/* False: the last one, or the next is not whole. */
static bool attribute_next(struct slice *rest, struct attribute *attribute)
{
	struct rtattr head;

	if (rest->len < sizeof(head))
		return false;
	memcpy(&head, rest->data, sizeof(head));
	if (head.rta_len < sizeof(head) || head.rta_len > rest->len)
		return false;
	attribute->type = head.rta_type & NLA_TYPE_MASK;
	attribute->value =
		(struct slice){rest->data + sizeof(head), head.rta_len - sizeof(head)};
	*rest = padded4(head.rta_len) < rest->len
			? slice_skip(*rest, padded4(head.rta_len))
			: slice_skip(*rest, rest->len);
	return true;
}

/* Its fixed part, and what is left are attributes. */
static bool body_take(struct slice *body, void *fixed, size_t len)
{
	if (body->len < len)
		return false;
	memcpy(fixed, body->data, len);
	*body = slice_skip(*body, padded4(len) < body->len ? padded4(len) : body->len);
	return true;
}

static uint32_t u32_of(struct slice value)
{
	uint32_t number = 0;

	if (value.len == sizeof(number))
		memcpy(&number, value.data, sizeof(number));
	return number;
}

/* Of no family if it is no address of that family. */
static struct ip_addr ip_of(struct slice value, uint8_t family)
{
	struct ip_addr ip = {.family = family == AF_INET    ? IP_V4
				       : family == AF_INET6 ? IP_V6
							    : IP_NONE};

	if (value.len != ip_addr_len(ip.family))
		return (struct ip_addr){.family = IP_NONE};
	memcpy(ip.bytes, value.data, value.len);
	return ip;
}

/* IFLA_AF_SPEC has for each family what that has to say, IPv6 its settings as an array of int. */
static uint8_t hop_limit_of(struct slice families)
{
	struct attribute family, of_family;
	int32_t limit = 0;

	while (attribute_next(&families, &family)) {
		while (family.type == AF_INET6 &&
		       attribute_next(&family.value, &of_family)) {
			size_t at = DEVCONF_HOPLIMIT * sizeof(limit);

			if (of_family.type == IFLA_INET6_CONF &&
			    of_family.value.len >= at + sizeof(limit))
				memcpy(&limit, of_family.value.data + at, sizeof(limit));
		}
	}
	return limit > 0 && limit <= UINT8_MAX ? (uint8_t)limit : 0;
}

static enum route_kind read_link(struct slice body, bool is_gone, struct route_link *link)
{
	struct ifinfomsg fixed;
	struct attribute attribute;

	if (!body_take(&body, &fixed, sizeof(fixed)) || fixed.ifi_index <= 0)
		return ROUTE_OTHER;
	/* A bridge tells of its ports with its own family: that is not the device. */
	if (fixed.ifi_family != AF_UNSPEC)
		return ROUTE_OTHER;
	link->ifindex = (uint32_t)fixed.ifi_index;
	if (is_gone)
		return ROUTE_LINK_GONE;
	link->is_up = (fixed.ifi_flags & IFF_UP) != 0 &&
		      (fixed.ifi_flags & IFF_RUNNING) != 0;
	link->is_ethernet = fixed.ifi_type == ARPHRD_ETHER;
	link->is_loopback = (fixed.ifi_flags & IFF_LOOPBACK) != 0;
	while (attribute_next(&body, &attribute)) {
		const struct slice value = attribute.value;

		if (attribute.type == IFLA_IFNAME && value.len > 0 &&
		    value.len <= sizeof(link->name))
			memcpy(link->name, value.data, value.len - 1);
		else if (attribute.type == IFLA_MTU)
			link->mtu = u32_of(value);
		else if (attribute.type == IFLA_ADDRESS && value.len == MAC_LEN)
			memcpy(link->mac, value.data, MAC_LEN);
		else if (attribute.type == IFLA_AF_SPEC)
			link->hop_limit_v6 = hop_limit_of(value);
	}
	return ROUTE_LINK;
}

static enum route_kind read_address(struct slice body, struct route_message *message)
{
	struct ifaddrmsg fixed;
	struct attribute attribute;
	bool has_local = false;

	if (!body_take(&body, &fixed, sizeof(fixed)))
		return ROUTE_OTHER;
	message->address.ifindex = fixed.ifa_index;
	/* On a link between two, IFA_ADDRESS is the other one's. */
	while (attribute_next(&body, &attribute)) {
		if (attribute.type != IFA_LOCAL &&
		    (attribute.type != IFA_ADDRESS || has_local))
			continue;
		has_local = attribute.type == IFA_LOCAL;
		message->address.ip = ip_of(attribute.value, fixed.ifa_family);
	}
	return message->address.ip.family != IP_NONE ? ROUTE_ADDRESS : ROUTE_OTHER;
}

static void read_metrics(struct slice metrics, struct route_way *way)
{
	struct attribute attribute;

	while (attribute_next(&metrics, &attribute)) {
		uint32_t value = u32_of(attribute.value);

		if (attribute.type == RTAX_MTU)
			way->mtu = value;
		else if (attribute.type == RTAX_HOPLIMIT && value <= UINT8_MAX)
			way->hop_limit = (uint8_t)value;
	}
}

/* RTA_VIA: the family as 16 bits of the host's order, then the address. */
static struct ip_addr via_of(struct slice value)
{
	uint16_t family;

	if (value.len < sizeof(family))
		return (struct ip_addr){.family = IP_NONE};
	memcpy(&family, value.data, sizeof(family));
	return ip_of(slice_skip(value, sizeof(family)), (uint8_t)family);
}

static enum route_kind read_way(struct slice body, struct route_way *way)
{
	struct rtmsg fixed;
	struct attribute attribute;

	if (!body_take(&body, &fixed, sizeof(fixed)))
		return ROUTE_OTHER;
	way->is_unicast = fixed.rtm_type == RTN_UNICAST &&
			  (fixed.rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0;
	while (attribute_next(&body, &attribute)) {
		const struct slice value = attribute.value;

		switch (attribute.type) {
		case RTA_OIF:
			way->ifindex = u32_of(value);
			break;
		case RTA_GATEWAY:
		case RTA_VIA:
			way->gateway = attribute.type == RTA_VIA
					       ? via_of(value)
					       : ip_of(value, fixed.rtm_family);
			way->is_special |= way->gateway.family == IP_NONE;
			break;
		case RTA_METRICS:
			read_metrics(value, way);
			break;
		case RTA_ENCAP_TYPE:
		case RTA_ENCAP:
		case RTA_MULTIPATH:
		case RTA_NEWDST:
			way->is_special = true;
			break;
		default:
			break;
		}
	}
	return ROUTE_WAY;
}

static enum route_kind read_neighbour(struct slice body, bool is_gone,
				      struct route_neighbour *neighbour)
{
	const uint16_t known = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE |
			       NUD_STALE | NUD_DELAY;
	struct ndmsg fixed;
	struct attribute attribute;
	bool has_mac = false;

	if (!body_take(&body, &fixed, sizeof(fixed)) || fixed.ndm_ifindex <= 0)
		return ROUTE_OTHER;
	neighbour->ifindex = (uint32_t)fixed.ndm_ifindex;
	while (attribute_next(&body, &attribute)) {
		if (attribute.type == NDA_DST)
			neighbour->ip = ip_of(attribute.value, fixed.ndm_family);
		has_mac |= attribute.type == NDA_LLADDR && attribute.value.len == MAC_LEN;
		if (attribute.type == NDA_LLADDR && attribute.value.len == MAC_LEN)
			memcpy(neighbour->mac, attribute.value.data, MAC_LEN);
	}
	neighbour->is_known = !is_gone && has_mac && (fixed.ndm_state & known) != 0;
	return neighbour->ip.family != IP_NONE ? ROUTE_NEIGHBOUR : ROUTE_OTHER;
}

static enum route_kind read_error(struct slice body, struct route_message *message)
{
	int32_t error;

	if (!body_take(&body, &error, sizeof(error)) || error > 0 || error < -4095)
		return ROUTE_OTHER;
	message->error = -error;
	return ROUTE_ERROR;
}

static enum route_kind read_body(uint16_t type, struct slice body,
				 struct route_message *message)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return read_link(body, type == RTM_DELLINK, &message->link);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return read_address(body, message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_way(body, &message->way);
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return ROUTE_RULE;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return read_neighbour(body, type == RTM_DELNEIGH, &message->neighbour);
	case NLMSG_DONE:
		return ROUTE_DONE;
	case NLMSG_ERROR:
		return read_error(body, message);
	default:
		return ROUTE_OTHER;
	}
}

bool route_message_next(struct slice *rest, struct route_message *message)
{
	struct nlmsghdr header;
	struct slice body;
	size_t len;

	if (rest->len < sizeof(header))
		return false;
	memcpy(&header, rest->data, sizeof(header));
	if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest->len)
		return false;
	body = (struct slice){rest->data + sizeof(header),
			      header.nlmsg_len - sizeof(header)};
	len = padded4(header.nlmsg_len);
	*rest = slice_skip(*rest, len < rest->len ? len : rest->len);
	memset(message, 0, sizeof(*message));
	message->sequence = header.nlmsg_seq;
	message->kind = read_body(header.nlmsg_type, body, message);
	return true;
}
