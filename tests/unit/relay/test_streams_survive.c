/*
 * test_streams_survive.c - streams of clients through the deaths of their process: a worker in a
 * child that is killed again and again, at any instant and between any two writes to its state
 * file, while clients send numbered requests in pieces and get numbered answers and numbered data.
 * No byte is lost, repeated or damaged. The parent is the clients, and keeps what systemd would.
 * AVEDGE_TEST_KILLS=N kills it so often, at other instants for each N.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors/connections.h"
#include "base/descriptors/fd_parcel.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "relay/front/clients.h"
#include "relay/front/saved/streams_restore.h"
#include "relay/front/stream.h"
#include "relay/front/stream_conn.h"
#include "relay/state/state_memory.h"
#include "relay/state/state_view.h"
#include "stun/framing.h"
#include "stun/pseudo_tls.h"
#include "tests/unit/lib/notify_listener.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

enum {
	CLIENTS = 6,
	STORE_MAX = 4096,
	FRAME_MAX = 12 << 10,
	OUT_MAX = 64 << 10,
	IN_MAX = 128 << 10,
	OUTSTANDING = 40,
	LIFE_MS = 12,  /* one that is killed at random lives no longer */
	WRITES = 3000, /* one that is killed at a write dies within so many */
};

enum kind { RFC_FRAMES, MS_FRAMES, PSEUDO_TLS };

/* What parent and children share, and what survives the children. */
struct shared {
	volatile uint32_t is_ready, is_complete, stop;
	uint64_t counts[STREAM_RESTORED_COUNT];
	uint64_t kill_at; /* the write at which the child ends; 0: it does not */
	struct {
		uint16_t port;                /* of the client */
		uint32_t sent;                /* the next number of its data */
		volatile uint32_t is_pending; /* that one is being sent ... */
		uint64_t end; /* ... and ends there if it has been accepted */
	} data[CLIENTS];
};

struct checker {
	int fd; /* -1: to be connected */
	enum kind kind;
	bool has_hello; /* the answer to it */
	uint32_t requests, answers, data;
	uint8_t out[OUT_MAX], in[IN_MAX];
	size_t out_len, out_sent, in_len;
	bool is_kept;   /* it does not end with the process */
	unsigned rests; /* turns in which it does not read */
};

static struct relay_fixture fixture;
static struct shared *shared;
static struct checker *checkers;
static struct state_memory memories[2];
static unsigned newest;
static bool has_old;
static int notify_fd, store_count, given_count;
static struct stored {
	int fd;
	bool poll;
	char name[24];
} store[STORE_MAX];
static unsigned closed;
static uint64_t seed = 88172645463325252ull;

static const struct state_head head = {.process = 1, .workers = 1, .boot_id = {7}};
static const struct state_sizes sizes = {{
	[STATE_STREAM] = 64,
	[STATE_STREAM_BYTES] = 64,
	[STATE_QUEUED] = 32 << 10,
}};

static uint32_t below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % limit;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* Long ones are beyond what a stream moves, and beyond one read. */
static size_t length_of(uint32_t number)
{
	uint32_t mixed = number * 2654435761u >> 8;

	return mixed % 16 == 0  ? mixed % 9000
	       : mixed % 16 < 5 ? mixed % 1300
				: mixed % 60;
}

static size_t write_request(const struct checker *c, uint8_t *frame, uint32_t number)
{
	static const uint8_t cookie[] = {0, 0x0f, 0, 4, 0x72, 0xc6, 0x4b, 0xc6};
	size_t filler = padded4(length_of(number));

	memset(frame, 0, FRAME_MAX);
	if (c->kind == RFC_FRAMES) {
		/* Binding with an attribute that nobody has to know. */
		store_be16(frame, 1);
		store_be16(frame + 2, (uint16_t)(4 + filler));
		store_be32(frame + 4, 0x2112A442);
		store_be32(frame + 16, number);
		store_be16(frame + 20, 0xC0FE);
		store_be16(frame + 22, (uint16_t)filler);
		return 24 + filler;
	}
	/* An Allocate without credentials, and data without a destination in front of it. */
	ms_frame_write_header(frame, MS_FRAME_DATA, filler);
	uint8_t *message = frame + MS_FRAME_HEADER_LEN + filler;
	ms_frame_write_header(message, MS_FRAME_CONTROL, 28);
	message += MS_FRAME_HEADER_LEN;
	store_be16(message, 3);
	store_be16(message + 2, sizeof(cookie));
	store_be32(message + 4, number);
	memcpy(message + 20, cookie, sizeof(cookie));
	return 2 * MS_FRAME_HEADER_LEN + filler + 28;
}

