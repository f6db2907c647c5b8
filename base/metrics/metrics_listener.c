/*
 * metrics_listener.c - libmicrohttpd on a loopback address.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "base/metrics/metrics_listener.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/config/explain.h"
#include "base/fail.h"
#include "base/http_body.h"
#include "base/log.h"
#include "base/sockaddr.h"

enum {
	BACKLOG = 16,
	CONNECTIONS_MAX = 32,
	TIMEOUT_S = 30,
	HOST_LEN_MAX = 63,
	MEMORY_OF_A_CONNECTION = 16 << 10,
};

static const char metrics_path[] = "/metrics";
static const char nothing_policy[] = "default-src 'none'; frame-ancestors 'none'";

struct metrics_listener {
	struct metrics_source source;
	struct endpoint where;
	int fd; /* -1: not open, or not ours to close */
	struct MHD_Daemon *daemon;
};

struct answer {
	unsigned status;
	const char *content_type;
	const char *policy;
	char *text; /* malloc'ed; NULL: out of memory */
	size_t len;
};

/* The weight of one entry of an Accept header, 0..1 (RFC 9110 section 12.4.2); 1 without q. */
static double weight(const char *entry, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if (entry[i] != ';')
			continue;
		size_t at = i + 1 + strspn(entry + i + 1, " \t");

		if (at + 2 < len && (entry[at] == 'q' || entry[at] == 'Q') &&
		    entry[at + 1] == '=')
			return strtod(entry + at + 2, NULL);
	}
	return 1;
}

static bool names(const char *entry, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(entry, type, len) == 0 &&
	       strchr(" \t;,", entry[len]) != NULL; /* or the end */
}

enum openmetrics_form metrics_listener_negotiate(const char *accept)
{
	double openmetrics = 0, plain = 0;

	while (accept != NULL && *accept != '\0') {
		accept += strspn(accept, " \t,");
		size_t len = strcspn(accept, ",");
		double q = weight(accept, len);

		if (names(accept, "application/openmetrics-text"))
			openmetrics = q > openmetrics ? q : openmetrics;
		else if (names(accept, "text/plain"))
			plain = q > plain ? q : plain;
		accept += len;
	}
	return openmetrics > 0 && openmetrics >= plain ? OPENMETRICS_1_0_0
						       : PROMETHEUS_0_0_4;
}

bool metrics_listener_host_allowed(const char *host)
{
	char name[HOST_LEN_MAX + 1];
	struct endpoint ep;

	if (host == NULL || strlen(host) > HOST_LEN_MAX)
		return false;
	if (endpoint_parse(host, 80, &ep))
		return ip_addr_is_loopback(&ep.ip);
	strcpy(name, host);
	char *colon = strchr(name, ':');
	if (colon != NULL) {
		if (colon[1 + strspn(colon + 1, "0123456789")] != '\0')
			return false;
		*colon = '\0';
	}
	return strcasecmp(name, "localhost") == 0;
}

static struct answer say(unsigned status, const char *sentence)
{
	struct answer answer = {
		.status = status,
		.content_type = "text/plain; charset=utf-8",
		.text = strdup(sentence),
		.len = strlen(sentence),
	};
	return answer;
}

static struct answer metrics_answer(const struct metrics_listener *listener,
				    const char *accept)
{
	struct openmetrics om;
	struct answer answer = {.status = MHD_HTTP_OK};

	openmetrics_init(&om, metrics_listener_negotiate(accept));
	answer.content_type = openmetrics_content_type(om.form);
	listener->source.write(listener->source.arg, &om);
	answer.text = openmetrics_finish(&om, &answer.len);
	return answer;
}

static struct answer document_answer(const struct metrics_listener *listener,
				     const char *path)
{
	const struct metrics_source *source = &listener->source;

	for (size_t i = 0; i < source->document_count; i++) {
		const struct metrics_document *document = &source->documents[i];
		struct answer answer = {
			.status = MHD_HTTP_OK,
			.content_type = document->content_type,
			.policy = document->policy,
		};

		if (strcmp(path, document->path) != 0)
			continue;
		answer.text = document->text(source->arg, &answer.len);
		return answer.text != NULL
			       ? answer
			       : say(MHD_HTTP_SERVICE_UNAVAILABLE,
				     "temporarily unavailable; try again later\n");
	}
	return say(MHD_HTTP_NOT_FOUND, "not found; metrics are at /metrics\n");
}

