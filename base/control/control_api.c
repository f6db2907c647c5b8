/*
 * control_api.c - finds and checks the handler of a request; builds replies.
 */
#include "base/control/control_api.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/http_status.h"

json_t *control_text(const char *text)
{
	json_t *string = text ? json_string(text) : json_null();
	char copy[1024];
	size_t len = 0;

	if (string)
		return string;
	/* Not UTF-8: the encoding is unknown, so all bytes beyond ASCII are escaped. */
	for (; *text && len + 5 < sizeof(copy); text++) {
		if ((unsigned char)*text < 0x80)
			copy[len++] = *text;
		else
			len += (size_t)snprintf(copy + len, sizeof(copy) - len, "\\x%02X",
						(unsigned char)*text);
	}
	return json_stringn(copy, len);
}

json_t *control_time(long long unix_s)
{
	char text[32];
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (unix_s == 0 || !gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

const char *control_argument(const struct control_request *request, const char *name)
{
	for (size_t i = 0; i < request->argument_count; i++) {
		if (strcmp(request->arguments[i].name, name) == 0)
			return request->arguments[i].value ? request->arguments[i].value
							   : "";
	}
	return NULL;
}

void control_reply_clear(struct control_reply *reply)
{
	json_decref(reply->document);
	if (reply->stream.close)
		reply->stream.close(reply->stream.arg);
	*reply = (struct control_reply){0};
}

void control_answer(struct control_reply *reply, json_t *document)
{
	if (!document) {
		control_refuse(reply, 503, "out of memory; try again later");
		return;
	}
	control_reply_clear(reply);
	reply->status = 200;
	reply->document = document;
}

void control_answer_stream(struct control_reply *reply,
			   const struct control_stream *stream)
{
	assert(stream->read != NULL && stream->close != NULL);
	control_reply_clear(reply);
	reply->status = 200;
	reply->stream = *stream;
}

/* If there is no memory even for this, there is no document and the connection closes. */
void control_refuse(struct control_reply *reply, unsigned status, const char *format, ...)
{
	char detail[1024];
	va_list args;

	assert(status >= 400 && status < 600);
	control_reply_clear(reply);
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	reply->status = status;
	reply->document = json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank",
				    "title", http_status_title(status), "status",
				    (int)status, "detail", control_text(detail));
}

/* {} stands for one segment: not empty, no slash. A pattern has it at most once. */
static bool path_matches(const char *pattern, const char *path, char *parameter)
{
	const char *hole = strstr(pattern, "{}");
	size_t before = hole ? (size_t)(hole - pattern) : strlen(pattern);
	size_t len;

	assert(!hole || strstr(hole + 2, "{}") == NULL);
	if (strncmp(pattern, path, before) != 0)
		return false;
	path += before;
	if (!hole)
		return *path == '\0';
	len = strcspn(path, "/");
	if (len == 0 || len > CONTROL_PARAMETER_MAX || strcmp(path + len, hole + 2) != 0)
		return false;
	memcpy(parameter, path, len);
	parameter[len] = '\0';
	return true;
}

static const struct control_route *find_route(const struct control_route *routes,
					      size_t count, const char *method,
					      const char *path, char *parameter,
					      struct control_reply *reply)
{
	char allow[sizeof(reply->allow)] = "";
	size_t len = 0;

	assert(reply->status == 0 && !reply->document && !reply->stream.read);
	for (size_t i = 0; i < count; i++) {
		if (!path_matches(routes[i].path, path, parameter))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		if (len < sizeof(allow))
			len += (size_t)snprintf(allow + len, sizeof(allow) - len, "%s%s",
						len > 0 ? ", " : "", routes[i].method);
	}
	if (len == 0) {
		control_refuse(reply, 404, "unknown path; the manual lists the paths");
		return NULL;
	}
	control_refuse(reply, 405, "wrong method; use %s", allow);
	memcpy(reply->allow, allow, sizeof(allow));
	return NULL;
}

static bool is_named(const char *const *names, const char *name)
{
	for (size_t i = 0; i < CONTROL_NAMES_MAX && names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool arguments_are_known(const struct control_route *route,
				const struct control_message *message,
				struct control_reply *reply)
{
	for (size_t i = 0; i < message->argument_count; i++) {
		const char *name = message->arguments[i].name;

		if (!is_named(route->arguments, name)) {
			control_refuse(reply, 400,
				       "unknown argument \"%.100s\"; leave it out", name);
			return false;
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(message->arguments[j].name, name) != 0)
				continue;
			control_refuse(reply, 400,
				       "argument \"%s\" is given twice; give it once",
				       name);
			return false;
		}
	}
	return true;
}

/* A new reference to the body, {} if there is none; NULL with the reply refused. */
static json_t *read_body(const struct control_route *route,
			 const struct control_message *message,
			 struct control_reply *reply)
{
	json_error_t error;
	json_t *body, *value;
	const char *name;

	if (message->body_len == 0) {
		body = json_object();
		if (!body)
			control_answer(reply, NULL);
		return body;
	}
	body = json_loadb(message->body, message->body_len, JSON_REJECT_DUPLICATES,
			  &error);
	if (!body) {
		control_refuse(reply, 400, "the body is not JSON: %s; send an object",
			       error.text);
		return NULL;
	}
	if (!json_is_object(body)) {
		control_refuse(reply, 400, "the body is not a JSON object; send one");
		goto fail;
	}
	json_object_foreach(body, name, value)
	{
		if (is_named(route->members, name))
			continue;
		control_refuse(reply, 400, "unknown member \"%.100s\"; leave it out",
			       name);
		goto fail;
	}
	return body;
fail:
	json_decref(body);
	return NULL;
}

void control_dispatch(const struct control_route *routes, size_t count, void *arg,
		      const struct control_message *message, struct control_reply *reply)
{
	char parameter[CONTROL_PARAMETER_MAX + 1] = "";
	const struct control_route *route = find_route(routes, count, message->method,
						       message->path, parameter, reply);
	struct control_request request = {
		.parameter = parameter[0] ? parameter : NULL,
		.arguments = message->arguments,
		.argument_count = message->argument_count,
	};

	if (!route)
		return;
	if (message->too_large) {
		control_refuse(reply, 413, "the body is longer than %d bytes; send less",
			       CONTROL_BODY_MAX);
		return;
	}
	if (!arguments_are_known(route, message, reply))
		return;
	request.body = read_body(route, message, reply);
	if (!request.body)
		return;
	route->handler(arg, &request, reply);
	assert(reply->status != 0);
	json_decref(request.body);
}
