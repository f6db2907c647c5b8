/*
 * test_explain.c - the process that holds a port, and the message for a failed bind. The
 * holder is this program itself.
 */
#include "base/config/explain.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "tests/unit/lib/unit.h"

/* A socket on a port chosen by the system; *ep gets the port. */
static int hold(struct endpoint *ep, bool tcp)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(ep, &sa);
	int fd = socket(sa.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	if (tcp)
		ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	ep->port = sa.ss_family == AF_INET
			   ? ntohs(((struct sockaddr_in *)&sa)->sin_port)
			   : ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
	return fd;
}

static const struct {
	const char *name;
	const char *held, *asked;
	bool tcp;
} holders[] = {
	{"UDP, the same address", "127.0.0.1", "127.0.0.1", false},
	{"TCP, the same address", "127.0.0.1", "127.0.0.1", true},
	{"UDP, held by the wildcard", "0.0.0.0", "127.0.0.1", false},
	{"TCP, held by the wildcard", "0.0.0.0", "127.0.0.1", true},
	{"UDP over IPv6", "::1", "::1", false},
	{"TCP over IPv6", "::1", "::1", true},
	{"IPv4 held by the IPv6 wildcard", "::", "127.0.0.1", true},
};

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

START_TEST(explain_finds_the_holder)
{
	struct endpoint ep = {.port = 0};
	char got[128], want[64];

	if (strchr(holders[_i].held, ':') && !has_ipv6()) {
		printf("skipped: no IPv6\n");
		return;
	}
	ck_assert(ip_addr_parse(holders[_i].held, &ep.ip));

	int fd = hold(&ep, holders[_i].tcp);
	ck_assert(ip_addr_parse(holders[_i].asked, &ep.ip));
	ck_assert_msg(explain_port_holder(&ep, holders[_i].tcp, got, sizeof(got)), "%s",
		      holders[_i].name);
	/* comm is cut at 15 bytes; libtool and valgrind change it, the pid stays */
	snprintf(want, sizeof(want), "(pid %d)", (int)getpid());
	ck_assert_msg(strstr(got, want) != NULL, "%s: %s", holders[_i].name, got);
	ck_assert_msg(!explain_port_holder(&ep, !holders[_i].tcp, got, sizeof(got)),
		      "%s: wrong protocol", holders[_i].name);
	close(fd);
	ck_assert_msg(!explain_port_holder(&ep, holders[_i].tcp, got, sizeof(got)),
		      "%s: after it closed", holders[_i].name);
}
END_TEST

START_TEST(explain_does_not_blame_another_address)
{
	struct endpoint ep = {.port = 0};
	char got[128];

	ck_assert(ip_addr_parse("127.0.0.1", &ep.ip));

	int fd = hold(&ep, false);
	ck_assert(ip_addr_parse("127.0.0.2", &ep.ip));
	ck_assert(!explain_port_holder(&ep, false, got, sizeof(got)));
	close(fd);
}
END_TEST

static const struct {
	const char *name;
	const char *local;
	bool tcp;
	int error;
	const char *begin, *end;
} failures[] = {
	{"no visible process", "127.0.0.1:1", true, EADDRINUSE,
	 "TCP 127.0.0.1:1 is held by another process; find it with ss -lnp",
	 "stop it or change tcp_ports"},
	{"not allowed", "127.0.0.1:0", false, EACCES,
	 "UDP 127.0.0.1:0 needs CAP_NET_BIND_SERVICE",
	 "start by systemd or as root, or change udp_ports"},
	{"not here", "192.0.2.77:3478", false, EADDRNOTAVAIL,
	 "UDP 192.0.2.77:3478: the address is not on this host (which has ",
	 "correct \"addresses\" or give the address to an interface first"},
	{"IPv6 off", "[2001:db8::1]:443", true, EAFNOSUPPORT,
	 "TCP [2001:db8::1]:443: this system has IPv6 switched off",
	 "remove the address or enable IPv6"},
	{"out of descriptors", "127.0.0.1:5", true, EMFILE,
	 "TCP 127.0.0.1:5: too many open files", "raise LimitNOFILE= of the unit"},
	{"anything else", "127.0.0.1:5", true, ENOBUFS,
	 "TCP 127.0.0.1:5 cannot be bound: No buffer space available", "see bind(2)"},
};

START_TEST(explain_bind_failure_is_a_complete_sentence)
{
	struct endpoint ep;
	char got[512];
	size_t end_len = strlen(failures[_i].end);

	/*
	 * Port 0 cannot be configured, but it is below every setting of the lowest
	 * unprivileged port.
	 */
	if (!endpoint_parse(failures[_i].local, 0, &ep)) {
		ck_assert(ip_addr_parse("127.0.0.1", &ep.ip));
		ep.port = 0;
	}
	explain_bind_failure(&ep, failures[_i].tcp,
			     failures[_i].tcp ? "tcp_ports" : "udp_ports",
			     failures[_i].error, got, sizeof(got));
	ck_assert_msg(strncmp(got, failures[_i].begin, strlen(failures[_i].begin)) == 0,
		      "%s: %s", failures[_i].name, got);
	ck_assert_msg(strlen(got) > end_len &&
			      strcmp(got + strlen(got) - end_len, failures[_i].end) == 0,
		      "%s: %s", failures[_i].name, got);
}
END_TEST

START_TEST(explain_bind_failure_names_the_holder)
{
	struct endpoint ep = {.port = 0};
	char got[512], want[64];

	ck_assert(ip_addr_parse("127.0.0.1", &ep.ip));

	int fd = hold(&ep, true);
	explain_bind_failure(&ep, true, "tcp_ports", EADDRINUSE, got, sizeof(got));
	snprintf(want, sizeof(want), "(pid %d); stop it or change tcp_ports",
		 (int)getpid());
	ck_assert_msg(strstr(got, want) != NULL, "%s", got);
	close(fd);
}
END_TEST

static void explain_suite(Suite *suite)
{
	TCase *tc = tcase_create("explain");

	tcase_add_loop_test(tc, explain_finds_the_holder, 0, ROWS(holders));
	tcase_add_test(tc, explain_does_not_blame_another_address);
	tcase_add_loop_test(tc, explain_bind_failure_is_a_complete_sentence, 0,
			    ROWS(failures));
	tcase_add_test(tc, explain_bind_failure_names_the_holder);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("explain", explain_suite)
