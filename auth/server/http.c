/*
 * http.c - libmicrohttpd behind socket pairs.
 *
 * Its epoll descriptor is one event of our loop, so that it runs in our thread. It closes
 * its end of a pair after our last byte, or when HTTP says so. Either end may close
 * first, so a stream is freed once both have left it.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/http.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <microhttpd.h>

#include "auth/mras/text.h"
#include "auth/server/http_reply.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

enum {
	CONNECTIONS_MAX = 100000, /* connections.c has the real limit */
	/* Bytes of memory for one connection: HTTP_HEAD_OUT_MAX, its fields and ours. */
	MEMORY_MAX = 64 << 10,
};

/* One connection as libmicrohttpd knows it. */
struct http_stream {
	TAILQ_ENTRY(http_stream) links;
	const struct http_client_ops *ops;
	void *client; /* NULL: has gone */
	int fd;       /* libmicrohttpd's end */
};

TAILQ_HEAD(http_streams, http_stream);

struct http {
	struct issuer *issuer;
	struct MHD_Daemon *daemon;
	struct event ready, timeout;
	struct http_streams streams;
};

/* A request being received; http_framing has bounded it. */
struct upload {
	struct text body;
};

static struct http_stream *find_by_fd(struct http *http, int fd)
{
	struct http_stream *stream;

	TAILQ_FOREACH(stream, &http->streams, links)
	{
		if (stream->fd == fd)
			return stream;
	}
	return NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = arg;
	struct http_stream *stream = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		*context = info != NULL ? find_by_fd(http, info->connect_fd) : NULL;
		return;
	}
	if (stream == NULL)
		return;
	assert(code == MHD_CONNECTION_NOTIFY_CLOSED && stream->fd >= 0);
	/* Its descriptor is closed and the number may be reused. */
	stream->fd = -1;
	if (stream->client == NULL) {
		TAILQ_REMOVE(&http->streams, stream, links);
		free(stream);
	}
}

static struct http_stream *stream_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
				  struct http_reply *reply)
{
	struct MHD_Response *response = NULL;
	enum MHD_Result result;
	char number[16];

	if (reply->body == NULL)
		return MHD_NO; /* out of memory: the connection closes */
	response = MHD_create_response_from_buffer(strlen(reply->body), reply->body,
						   MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(reply->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", reply->content_type);
	/* A credential must not be cached. */
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply->allow != NULL)
		MHD_add_response_header(response, "Allow", reply->allow);
	if (reply->retry_after_s != 0) {
		snprintf(number, sizeof(number), "%u", reply->retry_after_s);
		MHD_add_response_header(response, "Retry-After", number);
	}
	result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection,
			      const struct service_server *server, const char *path,
			      const char *method, struct upload *upload)
{
	struct issuer *issuer = http->issuer;
	struct http_request request = {
		.method = method,
		.path = path,
		.content_type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							    "Content-Type"),
		.body = {(const uint8_t *)(upload->body.data != NULL ? upload->body.data
								     : ""),
			 upload->body.len},
	};
	struct http_reply reply;

	uint64_t began_ns = issuer_clock_ns();

	issuer_count(issuer, COUNT_HTTP_REQUESTS);
	http_reply(&issuer->settings->service, issuer->memory, server, &request,
		   issuer->now_ms, issuer->unix_s, &reply);
	mras_counters_latency(&issuer->mras_counters, SERVICE_HTTP,
			      issuer_clock_ns() - began_ns);
	return send_reply(connection, &reply);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *data,
				  size_t *data_size, void **state)
{
	struct http *http = arg;
	struct upload *upload = *state;
	const struct http_stream *stream = stream_of(connection);
	const struct service_server *server;

	(void)version;
	if (stream == NULL || stream->client == NULL)
		return MHD_NO;
	server = stream->ops->server(stream->client);
	if (server == NULL)
		return MHD_NO;
	if (upload == NULL) {
		*state = upload = calloc(1, sizeof(*upload));
		return upload != NULL ? MHD_YES : MHD_NO;
	}
	if (*data_size > 0) {
		text_add(&upload->body, data, *data_size);
		*data_size = 0;
		return upload->body.failed ? MHD_NO : MHD_YES; /* out of memory */
	}
	return answer(http, connection, server, path, method, upload);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	const struct http_stream *stream = stream_of(connection);
	struct upload *upload = *state;

	(void)arg;
	(void)code;
	if (upload != NULL) {
		text_free(&upload->body);
		free(upload);
		*state = NULL;
	}
	if (stream != NULL && stream->client != NULL)
		stream->ops->answered(stream->client);
}