/* Data for the client: its number, and bytes that follow from it. */
static size_t write_data(struct forward *forward, uint8_t *payload, enum kind kind,
			 uint32_t number)
{
	size_t len = 4 + length_of(number) % 3000;

	store_be32(payload, number);
	for (size_t i = 4; i < len; i++)
		payload[i] = (uint8_t)(number * 31 + i);
	*forward = (struct forward){
		.kind = FORWARD_TO_CLIENT, .payload = {payload, len}, .header_len = 4};
	if (kind == RFC_FRAMES) {
		store_be16(forward->header, 0x4000);
		store_be16(forward->header + 2, (uint16_t)len);
		forward->padding_len = (uint16_t)(padded4(len) - len);
	} else {
		ms_frame_write_header(forward->header, MS_FRAME_DATA, len);
	}
	return 4 + len + forward->padding_len;
}

static void check_data(struct checker *c, struct slice payload)
{
	struct forward want;
	uint8_t bytes[4096];

	write_data(&want, bytes, c->kind, c->data);
	ck_assert_msg(payload.len == want.payload.len &&
			      memcmp(payload.data, bytes, payload.len) == 0,
		      "data %u of client %td is number %u, %zu bytes", c->data,
		      c - checkers, payload.len >= 4 ? load_be32(payload.data) : 0,
		      payload.len);
	c->data++;
}

static void check_answer(struct checker *c, uint32_t number)
{
	ck_assert_msg(number == c->answers, "client %td got answer %u, not %u",
		      c - checkers, number, c->answers);
	ck_assert_uint_lt(c->answers, c->requests);
	c->answers++;
}

/* Returns how many bytes a complete frame at the front has, having checked it; 0: none. */
static size_t check_frame(struct checker *c, struct slice in)
{
	size_t len = 0;

	if (c->kind == PSEUDO_TLS && !c->has_hello) {
		switch (pseudo_tls_answer(in)) {
		case PSEUDO_TLS_BROKEN:
			ck_abort_msg("not the answer to a hello");
		case PSEUDO_TLS_MORE:
			return 0;
		case PSEUDO_TLS_COMPLETE:
			c->has_hello = true;
			return PSEUDO_TLS_ANSWER_LEN;
		}
	}
	if (c->kind == RFC_FRAMES) {
		enum framing framing = framing_next(in, &len);

		ck_assert_int_ne(framing, FRAMING_BROKEN);
		if (framing == FRAMING_MORE || len > in.len)
			return 0;
		if (framing == FRAMING_STUN)
			check_answer(c, load_be32(in.data + 16));
		else
			check_data(c,
				   (struct slice){in.data + 4, load_be16(in.data + 2)});
		return len;
	}
	enum ms_framing framing = ms_framing_next(in, &len);
	ck_assert_int_ne(framing, MS_FRAMING_BROKEN);
	if (framing == MS_FRAMING_MORE || len > in.len)
		return 0;
	if (framing == MS_FRAMING_CONTROL)
		check_answer(c, load_be32(in.data + 8));
	else
		check_data(c, (struct slice){in.data + 4, len - 4});
	return len;
}

/* --- the child ------------------------------------------------------------------------------- */

/* libcheck is the parent's. */
#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "child, line %d: %s\n", __LINE__, #condition); \
			_exit(99);                                                     \
		}                                                                      \
	} while (0)

static uint64_t writes;

static void before_write(void *arg, const void *to, size_t len)
{
	(void)arg;
	(void)to;
	(void)len;
	if (++writes == shared->kill_at)
		kill(getpid(), SIGKILL);
}

static void send_data(struct stream *stream, unsigned i)
{
	static uint8_t payload[4096];
	struct forward forward;
	enum kind kind = stream->ms ? MS_FRAMES : RFC_FRAMES;

	for (int n = 0; n < 4 && !shared->stop; n++) {
		size_t len = write_data(&forward, payload, kind, shared->data[i].sent);

		if (!stream_record_is(&stream->io.record) || stream->io.failed ||
		    !stream_takes(stream, len))
			return;
		shared->data[i].end = stream_accepted(stream) + len;
		__atomic_store_n(&shared->data[i].is_pending, 1, __ATOMIC_RELEASE);
		stream_send_forward(stream, &forward, NULL);
		shared->data[i].sent++;
		__atomic_store_n(&shared->data[i].is_pending, 0, __ATOMIC_RELEASE);
	}
}

