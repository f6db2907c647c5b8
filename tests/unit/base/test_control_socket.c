/*
 * test_control_socket.c - the HTTP server on a UNIX socket: access, bodies, streams, and
 * the socket file.
 */
#include "base/control/control_socket.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static int served;
static bool lines_end;  /* atomic */
static unsigned closed; /* atomic: streams */

/* A daemon that echoes requests. */

static void get_echo(void *arg, const struct control_request *request,
		     struct control_reply *reply)
{
	const char *word = control_argument(request, "word");

	ck_assert_ptr_eq(arg, &served);
	control_answer(reply, json_pack("{s:s}", "word", word ? word : "none"));
}

static void put_echo(void *arg, const struct control_request *request,
		     struct control_reply *reply)
{
	(void)arg;
	control_answer(reply, json_pack("{s:s, s:O}", "name", request->parameter, "body",
					request->body));
}

static void put_nothing(void *arg, const struct control_request *request,
			struct control_reply *reply)
{
	(void)arg;
	(void)request;
	control_answer(reply, json_object());
}

/* A stream of numbered lines; it ends when it is told to. */
static int lines_read(void *arg, char *buf, size_t size, unsigned wait_ms)
{
	unsigned *next = arg;

	(void)wait_ms;
	if (__atomic_load_n(&lines_end, __ATOMIC_RELAXED))
		return -1;
	return snprintf(buf, size, "{\"line\": %u}\n", (*next)++);
}

static int silent_read(void *arg, char *buf, size_t size, unsigned wait_ms)
{
	(void)arg;
	(void)buf;
	(void)size;
	usleep(wait_ms * 1000);
	return 0;
}

static void stream_close(void *arg)
{
	free(arg);
	__atomic_fetch_add(&closed, 1, __ATOMIC_RELAXED);
}

static void get_stream(void *arg, const struct control_request *request,
		       struct control_reply *reply)
{
	const struct control_stream stream = {
		.content_type = "application/jsonl",
		.read = control_argument(request, "silent") ? silent_read : lines_read,
		.close = stream_close,
		.arg = calloc(1, sizeof(unsigned)),
	};

	(void)arg;
	control_answer_stream(reply, &stream);
}

static const struct control_route routes[] = {
	{.method = "GET", .path = "/v1/echo", .handler = get_echo, .arguments = {"word"}},
	{.method = "PUT", .path = "/v1/echo/{}", .handler = put_echo, .members = {"a"}},
	{.method = "PUT", .path = "/v1/nothing", .handler = put_nothing, .members = {"a"}},
	{.method = "GET",
	 .path = "/v1/stream",
	 .handler = get_stream,
	 .arguments = {"silent"}},
};

