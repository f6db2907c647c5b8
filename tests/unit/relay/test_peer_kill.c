/*
 * test_peer_kill.c - a process with connections to peers is killed again and again, at random
 * moments and between any two writes of its state, and the next one goes on: in each direction of
 * each connection the bytes are numbered, and none is lost or repeated.
 *
 * The processes have the real relayed side: relay_tcp with peers of the MS dialect, data_conn with
 * pipes and without, the records and peer_take_up. What is on its far side, and the store of
 * descriptors, is the parent, which also plays the client of the MS dialect: what it has sent and
 * not been told is handled is sent again, under the same number.
 */
#include "relay/peer/peer_take_up.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "relay/core/allocation.h"
#include "relay/core/allocation_table.h"
#include "relay/core/permission.h"
#include "relay/core/shared.h"
#include "relay/core/tcp_connection.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/loop.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/inherited_pipes.h"
#include "relay/peer/peer_conn.h"
#include "relay/peer/peer_record.h"
#include "relay/peer/relay_tcp.h"
#include "relay/reload/relay_settings.h"
#include "relay/state/state_file.h"
#include "relay/state/state_view.h"
#include "tests/unit/lib/unit.h"

enum {
	MS_IN = 2,  /* peers of the MS allocation that connect ... */
	MS_OUT = 2, /* ... and that are connected to */
	MS = MS_IN + MS_OUT,
	DATA_IN =
		32, /* the same of the other allocation: more than there are pipes for, ... */
	DATA_OUT = 4, /* ... in both directions */
	DATA = DATA_IN + DATA_OUT,
	FIRST = 5000,   /* bytes that came with the ConnectionBind */
	UNSENT = 3000,  /* bytes that wait for the client then */
	MESSAGE = 1100, /* of an MS client, and 37 more for each peer */
	LOG = 1 << 20,
	SMALL = 8 << 10, /* buffers of the kernel */
	STORE_MAX = 1024,
	STALL_MS = 60000,
};

static const uint8_t boot_id[16] = "this boot";

/* --- numbered bytes -------------------------------------------------------------------------- */

static uint64_t number_of(uint32_t flow, uint64_t at)
{
	return (at / 8 + 1) * 0x9E3779B97F4A7C15U + flow * 0x632BE59BD9B4E019U;
}

static uint8_t byte_at(uint32_t flow, uint64_t at)
{
	return (uint8_t)(number_of(flow, at) >> (8 * (at % 8)));
}

static void fill(uint8_t *buf, size_t len, uint32_t flow, uint64_t at)
{
	size_t i = 0;

	for (; i < len && (at + i) % 8 != 0; i++)
		buf[i] = byte_at(flow, at + i);
	for (; len - i >= 8; i += 8) {
		uint64_t number = htole64(number_of(flow, at + i));

		memcpy(buf + i, &number, sizeof(number));
	}
	for (; i < len; i++)
		buf[i] = byte_at(flow, at + i);
}

static void check_bytes(const uint8_t *buf, size_t len, uint32_t flow, uint64_t at)
{
	static uint8_t right[32 << 10];

	ck_assert_uint_le(len, sizeof(right));
	fill(right, len, flow, at);
	for (size_t i = 0; memcmp(buf, right, len) != 0 && i < len; i++)
		ck_assert_msg(buf[i] == right[i], "flow %u: byte %lu is wrong", flow,
			      at + i);
}

/* Numbers of the flows of a connection. */
static uint32_t from_peer(unsigned i)
{
	return 2 * i;
}

static uint32_t to_peer(unsigned i)
{
	return 2 * i + 1;
}

/* --- what parent and child share ------------------------------------------------------------- */

/* All is written by one of them, and read by the other. */
static struct common {
	uint64_t complete; /* the last generation that has taken over */
	uint64_t counts[PEER_TAKEN_UP_COUNT];
	uint64_t unbound, stored;
	uint64_t ends;              /* nothing new is connected any more */
	struct endpoint relayed[2]; /* of the MS allocation, and of the other */
	struct endpoint out[MS_OUT + DATA_OUT]; /* peers that listen */
	struct endpoint peers[MS + DATA];       /* all, once they are connected */
	struct endpoint clients[DATA]; /* the far ends of clients of data connections */
	uint64_t handled;              /* messages of the MS client */
	uint64_t stop;                 /* it sends no more than that many */
	uint64_t accepted, consumed;   /* bytes of the MS client's stream */
	uint8_t log[LOG];
} * common;

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static unsigned countdown; /* writes until the process is killed; 0: it is not */