/* As its first authenticated request would. */
static void look_at(void *arg, struct client *client)
{
	struct stream *stream = stream_of_client(client);

	(void)arg;
	if (stream->state != STREAM_OPEN)
		return;
	if (!stream->is_admitted) {
		stream->arrived =
			(struct slice){stream->partial.data, stream->partial.len};
		if (stream->partial.size == 0)
			stream_conn_admit(stream);
		return;
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (shared->data[i].port == client->tuple.client.port)
			send_data(stream, i);
	}
}

static void on_worker(void *arg)
{
	loop_turn(&fixture.workers[0]->loop);
	clients_each(fixture.workers[0]->clients, look_at, arg);
}

/* What the process before was at when it died. Before anything else is sent. */
static void settle_data(void *arg, struct client *client)
{
	struct stream *stream = stream_of_client(client);

	(void)arg;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (shared->data[i].port != client->tuple.client.port ||
		    !shared->data[i].is_pending)
			continue;
		if (stream_accepted(stream) >= shared->data[i].end)
			shared->data[i].sent++;
		shared->data[i].is_pending = 0;
	}
}

static void take_up(const struct state_memory *old)
{
	struct inherited *inherited = inherited_new();
	struct state_view view;

	MUST(inherited != NULL);
	for (int i = 0; i < store_count; i++)
		MUST(inherited_add(inherited, store[i].name, store[i].fd));
	struct connections *connections = connections_new(inherited);
	MUST(connections != NULL);
	MUST(state_view_open(&view, old->memory, old->bytes, head.boot_id) == STATE_GOOD);
	streams_restore(fixture.workers[0]->clients, &view, connections, shared->counts);
	streams_restored(fixture.workers[0]->clients, connections, shared->counts);
	clients_each(fixture.workers[0]->clients, settle_data, NULL);
	shared->is_complete = 1;
	connections_free(connections);
	inherited_free(inherited);
}

static void live(void)
{
	const struct timespec pause = {.tv_nsec = 200000};
	struct state_memory *memory = &memories[newest];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	relay_fixture_make(&fixture);
	struct state_file *file =
		state_file_new(memory->memory, memory->bytes, &head, &sizes);
	MUST(file != NULL);
	state_file_watch(file, before_write, NULL);
	MUST(clients_save(fixture.workers[0]->clients, file));
	if (has_old)
		take_up(&memories[!newest]);
	shared->is_complete = 1;
	relay_fixture_run(&fixture);
	shared->is_ready = 1;
	for (;;) {
		MUST(inbox_call(fixture.workers[0]->inbox, on_worker, NULL));
		nanosleep(&pause, NULL);
	}
}

/* --- the parent ------------------------------------------------------------------------------ */

static void change(struct relay_settings *settings)
{
	settings->stream.send_queue = 70000;
	settings->turn.ms.enabled = true;
}

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	notify_fd = notify_listener_open();
	relay_fixture_prepare(&fixture, NULL, change);
	fixture.is_forgetful = true;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(shared != MAP_FAILED);
	checkers = calloc(CLIENTS, sizeof(*checkers));
	for (unsigned i = 0; i < CLIENTS; i++) {
		checkers[i].fd = -1;
		checkers[i].kind = i < 3 ? RFC_FRAMES : i < 5 ? MS_FRAMES : PSEUDO_TLS;
	}
	memories[0].fd = memories[1].fd = -1;
}

static void connect_client(unsigned i)
{
	struct checker *c = &checkers[i];
	int buffer = i % 2 == 0 ? 8 << 10 : 256 << 10;
	enum kind kind = c->kind;
	struct sockaddr_storage sa;
	struct endpoint from = {fixture.peers, 0};
	socklen_t len = sockaddr_from_endpoint(&from, &sa);

	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	ck_assert_int_eq(bind(c->fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	ck_assert_int_eq(getsockname(c->fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &from));
	memset(&shared->data[i], 0, sizeof(shared->data[i]));
	shared->data[i].port = from.port;
	len = sockaddr_from_endpoint(&fixture.fronts[0].local, &sa);
	ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
	if (kind == PSEUDO_TLS) {
		static const uint8_t random[PSEUDO_TLS_RANDOM_LEN];
		pseudo_tls_write_hello(c->out, 1, random);
		c->out_len = PSEUDO_TLS_HELLO_LEN;
	}
}

static bool is_of(int fd, in_port_t port)
{
	struct sockaddr_in other;
	socklen_t len = sizeof(other);

	return getpeername(fd, (struct sockaddr *)&other, &len) == 0 &&
	       other.sin_port == port;
}

struct look {
	in_port_t port;
	bool found;
};

static void look_at_one(void *arg, int fd)
{
	struct look *look = arg;

	look->found = look->found || is_of(fd, look->port);
	close(fd);
}

/* In those from number first on: how far a parcel has been looked at is known to the parcel alone. */
static bool is_kept(const struct checker *c, int first)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	if (getsockname(c->fd, (struct sockaddr *)&own, &len) != 0)
		return false;
	struct look look = {own.sin_port, false};
	for (int i = first; i < store_count && !look.found; i++) {
		if (fd_parcel_is(store[i].fd))
			ck_assert(fd_parcel_peek(store[i].fd, look_at_one, &look));
		else
			look.found = is_of(store[i].fd, own.sin_port);
	}
	return look.found;
}

static void look_what_is_kept(int first)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (checkers[i].fd >= 0 && !checkers[i].is_kept)
			checkers[i].is_kept = is_kept(&checkers[i], first);
	}
}

