/*
 * test_route_asker.c - answers of a kernel that the test plays become hops, or the reason why there is none.
 */
#include "relay/offload/route_asker.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "tests/unit/lib/unit.h"

/* --- a kernel ------------------------------------------------------------------------------------- */

struct message {
	_Alignas(8) uint8_t bytes[1024];
	size_t len;
};

static struct {
	bool no_route, encapsulates, nothing_comes, other_sequence, no_neighbour;
	uint8_t type;
	uint32_t ifindex, mtu, hop_limit;
	uint8_t gateway[16];
	size_t gateway_len;
	uint16_t via; /* family of the gateway, in RTA_VIA */
	unsigned flags;
	uint16_t neighbour_state;
	unsigned link_flags;
	uint16_t link_type;
	int device_hop_limit;
	unsigned asked;
} kernel;

static const uint8_t mac[] = {2, 0, 0, 0, 0, 1}, neighbour_mac[] = {2, 0, 0, 0, 0, 2};

static void begin(struct message *message, uint16_t type, uint32_t sequence,
		  const void *body, size_t len)
{
	const struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_seq = sequence};

	memset(message, 0, sizeof(*message));
	memcpy(message->bytes, &header, sizeof(header));
	memcpy(message->bytes + sizeof(header), body, len);
	message->len = NLMSG_LENGTH(NLMSG_ALIGN(len));
}

static void add(struct message *message, uint16_t type, const void *value, size_t len)
{
	const struct rtattr head = {.rta_type = type,
				    .rta_len = (uint16_t)RTA_LENGTH(len)};

	memcpy(message->bytes + message->len, &head, sizeof(head));
	memcpy(message->bytes + message->len + sizeof(head), value, len);
	message->len += RTA_SPACE(len);
}

static size_t finish(struct message *message, uint8_t *reply)
{
	const uint32_t len = (uint32_t)message->len;

	memcpy(message->bytes, &len, sizeof(len));
	memcpy(reply, message->bytes, message->len);
	return NLMSG_ALIGN(message->len);
}

static size_t say_error(uint8_t *reply, uint32_t sequence, int error)
{
	const struct nlmsgerr body = {.error = -error};
	struct message message;

	begin(&message, NLMSG_ERROR, sequence, &body, sizeof(body));
	return finish(&message, reply);
}

static size_t say_route(uint8_t *reply, uint32_t sequence, uint8_t family)
{
	const struct rtmsg body = {
		.rtm_family = family, .rtm_type = kernel.type, .rtm_flags = kernel.flags};
	struct message message, metrics = {.len = 0};
	uint8_t via[18];

	if (kernel.no_route)
		return say_error(reply, sequence, ENETUNREACH);
	begin(&message, RTM_NEWROUTE, sequence, &body, sizeof(body));
	add(&message, RTA_OIF, &kernel.ifindex, sizeof(kernel.ifindex));
	memcpy(via, &kernel.via, sizeof(kernel.via));
	memcpy(via + 2, kernel.gateway, kernel.gateway_len);
	if (kernel.via != 0)
		add(&message, RTA_VIA, via, 2 + kernel.gateway_len);
	else if (kernel.gateway_len > 0)
		add(&message, RTA_GATEWAY, kernel.gateway, kernel.gateway_len);
	if (kernel.mtu != 0)
		add(&metrics, RTAX_MTU, &kernel.mtu, sizeof(kernel.mtu));
	if (kernel.hop_limit != 0)
		add(&metrics, RTAX_HOPLIMIT, &kernel.hop_limit, sizeof(kernel.hop_limit));
	add(&message, RTA_METRICS, metrics.bytes, metrics.len);
	if (kernel.encapsulates)
		add(&message, RTA_ENCAP_TYPE, &(uint16_t){1}, sizeof(uint16_t));
	return finish(&message, reply);
}