static char directory[] = P_tmpdir "/avedge-control-XXXXXX";
static char path[64];
static void begin(void)
{
	lines_end = false;
	closed = 0;
	strcpy(directory, P_tmpdir "/avedge-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	chmod(directory, 0755);
	snprintf(path, sizeof(path), "%s/new/daemon.sock", directory);
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static struct control_socket *start(gid_t group)
{
	char error[256] = "";
	struct control_socket *control =
		control_socket_bind(path, geteuid(), group, error, sizeof(error));

	ck_assert_msg(control != NULL, "%s", error);
	ck_assert_msg(control_socket_start(control, "testd", routes, ARRAY_LEN(routes),
					   &served, error, sizeof(error)),
		      "%s", error);
	return control;
}

static const char *refused(void)
{
	static char error[256];

	ck_assert_ptr_null(
		control_socket_bind(path, geteuid(), (gid_t)-1, error, sizeof(error)));
	return error;
}

/* Send a request and return the whole response; "" if the connection is refused. */
static const char *ask_bytes(const char *request, size_t request_len)
{
	static char answer[64 * 1024];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	strcpy(address.sun_path, path);
	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		ck_assert_int_eq(send(fd, request, request_len, MSG_NOSIGNAL),
				 (ssize_t)request_len);
		while ((n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
			len += (size_t)n;
		answer[len] = '\0';
	}
	close(fd);
	return answer;
}

static const char *ask(const char *request)
{
	return ask_bytes(request, strlen(request));
}

static unsigned status_of(const char *answer)
{
	unsigned status = 0;

	sscanf(answer, "HTTP/1.%*d %u", &status);
	return status;
}

static json_t *get(const char *what, unsigned want)
{
	char request[256];
	json_error_t error;

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n", what);

	const char *answer = ask(request);
	const char *body = strstr(answer, "\r\n\r\n");
	ck_assert_msg(status_of(answer) == want, "%s: %s", what, answer);
	ck_assert_ptr_nonnull(body);

	json_t *json = json_loads(body + 4, 0, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, body);
	return json;
}

static const char *word(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_string(value), "%s", key);
	return json_string_value(value);
}

START_TEST(control_passes_arguments_to_handlers)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *document = get("/v1/echo?word=a%20b%2fc", 200);

	ck_assert_str_eq(word(document, "word"), "a b/c");
	json_decref(document);
	document = get("/v1/echo", 200);
	ck_assert_str_eq(word(document, "word"), "none");
	json_decref(document);
	json_decref(get("/v1/echo?word=a%00b", 400));
	json_decref(get("/v1/echo?other=a", 400));
	control_socket_stop(control);
}
END_TEST

START_TEST(control_passes_a_body_to_handlers)
{
	struct control_socket *control = start((gid_t)-1);
	const char *answer =
		ask("PUT /v1/echo/me HTTP/1.1\r\nHost: relay\r\n"
		    "Content-Length: 8\r\nConnection: close\r\n\r\n{\"a\": 1}");

	ck_assert_uint_eq(status_of(answer), 200);
	ck_assert_ptr_nonnull(strstr(answer, "{\"name\":\"me\",\"body\":{\"a\":1}}"));
	control_socket_stop(control);
}
END_TEST

#define PUT "PUT /v1/echo/me HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n"
#define REQUEST(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *request;
	size_t len;
	unsigned want;
} framings[] = {
	{"plain", REQUEST(PUT "Content-Length: 8\r\n\r\n{\"a\": 1}"), 200},
	{"name with a NUL", REQUEST(PUT "X\0Y: a\r\nContent-Length: 8\r\n\r\n{\"a\": 1}"),
	 400},
	{"bare CR",
	 REQUEST(PUT "X: a\rContent-Length: 9\r\nContent-Length: 8\r\n\r\n"
		     "{\"a\": 1}"),
	 400},
	{"signed length", REQUEST(PUT "Content-Length: +8\r\n\r\n{\"a\": 1}"), 400},
};

START_TEST(control_refuses_doubtful_framing)
{
	struct control_socket *control = start((gid_t)-1);
	const char *answer = ask_bytes(framings[_i].request, framings[_i].len);

	ck_assert_msg(status_of(answer) == framings[_i].want, "%s: %.200s",
		      framings[_i].name, answer);
	control_socket_stop(control);
}
END_TEST

/* A body of that many bytes, with Content-Length or chunked. */
static unsigned status_of_body(size_t len, bool chunked)
{
	char *request = malloc(len + 512);
	size_t at;

	ck_assert_ptr_nonnull(request);
	at = (size_t)sprintf(request, "PUT /v1/echo/me HTTP/1.1\r\nHost: relay\r\n"
				      "Connection: close\r\n");
	if (chunked)
		at += (size_t)sprintf(request + at,
				      "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
	else
		at += (size_t)sprintf(request + at, "Content-Length: %zu\r\n\r\n", len);
	memset(request + at, ' ', len);
	memcpy(request + at, "{}", 2);
	at += len;
	strcpy(request + at, chunked ? "\r\n0\r\n\r\n" : "");

	unsigned status = status_of(ask(request));
	free(request);
	return status;
}

START_TEST(control_accepts_bodies_of_64_kib)
{
	struct control_socket *control = start((gid_t)-1);

	ck_assert_uint_eq(status_of_body(CONTROL_BODY_MAX, false), 200);
	ck_assert_uint_eq(status_of_body(CONTROL_BODY_MAX, true), 200);
	ck_assert_uint_eq(status_of_body(CONTROL_BODY_MAX + 1, false), 413);
	ck_assert_uint_eq(status_of_body(CONTROL_BODY_MAX + 1, true), 413);
	control_socket_stop(control);
}
END_TEST

/* Nesting up to the parser's limit and beyond: a connection's thread has enough stack. */
START_TEST(control_accepts_nested_bodies)
{
	struct control_socket *control = start((gid_t)-1);
	const int depths[] = {2000, 30000};

	for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
		char *request = malloc(CONTROL_BODY_MAX + 512);
		int depth = depths[i];
		int at = sprintf(request,
				 "PUT /v1/nothing HTTP/1.1\r\nHost: relay\r\n"
				 "Connection: close\r\nContent-Length: %d\r\n\r\n{\"a\":",
				 2 * depth + 6);

		memset(request + at, '[', (size_t)depth);
		memset(request + at + depth, ']', (size_t)depth);
		strcpy(request + at + 2 * depth, "}");
		ck_assert_uint_eq(status_of(ask(request)), i == 0 ? 200 : 400);
		free(request);
	}
	control_socket_stop(control);
}
END_TEST

