/*
 * fronts.c - see fronts.h.
 */
#include "relay/front/fronts.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/config/explain.h"
#include "base/sockaddr.h"
#include "base/udp/steering.h"
#include "relay/front/tcp.h"
#include "relay/front/udp.h"

/*
 * SO_REUSEPORT lets a second relay of the same user bind beside the first; without it the kernel
 * says that the port is taken. So try once without it.
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
	return transport_is_stream(front->transport) ? tcp_front_bind(&front->local)
						     : udp_front_bind(&front->local);
}

static void none(struct front_sockets *sets, size_t workers)
{
	for (size_t w = 0; w < workers; w++) {
		for (size_t i = 0; i < FRONTS_MAX; i++)
			sets[w].udp[i] = sets[w].tcp[i] = -1;
	}
}

void fronts_close(struct front_sockets *sets, size_t workers)
{
	for (size_t w = 0; w < workers; w++) {
		for (size_t i = 0; i < FRONTS_MAX; i++) {
			if (sets[w].udp[i] >= 0)
				close(sets[w].udp[i]);
			if (sets[w].tcp[i] >= 0)
				close(sets[w].tcp[i]);
		}
	}
	none(sets, workers);
}

/* Put the place of its address before the sentence. Always false. */
static bool locate(const struct relay_config *config, const struct front *front,
		   char *error, size_t error_size)
{
	const struct relay_config_side *side = &config->sides[front->side];
	size_t i = 0;

	while (i + 1 < side->address_count &&
	       !ip_addr_equal(&side->addresses[i], &front->local.ip))
		i++;
	return config_locate(&config->common, &side->addresses[i], error, error_size);
}

bool fronts_try_outside(const struct relay_config *config,
			const struct relay_address table[PORT_POOL_ADDRESSES_MAX],
			const bool wanted[PORT_POOL_ADDRESSES_MAX], char *error,
			size_t error_size)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++) {
		const struct front any_port = {
			.side = SIDE_OUTSIDE,
			.transport = TRANSPORT_UDP,
			.local = {.ip = table[i].local},
		};
		int failed = wanted[i] ? probe(&any_port) : 0;

		if (failed == 0)
			continue;
		snprintf(
			error, error_size,
			"cannot bind relayed addresses on %s: %s; correct \"addresses\", "
			"or assign the address to an interface first",
			ip_addr_format(&table[i].local, text, sizeof(text)),
			strerror(failed));
		return locate(config, &any_port, error, error_size);
	}
	return true;
}

/*
 * The sockets of a front for datagrams are all bound, in the order of workers. A system without such
 * programs can do with one worker.
 */
static bool steer(const struct front *front, const struct front_sockets *sets, size_t i,
		  size_t workers, char *error, size_t error_size)
{
	char text[ENDPOINT_TEXT_LEN];
	int failed = steering_attach(sets[0].udp[i], (unsigned)workers);

	if (failed == 0 || workers == 1)
		return true;
	snprintf(
		error, error_size,
		"cannot steer datagrams at %s to workers (SO_ATTACH_REUSEPORT_CBPF): %s; "
		"set \"workers = 1\"",
		endpoint_format(&front->local, text, sizeof(text)), strerror(-failed));
	return false;
}

bool fronts_bind(const struct relay_config *config, const struct front table[FRONTS_MAX],
		 const bool wanted[FRONTS_MAX], struct front_sockets *sets,
		 size_t workers, char *error, size_t error_size)
{
	assert(workers > 0);
	none(sets, workers);
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (!wanted[i] || transport_is_secure(table[i].transport))
			continue;
		bool stream = transport_is_stream(table[i].transport);
		int taken = probe(&table[i]);
		for (size_t w = 0; w < workers; w++) {
			int fd = taken != 0 ? -taken : bind_one(&table[i]);
			if (fd < 0) {
				explain_bind_failure(&table[i].local, stream,
						     stream ? "tcp_ports" : "udp_ports",
						     -fd, error, error_size);
				fronts_close(sets, workers);
				return locate(config, &table[i], error, error_size);
			}
			*(stream ? &sets[w].tcp[i] : &sets[w].udp[i]) = fd;
		}
		if (!stream && !steer(&table[i], sets, i, workers, error, error_size)) {
			fronts_close(sets, workers);
			return locate(config, &table[i], error, error_size);
		}
	}
	return true;
}