static size_t say_neighbour(uint8_t *reply, uint32_t sequence, const uint8_t *request)
{
	struct ndmsg body;
	struct message message;
	size_t len;

	memcpy(&body, request + NLMSG_HDRLEN, sizeof(body));
	body.ndm_state = kernel.neighbour_state;
	len = body.ndm_family == AF_INET ? 4 : 16;
	if (kernel.no_neighbour)
		return say_error(reply, sequence, ENOENT);
	begin(&message, RTM_NEWNEIGH, sequence, &body, sizeof(body));
	add(&message, NDA_DST,
	    request + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(body)) + sizeof(struct rtattr),
	    len);
	add(&message, NDA_LLADDR, neighbour_mac, sizeof(neighbour_mac));
	return finish(&message, reply);
}

static size_t say_links(uint8_t *reply, uint32_t sequence)
{
	const struct ifinfomsg eth = {.ifi_index = 2,
				      .ifi_type = kernel.link_type,
				      .ifi_flags = kernel.link_flags};
	const struct ifinfomsg port = {
		.ifi_family = AF_BRIDGE, .ifi_index = 2, .ifi_type = ARPHRD_VOID};
	struct message message, families = {.len = 0}, v6 = {.len = 0};
	int32_t settings[DEVCONF_HOPLIMIT + 1] = {0};
	size_t len;

	begin(&message, RTM_NEWLINK, sequence, &eth, sizeof(eth));
	add(&message, IFLA_IFNAME, "eth0", 5);
	add(&message, IFLA_MTU, &(uint32_t){1500}, sizeof(uint32_t));
	add(&message, IFLA_ADDRESS, mac, sizeof(mac));
	settings[DEVCONF_HOPLIMIT] = kernel.device_hop_limit;
	add(&v6, IFLA_INET6_CONF, settings, sizeof(settings));
	add(&families, AF_INET6, v6.bytes, v6.len);
	add(&message, IFLA_AF_SPEC, families.bytes, families.len);
	len = finish(&message, reply);
	/* What a bridge says of its port is not about the device. */
	begin(&message, RTM_NEWLINK, sequence, &port, sizeof(port));
	return len + finish(&message, reply + len);
}

static size_t say_addresses(uint8_t *reply, uint32_t sequence)
{
	const struct ifaddrmsg body = {.ifa_family = AF_INET, .ifa_index = 2};
	const uint8_t local[] = {192, 0, 2, 10}, other[] = {192, 0, 2, 11};
	struct message message;

	begin(&message, RTM_NEWADDR, sequence, &body, sizeof(body));
	add(&message, IFA_LOCAL, local, sizeof(local));
	add(&message, IFA_ADDRESS, other, sizeof(other)); /* the other end's */
	return finish(&message, reply);
}

static size_t say_done(uint8_t *reply, uint32_t sequence)
{
	struct message message;

	begin(&message, NLMSG_DONE, sequence, &(int){0}, sizeof(int));
	return finish(&message, reply);
}

static uint32_t last_sequence;
static bool is_dump;

static int answer(void *arg, const void *request, size_t len, void *reply, size_t size)
{
	struct nlmsghdr header;
	struct rtmsg route;
	uint32_t sequence;

	(void)arg;
	ck_assert(len >= NLMSG_HDRLEN && size >= 4096);
	memcpy(&header, request, sizeof(header));
	ck_assert_uint_eq(header.nlmsg_len, len);
	last_sequence = header.nlmsg_seq;
	sequence = kernel.other_sequence ? header.nlmsg_seq - 1 : header.nlmsg_seq;
	is_dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	kernel.asked++;
	if (kernel.nothing_comes)
		return -EAGAIN;
	switch (header.nlmsg_type) {
	case RTM_GETROUTE:
		memcpy(&route, (const uint8_t *)request + NLMSG_HDRLEN, sizeof(route));
		return (int)say_route(reply, sequence, route.rtm_family);
	case RTM_GETNEIGH:
		return (int)say_neighbour(reply, sequence, request);
	case RTM_GETLINK:
		return (int)say_links(reply, sequence);
	case RTM_GETADDR:
		return (int)say_addresses(reply, sequence);
	default:
		ck_abort_msg("asked %u", header.nlmsg_type);
		return -EINVAL;
	}
}

