/*
 * test_metrics_listener.c - access, paths, formats and headers, over a real loopback
 * socket.
 */
#include "base/metrics/metrics_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/lib/unit.h"

static const struct {
	const char *accept;
	enum openmetrics_form want;
} accepts[] = {
	{NULL, PROMETHEUS_0_0_4},
	{"", PROMETHEUS_0_0_4},
	{"*/*", PROMETHEUS_0_0_4},
	{"text/plain", PROMETHEUS_0_0_4},
	{"application/openmetrics-text", OPENMETRICS_1_0_0},
	{"application/openmetrics-text; version=1.0.0", OPENMETRICS_1_0_0},
	{"Application/OpenMetrics-Text;q=0.5", OPENMETRICS_1_0_0},
	{"application/openmetrics-text;q=0", PROMETHEUS_0_0_4},
	{"application/openmetrics-texts", PROMETHEUS_0_0_4},
	{"text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0",
	 OPENMETRICS_1_0_0},
	{"text/plain, application/openmetrics-text; q=0.1", PROMETHEUS_0_0_4},
	{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
	 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	 OPENMETRICS_1_0_0}, /* Prometheus 2.42 */
	{",,, ,", PROMETHEUS_0_0_4},
	{";q=", PROMETHEUS_0_0_4},
};

START_TEST(the_format_is_negotiated)
{
	const char *accept = accepts[_i].accept;

	ck_assert_msg(metrics_listener_negotiate(accept) == accepts[_i].want, "%s",
		      accept ? accept : "none");
}
END_TEST

static const struct {
	const char *host;
	bool want;
} hosts[] = {
	{"127.0.0.1", true},
	{"127.0.0.1:9478", true},
	{"127.255.1.2:1", true},
	{"[::1]", true},
	{"[::1]:9478", true},
	{"localhost", true},
	{"LOCALHOST:9478", true},
	{NULL, false},
	{"", false},
	{":80", false},
	{"192.0.2.1", false},
	{"[2001:db8::1]:9478", false},
	{"[::ffff:127.0.0.1]", false},
	{"rebind.example", false},
	{"localhost.rebind.example", false},
	{"127.0.0.1.rebind.example:9478", false},
	{"localhost:80:80", false},
	{"localhost:port", false},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 false},
};

START_TEST(only_loopback_names_are_hosts)
{
	const char *host = hosts[_i].host;

	ck_assert_msg(metrics_listener_host_allowed(host) == hosts[_i].want, "%s",
		      host ? host : "none");
}
END_TEST

static struct metrics_listener *listener;

static void write_metrics(void *arg, struct openmetrics *om)
{
	(void)arg;
	openmetrics_family(om, METRIC_COUNTER, "a", NULL, "b");
	openmetrics_count(om, 5, NULL);
}

static char *page_text(void *arg, size_t *len)
{
	(void)arg;
	*len = 5;
	return strdup("<p>hi");
}

static char *no_text(void *arg, size_t *len)
{
	(void)arg;
	(void)len;
	return NULL;
}

static const struct metrics_document documents[] = {
	{"/", "text/html; charset=utf-8", "default-src 'self'", page_text},
	{"/none", "text/plain", NULL, no_text},
};

static void start(void)
{
	static const struct metrics_source source = {
		.write = write_metrics,
		.documents = documents,
		.document_count = ARRAY_LEN(documents),
	};
	struct endpoint any;
	char error[256] = "";

	ck_assert(endpoint_parse("127.0.0.1:0", 0, &any));
	listener = metrics_listener_bind(&any, error, sizeof(error));
	ck_assert_msg(listener != NULL, "%s", error);
	ck_assert_msg(metrics_listener_start(listener, &source, error, sizeof(error)),
		      "%s", error);
}

static void stop(void)
{
	metrics_listener_stop(listener);
}

