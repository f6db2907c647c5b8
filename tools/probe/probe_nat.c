/*
 * probe_nat.c - see probe_nat.h. The tests are those of RFC 5780 sections 4.3 and 4.4.
 */
#include "tools/probe/probe_nat.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "stun/attr.h"
#include "stun/msg.h"
#include "stun/registry.h"

enum { TRIES = 3, DATAGRAM_MAX = 2048 };

struct answer {
	struct endpoint mapped, other;
};

/* A socket that talks to any address; the kernel would not connect it to several. */
static int open_socket(const struct endpoint *server)
{
	struct sockaddr_storage sa;

	sockaddr_from_endpoint(server, &sa);
	return socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static size_t build(uint8_t *buf, size_t size, uint32_t change, uint8_t *txid)
{
	struct stun_builder b;

	if (getrandom(txid, STUN_TXID_LEN, 0) != STUN_TXID_LEN)
		return 0;
	stun_builder_start(&b, buf, size, STUN_BINDING, STUN_REQUEST, txid);
	if (change != 0)
		stun_add_u32(&b, STUN_CHANGE_REQUEST, change);
	return stun_builder_finish(&b);
}

static bool take_answer(struct slice datagram, const uint8_t *txid, struct answer *answer)
{
	struct stun_attr attr;
	struct stun_msg msg;

	*answer = (struct answer){0};
	if (stun_msg_parse(datagram, &msg) != STUN_PARSE_OK ||
	    msg.class != STUN_SUCCESS || memcmp(msg.txid, txid, STUN_TXID_LEN) != 0 ||
	    !stun_msg_find(&msg, STUN_XOR_MAPPED_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg.txid, &answer->mapped))
		return false;
	if (stun_msg_find(&msg, STUN_OTHER_ADDRESS, &attr))
		stun_attr_address(&attr, &answer->other);
	return true;
}

/* A Binding request with those flags of CHANGE-REQUEST. False: no answer. */
static bool ask(int fd, const struct endpoint *to, uint32_t change, struct answer *answer)
{
	uint8_t request[64], datagram[DATAGRAM_MAX], txid[STUN_TXID_LEN];
	size_t request_len = build(request, sizeof(request), change, txid);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(to, &sa);

	for (int i = 0; request_len > 0 && i < TRIES; i++) {
		if (sendto(fd, request, request_len, 0, (struct sockaddr *)&sa, sa_len) <
		    0)
			return false;
		while (poll(&wait, 1, PROBE_NAT_TIMEOUT_MS / TRIES) > 0) {
			ssize_t len = recv(fd, datagram, sizeof(datagram), 0);
			if (len > 0 && take_answer((struct slice){datagram, (size_t)len},
						   txid, answer))
				return true;
		}
	}
	return false;
}

/* The address from which this host reaches the server, with the socket's port. */
static void find_local(int fd, const struct endpoint *server, struct endpoint *local)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(server, &sa);
	struct endpoint bound = {.port = 0};
	int probe = open_socket(server);

	if (probe >= 0 && connect(probe, (struct sockaddr *)&sa, len) == 0) {
		len = sizeof(sa);
		if (getsockname(probe, (struct sockaddr *)&sa, &len) == 0)
			sockaddr_to_endpoint(&sa, local);
	}
	if (probe >= 0)
		close(probe);
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	    sockaddr_to_endpoint(&sa, &bound))
		local->port = bound.port;
}

/* Section 4.3: the same socket, to other addresses of the server. */
static enum probe_nat_rule find_mapping(int fd, const struct endpoint *server,
					const struct probe_nat *nat)
{
	struct endpoint to = {.ip = nat->other.ip, .port = server->port};
	struct answer second, third;

	if (endpoint_equal(&nat->local, &nat->mapped))
		return PROBE_NAT_NONE;
	if (!ask(fd, &to, 0, &second))
		return PROBE_NAT_UNKNOWN;
	if (endpoint_equal(&second.mapped, &nat->mapped))
		return PROBE_NAT_ENDPOINT_INDEPENDENT;
	to.port = nat->other.port;
	if (!ask(fd, &to, 0, &third))
		return PROBE_NAT_UNKNOWN;
	return endpoint_equal(&third.mapped, &second.mapped) ? PROBE_NAT_ADDRESS_DEPENDENT
							     : PROBE_NAT_PORT_DEPENDENT;
}

/* Section 4.4: a socket that has sent to nobody else, and answers from elsewhere. */
static enum probe_nat_rule find_filtering(const struct endpoint *server)
{
	int fd = open_socket(server);
	enum probe_nat_rule rule = PROBE_NAT_UNKNOWN;
	struct answer answer;

	if (fd < 0)
		return PROBE_NAT_UNKNOWN;
	if (ask(fd, server, 0, &answer))
		rule = ask(fd, server, STUN_CHANGE_IP | STUN_CHANGE_PORT, &answer)
			       ? PROBE_NAT_ENDPOINT_INDEPENDENT
		       : ask(fd, server, STUN_CHANGE_PORT, &answer)
			       ? PROBE_NAT_ADDRESS_DEPENDENT
			       : PROBE_NAT_PORT_DEPENDENT;
	close(fd);
	return rule;
}

bool probe_nat(const struct endpoint *server, struct probe_nat *nat, const char **why)
{
	int fd = open_socket(server);
	struct answer first;

	*nat = (struct probe_nat){.mapping = PROBE_NAT_UNKNOWN};
	*why = "no answer to a Binding request over UDP";
	if (fd < 0) {
		*why = strerror(errno);
		return false;
	}
	bool answered = ask(fd, server, 0, &first);
	if (answered) {
		nat->mapped = first.mapped;
		nat->other = first.other;
		find_local(fd, server, &nat->local);
		if (nat->other.ip.family == server->ip.family) {
			/* First what may come from elsewhere, then what goes there. */
			nat->filtering = find_filtering(server);
			nat->mapping = find_mapping(fd, server, nat);
		} else if (endpoint_equal(&nat->local, &nat->mapped)) {
			nat->mapping = PROBE_NAT_NONE;
		}
	}
	close(fd);
	return answered;
}

const char *probe_nat_rule_name(enum probe_nat_rule rule)
{
	static const char *const names[] = {
		[PROBE_NAT_UNKNOWN] = "unknown",
		[PROBE_NAT_NONE] = "none",
		[PROBE_NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
		[PROBE_NAT_ADDRESS_DEPENDENT] = "address-dependent",
		[PROBE_NAT_PORT_DEPENDENT] = "address and port-dependent",
	};

	assert(rule <= PROBE_NAT_PORT_DEPENDENT);
	return names[rule];
}