static int more(void *arg, void *reply, size_t size)
{
	(void)arg;
	(void)size;
	return is_dump ? (int)say_done(reply, last_sequence) : -EAGAIN;
}

/* --- */

static struct route_asker *asker;
static struct links *links;
static bool with_xdp;

static bool is_xdp(void *arg, uint32_t ifindex)
{
	(void)arg;
	ck_assert_uint_eq(ifindex, 2);
	return with_xdp;
}

static void load(void)
{
	ck_assert_int_eq(route_asker_load(asker, links), 0);
}

static void set_up(void)
{
	static const struct route_asker_ops ops = {answer, more, NULL};

	memset(&kernel, 0, sizeof(kernel));
	kernel.type = RTN_UNICAST;
	kernel.ifindex = 2;
	kernel.neighbour_state = NUD_STALE;
	kernel.link_flags = IFF_UP | IFF_RUNNING;
	kernel.link_type = ARPHRD_ETHER;
	with_xdp = false;
	asker = route_asker_new(&ops);
	links = links_new();
	ck_assert(asker != NULL && links != NULL);
	load();
}

static void tear_down(void)
{
	route_asker_free(asker);
	links_free(links);
}

static struct flow_hop ask(const char *from, const char *to)
{
	struct ip_addr ours, theirs;
	struct flow_hop way;

	memset(&way, 0xAA, sizeof(way));
	ck_assert(ip_addr_parse(from, &ours) && ip_addr_parse(to, &theirs));
	route_asker_way(asker, links, &ours, &theirs, is_xdp, NULL, &way);
	return way;
}

static struct flow_hop ask_v4(void)
{
	return ask("192.0.2.10", "198.51.100.7");
}

START_TEST(devices_and_addresses_are_listed)
{
	const struct route_link *link = links_find(links, 2);
	struct ip_addr ip;

	ck_assert_ptr_nonnull(link);
	ck_assert_str_eq(link->name, "eth0");
	ck_assert(link->is_up && link->is_ethernet && !link->is_loopback);
	ck_assert_uint_eq(link->mtu, 1500);
	ck_assert_mem_eq(link->mac, mac, sizeof(mac));
	ip_addr_parse("192.0.2.10", &ip);
	ck_assert_uint_eq(links_of_address(links, &ip), 2);
	ip_addr_parse("192.0.2.11", &ip);
	ck_assert_uint_eq(links_of_address(links, &ip), 0);
	ck_assert_ptr_null(links_find(links, 3));
	links_remove(links, 2);
	ck_assert_ptr_null(links_find(links, 2));
}
END_TEST

START_TEST(on_the_link)
{
	struct flow_hop way = ask_v4();

	ck_assert_uint_eq(way.ifindex, 2);
	ck_assert_uint_eq(way.mtu, 1500);
	ck_assert_uint_eq(way.family, 0);
	ck_assert_uint_eq(way.has_macs, 0);
	ck_assert_uint_eq(way.hop_limit, 64);
	ck_assert_uint_eq(kernel.asked, 3); /* links, addresses, the route */
}
END_TEST

START_TEST(through_a_gateway)
{
	memcpy(kernel.gateway, (uint8_t[]){192, 0, 2, 1}, 4);
	kernel.gateway_len = 4;
	kernel.mtu = 1400;
	kernel.hop_limit = 17;
	struct flow_hop way = ask_v4();

	ck_assert_uint_eq(way.family, 4);
	ck_assert_mem_eq(way.gateway, kernel.gateway, 4);
	ck_assert_uint_eq(way.mtu, 1400);
	ck_assert_uint_eq(way.hop_limit, 17);
	kernel.mtu = 9000; /* more than the device takes */
	ck_assert_uint_eq(ask_v4().mtu, 1500);
}
END_TEST