static void keep(const char *text, int fd)
{
	struct stored *stored = &store[store_count++];
	const char *name = strstr(text, "FDNAME=");

	ck_assert_int_le(store_count, STORE_MAX);
	ck_assert_ptr_nonnull(name);
	ck_assert_int_eq(sscanf(name, "FDNAME=%23[a-z.0-9]", stored->name), 1);
	stored->fd = fd;
	stored->poll = strstr(text, "FDPOLL=0") == NULL;
}

static void let_go(const char *text)
{
	char name[24];
	int kept = 0;

	ck_assert_int_eq(sscanf(text, "FDSTOREREMOVE=1\nFDNAME=%23[a-z.0-9]", name), 1);
	for (int i = 0; i < store_count; i++) {
		if (strcmp(store[i].name, name) != 0)
			store[kept++] = store[i];
		else
			close(store[i].fd);
	}
	given_count -= given_count > kept ? given_count - kept : 0;
	store_count = kept;
}

/* What systemd does: keep, and drop what has hung up. */
static void keep_store(void)
{
	int kept = 0;

	for (;;) {
		union {
			struct cmsghdr alignment;
			char bytes[CMSG_SPACE(253 * sizeof(int))];
		} controls;
		char text[512];
		struct iovec part = {text, sizeof(text) - 1};
		struct msghdr message = {.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = &controls,
					 .msg_controllen = sizeof(controls)};

		ssize_t len = recvmsg(notify_fd, &message, MSG_CMSG_CLOEXEC);
		if (len < 0)
			break;
		text[len] = '\0';
		if (strstr(text, "FDSTOREREMOVE=1") != NULL)
			let_go(text);
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL;
		     c = CMSG_NXTHDR(&message, c)) {
			size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			if (c->cmsg_type != SCM_RIGHTS)
				continue;
			for (size_t i = 0; i < count; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
				keep(text, fd);
			}
		}
	}
	for (int i = 0; i < store_count; i++) {
		struct pollfd fd = {.fd = store[i].fd};

		if (store[i].poll && poll(&fd, 1, 0) == 1 &&
		    (fd.revents & (POLLHUP | POLLERR)))
			close(store[i].fd);
		else
			store[kept++] = store[i];
	}
	store_count = kept;
}

/* It has ended. Only if it was not kept, or is in doubt; see the end of the test. */
static void lost(struct checker *c)
{
	close(c->fd);
	c->fd = -1;
	if (c->is_kept)
		closed++;
}

static void write_some(struct checker *c)
{
	if (c->out_sent == c->out_len)
		c->out_sent = c->out_len = 0;
	while (!shared->stop && c->out_len + 2 * FRAME_MAX < OUT_MAX &&
	       c->requests - c->answers < OUTSTANDING &&
	       (c->kind != PSEUDO_TLS || c->has_hello) && below(3) > 0)
		c->out_len += write_request(c, c->out + c->out_len, c->requests++);
	size_t len = c->out_len - c->out_sent;
	if (len == 0)
		return;
	if (below(2) == 0)
		len = 1 + below((uint32_t)len);
	ssize_t sent = send(c->fd, c->out + c->out_sent, len, MSG_NOSIGNAL);
	if (sent > 0)
		c->out_sent += (size_t)sent;
	else if (errno != EAGAIN)
		lost(c);
}

static void read_some(struct checker *c)
{
	size_t at = 0, len;

	/* So that queues build up. */
	if (c->rests > 0) {
		c->rests--;
		return;
	}
	if (!shared->stop && below(40) == 0)
		c->rests = below(60);
	ssize_t got = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, 0);
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			lost(c);
		return;
	}
	c->in_len += (size_t)got;
	while ((len = check_frame(c, (struct slice){c->in + at, c->in_len - at})) > 0)
		at += len;
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

