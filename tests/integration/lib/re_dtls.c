/*
 * re_dtls.c - a client of libre over DTLS: an allocation, COUNT messages to a peer in this program
 * that sends them back, the first half in Send indications and the others on a channel.
 *
 *   re_dtls HOST PORT CAFILE USER PASSWORD PEER COUNT
 *
 * The last line says how many came back; the exit status is 0 if all did.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <re.h>

enum {
	LAYER = 0,
	HEADROOM = 64,
	SIZE = 160,
	PATIENCE_MS = 30000,
	AGAIN_MS = 500,
};

struct call {
	struct sa server, peer;
	const char *user, *password;
	struct tls *tls;
	struct dtls_sock *sock;
	struct tls_conn *connection;
	struct turnc *turn;
	struct udp_sock *echo;
	struct tmr patience;
	unsigned count, sent, received;
	bool on_channel, failed;
};

static void give_up(struct call *call, const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	call->failed = true;
	re_cancel();
}

static void send_next(struct call *call);

static void send_one(struct call *call)
{
	struct mbuf *mb = mbuf_alloc(HEADROOM + SIZE);
	int error;

	mb->pos = mb->end = HEADROOM;
	mbuf_fill(mb, (uint8_t)call->sent, SIZE);
	mb->pos = HEADROOM;
	call->sent++;
	error = turnc_send(call->turn, &call->peer, mb);
	mem_deref(mb);
	if (error != 0)
		give_up(call, "turnc_send", error);
}

static void on_channel(void *arg)
{
	struct call *call = arg;

	call->on_channel = true;
	send_next(call);
}

static void send_next(struct call *call)
{
	int error;

	if (call->sent == call->count) {
		re_cancel();
	} else if (call->sent < call->count / 2 || call->on_channel) {
		send_one(call);
	} else {
		error = turnc_add_chan(call->turn, &call->peer, on_channel, call);
		if (error != 0)
			give_up(call, "turnc_add_chan", error);
	}
}

static void on_permission(void *arg)
{
	send_next(arg);
}

static void on_allocation(int error, uint16_t code, const char *reason,
			  const struct sa *relayed, const struct sa *mapped,
			  const struct stun_msg *msg, void *arg)
{
	struct call *call = arg;

	(void)relayed;
	(void)mapped;
	(void)msg;
	if (error != 0 || code != 0) {
		fprintf(stderr, "Allocate: %u %s\n", code, reason != NULL ? reason : "");
		give_up(call, "Allocate", error);
		return;
	}
	error = turnc_add_perm(call->turn, &call->peer, on_permission, call);
	if (error != 0)
		give_up(call, "turnc_add_perm", error);
}

static void on_established(void *arg)
{
	struct call *call = arg;
	int error = tls_peer_verify(call->connection);

	if (error == 0)
		error = turnc_alloc(&call->turn, NULL, STUN_TRANSP_DTLS, call->connection,
				    LAYER, &call->server, call->user, call->password, 600,
				    on_allocation, call);
	if (error != 0)
		give_up(call, "turnc_alloc", error);
}

static void on_datagram(struct mbuf *mb, void *arg)
{
	struct call *call = arg;
	struct sa source;
	int error = turnc_recv(call->turn, &source, mb);

	if (error != 0 || mbuf_get_left(mb) == 0)
		return;
	if (mbuf_get_left(mb) != SIZE || mbuf_buf(mb)[0] != (uint8_t)call->received) {
		give_up(call, "another message came back", EPROTO);
		return;
	}
	call->received++;
	send_next(call);
}

static void on_close(int error, void *arg)
{
	give_up(arg, "the association ended", error);
}

static void on_echo(const struct sa *source, struct mbuf *mb, void *arg)
{
	struct call *call = arg;

	udp_send(call->echo, source, mb);
}

static void on_patience(void *arg)
{
	give_up(arg, "out of patience", ETIMEDOUT);
}

static int start(struct call *call, char **argv)
{
	struct sa any;
	int error = sa_set_str(&call->server, argv[1], (uint16_t)atoi(argv[2]));

	error |= sa_set_str(&any, argv[1], 0);
	error |= sa_set_str(&call->peer, argv[6], 0);
	if (error == 0)
		error = udp_listen(&call->echo, &call->peer, on_echo, call);
	if (error == 0)
		error = udp_local_get(call->echo, &call->peer);
	if (error == 0)
		error = tls_alloc(&call->tls, TLS_METHOD_DTLS, NULL, NULL);
	if (error == 0)
		error = tls_add_ca(call->tls, argv[3]);
	if (error == 0)
		error = dtls_listen(&call->sock, &any, NULL, 4, LAYER, NULL, NULL);
	if (error == 0)
		error = dtls_connect(&call->connection, call->tls, call->sock,
				     &call->server, on_established, on_datagram, on_close,
				     call);
	return error;
}

int main(int argc, char **argv)
{
	static struct call call;
	int error;

	if (argc != 8)
		return 2;
	call.user = argv[4];
	call.password = argv[5];
	call.count = (unsigned)atoi(argv[7]);
	if (libre_init() != 0)
		return 2;
	tmr_init(&call.patience);
	tmr_start(&call.patience, PATIENCE_MS, on_patience, &call);
	error = start(&call, argv);
	if (error != 0)
		give_up(&call, "start", error);
	else
		re_main(NULL);
	tmr_cancel(&call.patience);
	mem_deref(call.turn);
	mem_deref(call.connection);
	mem_deref(call.sock);
	mem_deref(call.tls);
	mem_deref(call.echo);
	libre_close();
	printf("%u of %u\n", call.received, call.count);
	return call.failed || call.received != call.count;
}