static struct answer answer_to(const struct metrics_listener *listener,
			       struct MHD_Connection *connection, const char *method,
			       const char *path)
{
	const char *host =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	if (!metrics_listener_host_allowed(host))
		return say(MHD_HTTP_MISDIRECTED_REQUEST,
			   "wrong Host; use a loopback address or localhost\n");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return say(MHD_HTTP_METHOD_NOT_ALLOWED, "wrong method; use GET\n");
	if (strcmp(path, metrics_path) == 0)
		return metrics_answer(
			listener, MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							      "Accept"));
	return document_answer(listener, path);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
				   const struct answer *answer)
{
	struct MHD_Response *response = NULL;
	enum MHD_Result result;

	assert(answer->status != 0 && answer->content_type != NULL);
	if (answer->text != NULL)
		response = MHD_create_response_from_buffer(answer->len, answer->text,
							   MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(answer->text);
		return MHD_NO; /* out of memory: the connection closes */
	}
	MHD_add_response_header(response, "Content-Type", answer->content_type);
	MHD_add_response_header(response, "Content-Security-Policy",
				answer->policy != NULL ? answer->policy : nothing_policy);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct metrics_listener *listener = arg;

	(void)upload;
	/* The first call has only the header; a body is skipped. */
	if (*state == NULL) {
		const char *fault = http_body_fault(connection, version);
		struct answer answer;

		*state = listener;
		if (fault == NULL)
			return MHD_YES;
		answer = say(MHD_HTTP_BAD_REQUEST, fault);
		return send_answer(connection, &answer);
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}

	struct answer answer = answer_to(listener, connection, method, path);
	return send_answer(connection, &answer);
}

static void on_log(void *arg, const char *format, va_list args)
{
	static struct log_limit limit;
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_limited(&limit, LOG_LEVEL_DEBUG, "metrics: %s", text);
}

static bool open_socket(struct metrics_listener *listener, const struct endpoint *where,
			char *error, size_t error_size)
{
	struct sockaddr_storage address;
	socklen_t len = sockaddr_from_endpoint(where, &address);
	int on = 1;

	listener->fd =
		socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return fail(error, error_size, "%s; set it to \"\" to disable it",
			    strerror(errno));
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener->fd, (const struct sockaddr *)&address, len) < 0 ||
	    listen(listener->fd, BACKLOG) < 0) {
		explain_bind_failure(where, true, "metrics.address", errno, error,
				     error_size);
		return false;
	}
	len = sizeof(address);
	return getsockname(listener->fd, (struct sockaddr *)&address, &len) == 0 &&
	       sockaddr_to_endpoint(&address, &listener->where);
}

struct metrics_listener *metrics_listener_bind(const struct endpoint *where, char *error,
					       size_t error_size)
{
	struct metrics_listener *listener = NULL;
	char text[ENDPOINT_TEXT_LEN];

	if (!ip_addr_is_loopback(&where->ip)) {
		fail(error, error_size,
		     "%s is not a loopback address; use one, such as "
		     "127.0.0.1: metrics are served without a password",
		     ip_addr_format(&where->ip, text, sizeof(text)));
		return NULL;
	}
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL) {
		fail(error, error_size, "out of memory");
		return NULL;
	}
	if (!open_socket(listener, where, error, error_size)) {
		metrics_listener_stop(listener);
		return NULL;
	}
	return listener;
}

struct metrics_listener *metrics_listener_adopt(int fd, const struct endpoint *where,
						char *error, size_t error_size)
{
	struct metrics_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL) {
		fail(error, error_size, "out of memory");
		return NULL;
	}
	listener->fd = fd;
	listener->where = *where;
	return listener;
}

int metrics_listener_descriptor(const struct metrics_listener *listener)
{
	const union MHD_DaemonInfo *info;

	if (listener->daemon == NULL)
		return listener->fd;
	info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	return info != NULL ? info->listen_fd : -1;
}

struct endpoint metrics_listener_where(const struct metrics_listener *listener)
{
	return listener->where;
}

bool metrics_listener_start(struct metrics_listener *listener,
			    const struct metrics_source *source, char *error,
			    size_t error_size)
{
	assert(listener->fd >= 0 && listener->daemon == NULL);
	assert(source->write != NULL);
	listener->source = *source;
	listener->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
			MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_OF_A_CONNECTION, MHD_OPTION_END);
	if (listener->daemon == NULL)
		return fail(error, error_size,
			    "cannot start the HTTP server; set it to \"\" to disable it");
	listener->fd = -1; /* the daemon closes it */
	return true;
}

void metrics_listener_stop(struct metrics_listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->daemon != NULL)
		MHD_stop_daemon(listener->daemon);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}
