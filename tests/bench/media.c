/*
 * media.c - the generator and the peers of whole-system, in one process and two network
 * namespaces, on one CPU. Every packet is a system call of its own, as clients send them. It can
 * do without a relay, too: what the same packets cost straight across one link is taken off the
 * cost of those that are relayed.
 *
 *	media straight PEER_NETNS PEER_ADDRESS CLIENTS RATE SIZE BURST
 *	media relayed  PEER_NETNS PEER_ADDRESS CLIENTS RATE SIZE BURST SERVER:PORT USER PASSWORD
 *
 * Clients are of this process's namespace, with a socket, an allocation and a channel each;
 * peers, which they share, of the other. RATE counts packets per second, both directions
 * together; 0 is silence. BURST packets are sent back to back.
 *
 * Prints "ready" and then sends until its standard input ends. The first line there begins the
 * measured time; the end of the input ends it. Then come the figures as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "stun/attr.h"
#include "stun/chandata.h"
#include "tools/client/client_auth.h"
#include "tools/client/clock.h"
#include "tools/load/histogram.h"
#include "tools/load/pacer.h"
#include "tools/load/stamp.h"

enum {
	CLIENTS_MAX = 16384,
	PEERS = 16,
	PACKET_MAX = 2048,
	BATCH = 64, /* at a peer, where the packets of a millisecond meet */
	BUFFER = 4 << 20,
	CLIENT_BUFFER = 512 << 10,
	TRIES = 8,
	ANSWER_MS = 250,
	TICK_NS = 1000000,
	DRAIN_MS = 500,
	AT_MOST_S = 3600,
};

enum direction { UP, DOWN, DIRECTIONS };

struct flow {
	uint64_t next; /* to be sent */
	struct stamp_flow arrived;
};

struct client {
	int fd;
	uint16_t channel;
	struct sockaddr_storage relayed; /* where its peer sends to */
	socklen_t relayed_len;
	struct client_auth *auth;
	struct flow flows[DIRECTIONS];
};

static struct {
	bool is_straight;
	uint32_t clients, rate, size, burst;
	struct endpoint peer_address, server;
	struct slice user, password;
} options;

static struct client *clients;
static struct {
	int fd;
	struct endpoint endpoint;
} peers[PEERS];
static int epoll_fd;
static uint32_t run_id;
static uint8_t filling[PACKET_MAX];
static uint64_t sent[DIRECTIONS], received[DIRECTIONS], reordered, wrong;
static uint64_t received_before[DIRECTIONS], begun_ns, ended_ns;
static struct histogram delays[DIRECTIONS];
static bool is_measuring;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "media: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(int family, int buffer)
{
	const int on = 1;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	return fd;
}

static void connect_to(int fd, const struct endpoint *to)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(to, &sa);

	if (connect(fd, (struct sockaddr *)&sa, len) != 0)
		fail("connect");
}

static void open_peers(const char *netns)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int there = open(netns, O_RDONLY | O_CLOEXEC);
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&options.peer_address, &sa);

	if (there < 0 || setns(there, CLONE_NEWNET) != 0)
		fail(netns);
	for (int i = 0; i < PEERS; i++) {
		peers[i].fd = open_socket(sa.ss_family, BUFFER);
		if (bind(peers[i].fd, (struct sockaddr *)&sa, len) != 0)
			fail("bind");
		sockaddr_of(peers[i].fd, &peers[i].endpoint);
	}
	if (setns(home, CLONE_NEWNET) != 0)
		fail("the own namespace");
	close(home);
	close(there);
}

/* Neighbours share a peer: they send at the same time, so it receives in batches. */
static unsigned peer_of(uint32_t client)
{
	return (unsigned)((uint64_t)client * PEERS / options.clients);
}

/* --- as much of TURN as gets a channel ---------------------------------------------------- */

static void begin_request(struct stun_builder *b, uint8_t *buf, size_t size,
			  uint16_t method)
{
	uint8_t txid[STUN_TXID_LEN];

	if (getrandom(txid, sizeof(txid), 0) != sizeof(txid))
		fail("getrandom");
	stun_builder_start(b, buf, size, method, STUN_REQUEST, txid);
}

/* Sends until it is answered. False: no answer. */
static bool ask(const struct client *client, struct stun_builder *b, uint8_t *answer,
		struct stun_msg *msg)
{
	size_t len;