/* One request on its own connection; returns the whole response, in a static buffer. */
static const char *ask(const char *request)
{
	static char answer[8192];
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(metrics_listener_where(listener).port),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t got;

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(write(fd, request, strlen(request)), strlen(request));
	while ((got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	answer[len] = '\0';
	return answer;
}

#define CLOSE "Connection: close\r\n\r\n"

static const struct {
	const char *request;
	const char *status;
	const char *parts[3]; /* parts of the response */
} requests[] = {
	{"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" CLOSE,
	 "HTTP/1.1 200 ",
	 {"text/plain; version=0.0.4; charset=utf-8\r\n",
	  "\r\n\r\n# TYPE a_total counter\n", "\na_total 5\n"}},
	{"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: "
	 "application/openmetrics-text\r\n" CLOSE,
	 "HTTP/1.1 200 ",
	 {"application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
	  "\r\n\r\n# TYPE a counter\n", "# EOF\n"}},
	{"GET / HTTP/1.1\r\nHost: localhost:80\r\n" CLOSE,
	 "HTTP/1.1 200 ",
	 {"\r\n\r\n<p>hi", "Content-Security-Policy: default-src 'self'\r\n",
	  "X-Content-Type-Options: nosniff\r\n"}},
	{"GET /none HTTP/1.1\r\nHost: localhost\r\n" CLOSE, "HTTP/1.1 503 ", {""}},
	{"GET /other HTTP/1.1\r\nHost: localhost\r\n" CLOSE, "HTTP/1.1 404 ", {""}},
	{"GET //metrics HTTP/1.1\r\nHost: localhost\r\n" CLOSE, "HTTP/1.1 404 ", {""}},
	{"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n" CLOSE "abc",
	 "HTTP/1.1 405 ",
	 {"Allow: GET, HEAD\r\n"}},
	{"DELETE / HTTP/1.1\r\nHost: localhost\r\n" CLOSE,
	 "HTTP/1.1 405 ",
	 {"default-src 'none'; frame-ancestors 'none'\r\n"}},
	{"GET /metrics HTTP/1.1\r\nHost: rebind.example\r\n" CLOSE,
	 "HTTP/1.1 421 ",
	 {"use a loopback address"}},
	{"GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 421 ", {""}},
};

START_TEST(requests_are_answered)
{
	const char *answer = ask(requests[_i].request);

	ck_assert_msg(strncmp(answer, requests[_i].status, 13) == 0, "%s-> %s",
		      requests[_i].request, answer);
	for (size_t i = 0; i < 3 && requests[_i].parts[i]; i++)
		ck_assert_msg(strstr(answer, requests[_i].parts[i]) != NULL, "%s-> %s",
			      requests[_i].request, answer);
	/* No header allows another origin to read it. */
	ck_assert_ptr_null(strstr(answer, "Access-Control"));
}
END_TEST

START_TEST(head_has_no_body)
{
	const char *answer = ask("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n" CLOSE);

	ck_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}
END_TEST

static const struct {
	const char *where;
	const char *error;
} refused[] = {
	{"192.0.2.1:9478", "192.0.2.1 is not a loopback address; use one, such as "
			   "127.0.0.1: metrics are served without a password"},
	{"0.0.0.0:9478", "0.0.0.0 is not a loopback address; use one, such as "
			 "127.0.0.1: metrics are served without a password"},
	{"[::]:9478", ":: is not a loopback address; use one, such as 127.0.0.1: "
		      "metrics are served without a password"},
};

START_TEST(other_addresses_are_refused)
{
	struct endpoint where;
	char error[256] = "";

	ck_assert(endpoint_parse(refused[_i].where, 0, &where));
	ck_assert_ptr_null(metrics_listener_bind(&where, error, sizeof(error)));
	ck_assert_str_eq(error, refused[_i].error);
}
END_TEST

START_TEST(a_port_is_taken_once)
{
	struct endpoint where = metrics_listener_where(listener);
	char error[256] = "";

	ck_assert_ptr_null(metrics_listener_bind(&where, error, sizeof(error)));
	ck_assert_msg(strstr(error, "stop it or change metrics.address") != NULL, "%s",
		      error);
}
END_TEST

static void metrics_listener_suite(Suite *suite)
{
	TCase *pure = tcase_create("negotiation");
	tcase_add_loop_test(pure, the_format_is_negotiated, 0, ROWS(accepts));
	tcase_add_loop_test(pure, only_loopback_names_are_hosts, 0, ROWS(hosts));
	tcase_add_loop_test(pure, other_addresses_are_refused, 0, ROWS(refused));
	suite_add_tcase(suite, pure);

	TCase *tc = tcase_create("server");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, requests_are_answered, 0, ROWS(requests));
	tcase_add_test(tc, head_has_no_body);
	tcase_add_test(tc, a_port_is_taken_once);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("metrics_listener", metrics_listener_suite)
