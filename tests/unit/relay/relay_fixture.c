/*
 * relay_fixture.c - see relay_fixture.h.
 */
#include "tests/unit/relay/relay_fixture.h"
#include "tests/unit/lib/configs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "relay/core/permission.h"
#include "relay/core/shared.h"
#include "relay/front/fronts.h"
#include "relay/front/tcp.h"
#include "relay/ops/records.h"
#include "relay/peer/relay_tcp.h"
#include "stun/attr.h"
#include "tests/unit/lib/unit.h"

uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* Each process uses its own part of 127.0.0.0/8, so that ports do not collide. */
static void write_configuration(struct relay_fixture *fixture, const char *extra)
{
	static const char secret[] = "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
	unsigned a = 64 + (unsigned)getpid() % 128, b = (unsigned)getpid() / 128 % 256;
	char text[1024], error[512];
	int fd;

	strcpy(fixture->keys, P_tmpdir "/avedge-keys-XXXXXX");
	fd = mkstemp(fixture->keys);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secret, strlen(secret)), (ssize_t)strlen(secret));
	close(fd);
	snprintf(text, sizeof(text),
		 "keys = \"%s\"\n"
		 "side inside { addresses = {127.%u.%u.1} }\n"
		 "side outside { addresses = {127.%u.%u.2} public = {203.0.113.9} }\n"
		 "relay { ports = \"50000-50399\" %s }\n"
		 "peers { allow = {127.0.0.0/8} }\n"
		 "limits { authentication = 1h allocations_per_user = 0\n"
		 "         bandwidth_per_allocation = 0 bandwidth_per_user = 0 }\n"
		 "log { records = false }\n",
		 fixture->keys, a, b, a, b, extra != NULL ? extra : "");
	fixture->config =
		relay_config_parse("test", text, strlen(text), error, sizeof(error));
	ck_assert_msg(fixture->config != NULL, "%s", error);
	fixture->peers = fixture->config->sides[SIDE_INSIDE].addresses[0];
	fixture->peers.bytes[3] = 9;
}

static struct endpoint name_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint ep;

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert(sockaddr_to_endpoint(&sa, &ep));
	return ep;
}

static void make_shared(struct relay_fixture *fixture)
{
	struct turn_shared *shared = &fixture->relay.shared;
	const struct relay_config *config = fixture->config;
	const struct shared_sizes sizes = {
		.pool =
			{
				.address_count = 1,
				.first = config->relay.ports.first,
				.last = config->relay.ports.last,
				.seed = 1,
			},
		.tcp_seed = 1,
		.reservations = 16,
		.owners = 1024,
	};

	fixture->address = (struct relay_address){
		.local = config->sides[SIDE_OUTSIDE].addresses[0],
		.public = config->sides[SIDE_OUTSIDE].public[0],
	};
	shared->relay = &fixture->address;
	shared->relay_count = 1;
	shared->fronts = fixture->fronts;
	shared->front_count = 2 * FIXTURE_WORKERS;
	shared->worker_count = FIXTURE_WORKERS;
	shared->hash_key = (struct siphash_key){1, 2};
	shared->half_open = quota_new(1024, 0);
	ck_assert(shared_make(shared, &sizes) && shared->half_open);
}

/* Its fronts and its address, from which settings are built. */
static void make_view(struct relay_fixture *fixture)
{
	for (size_t i = 0; i < 2 * FIXTURE_WORKERS; i++) {
		fixture->view.fronts[i] = fixture->fronts[i];
		fixture->view.front_states[i] = NETWORK_SERVING;
	}
	fixture->view.relay[0] = fixture->address;
	fixture->view.relay_states[0] = NETWORK_SERVING;
}

static void bind_fronts(struct relay_fixture *fixture)
{
	int *fds = fixture->listeners;
	const struct ip_addr *ip = &fixture->config->sides[SIDE_INSIDE].addresses[0];

	for (int i = 0; i < FIXTURE_WORKERS; i++) {
		const struct endpoint any = {*ip, 0};
		struct front front = {.side = SIDE_INSIDE, .transport = TRANSPORT_TCP};

		fds[i] = tcp_front_bind(&any);
		ck_assert_int_ge(fds[i], 0);
		front.local = name_of(fds[i]);
		fixture->fronts[2 * i] = front;
		front.transport = TRANSPORT_TLS;
		fixture->fronts[2 * i + 1] = front;
	}
}

