/*
 * ctl_daemon.c - the control interface of a daemon as its client sees it.
 */
#include "tools/ctl/ctl_daemon.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <curl/curl.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"

#define RELAY "mediarelayd"
#define ISSUER "mrasd"

enum {
	CONNECT_TIMEOUT_MS = 3000,
	TIMEOUT_MS = 60000,     /* a reload may read a hundred files and lists */
	ANSWER_MAX = 256 << 20, /* a hundred thousand allocations and more */
	LINE_SIZE_MAX = 1 << 20,
	STATUS_NOT_FOUND = 404,
};

/* A request and its answer. */
struct transfer {
	CURL *curl;
	char *text; /* received; of a stream of lines only the incomplete last */
	size_t len;
	long status;          /* of HTTP */
	ctl_on_line *on_line; /* NULL: collect the whole answer */
	void *arg;
	bool stopped; /* by on_line() */
};

struct ctl_daemon ctl_relay_of(const struct ctl_args *args)
{
	return (struct ctl_daemon){
		.name = RELAY,
		.socket = ctl_value(args, OPTION_SOCKET, CTL_SOCKET_PATH),
		.option = "--socket",
	};
}

struct ctl_daemon ctl_mras_of(const struct ctl_args *args)
{
	const char *socket = ctl_value(args, OPTION_MRAS_SOCKET, CTL_MRAS_SOCKET_PATH);

	return (struct ctl_daemon){
		.name = ISSUER,
		.socket = ctl_value(args, OPTION_MRAS_OWN_SOCKET, socket),
		.option = args->command->daemon == CTL_MRAS ? "--socket"
							    : "--mras-socket",
	};
}

struct ctl_daemon ctl_daemon_of(const struct ctl_args *args)
{
	assert(args->command->daemon != CTL_NO_DAEMON);
	return args->command->daemon == CTL_MRAS ? ctl_mras_of(args) : ctl_relay_of(args);
}

__attribute__((format(printf, 3, 4))) static int complain(const struct ctl_daemon *daemon,
							  int status, const char *format,
							  ...)
{
	va_list args;

	va_start(args, format);
	if (!daemon->quiet)
		ctl_vfail(format, args);
	va_end(args);
	return status;
}

/* The socket's own group is the one to join. */
static int not_permitted(const struct ctl_daemon *daemon)
{
	struct group entry, *group = NULL;
	char names[4096];
	struct stat st;

	if (stat(daemon->socket, &st) == 0 && (st.st_mode & S_IWGRP) && st.st_gid != 0 &&
	    getgrgid_r(st.st_gid, &entry, names, sizeof(names), &group) == 0 && group)
		return complain(daemon, CTL_FAILED,
				"%s: permission denied: run as root or as a member of "
				"group %s ('usermod -aG %s USER', then log in again)",
				daemon->socket, group->gr_name, group->gr_name);
	return complain(daemon, CTL_FAILED,
			"%s: permission denied: run as root or as a member of the group "
			"set by control.group in %s.conf",
			daemon->socket, daemon->name);
}

/* Report why there is no connection; an exit code. */
static int unreachable(const struct ctl_daemon *daemon, int error)
{
	const char *socket = daemon->socket, *name = daemon->name;
	struct stat st;

	if (error == EACCES || error == EPERM)
		return not_permitted(daemon);
	if (error == ENOENT)
		return complain(
			daemon, CTL_UNREACHABLE,
			"%s: no such socket: %s is not running, or its control.socket "
			"is elsewhere (use %s)",
			socket, name, daemon->option);
	if (stat(socket, &st) == 0 && !S_ISSOCK(st.st_mode))
		return complain(daemon, CTL_UNREACHABLE, "%s: not a socket; use %s",
				socket, daemon->option);
	if (error == ECONNREFUSED)
		return complain(daemon, CTL_UNREACHABLE,
				"%s: connection refused: %s is not running any more; see "
				"'systemctl status %s'",
				socket, name, name);
	return complain(daemon, CTL_UNREACHABLE, "%s: cannot connect: %s", socket,
			strerror(error));
}