START_TEST(control_refuses_unknown_paths)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *problem = get("/v1/../../etc/passwd", 404);

	ck_assert_int_eq(json_integer_value(json_object_get(problem, "status")), 404);
	ck_assert_str_eq(word(problem, "title"), "Not Found");
	json_decref(problem);
	json_decref(get("/", 404));
	control_socket_stop(control);
}
END_TEST

START_TEST(control_names_the_methods_of_a_path)
{
	struct control_socket *control = start((gid_t)-1);
	const char *answer =
		ask("POST /v1/echo HTTP/1.1\r\nHost: relay\r\nContent-Length: 2\r\n"
		    "Connection: close\r\n\r\n{}");

	ck_assert_uint_eq(status_of(answer), 405);
	ck_assert_ptr_nonnull(strstr(answer, "Allow: GET\r\n"));
	ck_assert_ptr_nonnull(
		strstr(answer, "Content-Type: application/problem+json\r\n"));
	control_socket_stop(control);
}
END_TEST

/* Send a request and keep the connection. */
static int begin_request(const char *what)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char request[256];

	strcpy(address.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: relay\r\n\r\n",
		 what);
	ck_assert_int_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	return fd;
}

START_TEST(control_streams_until_the_end)
{
	struct control_socket *control = start((gid_t)-1);
	int fd = begin_request("/v1/stream");
	char text[512] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_gt(n, 0);
	ck_assert_ptr_nonnull(strstr(text, "Content-Type: application/jsonl\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "Server: testd\r\n"));
	__atomic_store_n(&lines_end, true, __ATOMIC_RELAXED);
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	control_socket_stop(control);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

/* As many clients as may follow, none of which reads: all others are still served. */
START_TEST(control_serves_others_while_streams_are_not_read)
{
	struct control_socket *control = start((gid_t)-1);
	int fds[16];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = begin_request(i % 2 ? "/v1/stream" : "/v1/stream?silent");
	for (int i = 0; i < 20; i++)
		json_decref(get("/v1/echo", 200));
	/*
	 * The responses to those above may still be pending, so that no place is free
	 * yet.
	 */
	while (status_of(ask("GET /v1/stream HTTP/1.1\r\nHost: r\r\n\r\n")) != 503)
		;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_stops_despite_streams)
{
	struct control_socket *control = start((gid_t)-1);
	int stuck = begin_request("/v1/stream"),
	    silent = begin_request("/v1/stream?silent");
	char text[512];

	ck_assert_int_gt(read(stuck, text, sizeof(text)), 0);
	control_socket_stop(control);
	ck_assert_uint_ge(closed, 1);
	close(stuck);
	close(silent);
}
END_TEST

START_TEST(control_notices_that_a_silent_follower_is_gone)
{
	struct control_socket *control = start((gid_t)-1);
	int fd = begin_request("/v1/stream?silent");
	char text[512];

	/* Its head comes at once, then nothing. */
	ck_assert_int_gt(read(fd, text, sizeof(text)), 0);
	close(fd);
	while (__atomic_load_n(&closed, __ATOMIC_RELAXED) == 0)
		usleep(10000);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_socket_is_removed_and_closed)
{
	struct stat st;
	int before, after;

	control_socket_stop(start((gid_t)-1));
	ck_assert_int_lt(stat(path, &st), 0);
	before = dup(0);
	close(before);
	control_socket_stop(start((gid_t)-1));
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

static unsigned mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(name, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	return st.st_mode & 0777;
}

START_TEST(control_socket_mode_follows_the_group)
{
	struct control_socket *control = start((gid_t)-1);

	ck_assert_uint_eq(mode_of(path), 0600);
	control_socket_stop(control);
	control = start(getgid());
	ck_assert_uint_eq(mode_of(path), 0660);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_replaces_a_left_over_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	control_socket_stop(start((gid_t)-1)); /* creates the directory */
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	control_socket_stop(start((gid_t)-1));
}
END_TEST

START_TEST(control_keeps_the_socket_of_a_running_process)
{
	struct control_socket *control = start((gid_t)-1);
	char want[256];

	snprintf(want, sizeof(want),
		 "another process is listening on %s; stop it, or change "
		 "control.socket",
		 path);
	ck_assert_str_eq(refused(), want);
	json_decref(get("/v1/echo", 200)); /* and the first one still serves */
	control_socket_stop(control);
}
END_TEST

START_TEST(control_removes_no_ordinary_file)
{
	struct stat st;
	FILE *file;

	control_socket_stop(start((gid_t)-1));
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_ptr_nonnull(strstr(refused(), "exists and is not a socket; remove it"));
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

/* Root creates it all for the user that the relay will run as. */
START_TEST(control_belongs_to_the_future_owner)
{
	char error[256] = "", parent[64];
	struct stat st;

	if (geteuid() != 0) {
		printf("skipped: only root can change owners\n");
		return;
	}

	struct control_socket *control =
		control_socket_bind(path, 65534, 12345, error, sizeof(error));
	ck_assert_msg(control != NULL, "%s", error);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	ck_assert_uint_eq(st.st_gid, 12345);
	snprintf(parent, sizeof(parent), "%s/new", directory);
	ck_assert_int_eq(stat(parent, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	control_socket_stop(control);
}
END_TEST

/* The socket's mode is too open by accident; the credentials still decide. */
static const struct {
	const char *name;
	uid_t uid;
	gid_t gid;
	unsigned want;
} peers[] = {
	{"a stranger", 65534, 65534, 403},
	{"a stranger in the group", 65534, 12345, 200},
	{"root", 0, 0, 200},
};

START_TEST(control_checks_peer_credentials)
{
	int result;

	if (geteuid() != 0) {
		printf("skipped: only root can become another user\n");
		return;
	}

	struct control_socket *control = start(12345);
	ck_assert_int_eq(chmod(path, 0666), 0);

	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (setgroups(0, NULL) < 0 || setgid(peers[_i].gid) < 0 ||
		    setuid(peers[_i].uid) < 0)
			_exit(2);
		_exit(status_of(ask("GET /v1/echo HTTP/1.1\r\nHost: relay\r\n"
				    "Connection: close\r\n\r\n")) == peers[_i].want
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(waitpid(child, &result, 0), child);
	ck_assert_msg(WIFEXITED(result) && WEXITSTATUS(result) == 0, "%s",
		      peers[_i].name);
	control_socket_stop(control);
}
END_TEST

static void control_suite(Suite *suite)
{
	TCase *tc = tcase_create("control_socket");

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, control_passes_arguments_to_handlers);
	tcase_add_test(tc, control_passes_a_body_to_handlers);
	tcase_add_loop_test(tc, control_refuses_doubtful_framing, 0, ARRAY_LEN(framings));
	tcase_add_test(tc, control_accepts_bodies_of_64_kib);
	tcase_add_test(tc, control_accepts_nested_bodies);
	tcase_add_test(tc, control_refuses_unknown_paths);
	tcase_add_test(tc, control_names_the_methods_of_a_path);
	tcase_add_test(tc, control_streams_until_the_end);
	tcase_add_test(tc, control_serves_others_while_streams_are_not_read);
	tcase_add_test(tc, control_stops_despite_streams);
	tcase_add_test(tc, control_notices_that_a_silent_follower_is_gone);
	tcase_add_test(tc, control_socket_is_removed_and_closed);
	tcase_add_test(tc, control_socket_mode_follows_the_group);
	tcase_add_test(tc, control_replaces_a_left_over_socket);
	tcase_add_test(tc, control_keeps_the_socket_of_a_running_process);
	tcase_add_test(tc, control_removes_no_ordinary_file);
	tcase_add_test(tc, control_belongs_to_the_future_owner);
	tcase_add_loop_test(tc, control_checks_peer_credentials, 0, ROWS(peers));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("control_socket", control_suite)