void relay_fixture_prepare(struct relay_fixture *fixture, const char *extra,
			   void (*change)(struct relay_settings *settings))
{
	char error[512];

	signal(SIGPIPE, SIG_IGN);
	memset(fixture, 0, sizeof(*fixture));
	fixture->descriptors = descriptors();
	write_configuration(fixture, extra);
	bind_fronts(fixture);
	fixture->relay.config = fixture->config;
	make_shared(fixture);
	make_view(fixture);
	fixture->sources = (struct relay_settings_sources){.network = &fixture->view};
	fixture->settings = relay_settings_build(fixture->config, &fixture->sources,
						 error, sizeof(error));
	ck_assert_msg(fixture->settings != NULL, "%s", error);
	if (change != NULL)
		change(fixture->settings);
	fixture->relay.records = records_new(64);
	ck_assert_ptr_nonnull(fixture->relay.records);
}

void relay_fixture_make(struct relay_fixture *fixture)
{
	struct front_sockets sockets;
	char error[512];
	static const struct state_head state = {.process = 1, .workers = FIXTURE_WORKERS};
	const struct worker_common common = {
		.config = fixture->config,
		.shared = &fixture->relay.shared,
		.records = fixture->relay.records,
		.unauthenticated_max = UINT32_MAX,
		.workers = fixture->workers,
		.worker_count = FIXTURE_WORKERS,
		.state = fixture->is_forgetful ? NULL : &state,
	};
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++) {
		fixture->workers[i] = worker_new(&common, i,
						 relay_settings_ref(fixture->settings),
						 error, sizeof(error));
		ck_assert_msg(fixture->workers[i] != NULL, "%s", error);
		memset(&sockets, -1, sizeof(sockets));
		sockets.tcp[2 * i] = fixture->listeners[i];
		ck_assert(worker_open_fronts(fixture->workers[i], &sockets));
	}
	fixture->relay.workers = fixture->workers;
	fixture->relay.worker_count = FIXTURE_WORKERS;
}

void relay_fixture_run(struct relay_fixture *fixture)
{
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
		ck_assert_int_eq(worker_start(fixture->workers[i]), 0);
}

void relay_fixture_start(struct relay_fixture *fixture, const char *extra,
			 void (*change)(struct relay_settings *settings))
{
	relay_fixture_prepare(fixture, extra, change);
	relay_fixture_make(fixture);
	relay_fixture_run(fixture);
}

static void check_nothing_is_left(struct relay_fixture *fixture)
{
	struct counters all = {0};

	relay_counters(&fixture->relay, &all);
	const uint64_t *e = all.peer_events;
	ck_assert_uint_eq(e[PEER_CONNECTED] + e[PEER_ACCEPTED] + e[PEER_ADMITTED] +
				  e[PEER_TAKEN_UP],
			  e[PEER_REVOKED] + e[PEER_STALLED] + e[PEER_CLOSED] +
				  e[PEER_IN_DOUBT] + e[PEER_BROKEN] + e[PEER_UNCLAIMED] +
				  e[PEER_ENDED]);
	ck_assert_uint_eq(all.allocations_opened, all.allocations_closed);
	ck_assert_uint_eq(port_pool_figures(fixture->relay.shared.tcp_ports, 0, 0).used,
			  0);
}

void relay_fixture_stop(struct relay_fixture *fixture)
{
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
		worker_stop(fixture->workers[i]);
	check_nothing_is_left(fixture);
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
		worker_free(fixture->workers[i]);
	records_free(fixture->relay.records);
	relay_settings_unref(fixture->settings);
	shared_free(&fixture->relay.shared);
	relay_config_free(fixture->config);
	unlink(fixture->keys);
	if (fixture->descriptors > 0)
		ck_assert_uint_eq(descriptors(), fixture->descriptors);
}

void relay_fixture_deny(struct relay_fixture *fixture, const char *deny)
{
	struct ip_prefix prefix;
	char error[512];
	struct relay_config other = *fixture->config;

	ck_assert(ip_prefix_parse(deny, &prefix));
	other.peers.deny = &prefix;
	other.peers.deny_count = 1;
	fixture->sources.in_force = fixture->settings;
	struct relay_settings *settings =
		relay_settings_build(&other, &fixture->sources, error, sizeof(error));
	ck_assert_msg(settings != NULL, "%s", error);
	relay_settings_unref(fixture->settings);
	fixture->settings = settings;
	relay_publish(&fixture->relay, settings);
}

uint64_t relay_fixture_events(struct relay_fixture *fixture, enum peer_event event)
{
	struct counters sum;

	relay_counters(&fixture->relay, &sum);
	return sum.peer_events[event];
}