static void before_write(void *arg, const void *to, size_t len)
{
	(void)arg;
	(void)to;
	(void)len;
	if (countdown > 0 && --countdown == 0)
		kill(getpid(), SIGKILL);
}

/* A write of what stands for another part of the process. */
static void fake_write(uint64_t *word, uint64_t value)
{
	before_write(NULL, word, sizeof(*word));
	store(word, value);
}

/* --- the process that is killed -------------------------------------------------------------- */

static struct loop loop;
static struct turn turn;
static struct turn_shared shared;
static struct edge edge;
static struct delivery delivery;
static struct relay_settings settings;
static struct relay_address address;
static struct front front;
static struct state_file *state;
static struct data_conns *conns;
static struct relay_tcp *relays;
static struct allocation *ms_allocation, *data_allocation;
static uint8_t reply[DISPATCH_REPLY_MAX];
static struct event tick;
static bool client_waits;
static uint64_t random_state;

static struct near {
	int fd;
	bool is_lent;
	uint32_t connection;
} nears[DATA];

static int edge_listen(void *self, uint32_t slot, const struct endpoint *local)
{
	static const int size = SMALL;
	int failed;

	(void)self;
	failed = relay_tcp_listen(relays, slot, local);
	if (failed == 0)
		setsockopt(relays->ports[slot].fd, SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size));
	return failed;
}

static void edge_unlisten(void *self, uint32_t slot)
{
	(void)self;
	relay_tcp_unlisten(relays, slot);
}

static void edge_permitted(void *self, uint32_t slot)
{
	(void)self;
	relay_tcp_permitted(relays, slot);
}

static int edge_connect(void *self, uint32_t connection, const struct endpoint *peer)
{
	(void)self;
	return data_conns_connect(conns, connection, peer);
}

static void edge_binding(void *self, uint32_t connection, const struct five_tuple *client)
{
	(void)self;
	data_conns_binding(conns, connection, client);
}

static void edge_disconnect(void *self, uint32_t connection)
{
	(void)self;
	data_conns_disconnect(conns, connection);
}

static void edge_ended(void *self, const struct allocation *al)
{
	(void)self;
	(void)al;
}

static void edge_random(void *self, void *buf, size_t len)
{
	uint8_t *bytes = buf;

	(void)self;
	for (size_t i = 0; i < len; i++) {
		random_state = random_state * 6364136223846793005U + 1442695040888963407U;
		bytes[i] = (uint8_t)(random_state >> 56);
	}
}

static int peer_index(const struct endpoint *peer, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		if (endpoint_equal(&common->peers[i], peer))
			return (int)i;
	}
	return -1;
}

/* The stream of the MS client: length and peer of each message, and its bytes. */
enum { LOG_HEAD = 4 };

static bool client_takes(void *self, uint32_t slot, size_t len)
{
	(void)self;
	(void)slot;
	return load(&common->accepted) - load(&common->consumed) + LOG_HEAD + len <=
	       LOG / 8;
}

static void to_client(void *self, const struct forward *forward, uint8_t *room)
{
	uint64_t at = common->accepted;
	size_t len = forward->payload.len;
	int peer = peer_index(&forward->peer, 0, MS);
	uint8_t head[LOG_HEAD] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
				  (uint8_t)peer};

	(void)self;
	(void)room;
	assert(peer >= 0);
	for (size_t i = 0; i < LOG_HEAD; i++)
		common->log[at++ % LOG] = head[i];
	for (size_t i = 0; i < len; i++)
		common->log[at++ % LOG] = forward->payload.data[i];
	fake_write(&common->accepted, at);
	before_write(NULL, NULL, 0);
}

static uint64_t client_accepted(void *self, uint32_t slot)
{
	(void)self;
	(void)slot;
	return common->accepted;
}

static void client_wait(void *self, uint32_t slot, bool wait)
{
	(void)self;
	(void)slot;
	client_waits = wait;
}

static void to_control(void *self, uint32_t slot, struct slice message)
{
	(void)self;
	(void)slot;
	(void)message;
}