	client_auth_add(client->auth, b);
	len = stun_builder_finish(b);
	for (int i = 0; i < TRIES; i++) {
		if (send(client->fd, b->buf, len, 0) < 0 && errno != ECONNREFUSED)
			fail("send");
		for (;;) {
			ssize_t got = recv(client->fd, answer, PACKET_MAX, 0);
			if (got < 0)
				break;
			if (stun_msg_parse((struct slice){answer, (size_t)got}, msg) ==
				    STUN_PARSE_OK &&
			    memcmp(msg->txid, b->buf + 8, STUN_TXID_LEN) == 0)
				return true;
		}
	}
	return false;
}

static bool allocate(struct client *client, uint8_t *answer, struct stun_msg *msg)
{
	static const uint8_t udp[4] = {17};
	uint8_t request[1024];
	struct stun_builder b;

	for (int i = 0; i < 2; i++) {
		begin_request(&b, request, sizeof(request), TURN_ALLOCATE);
		stun_builder_add(&b, TURN_REQUESTED_TRANSPORT, udp, sizeof(udp));
		if (!ask(client, &b, answer, msg))
			return false;
		if (msg->class == STUN_SUCCESS ||
		    !client_auth_challenge(client->auth, msg))
			break;
	}
	return msg->class == STUN_SUCCESS;
}

static void set_up(struct client *client, uint32_t id)
{
	const struct timeval patience = {0, ANSWER_MS * 1000};
	const struct timeval forever = {0, 0};
	uint8_t request[1024], answer[PACKET_MAX];
	struct endpoint relayed;
	struct stun_builder b;
	struct stun_msg msg;
	struct stun_attr attr;

	client->channel = (uint16_t)(CHANNEL_NUMBER_MIN + id % 0x1000);
	client->fd =
		open_socket(options.peer_address.ip.family == IP_V4 ? AF_INET : AF_INET6,
			    CLIENT_BUFFER);
	if (options.is_straight) {
		connect_to(client->fd, &peers[peer_of(id)].endpoint);
		sockaddr_of(client->fd, &relayed);
		client->relayed_len = sockaddr_from_endpoint(&relayed, &client->relayed);
		return;
	}
	client->auth = calloc(1, sizeof(*client->auth));
	if (client->auth == NULL)
		fail("calloc");
	client->auth->username = options.user;
	client->auth->password = options.password;
	connect_to(client->fd, &options.server);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!allocate(client, answer, &msg) ||
	    !stun_msg_find(&msg, TURN_XOR_RELAYED_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg.txid, &relayed))
		fail("Allocate is refused or not answered");
	client->relayed_len = sockaddr_from_endpoint(&relayed, &client->relayed);

	const uint8_t number[4] = {(uint8_t)(client->channel >> 8),
				   (uint8_t)client->channel};
	begin_request(&b, request, sizeof(request), TURN_CHANNEL_BIND);
	stun_builder_add(&b, TURN_CHANNEL_NUMBER, number, sizeof(number));
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &peers[peer_of(id)].endpoint);
	if (!ask(client, &b, answer, &msg) || msg.class != STUN_SUCCESS)
		fail("ChannelBind is refused or not answered");
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
}

static void release(struct client *client)
{
	const struct timeval patience = {0, ANSWER_MS * 1000};
	uint8_t request[1024], answer[PACKET_MAX];
	struct stun_builder b;
	struct stun_msg msg;

	if (options.is_straight)
		return;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	begin_request(&b, request, sizeof(request), TURN_REFRESH);
	stun_add_u32(&b, TURN_LIFETIME, 0);
	ask(client, &b, answer, &msg);
}

/* --- media -------------------------------------------------------------------------------- */

static void send_packet(uint32_t id, enum direction direction)
{
	static uint8_t packet[CHANDATA_HEADER_LEN + PACKET_MAX];
	struct client *client = &clients[id];
	uint8_t *payload = packet + CHANDATA_HEADER_LEN;
	struct stamp stamp = {.run = run_id,
			      .client = id,
			      .direction = direction,
			      .sequence = client->flows[direction].next,
			      .sent_ns = clock_realtime_ns()};
	ssize_t done;

	stamp_write(payload, &stamp);
	memcpy(payload + STAMP_LEN, filling + STAMP_LEN, options.size - STAMP_LEN);
	if (direction == DOWN) {
		done = sendto(peers[peer_of(id)].fd, payload, options.size, MSG_DONTWAIT,
			      (struct sockaddr *)&client->relayed, client->relayed_len);
	} else if (options.is_straight) {
		done = send(client->fd, payload, options.size, MSG_DONTWAIT);
	} else {
		chandata_write_header(packet, client->channel, options.size);
		done = send(client->fd, packet, CHANDATA_HEADER_LEN + options.size,
			    MSG_DONTWAIT);
	}
	if (done < 0)
		return;
	client->flows[direction].next++;
	sent[direction]++;
}

