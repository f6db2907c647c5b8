/*
 * bare_forwarder.c - the least that a relay does for a packet, as the yardstick for whole-system.
 * It has the protocol only so far that a generator gets its channel: everybody may, nothing
 * expires.
 *
 *	bare_forwarder INSIDE:PORT OUTSIDE
 *	bare_forwarder --kernel MAP IFINDEX,MAC,MAC IFINDEX,MAC,MAC INSIDE:PORT OUTSIDE
 *
 * With sockets: recvfrom() and sendto(), one look into a hash, one socket for each allocation,
 * epoll. With --kernel: bare_tc.bpf.c forwards, and this program fills its table, pinned at MAP;
 * first the device inside, with the Ethernet addresses of its next hop and of its own, then the
 * device outside.
 *
 * Prints "ready" once it serves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/msg.h"
#include "tests/bench/bare_forwarder.h"

enum {
	HASH_SIZE = 1 << 15, /* places; at most half of them are used */
	ALLOCATIONS_MAX = HASH_SIZE / 2,
	AT_ONCE = 64, /* packets from the front before others get their turn */
	BUFFER = 4 << 20,
	RELAY_BUFFER = 512 << 10,
	EVENTS = 64,
	PACKET_MAX = 2048,
};

struct allocation {
	struct sockaddr_in client, peer;
	int fd;
	in_port_t port; /* relayed, network order */
	uint16_t channel;
};

struct device {
	uint32_t ifindex;
	uint8_t macs[12];
};

static struct allocation allocations[ALLOCATIONS_MAX];
static struct allocation *by_client[HASH_SIZE];
static unsigned allocation_count, released_count;
static int epoll_fd, front_fd, map_fd = -1;
static struct sockaddr_in inside, outside;
static struct device inner, outer;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* --- the table ---------------------------------------------------------------------------- */

static struct allocation **find(const struct sockaddr_in *client)
{
	uint64_t key = (uint64_t)client->sin_addr.s_addr << 16 | client->sin_port;
	unsigned at = (unsigned)(key * 0x9E3779B97F4A7C15U >> 49);

	while (by_client[at] != NULL &&
	       (by_client[at]->client.sin_port != client->sin_port ||
		by_client[at]->client.sin_addr.s_addr != client->sin_addr.s_addr))
		at = (at + 1) % HASH_SIZE;
	return &by_client[at];
}

static int open_socket(const struct sockaddr_in *address, int buffer)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		fail("bind");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	return fd;
}

static void watch(int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static struct allocation *allocate(const struct sockaddr_in *client)
{
	struct allocation **place = find(client);

	if (*place != NULL)
		return *place;
	if (allocation_count == ALLOCATIONS_MAX)
		return NULL;
	struct allocation *al = &allocations[allocation_count++];
	struct sockaddr_in address = outside;
	socklen_t len = sizeof(address);
	*al = (struct allocation){.client = *client,
				  .fd = open_socket(&outside, RELAY_BUFFER)};
	getsockname(al->fd, (struct sockaddr *)&address, &len);
	al->port = address.sin_port;
	watch(al->fd, al);
	*place = al;
	return al;
}

/* --- the kernel's table ------------------------------------------------------------------- */

static void open_map(const char *path)
{
	union bpf_attr attr = {.pathname = (uint64_t)(uintptr_t)path};

	map_fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	if (map_fd < 0)
		fail(path);
}

static void change_flow(const struct bare_key *key, const struct bare_flow *flow,
			bool is_added)
{
	union bpf_attr attr = {.map_fd = (uint32_t)map_fd,
			       .key = (uint64_t)(uintptr_t)key};

	if (is_added)
		attr.value = (uint64_t)(uintptr_t)flow;
	if (syscall(SYS_bpf, is_added ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, &attr,
		    sizeof(attr)) != 0 &&
	    (is_added || errno != ENOENT)) /* it may have no channel */
		fail("the kernel's table");
}

static void change_kernel(const struct allocation *al, bool is_added)
{
	const struct sockaddr_in *client = &al->client, *peer = &al->peer;
	struct bare_key up = {client->sin_addr.s_addr, inside.sin_addr.s_addr,
			      client->sin_port, inside.sin_port};
	struct bare_key down = {peer->sin_addr.s_addr, outside.sin_addr.s_addr,
				peer->sin_port, al->port};
	struct bare_flow to_peer = {.from = outside.sin_addr.s_addr,
				    .to = peer->sin_addr.s_addr,
				    .from_port = al->port,
				    .to_port = peer->sin_port,
				    .ifindex = outer.ifindex};
	struct bare_flow to_client = {.from = inside.sin_addr.s_addr,
				      .to = client->sin_addr.s_addr,
				      .from_port = inside.sin_port,
				      .to_port = client->sin_port,
				      .channel = htons(al->channel),
				      .ifindex = inner.ifindex};

	memcpy(to_peer.macs, outer.macs, sizeof(outer.macs));
	memcpy(to_client.macs, inner.macs, sizeof(inner.macs));
	change_flow(&up, &to_peer, is_added);
	change_flow(&down, &to_client, is_added);
}

/* --- as much of RFC 8656 as a generator needs --------------------------------------------- */

static struct endpoint endpoint_of(const struct sockaddr_in *sin)
{
	struct endpoint ep = {.ip.family = IP_V4, .port = ntohs(sin->sin_port)};

	memcpy(ep.ip.bytes, &sin->sin_addr, 4);
	return ep;
}

static void bind_channel(struct allocation *al, const struct stun_msg *request)
{
	struct stun_attr number, peer;
	struct endpoint ep;

	if (!stun_msg_find(request, TURN_CHANNEL_NUMBER, &number) ||
	    !stun_attr_channel_number(&number, &al->channel) ||
	    !stun_msg_find(request, TURN_XOR_PEER_ADDRESS, &peer) ||
	    !stun_attr_xor_address(&peer, request->txid, &ep))
		return;
	al->peer =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(ep.port)};
	memcpy(&al->peer.sin_addr, ep.ip.bytes, 4);
	if (map_fd >= 0)
		change_kernel(al, true);
}

