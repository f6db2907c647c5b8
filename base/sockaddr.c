/*
 * sockaddr.c - see sockaddr.h.
 */
#include "base/sockaddr.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_write(const struct endpoint *ep, void *out)
{
	if (ep->ip.family == IP_V4) {
		struct sockaddr_in sin = {.sin_family = AF_INET,
					  .sin_port = htons(ep->port)};

		memcpy(&sin.sin_addr, ep->ip.bytes, sizeof(sin.sin_addr));
		memcpy(out, &sin, sizeof(sin));
		return sizeof(sin);
	}

	assert(ep->ip.family == IP_V6);
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6,
				    .sin6_port = htons(ep->port)};

	memcpy(&sin6.sin6_addr, ep->ip.bytes, sizeof(sin6.sin6_addr));
	memcpy(out, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

socklen_t sockaddr_from_endpoint(const struct endpoint *ep, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	return sockaddr_write(ep, out);
}

static void from_in6(const struct sockaddr_in6 *sin6, struct endpoint *out)
{
	const uint8_t *bytes = sin6->sin6_addr.s6_addr;

	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		out->ip.family = IP_V4;
		memcpy(out->ip.bytes, bytes + 12, 4);
	} else {
		out->ip.family = IP_V6;
		memcpy(out->ip.bytes, bytes, 16);
	}
	out->port = ntohs(sin6->sin6_port);
}

bool sockaddr_to_endpoint(const void *sa, struct endpoint *out)
{
	const struct sockaddr *any = sa;

	memset(out, 0, sizeof(*out));
	if (any->sa_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, sa, sizeof(sin));
		out->ip.family = IP_V4;
		memcpy(out->ip.bytes, &sin.sin_addr, 4);
		out->port = ntohs(sin.sin_port);
		return true;
	}
	if (any->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, sa, sizeof(sin6));
		from_in6(&sin6, out);
		return true;
	}
	return false;
}

bool sockaddr_of(int fd, struct endpoint *local)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, local);
}

bool sockaddr_of_peer(int fd, struct endpoint *peer)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getpeername(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, peer);
}