static void send_due(struct pacer *pacer)
{
	uint64_t first, count = pacer_due(pacer, clock_monotonic_ns(), &first);

	for (; count > 0; count--, first++) {
		uint64_t turn = first % (2 * (uint64_t)options.clients);

		for (uint32_t i = 0; i < options.burst; i++)
			send_packet((uint32_t)(turn / 2), turn % 2 == 0 ? UP : DOWN);
	}
}

static void arrived(struct slice payload, enum direction direction, uint64_t arrived_ns)
{
	struct stamp stamp;

	if (payload.len != options.size || !stamp_read(payload, &stamp) ||
	    stamp.run != run_id || stamp.direction != (uint32_t)direction ||
	    stamp.client >= options.clients ||
	    memcmp(payload.data + STAMP_LEN, filling + STAMP_LEN,
		   payload.len - STAMP_LEN) != 0) {
		wrong++;
		return;
	}
	struct flow *flow = &clients[stamp.client].flows[direction];
	enum stamp_order order = stamp_flow_take(&flow->arrived, stamp.sequence);
	if (order == STAMP_DUPLICATED) {
		wrong++;
		return;
	}
	reordered += order == STAMP_REORDERED;
	received[direction]++;
	if (is_measuring)
		histogram_add(&delays[direction], arrived_ns > stamp.sent_ns
							  ? arrived_ns - stamp.sent_ns
							  : 0);
}

static void receive_at_client(struct client *client)
{
	static uint8_t packet[PACKET_MAX];
	union clock_control control;
	struct iovec vector = {packet, sizeof(packet)};
	struct msghdr header = {.msg_iov = &vector,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(client->fd, &header, MSG_DONTWAIT);
	struct slice payload = {packet, got > 0 ? (size_t)got : 0};
	uint16_t number;

	if (got < 0)
		return;
	if (options.is_straight ||
	    (chandata_parse(payload, &number, &payload) && number == client->channel))
		arrived(payload, DOWN, clock_arrival_ns(&header, clock_realtime_ns()));
	else
		wrong++;
}

static void receive_at_peer(int fd)
{
	static uint8_t packets[BATCH][PACKET_MAX];
	static struct mmsghdr headers[BATCH];
	static struct iovec vectors[BATCH];
	static union clock_control controls[BATCH];

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){packets[i], sizeof(packets[i])};
		headers[i].msg_hdr =
			(struct msghdr){.msg_iov = &vectors[i],
					.msg_iovlen = 1,
					.msg_control = &controls[i],
					.msg_controllen = sizeof(controls[i])};
	}
	int count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now_ns = clock_realtime_ns();
	for (int i = 0; i < count; i++)
		arrived((struct slice){packets[i], headers[i].msg_len}, UP,
			clock_arrival_ns(&headers[i].msg_hdr, now_ns));
}

/* What epoll gives back: a client's number, or one of these. */
enum { SOURCE_PEER = 1 << 24, SOURCE_TICK = 1 << 25, SOURCE_INPUT = 1 << 26 };

