/*
 * mras_load.c - requests credentials from mrasd at a fixed rate over permanent connections and
 * measures the response times. Prints JSON. For mrasd-rate.
 *
 *	mras_load ADDRESS PORT CERTIFICATE KEY CA CONNECTIONS RATE SECONDS sip|http
 *
 * The rate does not depend on the responses: a slow server gets the same number of requests. After
 * a delay of its own the program catches up at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/sockaddr.h"
#include "tools/load/histogram.h"

enum {
	CONNECTIONS_MAX = 1000,
	WAITING_MAX = 1 << 14, /* requests on one connection without an answer */
	REQUEST_MAX = 2048,
	HEAD_MAX = 4096,
	TICK_US = 500,
	LAST_ANSWERS_S = 5,
};

struct connection {
	struct load *load;
	struct bufferevent *bev;
	bool connected;
	uint64_t sent_ns[WAITING_MAX]; /* a ring: answers come in order */
	size_t first, waiting;
};

struct load {
	struct event_base *base;
	struct event *tick;
	struct histogram latency;
	struct connection *connections;
	size_t count, connected, next;
	uint64_t asked, answered, good, unsent, start_ns, end_ns;
	double rate, seconds;
	bool http, failed;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "mras_load: %s: %s\n", what,
		ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error())
				 : strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- requests -------------------------------------------------------------------------------- */

static int http_request(char *buf, uint64_t number)
{
	char body[128];
	int len = snprintf(body, sizeof(body),
			   "{\"user\":\"user%" PRIu64 "\",\"ttl\":3600}", number);

	return snprintf(buf, REQUEST_MAX,
			"POST /v1/credentials HTTP/1.1\r\nHost: mras.lab.example\r\n"
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			len, body);
}

static int sip_request(char *buf, uint64_t number)
{
	char body[768];
	int len = snprintf(
		body, sizeof(body),
		"<request requestID=\"%" PRIu64 "\" version=\"2.0\" "
		"to=\"sip:edge01.dmz.lab.example@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x\" "
		"from=\"sip:alice@lab.example\" "
		"xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\">"
		"<credentialsRequest credentialsRequestID=\"%" PRIu64 "\">"
		"<identity>sip:user%" PRIu64 "@lab.example</identity>"
		"<location>internet</location><duration>480</duration></credentialsRequest>"
		"</request>",
		number, number, number);

	return snprintf(
		buf, REQUEST_MAX,
		"SERVICE sip:edge01.dmz.lab.example:5062;grid SIP/2.0\r\n"
		"Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK%016" PRIx64
		";branched=FALSE\r\n"
		"Via: SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733;"
		"ms-received-cid=1F00\r\n"
		"Max-Forwards: 69\r\n"
		"From: \"Alice\"<sip:alice@lab.example>;tag=5f2c01aa;epid=0badc0ffee\r\n"
		"To: <sip:edge01.dmz.lab.example@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x>\r\n"
		"Call-ID: %016" PRIx64 "\r\n"
		"CSeq: 1 SERVICE\r\n"
		"Record-Route: <sip:fe01.lab.example:5061;transport=tls;lr>;tag=F00DFACE\r\n"
		"Contact: <sip:alice@lab.example;opaque=user:epid:AbCdEfGhIj;gruu>\r\n"
		"Content-Type: application/msrtc-media-relay-auth+xml\r\n"
		"Content-Length: %d\r\n\r\n%s",
		number, number, len, body);
}

static void ask(struct load *load)
{
	struct connection *connection = &load->connections[load->next];
	char request[REQUEST_MAX];
	int len;

	load->next = (load->next + 1) % load->count;
	if (connection->waiting == WAITING_MAX) {
		load->unsent++;
		return;
	}
	len = load->http ? http_request(request, load->asked)
			 : sip_request(request, load->asked);
	connection->sent_ns[(connection->first + connection->waiting++) % WAITING_MAX] =
		now_ns();
	load->asked++;
	bufferevent_write(connection->bev, request, (size_t)len);
}

/* --- answers --------------------------------------------------------------------------------- */

/* Bytes of the answer at the front; 0: it is not complete. */
static size_t answer_len(struct evbuffer *input, bool *good)
{
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	char head[HEAD_MAX + 1];
	size_t len, body = 0;
	const char *line;

	if (end.pos < 0)
		return 0;
	len = (size_t)end.pos + 4;
	if (len > HEAD_MAX)
		die("an answer with too many headers");
	evbuffer_copyout(input, head, len);
	head[len] = '\0';
	*good = strstr(head, " 200 OK\r\n") != NULL;
	line = strcasestr(head, "\r\nContent-Length:");
	if (line != NULL)
		body = strtoul(line + 17, NULL, 10);
	return evbuffer_get_length(input) < len + body ? 0 : len + body;
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct connection *connection = arg;
	struct load *load = connection->load;
	struct evbuffer *input = bufferevent_get_input(bev);
	bool good = false;
	size_t len;

	while ((len = answer_len(input, &good)) > 0) {
		if (connection->waiting == 0)
			die("an answer to nothing");
		histogram_add(&load->latency,
			      now_ns() - connection->sent_ns[connection->first]);
		connection->first = (connection->first + 1) % WAITING_MAX;
		connection->waiting--;
		evbuffer_drain(input, len);
		load->answered++;
		load->good += good;
	}
}