uint64_t relay_fixture_drops(struct relay_fixture *fixture, enum drop_reason reason)
{
	struct counters sum;

	relay_counters(&fixture->relay, &sum);
	return sum.drops[reason];
}

static void on_worker(struct relay_client *client, inbox_fn *fn, void *arg)
{
	ck_assert(inbox_call(client->worker->inbox, fn, arg));
}

static void be_patient(int fd)
{
	const struct timeval patience = {.tv_sec = FIXTURE_PATIENCE_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static int connected(const struct ip_addr *from, const struct endpoint *to)
{
	const struct endpoint local = {*from, 0};
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sockaddr_from_endpoint(&local, &sa);

	ck_assert_int_ge(fd, 0);
	be_patient(fd);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sockaddr_from_endpoint(to, &sa);
	ck_assert_msg(connect(fd, (struct sockaddr *)&sa, len) == 0, "connect: %s",
		      strerror(errno));
	return fd;
}

void client_connect(struct relay_client *client, struct relay_fixture *fixture,
		    unsigned worker)
{
	static const uint8_t txid[STUN_TXID_LEN] = "a client";
	struct ip_addr from = fixture->peers;
	uint8_t message[512];
	struct stun_builder b;

	memset(client, 0, sizeof(*client));
	client->fixture = fixture;
	client->worker = fixture->workers[worker];
	from.bytes[3] = 200;
	client->fd = connected(&from, &fixture->fronts[2 * worker].local);
	client->tuple.client = name_of(client->fd);
	client->tuple.front = (uint16_t)(2 * worker);
	stun_builder_start(&b, message, sizeof(message), STUN_BINDING, STUN_REQUEST,
			   txid);
	peer_send(client->fd, message, stun_builder_finish(&b));
	ck_assert_int_gt(recv(client->fd, message, sizeof(message), 0), STUN_HEADER_LEN);
}

void client_close(struct relay_client *client)
{
	close(client->fd);
	client->fd = -1;
}

struct task {
	struct relay_client *client;
	enum dialect dialect;
	const struct ip_addr *ip;
	struct forward forward;
	int code;
	uint64_t result;
};

static struct allocation *allocation_of(struct worker *worker,
					const struct relay_client *client)
{
	return allocation_by_id(worker->turn.table, client->id);
}

static void allocate(void *arg)
{
	static const uint8_t txid[STUN_TXID_LEN];
	struct task *task = arg;
	struct relay_client *client = task->client;
	struct worker *worker = client->worker;
	const struct owner owner = {
		.id = {{1}},
		.key = {.len = 16},
		.user = "alice",
		.key_id = "k1",
	};
	struct allocation *al;
	const struct allocation_request request = {
		.tuple = client->tuple,
		.dialect = task->dialect,
		.family = IP_V4,
		.relay_transport = TRANSPORT_TCP,
		.lifetime_s = 600,
		.txid = txid,
		.owner = &owner,
	};

	loop_turn(&worker->loop);
	task->code = allocation_create(&worker->turn, &request, worker->loop.now_ms, &al);
	if (task->code != 0)
		return;
	worker_expire(worker);
	client->slot = al->slot;
	client->id = al->id;
	client->local = allocation_relayed_local(&worker->turn, al);
	client->public = allocation_relayed_public(&worker->turn, al);
}

void client_allocate(struct relay_client *client, enum dialect dialect)
{
	struct task task = {.client = client, .dialect = dialect};

	on_worker(client, allocate, &task);
	ck_assert_int_eq(task.code, 0);
}

static void release(void *arg)
{
	struct task *task = arg;
	struct worker *worker = task->client->worker;

	allocation_delete(&worker->turn, allocation_of(worker, task->client),
			  END_RELEASED, worker->loop.now_ms);
}

void client_release(struct relay_client *client)
{
	on_worker(client, release, &(struct task){.client = client});
}

static void permit(void *arg)
{
	struct task *task = arg;
	struct worker *worker = task->client->worker;
	const struct endpoint peer = {*task->ip, 0};

	loop_turn(&worker->loop);
	task->code = permission_install(&worker->turn,
					allocation_of(worker, task->client), &peer, 1,
					worker->loop.now_ms, NULL);
}

void client_permit(struct relay_client *client, const struct ip_addr *peer)
{
	struct task task = {.client = client, .ip = peer};

	on_worker(client, permit, &task);
	ck_assert_int_eq(task.code, 0);
}

static void ask(void *arg)
{
	struct task *task = arg;
	struct worker *worker = task->client->worker;
	const struct allocation *al = allocation_of(worker, task->client);

	task->result = al != NULL ? al->to_client.bytes : UINT64_MAX;
	task->code = (int)relay_tcp_connections(worker->relay_tcp, task->client->slot);
}

uint64_t client_received(struct relay_client *client)
{
	struct task task = {.client = client};

	on_worker(client, ask, &task);
	return task.result;
}

unsigned client_connections(struct relay_client *client)
{
	struct task task = {.client = client};

	on_worker(client, ask, &task);
	return (unsigned)task.code;
}

static void relay(void *arg)
{
	struct task *task = arg;
	struct worker *worker = task->client->worker;

	loop_turn(&worker->loop);
	worker->delivery.to_peer(worker, &task->forward);
}

void client_relay(struct relay_client *client, const struct endpoint *peer,
		  const void *data, size_t len)
{
	struct task task = {
		.client = client,
		.forward = {.kind = FORWARD_TO_PEER,
			    .slot = client->slot,
			    .peer = *peer,
			    .payload = {data, len}},
	};

	on_worker(client, relay, &task);
}

size_t client_indication(const struct endpoint *peer, const void *data, size_t len,
			 uint8_t *message, size_t size)
{
	static const uint8_t txid[STUN_TXID_LEN] = "a client";
	struct stun_builder b;

	stun_builder_start(&b, message, size, TURN_SEND, STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, peer);
	stun_builder_add(&b, TURN_DATA_ATTR, data, len);
	len = stun_builder_finish(&b);
	ck_assert_uint_gt(len, 0);
	return len;
}

size_t client_take(struct relay_client *client, struct endpoint *peer, uint8_t *data,
		   size_t size)
{
	size_t len = 0;
	struct stun_msg msg;
	struct stun_attr attr;

	while (client->inbox_len < STUN_HEADER_LEN ||
	       client->inbox_len <
		       (len = STUN_HEADER_LEN + load_be16(client->inbox + 2))) {
		ssize_t got = recv(client->fd, client->inbox + client->inbox_len,
				   sizeof(client->inbox) - client->inbox_len, 0);
		ck_assert_msg(got > 0, "no message: %s",
			      got < 0 ? strerror(errno) : "end");
		client->inbox_len += (size_t)got;
	}
	ck_assert_int_eq(stun_msg_parse((struct slice){client->inbox, len}, &msg),
			 STUN_PARSE_OK);
	ck_assert_int_eq(msg.method, TURN_DATA);
	ck_assert(stun_msg_find(&msg, TURN_XOR_PEER_ADDRESS, &attr));
	ck_assert(stun_attr_xor_address(&attr, msg.txid, peer));
	ck_assert(stun_msg_find(&msg, TURN_DATA_ATTR, &attr));
	ck_assert_uint_le(attr.value.len, size);
	memcpy(data, attr.value.data, attr.value.len);
	client->inbox_len -= len;
	memmove(client->inbox, client->inbox + len, client->inbox_len);
	return attr.value.len;
}

int peer_listen(struct relay_fixture *fixture, struct endpoint *at)
{
	const struct endpoint any = {fixture->peers, 0};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&any, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	be_patient(fd);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	*at = name_of(fd);
	return fd;
}

int peer_accept(int listener, struct endpoint *from)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC);

	ck_assert_msg(fd >= 0, "no connection: %s", strerror(errno));
	be_patient(fd);
	ck_assert(sockaddr_to_endpoint(&sa, from));
	return fd;
}

int peer_connect(struct relay_fixture *fixture, const struct endpoint *to,
		 struct endpoint *at)
{
	int fd = connected(&fixture->peers, to);

	*at = name_of(fd);
	return fd;
}

void peer_send(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

void peer_expect(int fd, const void *data, size_t len)
{
	uint8_t got[4096];

	ck_assert_uint_le(len, sizeof(got));
	ssize_t n = recv(fd, got, len, MSG_WAITALL);
	ck_assert_msg(n == (ssize_t)len, "%zd of %zu bytes: %s", n, len,
		      n < 0 ? strerror(errno) : "end");
	ck_assert_mem_eq(got, data, len);
}

void peer_expect_end(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	ck_assert_msg(n == 0, "not the end: %s", n < 0 ? strerror(errno) : "data");
}

void peer_expect_reset(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	ck_assert_msg(n < 0 && errno == ECONNRESET, "no reset: %s",
		      n < 0    ? strerror(errno)
		      : n == 0 ? "an end"
			       : "data");
}