START_TEST(through_a_gateway_of_the_other_family) /* RFC 5549 */
{
	memcpy(kernel.gateway, (uint8_t[16]){0xfe, 0x80, [15] = 1}, 16);
	kernel.gateway_len = 16;
	kernel.via = AF_INET6;
	struct flow_hop way = ask_v4();

	ck_assert_uint_eq(way.family, 6);
	ck_assert_mem_eq(way.gateway, kernel.gateway, 16);
	kernel.via = 99;
	ck_assert_uint_eq(ask_v4().ifindex, 0);
}
END_TEST

START_TEST(hop_limits_of_ipv6_are_those_of_the_device)
{
	kernel.device_hop_limit = 33;
	load();
	ck_assert_uint_eq(ask("2001:db8::1", "2001:db8::2").hop_limit, 33);
	ck_assert_uint_eq(ask_v4().hop_limit, 64);
	kernel.hop_limit = 12;
	ck_assert_uint_eq(ask("2001:db8::1", "2001:db8::2").hop_limit, 12);
}
END_TEST

static void unreachable(void)
{
	kernel.no_route = true;
}
static void local(void)
{
	kernel.type = RTN_LOCAL;
}
static void broadcast(void)
{
	kernel.type = RTN_BROADCAST;
}
static void dead(void)
{
	kernel.flags = RTNH_F_DEAD;
}
static void no_carrier(void)
{
	kernel.flags = RTNH_F_LINKDOWN;
}
static void tunnel(void)
{
	kernel.encapsulates = true;
}
static void unknown_device(void)
{
	kernel.ifindex = 9;
}
static void silence(void)
{
	kernel.nothing_comes = true;
}
static void other_answer(void)
{
	kernel.other_sequence = true;
}
static void device_down(void)
{
	kernel.link_flags = IFF_UP;
	load();
}
static void no_ethernet(void)
{
	kernel.link_type = ARPHRD_NONE;
	load();
}
static void loopback(void)
{
	kernel.link_flags |= IFF_LOOPBACK;
	load();
}

static const struct {
	const char *name;
	void (*make)(void);
} none[] = {
	{"unreachable", unreachable},
	{"local", local},
	{"broadcast", broadcast},
	{"a dead next hop", dead},
	{"no carrier", no_carrier},
	{"an encapsulation of the route", tunnel},
	{"a device that is not known", unknown_device},
	{"no answer", silence},
	{"an answer to something else", other_answer},
	{"the device is down", device_down},
	{"no Ethernet device", no_ethernet},
	{"loopback", loopback},
};

START_TEST(there_is_no_way)
{
	none[_i].make();
	ck_assert_msg(ask_v4().ifindex == 0, "%s", none[_i].name);
}
END_TEST

START_TEST(families_do_not_mix)
{
	ck_assert_uint_eq(ask("192.0.2.10", "2001:db8::2").ifindex, 0);
}
END_TEST

START_TEST(xdp_needs_both_addresses)
{
	with_xdp = true;
	struct flow_hop way = ask_v4();

	ck_assert_uint_eq(way.has_macs, 1);
	ck_assert_mem_eq(way.from_mac, mac, sizeof(mac));
	ck_assert_mem_eq(way.to_mac, neighbour_mac, sizeof(neighbour_mac));
	kernel.neighbour_state = NUD_INCOMPLETE;
	way = ask_v4();
	ck_assert(way.ifindex == 2 && way.has_macs == 0);
	kernel.neighbour_state = NUD_REACHABLE;
	kernel.no_neighbour = true;
	way = ask_v4();
	ck_assert(way.ifindex == 2 && way.has_macs == 0);
}
END_TEST

static void route_asker_suite(Suite *suite)
{
	TCase *tc = tcase_create("route_asker");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, devices_and_addresses_are_listed);
	tcase_add_test(tc, on_the_link);
	tcase_add_test(tc, through_a_gateway);
	tcase_add_test(tc, through_a_gateway_of_the_other_family);
	tcase_add_test(tc, hop_limits_of_ipv6_are_those_of_the_device);
	tcase_add_loop_test(tc, there_is_no_way, 0, ROWS(none));
	tcase_add_test(tc, families_do_not_mix);
	tcase_add_test(tc, xdp_needs_both_addresses);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("route_asker", route_asker_suite)
