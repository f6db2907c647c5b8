/*
 * ctl_daemon.c - the control interface of a daemon as its client sees it.
 */
#include "tools/ctl/ctl_daemon.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <curl/curl.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum {
	CONNECT_TIMEOUT_MS = 3000,
	TIMEOUT_MS = 60000,     /* a reload may read a hundred files and lists */
	ANSWER_MAX = 256 << 20, /* a hundred thousand allocations and more */
	LINE_SIZE_MAX = 1 << 20,
	STATUS_NOT_FOUND = 404,
};

struct answer {
	char *text;
	size_t len;
	long status;
};

struct ctl_daemon ctl_relay_of(const struct ctl_args *args)
{
	return (struct ctl_daemon){
		.name = "mediarelayd",
		.socket = ctl_value(args, OPTION_SOCKET, CTL_SOCKET_PATH),
	};
}

struct ctl_daemon ctl_mras_of(const struct ctl_args *args)
{
	const char *socket = ctl_value(args, OPTION_MRAS_SOCKET, CTL_MRAS_SOCKET_PATH);

	return (struct ctl_daemon){
		.name = "mrasd",
		.socket = ctl_value(args, OPTION_MRAS_OWN_SOCKET, socket),
	};
}

__attribute__((format(printf, 3, 4))) static int complain(const struct ctl_daemon *daemon,
							  int status, const char *format,
							  ...)
{
	char text[2048];
	va_list args;

	if (daemon->quiet)
		return status;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctl_fail("%s", text);
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

	if (error == EACCES || error == EPERM)
		return not_permitted(daemon);
	if (error == ENOENT)
		return complain(
			daemon, CTL_UNREACHABLE,
			"%s: no such socket: %s is not running, or its control.socket "
			"is elsewhere (use --socket)",
			socket, name);
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

static CURL *new_transfer(const struct ctl_daemon *daemon, const char *path)
{
	CURL *curl = curl_easy_init();
	char *url = NULL;

	if (!curl)
		return NULL;
	/* The host name only satisfies HTTP: the socket decides who answers. */
	if (asprintf(&url, "http://localhost%s", path) < 0 ||
	    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, daemon->socket) !=
		    CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK) {
		free(url);
		curl_easy_cleanup(curl);
		return NULL;
	}
	free(url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	return curl;
}

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count;
	char *text;

	if (len > ANSWER_MAX - answer->len)
		return 0;
	text = realloc(answer->text, answer->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + answer->len, data, len);
	answer->text = text;
	answer->len += len;
	return len;
}

static int fetch(const struct ctl_daemon *daemon, const char *method, const char *path,
		 const char *body, struct answer *answer)
{
	CURL *curl = new_transfer(daemon, path);
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	int status = CTL_FAILED;
	CURLcode code;

	if (!curl || !headers) {
		complain(daemon, CTL_FAILED, "out of memory");
		goto end;
	}
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			 daemon->timeout_ms ? daemon->timeout_ms : TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
		status = CTL_OK;
	} else {
		status = transfer_failed(curl, code, daemon);
	}
end:
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return status;
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