/* When all have gone, there is an empty table again: a run ends before the next begins. */
static void release(struct allocation *al)
{
	if (al->fd < 0)
		return;
	close(al->fd);
	al->fd = -1;
	if (map_fd >= 0)
		change_kernel(al, false);
	if (++released_count < allocation_count)
		return;
	memset(by_client, 0, sizeof(by_client));
	allocation_count = released_count = 0;
}

static void answer(const struct stun_msg *request, const struct sockaddr_in *client)
{
	uint8_t reply[256];
	struct stun_builder b;
	struct allocation *al = *find(client);

	stun_builder_reply(&b, reply, sizeof(reply), request, STUN_SUCCESS);
	if (request->method == TURN_ALLOCATE) {
		al = allocate(client);
		if (al == NULL)
			return;
		struct endpoint mapped = endpoint_of(client),
				relayed = endpoint_of(&outside);
		relayed.port = ntohs(al->port);
		stun_add_xor_address(&b, TURN_XOR_RELAYED_ADDRESS, &relayed);
		stun_add_xor_address(&b, STUN_XOR_MAPPED_ADDRESS, &mapped);
		stun_add_u32(&b, TURN_LIFETIME, 600);
	} else if (request->method == TURN_CHANNEL_BIND && al != NULL) {
		bind_channel(al, request);
	} else if (request->method == TURN_REFRESH && al != NULL) {
		release(al);
	}
	sendto(front_fd, reply, stun_builder_finish(&b), 0,
	       (const struct sockaddr *)client, sizeof(*client));
}

/* --- packets ------------------------------------------------------------------------------ */

static void from_clients(void)
{
	static uint8_t packet[PACKET_MAX];

	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_in client;
		socklen_t len = sizeof(client);
		ssize_t got = recvfrom(front_fd, packet, sizeof(packet), 0,
				       (struct sockaddr *)&client, &len);
		struct slice bytes = {packet, got > 0 ? (size_t)got : 0};
		struct slice payload;
		struct stun_msg request;
		uint16_t number;

		if (got < 0)
			return;
		if (got > 0 && packet[0] < 0x40) {
			if (stun_msg_parse(bytes, &request) == STUN_PARSE_OK)
				answer(&request, &client);
			continue;
		}
		struct allocation *al = *find(&client);
		if (al != NULL && chandata_parse(bytes, &number, &payload) &&
		    number == al->channel)
			sendto(al->fd, payload.data, payload.len, 0,
			       (struct sockaddr *)&al->peer, sizeof(al->peer));
	}
}

static void from_peer(const struct allocation *al)
{
	static uint8_t packet[CHANDATA_HEADER_LEN + PACKET_MAX];
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	ssize_t got = recvfrom(al->fd, packet + CHANDATA_HEADER_LEN, PACKET_MAX, 0,
			       (struct sockaddr *)&peer, &len);

	if (got < 0 || peer.sin_addr.s_addr != al->peer.sin_addr.s_addr ||
	    peer.sin_port != al->peer.sin_port)
		return;
	chandata_write_header(packet, al->channel, (size_t)got);
	sendto(front_fd, packet, CHANDATA_HEADER_LEN + (size_t)got, 0,
	       (const struct sockaddr *)&al->client, sizeof(al->client));
}

/* --- start -------------------------------------------------------------------------------- */

static bool parse_device(const char *text, struct device *device)
{
	unsigned m[12];
	int fields = sscanf(text, "%u,%2x:%2x:%2x:%2x:%2x:%2x,%2x:%2x:%2x:%2x:%2x:%2x",
			    &device->ifindex, &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
			    &m[6], &m[7], &m[8], &m[9], &m[10], &m[11]);

	for (int i = 0; fields == 13 && i < 12; i++)
		device->macs[i] = (uint8_t)m[i];
	return fields == 13;
}

/* IPv4, with a port or without. */
static bool parse_address(const char *text, struct sockaddr_in *out)
{
	struct endpoint ep = {0};

	if ((!ip_addr_parse(text, &ep.ip) && !endpoint_parse(text, STUN_PORT, &ep)) ||
	    ep.ip.family != IP_V4)
		return false;
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(ep.port)};
	memcpy(&out->sin_addr, ep.ip.bytes, 4);
	return true;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	bool has_kernel = argc == 7 && strcmp(argv[1], "--kernel") == 0;

	if ((argc != 3 && !has_kernel) || !parse_address(argv[argc - 2], &inside) ||
	    !parse_address(argv[argc - 1], &outside) ||
	    (has_kernel &&
	     (!parse_device(argv[3], &inner) || !parse_device(argv[4], &outer)))) {
		fprintf(stderr, "usage: bare_forwarder [--kernel MAP DEVICE DEVICE] "
				"INSIDE:PORT OUTSIDE\n");
		return 2;
	}
	if (has_kernel)
		open_map(argv[2]);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	front_fd = open_socket(&inside, BUFFER);
	watch(front_fd, NULL);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				from_clients();
			else
				from_peer(events[i].data.ptr);
		}
	}
}