static void throttle(void *self, uint32_t slot, uint32_t wait_ms)
{
	(void)self;
	(void)slot;
	(void)wait_ms;
}

static void unbind(void *self, struct stream *stream, bool reset)
{
	struct near *near = (struct near *)(void *)stream;

	(void)self;
	store(&common->unbound, common->unbound + 1);
	near->is_lent = false;
	fd_end(near->fd, reset);
	near->fd = -1;
}

static void send_messages(void)
{
	uint8_t bytes[MESSAGE + 37 * MS];

	for (int i = 0; i < 16 && !client_waits; i++) {
		uint64_t number = common->handled;
		unsigned peer = (unsigned)(number % MS);
		size_t len = MESSAGE + 37 * peer;
		struct forward forward = {
			.kind = FORWARD_TO_PEER,
			.slot = ms_allocation->slot,
			.peer = common->peers[peer],
			.payload = {bytes, len},
		};

		if (number >= load(&common->stop) ||
		    common->peers[peer].ip.family == IP_NONE)
			return;
		fill(bytes, len, to_peer(peer), number / MS * len);
		delivery.handling = number + 1;
		relay_tcp_send(relays, &forward);
		delivery.handling = 0;
		fake_write(&common->handled, number + 1);
	}
}

static int near_of(const struct endpoint *client)
{
	for (int i = 0; i < DATA; i++) {
		if (endpoint_equal(&common->clients[i], client))
			return i;
	}
	return -1;
}

/* The client of a connection that is pending binds it, as a ConnectionBind would. */
static void bind_pending(uint32_t connection, int i)
{
	struct near *near = &nears[i];
	const struct five_tuple tuple = {.client = common->clients[i]};
	uint8_t first[FIRST], unsent[UNSENT];
	const struct bound_client client = {
		.stream = (struct stream *)(void *)near,
		.fd = near->fd,
		.first = {first, sizeof(first)},
		.unsent = {unsent, sizeof(unsent)},
	};

	assert(!near->is_lent && near->fd >= 0);
	fill(first, sizeof(first), to_peer(MS + (unsigned)i), 0);
	fill(unsent, sizeof(unsent), from_peer(MS + (unsigned)i), 0);
	tcp_connection_bind(&turn, connection, &tuple);
	near->is_lent = true;
	near->connection = connection;
	if (!data_conns_bind(conns, connection, &client))
		abort();
}

static void bind_all_pending(void)
{
	uint32_t i = tcp_connections_first(&turn, data_allocation->slot);

	for (; i != TCP_CONNECTION_NONE; i = tcp_connection_at(&turn, i)->next) {
		const struct tcp_connection *c = tcp_connection_at(&turn, i);
		int peer = peer_index(&c->peer, MS, MS + DATA);

		if (c->state == TCP_CONNECTION_PENDING && peer >= 0)
			bind_pending(i, peer - MS);
	}
}

/* Connects to those that it has not connected to. */
static void connect_out(void)
{
	for (unsigned i = 0; i < DATA_OUT; i++) {
		const struct endpoint *peer = &common->out[MS_OUT + i];
		uint32_t index;

		if (tcp_connection_begin(&turn, data_allocation, peer, loop.now_ms,
					 &index) != 0)
			continue;
		tcp_connection_at(&turn, index)->connect.kind = STUN_INTEGRITY_NONE;
		if (data_conns_connect(conns, index, peer) != 0)
			tcp_connection_gone(&turn, index, PEER_CONNECT_FAILED);
	}
}

/* main does that now and then. */
static void fake_store(void)
{
	store(&common->stored, fd_store_flush());
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
	const struct timeval often = {.tv_usec = 500};

	(void)fd;
	(void)events;
	(void)arg;
	loop_turn(&loop);
	fake_store();
	if (load(&common->ends) == 0)
		connect_out();
	bind_all_pending();
	send_messages();
	if (client_takes(NULL, 0, PEER_BUFFER_LEN))
		relay_tcp_client_ready(relays, ms_allocation->slot);
	event_add(&tick, &often);
}