static void watch(int fd, uint32_t source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static bool takes_input(void)
{
	char text[64];

	if (read(STDIN_FILENO, text, sizeof(text)) > 0) {
		is_measuring = true;
		begun_ns = clock_monotonic_ns();
		memcpy(received_before, received, sizeof(received));
		return true;
	}
	return false;
}

/* False: nothing happened within the time. */
static bool turn(struct pacer *pacer, int tick_fd, int wait_ms, bool *is_over)
{
	struct epoll_event events[BATCH];
	int count = epoll_wait(epoll_fd, events, BATCH, wait_ms);

	for (int i = 0; i < count; i++) {
		uint32_t source = events[i].data.u32;
		uint64_t ticks;

		if (source == SOURCE_TICK) {
			if (read(tick_fd, &ticks, sizeof(ticks)) > 0)
				send_due(pacer);
		} else if (source == SOURCE_INPUT) {
			*is_over = !takes_input();
		} else if (source & SOURCE_PEER) {
			receive_at_peer(peers[source & ~(uint32_t)SOURCE_PEER].fd);
		} else {
			receive_at_client(&clients[source]);
		}
	}
	return count > 0;
}

static void run_media(void)
{
	const struct itimerspec each = {{0, TICK_NS}, {0, TICK_NS}};
	int tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct pacer pacer = {0};
	bool is_over = false;

	for (uint32_t i = 0; i < options.clients; i++)
		watch(clients[i].fd, i);
	for (uint32_t i = 0; i < PEERS; i++)
		watch(peers[i].fd, SOURCE_PEER | i);
	watch(tick_fd, SOURCE_TICK);
	watch(STDIN_FILENO, SOURCE_INPUT);
	puts("ready");
	fflush(stdout);
	if (options.rate > 0) {
		timerfd_settime(tick_fd, 0, &each, NULL);
		pacer_start(&pacer, (double)options.rate / options.burst, AT_MOST_S,
			    clock_monotonic_ns());
	}
	while (!is_over)
		turn(&pacer, tick_fd, -1, &is_over);
	ended_ns = clock_monotonic_ns();
	is_measuring = false;
	for (int d = 0; d < DIRECTIONS; d++)
		received_before[d] = received[d] - received_before[d];

	close(tick_fd);
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	while (turn(NULL, -1, DRAIN_MS, &is_over))
		;
	printf("{\"seconds\": %.6f, \"packets\": %" PRIu64 ", \"sent\": %" PRIu64
	       ", \"received\": %" PRIu64 ", \"wrong\": %" PRIu64
	       ", \"reordered\": %" PRIu64 ", \"skipped\": %" PRIu64
	       ", \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       (double)(ended_ns - begun_ns) * 1e-9,
	       received_before[UP] + received_before[DOWN], sent[UP] + sent[DOWN],
	       received[UP] + received[DOWN], wrong, reordered,
	       pacer.skipped * options.burst,
	       (double)(histogram_percentile(&delays[UP], 50) +
			histogram_percentile(&delays[DOWN], 50)) /
		       2e3,
	       (double)(histogram_percentile(&delays[UP], 99) >
					histogram_percentile(&delays[DOWN], 99)
				? histogram_percentile(&delays[UP], 99)
				: histogram_percentile(&delays[DOWN], 99)) /
		       1e3);
	fflush(stdout);
}

/* --- start -------------------------------------------------------------------------------- */

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value < least || value > most) {
		fprintf(stderr, "media: %s: must be %u to %u\n", text, least, most);
		exit(2);
	}
	return (uint32_t)value;
}

static void parse(int argc, char **argv)
{
	bool is_relayed = argc == 11 && strcmp(argv[1], "relayed") == 0;

	options.is_straight = argc == 8 && strcmp(argv[1], "straight") == 0;
	if ((!is_relayed && !options.is_straight) ||
	    !ip_addr_parse(argv[3], &options.peer_address.ip) ||
	    (is_relayed && !endpoint_parse(argv[8], STUN_PORT, &options.server))) {
		fprintf(stderr,
			"usage: media straight|relayed PEER_NETNS PEER_ADDRESS CLIENTS RATE "
			"SIZE BURST [SERVER:PORT USER PASSWORD]\n");
		exit(2);
	}
	options.clients = number(argv[4], 1, CLIENTS_MAX);
	options.rate = number(argv[5], 0, 10000000);
	options.size = number(argv[6], STAMP_LEN, PACKET_MAX - CHANDATA_HEADER_LEN);
	options.burst = number(argv[7], 1, 1000);
	if (is_relayed) {
		options.user = (struct slice){(uint8_t *)argv[9], strlen(argv[9])};
		options.password = (struct slice){(uint8_t *)argv[10], strlen(argv[10])};
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;

	parse(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (uint32_t i = 0; i < options.size; i++)
		filling[i] = (uint8_t)(i * 7 + (i >> 8));
	clients = calloc(options.clients, sizeof(*clients));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || epoll_fd < 0 ||
	    getrandom(&run_id, sizeof(run_id), 0) != sizeof(run_id))
		fail("start");
	open_peers(argv[2]);
	for (uint32_t i = 0; i < options.clients; i++)
		set_up(&clients[i], i);
	run_media();
	for (uint32_t i = 0; i < options.clients; i++)
		release(&clients[i]);
	return 0;
}