static int transfer_failed(CURL *curl, CURLcode code, const struct ctl_daemon *daemon)
{
	long error = 0;

	assert(code != CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_COULDNT_CONNECT && error != 0)
		return unreachable(daemon, (int)error);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return complain(daemon, CTL_UNREACHABLE,
				"%s: timeout: %s does not answer", daemon->socket,
				daemon->name);
	return complain(daemon, CTL_UNREACHABLE, "%s: %s", daemon->socket,
			curl_easy_strerror(code));
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t start = 0, len = size * count;
	char *text, *end;

	if (len > ANSWER_MAX - transfer->len)
		return 0;
	text = realloc(transfer->text, transfer->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + transfer->len, data, len);
	transfer->text = text;
	transfer->len += len;
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->status);
	if (!transfer->on_line || transfer->status != 200)
		return len;
	while (!transfer->stopped &&
	       (end = memchr(text + start, '\n', transfer->len - start))) {
		size_t line_len = (size_t)(end - text) - start;

		transfer->stopped =
			!transfer->on_line(transfer->arg, text + start, line_len);
		start += line_len + 1;
	}
	assert(start <= transfer->len);
	transfer->len -= start;
	memmove(text, text + start, transfer->len);
	return transfer->stopped || transfer->len > LINE_SIZE_MAX ? 0 : len;
}

static long timeout_ms(const struct ctl_daemon *daemon)
{
	return daemon->timeout_ms ? daemon->timeout_ms : TIMEOUT_MS;
}

/* Set the URL and the common options; false if out of memory. */
static bool prepare(struct transfer *transfer, const struct ctl_daemon *daemon,
		    const char *path)
{
	CURL *curl = transfer->curl = curl_easy_init();
	char *url = NULL;
	bool ok;

	if (!curl)
		return false;
	/* The host name only satisfies HTTP: the socket decides who answers. */
	ok = asprintf(&url, "http://localhost%s", path) >= 0 &&
	     curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, daemon->socket) ==
		     CURLE_OK &&
	     curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
	free(url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	return ok;
}

/* The detail of a problem document is for people; the status decides the exit code. */
static int refused(const struct ctl_daemon *daemon, long status, const json_t *problem)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	int code = status == STATUS_NOT_FOUND ? CTL_NOT_FOUND : CTL_FAILED;

	if (detail && (status == 422 || status == STATUS_NOT_FOUND))
		return complain(daemon, code, "%s", detail);
	return complain(daemon, code, "%s: refused (%ld)%s%s", daemon->socket, status,
			detail ? ": " : "", detail ? detail : "");
}

/* Whether the other daemon of avedge answered; after a message. */
static bool is_other(const struct ctl_daemon *daemon, CURL *curl)
{
	const char *other = strcmp(daemon->name, RELAY) == 0 ? ISSUER : RELAY;
	struct curl_header *server;

	if (curl_easy_header(curl, "Server", 0, CURLH_HEADER, -1, &server) != CURLHE_OK ||
	    strcmp(server->value, other) != 0)
		return false;
	complain(daemon, CTL_UNREACHABLE, "%s: belongs to %s; use %s with that of %s",
		 daemon->socket, other, daemon->option, daemon->name);
	return true;
}

/* Send the request; an exit code. document is NULL for a stream of lines. */
static int perform(const struct ctl_daemon *daemon, struct transfer *transfer,
		   json_t **document)
{
	CURLcode code = curl_easy_perform(transfer->curl);
	json_t *json;
	int status = CTL_OK;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->status);
	if (transfer->stopped)
		return CTL_OK;
	if (code != CURLE_OK)
		return transfer_failed(transfer->curl, code, daemon);
	if (is_other(daemon, transfer->curl))
		return CTL_UNREACHABLE;
	if (!document && transfer->status == 200)
		return CTL_OK;
	json = json_loadb(transfer->text ? transfer->text : "", transfer->len,
			  JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (transfer->status / 100 != 2 || !document) {
		status = refused(daemon, transfer->status, json);
	} else if (json_is_object(json) || json_is_null(json)) {
		/* Null stands for what does not exist, such as a finished drain. */
		*document = json;
		return CTL_OK;
	} else {
		status = complain(
			daemon, CTL_FAILED,
			"%s: the answer is not JSON; is this the control socket of %s?",
			daemon->socket, daemon->name);
	}
	json_decref(json);
	return status;
}

/*
 * Before a request that changes something: see that the socket is not the other daemon's, with a
 * question that both answer at once. An exit code; whatever else is wrong, the request itself tells.
 */