static struct allocation *allocate(bool data)
{
	static const uint8_t txid[STUN_TXID_LEN];
	static const struct owner owner = {
		.id = {{1}}, .key = {.len = 16}, .user = "alice", .key_id = "k1"};
	const struct allocation_request request = {
		.tuple = {.client = {address.local, (uint16_t)(1000 + data)}},
		.dialect = data ? DIALECT_IETF : DIALECT_MS,
		.family = IP_V4,
		.relay_transport = TRANSPORT_TCP,
		.data_connections = data,
		.lifetime_s = 600,
		.txid = txid,
		.owner = &owner,
	};
	const struct endpoint peer = {address.local, 0};
	struct allocation *al;

	if (allocation_create(&turn, &request, loop.now_ms, &al) != 0 ||
	    permission_install(&turn, al, &peer, 1, loop.now_ms, NULL) != 0)
		abort();
	return al;
}

static void make_turn(void)
{
	const struct shared_sizes sizes = {
		.pool = {.address_count = 1, .first = 50000, .last = 50063, .seed = 1},
		.tcp_seed = 1,
		.reservations = 16,
		.owners = 64,
	};
	const struct peer_policy_config policy = {
		.allow = &(struct ip_prefix){.ip = {.family = IP_V4, .bytes = {127}},
					     .len = 8},
		.allow_count = 1,
	};

	front = (struct front){.side = SIDE_INSIDE,
			       .transport = TRANSPORT_TCP,
			       .local = {address.local, 3478}};
	shared.relay = &address;
	shared.relay_count = 1;
	shared.fronts = &front;
	shared.front_count = 1;
	shared.worker_count = 1;
	shared.hash_key = (struct siphash_key){1, 2};
	settings.turn.generation = 1;
	settings.turn.relay_count = 1;
	settings.turn.policy = peer_policy_new(&policy);
	settings.turn.tcp_allocations = true;
	settings.turn.limits.peer_connections = 4 * DATA;
	settings.peer =
		(struct relay_peer_limits){.queue = 64 << 10, .timeout_ms = 600000};
	if (!shared_make(&shared, &sizes) || settings.turn.policy == NULL)
		abort();
	turn = (struct turn){
		.shared = &shared, .settings = &settings.turn, .edge = &edge};
	turn.table = allocation_table_new(4, 8, 8, &shared.hash_key);
	turn.connections = tcp_connections_new(256, 4);
	edge = (struct edge){
		.relay_listen = edge_listen,
		.relay_unlisten = edge_unlisten,
		.relay_permitted = edge_permitted,
		.tcp_connect = edge_connect,
		.tcp_binding = edge_binding,
		.tcp_disconnect = edge_disconnect,
		.allocation_ended = edge_ended,
		.random = edge_random,
	};
	delivery = (struct delivery){
		.loop = &loop,
		.turn = &turn,
		.settings = &settings,
		.reply = reply,
		.state = state,
		.to_client = to_client,
		.client_takes = client_takes,
		.client_wait = client_wait,
		.client_accepted = client_accepted,
		.to_control = to_control,
		.throttle = throttle,
		.unbind = unbind,
	};
	conns = data_conns_new(&delivery);
	relays = relay_tcp_new(&delivery, 4, conns);
	if (relays == NULL || turn.table == NULL || turn.connections == NULL)
		abort();
}

static bool find_allocation(void *arg, uint64_t id, struct relay_tcp **out,
			    uint32_t *slot)
{
	const struct allocation *al = allocation_by_id(turn.table, id);

	(void)arg;
	if (al == NULL)
		return false;
	*out = relays;
	*slot = al->slot;
	return true;
}

static bool has_name(int fd, const struct endpoint *ep,
		     int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint is;

	return name(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, &is) && endpoint_equal(&is, ep);
}

static int find_socket(void *arg, const struct endpoint *local,
		       const struct endpoint *remote)
{
	struct inherited *inherited = arg;
	const char *name;
	size_t cursor = 0;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strcmp(name, "tcp") != 0 || !has_name(fd, local, getsockname) ||
		    !has_name(fd, remote, getpeername))
			continue;
		inherited_taken(inherited, fd);
		return fd;
	}
	return -1;
}

static bool find_client(void *arg, struct relay_tcp *at, const struct front *was,
			const struct endpoint *client, uint32_t connection, bool was_lent,
			struct five_tuple *tuple, struct bound_client *out)
{
	int i = near_of(client);