static void one_turn(void)
{
	struct pollfd fds[CLIENTS + 1];

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (checkers[i].fd < 0)
			connect_client(i);
		fds[i] = (struct pollfd){.fd = checkers[i].fd, .events = POLLIN};
	}
	fds[CLIENTS] = (struct pollfd){.fd = notify_fd, .events = POLLIN};
	poll(fds, CLIENTS + 1, 1);
	keep_store();
	look_what_is_kept(given_count);
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (checkers[i].fd >= 0)
			write_some(&checkers[i]);
		if (checkers[i].fd >= 0)
			read_some(&checkers[i]);
	}
}

static pid_t begin_life(uint64_t kill_at)
{
	struct state_memory *memory = &memories[newest];

	state_memory_release(memory);
	ck_assert_int_eq(state_memory_make(memory, "test", state_file_bytes(&sizes)), 0);
	shared->kill_at = kill_at;
	given_count = store_count;
	shared->is_ready = shared->is_complete = 0;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		live();
	return child;
}

static void await_death(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "the child ended by itself: status %x", (unsigned)status);
	keep_store();
	look_what_is_kept(0);
	if (shared->is_complete) {
		has_old = true;
		newest = !newest;
	}
}

/* Every other one at a write, the others at any instant. */
static void one_life(unsigned number)
{
	uint64_t began = wall_ms(), ready = 0, lives_ms = below(LIFE_MS);
	pid_t child = begin_life(number % 2 == 0 ? 1 + below(WRITES) : 0);

	for (;;) {
		one_turn();
		if (shared->is_ready && ready == 0)
			ready = wall_ms();
		ck_assert_uint_lt(wall_ms() - began, 20000);
		siginfo_t info = {0};
		if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == child)
			break;
		if (ready != 0 &&
		    wall_ms() - ready >= (shared->kill_at > 0 ? 20 * LIFE_MS : lives_ms))
			kill(child, SIGKILL);
	}
	await_death(child);
}

static bool is_quiet(void)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (checkers[i].fd < 0 || checkers[i].answers != checkers[i].requests ||
		    checkers[i].out_sent != checkers[i].out_len ||
		    checkers[i].data != shared->data[i].sent || checkers[i].in_len > 0)
			return false;
	}
	return true;
}

START_TEST(no_byte_is_lost_or_repeated)
{
	const char *more = getenv("AVEDGE_TEST_KILLS");
	uint64_t answers = 0, data = 0, until;
	unsigned kills = unit_rounds(100, 300);
	uint64_t *counts = shared->counts;

	if (more != NULL)
		seed += kills = (unsigned)atoi(more);
	for (unsigned i = 0; i < kills; i++)
		one_life(i);
	/* The last one serves what is under way. */
	pid_t child = begin_life(0);
	shared->stop = 1;
	until = wall_ms() + 20000;
	do
		one_turn();
	while (!is_quiet() && wall_ms() < until);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct checker *c = &checkers[i];

		ck_assert_uint_eq(c->answers, c->requests);
		ck_assert_uint_eq(c->data, shared->data[i].sent);
		ck_assert_uint_eq(c->in_len, 0);
		answers += c->answers;
		data += c->data;
	}
	kill(child, SIGKILL);
	await_death(child);
	printf("%u kills: %llu streams restored, %llu in doubt, %llu not kept, %u closed; "
	       "the last ones got %llu answers and %llu pieces of data\n",
	       kills, (unsigned long long)counts[STREAM_RESTORED],
	       (unsigned long long)counts[STREAM_LOST_IN_DOUBT],
	       (unsigned long long)counts[STREAM_LOST_CONNECTION], closed,
	       (unsigned long long)answers, (unsigned long long)data);
	fflush(stdout);
	ck_assert_uint_eq(counts[STREAM_LOST_DAMAGED], 0);
	ck_assert_uint_eq(counts[STREAM_LOST_FRONT], 0);
	ck_assert_uint_eq(counts[STREAM_LOST_FULL], 0);
	/* A stream that was kept has ended only if it was in doubt. */
	ck_assert_uint_le(closed, counts[STREAM_LOST_IN_DOUBT]);
	ck_assert_uint_lt(counts[STREAM_LOST_IN_DOUBT], kills / 10);
	ck_assert_uint_gt(counts[STREAM_RESTORED], kills * CLIENTS / 2);
}
END_TEST

static void streams_survive_suite(Suite *suite)
{
	TCase *tc = tcase_create("streams_survive");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, no_byte_is_lost_or_repeated);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("streams_survive", streams_survive_suite)
