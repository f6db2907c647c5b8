/*
 * udp_errors.c - see udp_errors.h, and IP_RECVERR in ip(7).
 */
#include "base/udp/udp_errors.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include "base/sockaddr.h"

int udp_errors_enable(int fd, uint8_t family)
{
	int on = 1;
	int failed =
		family == IP_V4
			? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on))
			: setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));

	return failed ? -errno : 0;
}

static bool is_error(const struct cmsghdr *control)
{
	return (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) ||
	       (control->cmsg_level == IPPROTO_IPV6 &&
		control->cmsg_type == IPV6_RECVERR);
}

/* False: nothing that a router would have said. */
static bool translate(const struct sock_extended_err *e, struct udp_error *error)
{
	bool v4 = error->destination.ip.family == IP_V4;

	if (e->ee_origin == SO_EE_ORIGIN_LOCAL && e->ee_errno == EMSGSIZE) {
		error->type = v4 ? ICMP_DEST_UNREACH : ICMPV6_PKT_TOOBIG;
		error->code = v4 ? ICMP_FRAG_NEEDED : 0;
	} else if (e->ee_origin == (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6)) {
		error->type = e->ee_type;
		error->code = e->ee_code;
	} else {
		return false;
	}
	if (v4 ? error->type == ICMP_DEST_UNREACH && error->code == ICMP_FRAG_NEEDED
	       : error->type == ICMPV6_PKT_TOOBIG)
		error->mtu = e->ee_info;
	return true;
}

bool udp_errors_next(int fd, struct udp_error *error)
{
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(sizeof(struct sock_extended_err) +
				      sizeof(struct sockaddr_in6))];
	} control;
	struct sockaddr_storage destination;
	struct sock_extended_err e;

	for (;;) {
		struct msghdr message = {
			.msg_name = &destination,
			.msg_namelen = sizeof(destination),
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		/* The datagram itself is of no interest: no buffer. */
		if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0)
			return false;
		*error = (struct udp_error){0};
		if (!sockaddr_to_endpoint(&destination, &error->destination))
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL;
		     c = CMSG_NXTHDR(&message, c)) {
			if (!is_error(c) || c->cmsg_len < CMSG_LEN(sizeof(e)))
				continue;
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			if (translate(&e, error))
				return true;
		}
	}
}