static void begin(struct load *load)
{
	static const struct timeval tick = {.tv_usec = TICK_US};

	load->start_ns = now_ns();
	event_add(load->tick, &tick);
}

static void happened(struct bufferevent *bev, short events, void *arg)
{
	struct connection *connection = arg;
	struct load *load = connection->load;

	(void)bev;
	if ((events & BEV_EVENT_CONNECTED) && !connection->connected) {
		connection->connected = true;
		if (++load->connected == load->count)
			begin(load);
		return;
	}
	if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		fprintf(stderr, "mras_load: a connection was lost\n");
		load->failed = true;
		event_base_loopbreak(load->base);
	}
}

static void tick(evutil_socket_t fd, short events, void *arg)
{
	struct load *load = arg;
	uint64_t now = now_ns();
	double passed_s = (double)(now - load->start_ns) / 1e9;
	uint64_t due = (uint64_t)(load->rate *
				  (passed_s < load->seconds ? passed_s : load->seconds));

	(void)fd;
	(void)events;
	while (load->asked + load->unsent < due)
		ask(load);
	if (passed_s < load->seconds)
		return;
	if (load->end_ns == 0)
		load->end_ns = now;
	if (load->answered == load->asked ||
	    now - load->end_ns > (uint64_t)LAST_ANSWERS_S * 1000000000)
		event_base_loopbreak(load->base);
}

/* --- */

static void connect_all(struct load *load, SSL_CTX *ctx, const struct endpoint *server)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(server, &sa);

	for (size_t i = 0; i < load->count; i++) {
		struct connection *connection = &load->connections[i];
		SSL *ssl = SSL_new(ctx);
		int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

		if (ssl == NULL || fd < 0 ||
		    connect(fd, (struct sockaddr *)&sa, sa_len) != 0)
			die("connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		evutil_make_socket_nonblocking(fd);
		connection->load = load;
		connection->bev = bufferevent_openssl_socket_new(
			load->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
			BEV_OPT_CLOSE_ON_FREE);
		if (connection->bev == NULL)
			die("TLS");
		bufferevent_setcb(connection->bev, readable, NULL, happened, connection);
		bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
	}
}

static double ms(const struct load *load, double percent)
{
	return (double)histogram_percentile(&load->latency, percent) / 1e6;
}

static void report(const struct load *load)
{
	printf("{\"asked\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"good\": %" PRIu64
	       ", \"unsent\": %" PRIu64 ", \"seconds\": %.3f, \"p50_ms\": %.3f, "
	       "\"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
	       load->asked, load->answered, load->good, load->unsent,
	       (double)(load->end_ns - load->start_ns) / 1e9, ms(load, 50), ms(load, 90),
	       ms(load, 99), ms(load, 100));
}

int main(int argc, char **argv)
{
	static struct load load;
	struct endpoint server;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (argc != 10 || !ip_addr_parse(argv[1], &server.ip)) {
		fprintf(stderr, "usage: mras_load ADDRESS PORT CERTIFICATE KEY CA "
				"CONNECTIONS RATE SECONDS sip|http\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	server.port = (uint16_t)atoi(argv[2]);
	load.count = strtoul(argv[6], NULL, 10);
	load.rate = strtod(argv[7], NULL);
	load.seconds = strtod(argv[8], NULL);
	load.http = strcmp(argv[9], "http") == 0;
	if (load.count < 1 || load.count > CONNECTIONS_MAX)
		die("CONNECTIONS");
	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_file(ctx, argv[5]) != 1)
		die("certificates");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	load.base = event_base_new();
	load.connections = calloc(load.count, sizeof(*load.connections));
	if (load.base == NULL || load.connections == NULL)
		die("memory");
	load.tick = event_new(load.base, -1, EV_PERSIST, tick, &load);
	connect_all(&load, ctx, &server);
	event_base_dispatch(load.base);
	report(&load);
	for (size_t i = 0; i < load.count; i++)
		bufferevent_free(load.connections[i].bev);
	event_free(load.tick);
	event_base_free(load.base);
	free(load.connections);
	SSL_CTX_free(ctx);
	return load.failed || load.answered != load.asked ? EXIT_FAILURE : EXIT_SUCCESS;
}