static void on_log(void *arg, const char *format, va_list args)
{
	static struct log_limit limit;
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_limited(&limit, LOG_LEVEL_DEBUG, "http: %s", text);
}

static void run(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct http *http = arg;
	MHD_UNSIGNED_LONG_LONG wait_ms;

	issuer_tick(http->issuer);
	MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES) {
		const struct timeval tv = {.tv_sec = (time_t)(wait_ms / 1000),
					   .tv_usec =
						   (suseconds_t)(wait_ms % 1000 * 1000)};

		event_add(&http->timeout, &tv);
	}
}

static bool start(struct http *http)
{
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL,
		NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX, MHD_OPTION_END);
	if (http->daemon == NULL)
		return false;

	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info != NULL &&
	       event_assign(&http->timeout, http->issuer->base, -1, 0, run, http) == 0 &&
	       event_assign(&http->ready, http->issuer->base, info->epoll_fd,
			    EV_READ | EV_PERSIST, run, http) == 0 &&
	       event_add(&http->ready, NULL) == 0;
}

struct http *http_new(struct issuer *issuer, char *error, size_t error_size)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http != NULL) {
		http->issuer = issuer;
		TAILQ_INIT(&http->streams);
		if (start(http))
			return http;
		if (http->daemon != NULL)
			MHD_stop_daemon(http->daemon);
	}
	free(http);
	snprintf(error, error_size,
		 "cannot start the HTTP server: out of memory or descriptors");
	return NULL;
}

void http_free(struct http *http)
{
	struct http_stream *stream;

	if (http == NULL)
		return;
	/* All connections have ended: nobody may be called. */
	TAILQ_FOREACH(stream, &http->streams, links)
	assert(stream->client == NULL);
	event_del(&http->ready);
	event_del(&http->timeout);
	MHD_stop_daemon(http->daemon);
	while ((stream = TAILQ_FIRST(&http->streams)) != NULL) {
		TAILQ_REMOVE(&http->streams, stream, links);
		free(stream);
	}
	free(http);
}

struct bufferevent *http_attach(struct http *http, const struct http_client_ops *ops,
				void *client)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct http_stream *stream = calloc(1, sizeof(*stream));
	struct bufferevent *bev = NULL;
	int pair[2] = {-1, -1};

	assert(client != NULL);
	if (stream == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		goto fail;
	bev = bufferevent_socket_new(http->issuer->base, pair[0], BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		goto fail;
	stream->ops = ops;
	stream->client = client;
	stream->fd = pair[1];
	TAILQ_INSERT_TAIL(&http->streams, stream, links);
	/* It closes the descriptor if it fails. */
	if (MHD_add_connection(http->daemon, pair[1], (const struct sockaddr *)&address,
			       sizeof(address)) == MHD_YES)
		return bev;
	TAILQ_REMOVE(&http->streams, stream, links);
	bufferevent_free(bev);
	free(stream);
	return NULL;
fail:
	if (pair[0] >= 0) {
		close(pair[0]);
		close(pair[1]);
	}
	free(stream);
	return NULL;
}

void http_detach(struct http *http, void *client)
{
	struct http_stream *stream;

	TAILQ_FOREACH(stream, &http->streams, links)
	{
		if (stream->client == client)
			break;
	}
	if (stream == NULL)
		return;
	stream->client = NULL;
	if (stream->fd < 0) {
		TAILQ_REMOVE(&http->streams, stream, links);
		free(stream);
	}
}