static int check_identity(const struct ctl_daemon *daemon)
{
	struct transfer transfer = {0};
	CURLcode curl_code;
	int code = CTL_OK;

	if (!prepare(&transfer, daemon, "/v1/log-levels")) {
		code = complain(daemon, CTL_FAILED, "out of memory");
	} else {
		curl_easy_setopt(transfer.curl, CURLOPT_TIMEOUT_MS, timeout_ms(daemon));
		curl_code = curl_easy_perform(transfer.curl);
		if (curl_code != CURLE_OK)
			code = transfer_failed(transfer.curl, curl_code, daemon);
		else if (is_other(daemon, transfer.curl))
			code = CTL_UNREACHABLE;
	}
	curl_easy_cleanup(transfer.curl);
	free(transfer.text);
	return code;
}

static int ask(const struct ctl_daemon *daemon, const char *method, const char *path,
	       json_t *body, json_t **answer, long *status)
{
	struct transfer transfer = {0};
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	int code;

	*answer = NULL;
	if (!path || !headers || (body && !text) || !prepare(&transfer, daemon, path)) {
		code = complain(daemon, CTL_FAILED, "out of memory");
	} else {
		curl_easy_setopt(transfer.curl, CURLOPT_TIMEOUT_MS, timeout_ms(daemon));
		curl_easy_setopt(transfer.curl, CURLOPT_CUSTOMREQUEST, method);
		if (body) {
			curl_easy_setopt(transfer.curl, CURLOPT_POSTFIELDS, text);
			curl_easy_setopt(transfer.curl, CURLOPT_HTTPHEADER, headers);
		}
		code = perform(daemon, &transfer, answer);
	}
	assert((code == CTL_OK) == (*answer != NULL));
	if (status)
		*status = transfer.status;
	curl_easy_cleanup(transfer.curl);
	curl_slist_free_all(headers);
	free(text);
	free(transfer.text);
	return code;
}

int ctl_ask(const struct ctl_daemon *daemon, const char *method, const char *path,
	    json_t *body, json_t **answer, long *status)
{
	int code = strcmp(method, "GET") == 0 ? CTL_OK : check_identity(daemon);

	*answer = NULL;
	if (status)
		*status = 0;
	if (code == CTL_OK)
		code = ask(daemon, method, path, body, answer, status);
	json_decref(body);
	return code;
}

int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      void (*print)(const struct ctl_args *args, json_t *document))
{
	json_t *document;
	int status = ctl_ask(daemon, "GET", path, NULL, &document, NULL);

	assert(print);
	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_has(args, OPTION_WATCH) ? ctl_print_json_line(document)
						   : ctl_print_json(document);
	print(args, document);
	json_decref(document);
	return CTL_OK;
}

int ctl_document(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);

	return ctl_show_document(args, &daemon, args->command->path,
				 args->command->print);
}

int ctl_ask_lines(const struct ctl_daemon *daemon, const char *path, ctl_on_line *on_line,
		  void *arg)
{
	struct transfer transfer = {.on_line = on_line, .arg = arg};
	int code = prepare(&transfer, daemon, path)
			   ? perform(daemon, &transfer, NULL)
			   : complain(daemon, CTL_FAILED, "out of memory");

	curl_easy_cleanup(transfer.curl);
	free(transfer.text);
	return code;
}

char *ctl_query(const char *path, const struct ctl_pair *pairs)
{
	char *text = strdup(path), mark = '?';

	assert(*path == '/');

	for (; pairs->name; pairs++) {
		char *value, *longer = NULL;

		if (!pairs->value)
			continue;
		value = curl_easy_escape(NULL, pairs->value, 0);
		/* A query that has lost a filter must not be sent. */
		if (!text || !value ||
		    asprintf(&longer, "%s%c%s=%s", text, mark, pairs->name, value) < 0)
			longer = NULL;
		curl_free(value);
		free(text);
		text = longer;
		mark = '&';
	}
	return text;
}

char *ctl_segment(const char *path, const char *segment, const char *tail)
{
	char *escaped = curl_easy_escape(NULL, segment, 0), *text = NULL;

	if (!escaped || asprintf(&text, "%s/%s%s", path, escaped, tail) < 0)
		text = NULL;
	curl_free(escaped);
	return text;
}