static int understand(const struct ctl_daemon *daemon, const struct answer *answer,
		      json_t **document)
{
	json_t *json = json_loadb(answer->text ? answer->text : "", answer->len,
				  JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	int code;

	if (answer->status / 100 != 2) {
		code = refused(daemon, answer->status, json);
		json_decref(json);
		return code;
	}
	/* Null stands for what does not exist, such as a finished drain. */
	if (json_is_object(json) || json_is_null(json)) {
		*document = json;
		return CTL_OK;
	}
	json_decref(json);
	return complain(daemon, CTL_FAILED,
			"%s: the answer is not JSON; is this the control socket of %s?",
			daemon->socket, daemon->name);
}

int ctl_ask(const struct ctl_daemon *daemon, const char *method, const char *path,
	    json_t *body, json_t **answer, long *status)
{
	struct answer got = {0};
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int code;

	*answer = NULL;
	if (body && !text)
		code = complain(daemon, CTL_FAILED, "out of memory");
	else
		code = fetch(daemon, method, path, text, &got);
	if (code == CTL_OK)
		code = understand(daemon, &got, answer);
	if (status)
		*status = got.status;
	json_decref(body);
	free(text);
	free(got.text);
	return code;
}

/* Append to what asprintf() made; NULL, with everything freed, if out of memory. */
__attribute__((format(printf, 2, 3))) static char *append(char *text, const char *format,
							  ...)
{
	char *more = NULL, *both = NULL;
	va_list args;
	int len;

	if (!text)
		return NULL;
	va_start(args, format);
	len = vasprintf(&more, format, args);
	va_end(args);
	if (len < 0) {
		free(text);
		return NULL;
	}
	if (asprintf(&both, "%s%s", text, more) < 0)
		both = NULL;
	free(more);
	free(text);
	return both;
}

char *ctl_query(const char *path, const struct ctl_pair *pairs)
{
	char *text = strdup(path);
	char mark = '?';

	for (; pairs->name; pairs++) {
		char *value;

		if (!pairs->value)
			continue;
		value = curl_easy_escape(NULL, pairs->value, 0);
		if (!value) {
			free(text);
			return NULL;
		}
		text = append(text, "%c%s=%s", mark, pairs->name, value);
		curl_free(value);
		mark = '&';
	}
	return text;
}

char *ctl_segment(const char *path, const char *segment, const char *tail)
{
	char *escaped = curl_easy_escape(NULL, segment, 0);
	char *text = escaped ? append(strdup(path), "/%s%s", escaped, tail) : NULL;

	curl_free(escaped);
	return text;
}

struct lines {
	struct answer rest; /* an incomplete line, or the whole of a refusal */
	CURL *curl;
	bool (*on_line)(void *arg, const char *line, size_t len);
	void *arg;
	bool stopped;
};

static size_t split(char *data, size_t size, size_t count, void *arg)
{
	struct lines *lines = arg;
	size_t start = 0;

	if (collect(data, size, count, &lines->rest) != size * count)
		return 0;
	curl_easy_getinfo(lines->curl, CURLINFO_RESPONSE_CODE, &lines->rest.status);
	if (lines->rest.status != 200)
		return size * count;
	for (size_t i = 0; i < lines->rest.len && !lines->stopped; i++) {
		if (lines->rest.text[i] != '\n')
			continue;
		lines->stopped =
			!lines->on_line(lines->arg, lines->rest.text + start, i - start);
		start = i + 1;
	}
	lines->rest.len -= start;
	memmove(lines->rest.text, lines->rest.text + start, lines->rest.len);
	return lines->stopped || lines->rest.len > LINE_SIZE_MAX ? 0 : size * count;
}

int ctl_ask_lines(const struct ctl_daemon *daemon, const char *path,
		  bool (*on_line)(void *arg, const char *line, size_t len), void *arg)
{
	struct lines lines = {
		.curl = new_transfer(daemon, path), .on_line = on_line, .arg = arg};
	int status = CTL_OK;
	json_t *problem;
	CURLcode code;

	if (!lines.curl)
		return complain(daemon, CTL_FAILED, "out of memory");
	curl_easy_setopt(lines.curl, CURLOPT_WRITEFUNCTION, split);
	curl_easy_setopt(lines.curl, CURLOPT_WRITEDATA, &lines);
	code = curl_easy_perform(lines.curl);
	curl_easy_getinfo(lines.curl, CURLINFO_RESPONSE_CODE, &lines.rest.status);
	if (code != CURLE_OK && !lines.stopped) {
		status = transfer_failed(lines.curl, code, daemon);
	} else if (code == CURLE_OK && lines.rest.status != 200) {
		problem = json_loadb(lines.rest.text ? lines.rest.text : "",
				     lines.rest.len, 0, NULL);
		status = refused(daemon, lines.rest.status, problem);
		json_decref(problem);
	}
	curl_easy_cleanup(lines.curl);
	free(lines.rest.text);
	return status;
}