	(void)arg;
	(void)at;
	assert(i >= 0 && endpoint_equal(&was->local, &front.local));
	/* Here nobody is told of a ConnectionBind: it comes again. */
	if (!was_lent)
		return false;
	assert(!nears[i].is_lent);
	nears[i].is_lent = true;
	nears[i].connection = connection;
	*tuple = (struct five_tuple){.client = *client};
	*out = (struct bound_client){.stream = (struct stream *)(void *)&nears[i],
				     .fd = nears[i].fd};
	return true;
}

static void unlend(void *arg, struct stream *stream)
{
	(void)arg;
	unbind(NULL, stream, true);
}

static void lose(void *arg, int fd)
{
	(void)arg;
	fd_end(fd, true);
}

static void take_up(const void *before, size_t bytes, struct inherited *inherited)
{
	uint64_t counts[PEER_TAKEN_UP_COUNT] = {0};
	const struct peer_take_up with = {
		.arg = inherited,
		.allocation = find_allocation,
		.socket = find_socket,
		.client = find_client,
		.lost = lose,
		.unlend = unlend,
		.others = relays,
	};
	struct inherited_pipes *pipes = inherited_pipes_new(inherited);
	struct state_view view;

	for (int i = 0; i < DATA; i++) {
		const char *name;
		size_t cursor = 0;
		int fd;

		nears[i] = (struct near){.fd = -1};
		while (inherited_next(inherited, &cursor, &name, &fd)) {
			if (strcmp(name, "tcp") != 0 ||
			    !has_name(fd, &common->clients[i], getpeername))
				continue;
			inherited_taken(inherited, fd);
			nears[i].fd = fd;
			break;
		}
	}
	if (before != NULL) {
		if (state_view_open(&view, before, bytes, boot_id) != STATE_GOOD)
			abort();
		peer_take_up(&view, &with, pipes, counts);
	}
	while (peer_take_up_pipe(relays, pipes))
		;
	inherited_pipes_free(pipes);
	for (int i = 0; i < PEER_TAKEN_UP_COUNT; i++)
		store(&common->counts[i], common->counts[i] + counts[i]);
}

static struct state_sizes state_sizes(void)
{
	struct state_sizes sizes = {0};

	peer_records_sizes(256, &sizes);
	return sizes;
}

static void child(uint64_t generation, void *memory, const void *before, size_t bytes,
		  struct inherited *inherited)
{
	const struct state_head head = {.process = generation, .workers = 1};
	const struct state_sizes sizes = state_sizes();
	struct state_head with_boot = head;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memcpy(with_boot.boot_id, boot_id, sizeof(boot_id));
	random_state = generation;
	state = state_file_new(memory, bytes, &with_boot, &sizes);
	if (state == NULL || !loop_init(&loop))
		abort();
	state_file_watch(state, before_write, NULL);
	make_turn();
	ms_allocation = allocate(false);
	data_allocation = allocate(true);
	take_up(before, bytes, inherited);
	common->relayed[0] = allocation_relayed_local(&turn, ms_allocation);
	common->relayed[1] = allocation_relayed_local(&turn, data_allocation);
	store(&common->complete, generation);
	inherited_free(inherited);
	event_assign(&tick, loop.base, -1, 0, on_tick, NULL);
	event_active(&tick, EV_TIMEOUT, 0);
	loop_run(&loop);
	_exit(0);
}

/* --- the parent: far ends, and the store ----------------------------------------------------- */

struct stored {
	int fd;
	bool poll;
	char name[16];
};

static struct stored stored[STORE_MAX];
static size_t stored_count;
static int notify_socket;

static struct far {
	int fd;                  /* of the peer, or of the client of a data connection */
	uint32_t sends, expects; /* flows */
	uint64_t sent, received; /* bytes */
	uint64_t most;           /* it sends no more */
	unsigned laziness;       /* it reads once in so many turns */
	bool is_ended, is_shut;
} fars[MS + 2 * DATA];

static int out_listeners[MS_OUT + DATA_OUT];
static uint64_t ms_received[MS]; /* of each peer, by the MS client */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void keep(const char *name, int fd, bool poll)
{
	ck_assert_uint_lt(stored_count, STORE_MAX);
	stored[stored_count] = (struct stored){.fd = fd, .poll = poll};
	strcpy(stored[stored_count++].name, name);
}

