/*
 * fronts.c - see fronts.h.
 */
#include "relay/front/fronts.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/explain.h"
#include "base/sockaddr.h"
#include "relay/front/listener.h"
#include "relay/front/udp.h"

static bool add(struct front table[FRONTS_MAX], size_t *count, enum side side,
		enum transport transport, const struct ip_addr *ip, uint16_t port)
{
	if (*count == FRONTS_MAX)
		return false;
	table[(*count)++] = (struct front){
		.side = side,
		.transport = transport,
		.local = {.ip = *ip, .port = port},
	};
	return true;
}

size_t fronts_list(const struct config *config, struct front table[FRONTS_MAX])
{
	size_t count = 0;

	for (int s = 0; s < SIDE_COUNT; s++) {
		const struct config_side *side = &config->sides[s];
		for (size_t i = 0; i < side->address_count; i++) {
			const struct ip_addr *ip = &side->addresses[i].local;
			enum side which = (enum side)s;
			if (side->udp_port != 0 &&
			    !add(table, &count, which, TRANSPORT_UDP, ip, side->udp_port))
				return 0;
			if (side->tcp_port != 0 &&
			    (!add(table, &count, which, TRANSPORT_TCP, ip,
				  side->tcp_port) ||
			     !add(table, &count, which, TRANSPORT_TLS, ip,
				  side->tcp_port)))
				return 0;
		}
	}
	return count;
}

/*
 * SO_REUSEPORT lets a second relay of the same user slip in beside the first; without it the
 * kernel says that the port is taken. So try that way once.
 */
static int probe(const struct front *front)
{
	bool stream = transport_is_stream(front->transport);
	int domain = front->local.ip.family == IP_V4 ? AF_INET : AF_INET6, one = 1;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(&front->local, &sa);
	int fd = socket(domain, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (domain == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sa, sa_len) != 0)
		error = errno;
	close(fd);
	return error;
}

static int bind_one(const struct front *front)
{
	return transport_is_stream(front->transport) ? listener_bind(&front->local)
						     : udp_front_bind(&front->local);
}

static void close_all(struct front_sockets *sets, size_t workers, size_t count)
{
	for (size_t w = 0; w < workers; w++) {
		for (size_t i = 0; i < count; i++) {
			if (sets[w].udp[i] >= 0)
				close(sets[w].udp[i]);
			if (sets[w].tcp[i] >= 0)
				close(sets[w].tcp[i]);
		}
	}
}

bool fronts_bind(const struct front *table, size_t count, struct front_sockets *sets,
		 size_t workers, char *error, size_t error_size)
{
	for (size_t w = 0; w < workers; w++) {
		for (size_t i = 0; i < count; i++)
			sets[w].udp[i] = sets[w].tcp[i] = -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (table[i].transport == TRANSPORT_TLS)
			continue;
		bool stream = transport_is_stream(table[i].transport);
		int taken = probe(&table[i]);
		for (size_t w = 0; w < workers; w++) {
			int fd = taken != 0 ? -taken : bind_one(&table[i]);
			if (fd < 0) {
				explain_bind_failure(&table[i].local, stream,
						     stream ? "tcp_port" : "udp_port",
						     -fd, error, error_size);
				close_all(sets, workers, count);
				return false;
			}
			*(stream ? &sets[w].tcp[i] : &sets[w].udp[i]) = fd;
		}
	}
	return true;
}