static void take_message(const char *text, const int *fds, size_t count)
{
	const char *name = strstr(text, "FDNAME=");
	char word[16] = "";

	ck_assert_msg(strstr(text, "FDSTORE=1") != NULL && name != NULL, "%s", text);
	sscanf(name, "FDNAME=%15[a-z.0-9]", word);
	for (size_t i = 0; i < count; i++)
		keep(word, fds[i], strstr(text, "FDPOLL=0") == NULL);
}

static void drain_notifications(void)
{
	for (;;) {
		char text[512];
		union {
			char bytes[CMSG_SPACE(16 * sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec iov = {text, sizeof(text) - 1};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = &control,
					 .msg_controllen = sizeof(control)};
		ssize_t len =
			recvmsg(notify_socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (len < 0)
			return;
		text[len] = '\0';
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		ck_assert_ptr_nonnull(c);
		take_message(text, (const int *)(const void *)CMSG_DATA(c),
			     (c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	}
}

/* What systemd does with FDPOLL=1. */
static void drop_hung_up(void)
{
	size_t left = 0;

	for (size_t i = 0; i < stored_count; i++) {
		struct pollfd look = {.fd = stored[i].fd};

		if (stored[i].poll && poll(&look, 1, 0) > 0)
			close(stored[i].fd);
		else
			stored[left++] = stored[i];
	}
	stored_count = left;
}

static int small_socket(void)
{
	static const int size = SMALL;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

static struct endpoint name_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint ep;

	ck_assert_int_eq(name(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &ep));
	return ep;
}

static int listen_at(struct endpoint *at)
{
	const struct endpoint any = {address.local, 0};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&any, &sa);
	int fd = small_socket();

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	*at = name_of(fd, getsockname);
	return fd;
}

static int connect_to(const struct endpoint *to)
{
	const struct endpoint any = {address.local, 0};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&any, &sa);
	int fd = small_socket();

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sockaddr_from_endpoint(to, &sa);
	ck_assert_msg(connect(fd, (struct sockaddr *)&sa, len) == 0, "%s",
		      strerror(errno));
	return fd;
}

static void add_far(unsigned i, int fd, uint32_t sends, uint32_t expects)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fars[i] = (struct far){
		.fd = fd,
		.sends = sends,
		.expects = expects,
		.most = UINT64_MAX,
		.laziness = 1 + i % 5 * 4,
	};
}

/* Each client of a data connection: its near end is for the processes. */
static void make_clients(void)
{
	struct endpoint at;
	int listener = listen_at(&at);

	for (unsigned i = 0; i < DATA; i++) {
		int fd = connect_to(&at),
		    near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		ck_assert_int_ge(near, 0);
		common->clients[i] = name_of(fd, getsockname);
		add_far(MS + DATA + i, fd, to_peer(MS + i), from_peer(MS + i));
		fars[MS + DATA + i].sent = FIRST;
		keep("tcp", near, true);
	}
	close(listener);
}

/* Peers that connect do so when the first process listens. */
static void connect_peers(void)
{
	for (unsigned i = 0; i < MS_IN; i++) {
		int fd = connect_to(&common->relayed[0]);

		add_far(i, fd, from_peer(i), to_peer(i));
		common->peers[i] = name_of(fd, getsockname);
	}
	for (unsigned i = 0; i < DATA_IN; i++) {
		int fd = connect_to(&common->relayed[1]);

		add_far(MS + i, fd, from_peer(MS + i), to_peer(MS + i));
		fars[MS + i].sent = UNSENT;
		common->peers[MS + i] = name_of(fd, getsockname);
	}
}

static void listen_peers(void)
{
	for (unsigned i = 0; i < MS_OUT + DATA_OUT; i++) {
		unsigned at = i < MS_OUT ? MS_IN + i : MS + DATA_IN + i - MS_OUT;

		out_listeners[i] = listen_at(&common->out[i]);
		fcntl(out_listeners[i], F_SETFL, O_NONBLOCK);
		common->peers[at] = common->out[i];
		fars[at].fd = -1;
	}
}

static void accept_peers(void)
{
	for (unsigned i = 0; i < MS_OUT + DATA_OUT; i++) {
		unsigned at = i < MS_OUT ? MS_IN + i : MS + DATA_IN + i - MS_OUT;
		int fd = accept4(out_listeners[i], NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		/* Made anew: the process was killed while it connected. */
		if (fars[at].fd >= 0) {
			ck_assert_uint_eq(fars[at].received, 0);
			close(fars[at].fd);
		}
		add_far(at, fd, from_peer(at), to_peer(at));
		if (at >= MS)
			fars[at].sent = UNSENT;
	}
}

static void far_reads(struct far *far, size_t most)
{
	static uint8_t buf[32 << 10];
	ssize_t len = recv(far->fd, buf, most < sizeof(buf) ? most : sizeof(buf), 0);

	if (len == 0)
		far->is_ended = true;
	if (len <= 0) {
		ck_assert_msg(len == 0 || errno == EAGAIN, "flow %u at %lu: %s",
			      far->expects, far->received, strerror(errno));
		return;
	}
	check_bytes(buf, (size_t)len, far->expects, far->received);
	far->received += (uint64_t)len;
}

static void far_sends(struct far *far)
{
	uint8_t buf[4096];
	size_t size = sizeof(buf);

	if (far->most - far->sent < size)
		size = (size_t)(far->most - far->sent);
	if (size == 0)
		return;
	fill(buf, size, far->sends, far->sent);
	ssize_t len = send(far->fd, buf, size, MSG_NOSIGNAL);
	ck_assert_msg(len > 0 || errno == EAGAIN, "flow %u at %lu: %s", far->sends,
		      far->sent, strerror(errno));
	if (len > 0)
		far->sent += (uint64_t)len;
}

static void client_reads(void)
{
	uint64_t at = common->consumed, end = load(&common->accepted);

	while (at < end) {
		size_t len = 0;

		for (int i = 0; i < 3; i++)
			len = len << 8 | common->log[at++ % LOG];
		unsigned peer = common->log[at++ % LOG];
		ck_assert_uint_lt(peer, MS);
		for (size_t i = 0; i < len; i++) {
			uint8_t byte = common->log[at++ % LOG];

			ck_assert_msg(byte == byte_at(from_peer(peer), ms_received[peer]),
				      "of peer %u: byte %lu is wrong", peer,
				      ms_received[peer]);
			ms_received[peer]++;
		}
	}
	store(&common->consumed, at);
}

static unsigned turns;

static void far_side(void)
{
	turns++;
	drain_notifications();
	accept_peers();
	for (unsigned i = 0; i < MS + 2 * DATA; i++) {
		struct far *far = &fars[i];

		if (far->fd < 0 || far->is_ended)
			continue;
		if (turns % far->laziness == 0)
			far_reads(far, 1 + (turns * 7919 + i * 104729) % (32 << 10));
		if (!far->is_shut)
			far_sends(far);
	}
	if (turns % 3 == 0)
		client_reads();
}

/* --- one process after the other ------------------------------------------------------------- */

static void *memories[2];
static uint64_t generation, complete;
static size_t state_bytes;

static pid_t start(unsigned writes)
{
	const void *before = complete > 0 ? memories[complete % 2] : NULL;
	void *memory = mmap(NULL, state_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Complete ones take turns; one that is not is of the other parity, too. */
	unsigned at = (unsigned)(complete + 1) % 2;

	ck_assert_ptr_ne(memory, MAP_FAILED);
	if (memories[at] != NULL)
		munmap(memories[at], state_bytes);
	memories[at] = memory;
	generation = complete + 1;
	drop_hung_up();
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct inherited *inherited = inherited_new();

		for (size_t i = 0; i < stored_count; i++)
			inherited_add(inherited, stored[i].name, stored[i].fd);
		for (unsigned i = 0; i < MS + 2 * DATA; i++) {
			if (fars[i].fd >= 0)
				close(fars[i].fd);
		}
		countdown = writes;
		child(generation, memory, before, state_bytes, inherited);
	}
	return pid;
}

/* Until it dies by itself, or for so long. */
static void run(pid_t pid, uint64_t for_ms)
{
	uint64_t until_ms = now_ms() + for_ms;
	int status;

	do {
		far_side();
		usleep(200);
		if (waitpid(pid, &status, WNOHANG) == pid)
			goto dead;
	} while (now_ms() < until_ms);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
dead:
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "the process ended by itself: %x", (unsigned)status);
	drain_notifications();
	complete = load(&common->complete);
}

static bool all_are_there(void)
{
	for (unsigned i = 0; i < MS + 2 * DATA; i++) {
		if (fars[i].fd < 0 || fars[i].received == 0)
			return false;
	}
	return true;
}

static void start_all(void)
{
	char path[32];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct state_sizes sizes = state_sizes();
	unsigned a = 64 + (unsigned)getpid() % 128, b = (unsigned)getpid() / 128 % 256;

	signal(SIGPIPE, SIG_IGN);
	address.local = address.public = (struct ip_addr){
		.family = IP_V4, .bytes = {127, (uint8_t)a, (uint8_t)b, 2}};
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(common, MAP_FAILED);
	common->stop = UINT64_MAX;
	state_bytes = state_file_bytes(&sizes);
	snprintf(path, sizeof(path), "@peer-kill-%d", (int)getpid());
	memcpy(at.sun_path + 1, path + 1, strlen(path) - 1);
	notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
		bind(notify_socket, (struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
		0);
	setenv("NOTIFY_SOCKET", path, 1);
	listen_peers();
	make_clients();
	pid_t pid = start(0);
	uint64_t until_ms = now_ms() + STALL_MS;
	while (load(&common->complete) == 0 && now_ms() < until_ms)
		usleep(1000);
	connect_peers();
	while (!all_are_there() && now_ms() < until_ms) {
		far_side();
		usleep(200);
	}
	while (load(&common->stored) == 0 && now_ms() < until_ms)
		far_side();
	ck_assert(all_are_there());
	run(pid, 0);
}

/* All that was sent has arrived, and so does the end. */
static void finish(void)
{
	pid_t pid = start(0);
	uint64_t until_ms = now_ms() + STALL_MS;
	bool done;

	for (unsigned i = 0; i < MS + 2 * DATA; i++)
		fars[i].most = fars[i].sent;
	store(&common->stop, (common->handled / MS + 1) * MS);
	do {
		far_side();
		done = true;
		for (unsigned i = 0; i < DATA; i++) {
			struct far *peer = &fars[MS + i], *client = &fars[MS + DATA + i];

			done = done && peer->received == client->sent &&
			       client->received == peer->sent;
		}
		for (unsigned i = 0; i < MS; i++)
			done = done && ms_received[i] == fars[i].sent &&
			       fars[i].received == common->stop / MS * (MESSAGE + 37 * i);
		usleep(100);
	} while (!done && now_ms() < until_ms);
	ck_assert_msg(done, "not all has arrived");
	store(&common->ends, 1);
	for (unsigned i = MS; i < MS + 2 * DATA; i++) {
		shutdown(fars[i].fd, SHUT_WR);
		fars[i].is_shut = true;
	}
	do {
		far_side();
		done = true;
		for (unsigned i = MS; i < MS + 2 * DATA; i++)
			done = done && fars[i].is_ended;
	} while (!done && now_ms() < until_ms);
	ck_assert_msg(done, "an end has not arrived");
	run(pid, 0);
}

START_TEST(bytes_go_on_whenever_the_process_is_killed)
{
	static const char *const names[] = {"random moments", "between two writes"};
	unsigned seed = 12345, kills = unit_rounds(40, 170);

	start_all();
	for (unsigned i = 0; i < kills; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned r = seed >> 8;

		/* Now and then soon, so that a take-up is killed, too. */
		if (_i == 1)
			run(start(1 + r % (i % 4 == 0 ? 600 : 20000)), 200);
		else
			run(start(0), i % 4 == 0 ? r % 5 : r % 40);
	}
	finish();
	ck_assert_uint_eq(common->unbound, DATA);
	fprintf(stderr, "%s: %u kills, %lu messages, %lu bytes of one connection, lost:",
		names[_i], kills, common->handled, fars[MS].received);
	for (int i = 1; i < PEER_TAKEN_UP_COUNT; i++)
		fprintf(stderr, " %s %lu", peer_taken_up_name((enum peer_taken_up)i),
			common->counts[i]);
	fprintf(stderr, "\n");
	ck_assert_uint_eq(common->counts[PEER_LOST_IN_DOUBT], 0);
}
END_TEST

static void peer_kill_suite(Suite *suite)
{
	TCase *tc = tcase_create("peer_kill");

	tcase_add_loop_test(tc, bytes_go_on_whenever_the_process_is_killed, 0, 2);
	tcase_set_timeout(tc, 240);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("peer_kill", peer_kill_suite)
