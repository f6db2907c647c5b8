/*
 * fronts.c - see fronts.h.
 */
#include "relay/front/fronts.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/config/explain.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"
#include "base/udp/steering.h"
#include "relay/core/ids.h"
#include "relay/front/tcp.h"
#include "relay/front/udp_socket.h"

#define FRONT_NAME "front."
#define UNUSED_NAME "unused" /* among what was inherited */

enum { SETTLE_MS = 1000 };

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
						     : udp_socket_bind(&front->local);
}

static void none(struct front_sockets *sets, size_t workers)
{
	for (size_t w = 0; w < workers; w++) {
		for (size_t i = 0; i < FRONTS_MAX; i++)
			sets[w].udp[i] = sets[w].tcp[i] = -1;
		sets[w].leftovers = NULL;
		sets[w].leftover_count = 0;
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
		for (size_t i = 0; i < sets[w].leftover_count; i++)
			close(sets[w].leftovers[i].fd);
		free(sets[w].leftovers);
	}
	none(sets, workers);
}

/* --- from the process before, and for the next ----------------------------------------------- */

/* front.<ip>.<port>.<udp or tcp>.<worker>; systemd has names without colons. */
void fronts_name(const struct front *front, size_t worker, char name[FRONTS_NAME_MAX])
{
	char ip[ENDPOINT_TEXT_LEN];

	static_assert((int)FRONTS_NAME_MAX <= (int)FD_STORE_NAME_MAX, "a name fits");
	ip_addr_format(&front->local.ip, ip, sizeof(ip));
	for (char *c = ip; *c != '\0'; c++) {
		if (*c == ':')
			*c = '_';
	}
	snprintf(name, FRONTS_NAME_MAX, FRONT_NAME "%s.%u.%s.%zu", ip, front->local.port,
		 transport_is_stream(front->transport) ? "tcp" : "udp", worker);
}

static bool fits(int fd, const struct front *front)
{
	bool stream = transport_is_stream(front->transport);
	int shared = 0;
	socklen_t len = sizeof(shared);
	struct endpoint local;

	return inherited_kind(fd) == (stream ? INHERITED_LISTENER : INHERITED_UDP) &&
	       sockaddr_of(fd, &local) && endpoint_equal(&local, &front->local) &&
	       getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, &len) == 0 && shared;
}

/*
 * One of no use. A listener is not ended before all is settled (inherited_free()): the process before
 * may still have to go on with it.
 */
static void give_up(struct inherited *inherited, int fd)
{
	if (inherited_kind(fd) != INHERITED_LISTENER ||
	    !inherited_add(inherited, UNUSED_NAME, fd))
		close(fd);
}

/* That of a worker, or -1: there is none, or none of use. */
static int adopt_one(const struct front *front, size_t worker,
		     struct inherited *inherited)
{
	char name[FRONTS_NAME_MAX];
	bool removed = false;
	int fd;

	if (inherited == NULL || inherited_count(inherited) == 0)
		return -1;
	fronts_name(front, worker, name);
	while ((fd = inherited_take(inherited, name)) >= 0) {
		if (fits(fd, front) && (transport_is_stream(front->transport)
						? tcp_front_adopt(fd)
						: udp_socket_adopt(fd, &front->local))) {
			/* The store has let go of all of that name. */
			if (removed)
				fd_store_put(name, &fd, 1, false);
			return fd;
		}
		give_up(inherited, fd);
		fd_store_remove(name);
		removed = true;
	}
	return -1;
}

/* Those of workers that are no more: clients may wait in them. Without memory those are lost. */
static void adopt_leftovers(const struct front table[FRONTS_MAX], size_t i,
			    struct inherited *inherited, struct front_sockets *sets,
			    size_t workers)
{
	char name[FRONTS_NAME_MAX];
	struct front_leftover *more;
	int fd;

	for (size_t w = workers; w < WORKERS_MAX; w++) {
		if ((fd = adopt_one(&table[i], w, inherited)) < 0)
			continue;
		fronts_name(&table[i], w, name);
		fd_store_remove(name);
		more = reallocarray(sets->leftovers, sets->leftover_count + 1,
				    sizeof(*more));
		if (more == NULL) {
			give_up(inherited, fd);
			continue;
		}
		sets->leftovers = more;
		more[sets->leftover_count++] = (struct front_leftover){
			.front = (uint16_t)i,
			.tcp = transport_is_stream(table[i].transport),
			.fd = fd,
		};
	}
}

/*
 * One before them is missing, and the steering goes by the order in which they were bound: so they are
 * closed, the store's copies as well, before that one is bound.
 */
static void drop_behind_gap(const struct front *front, size_t gap,
			    struct inherited *inherited)
{
	bool dropped = false;

	for (size_t w = gap + 1; w < WORKERS_MAX; w++) {
		char name[FRONTS_NAME_MAX];
		int fd = adopt_one(front, w, inherited);

		if (fd < 0)
			continue;
		fronts_name(front, w, name);
		give_up(inherited, fd);
		fd_store_remove(name);
		dropped = true;
	}
	if (dropped)
		fd_store_settle(SETTLE_MS);
}

void fronts_forget(struct inherited *inherited)
{
	size_t cursor = 0;
	const char *name;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strncmp(name, FRONT_NAME, strlen(FRONT_NAME)) != 0)
			continue;
		inherited_taken(inherited, fd);
		inherited_close(fd);
		fd_store_remove(name);
	}
}

void fronts_unstore(const struct front table[FRONTS_MAX], const bool which[FRONTS_MAX],
		    size_t workers)
{
	char name[FRONTS_NAME_MAX];

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (!which[i] || transport_is_secure(table[i].transport))
			continue;
		for (size_t w = 0; w < workers; w++) {
			fronts_name(&table[i], w, name);
			fd_store_remove(name);
		}
	}
}

/* --- binding ------------------------------------------------------------------------------- */

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

/* What systemd is about to close may still have the port. */
static int probe_twice(const struct front *front)
{
	int taken = probe(front);

	if (taken == EADDRINUSE && fd_store_is_there() && fd_store_settle(SETTLE_MS))
		taken = probe(front);
	return taken;
}

/* A descriptor for each worker; or a negative errno, and those before are open. */
static int open_all(const struct front table[FRONTS_MAX], size_t i,
		    struct inherited *inherited, struct front_sockets *sets,
		    size_t workers)
{
	bool stream = transport_is_stream(table[i].transport);
	size_t adopted = 0;
	int fd, taken = 0;

	while (adopted < workers && (fd = adopt_one(&table[i], adopted, inherited)) >= 0)
		*(stream ? &sets[adopted++].tcp[i] : &sets[adopted++].udp[i]) = fd;
	if (adopted == workers)
		adopt_leftovers(table, i, inherited, sets, workers);
	else
		drop_behind_gap(&table[i], adopted, inherited);
	if (adopted == 0)
		taken = probe_twice(&table[i]);
	for (size_t w = adopted; w < workers; w++) {
		char name[FRONTS_NAME_MAX];

		fd = taken != 0 ? -taken : bind_one(&table[i]);
		if (fd < 0)
			return fd;
		fronts_name(&table[i], w, name);
		fd_store_put(name, &fd, 1, false);
		*(stream ? &sets[w].tcp[i] : &sets[w].udp[i]) = fd;
	}
	return 0;
}

/* Always false, for its caller. */
static bool explain(const struct relay_config *config, const struct front *front,
		    int failed, char *error, size_t error_size)
{
	bool stream = transport_is_stream(front->transport);

	explain_bind_failure(&front->local, stream, stream ? "tcp_ports" : "udp_ports",
			     failed, error, error_size);
	return locate(config, front, error, error_size);
}

bool fronts_try(const struct relay_config *config, const struct front table[FRONTS_MAX],
		const bool wanted[FRONTS_MAX], char *error, size_t error_size)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (!wanted[i] || transport_is_secure(table[i].transport))
			continue;
		int failed = probe(&table[i]);
		if (failed != 0)
			return explain(config, &table[i], failed, error, error_size);
	}
	return true;
}

bool fronts_bind(const struct relay_config *config, const struct front table[FRONTS_MAX],
		 const bool wanted[FRONTS_MAX], struct inherited *inherited,
		 struct front_sockets *sets, size_t workers, char *error,
		 size_t error_size)
{
	assert(workers > 0 && workers <= WORKERS_MAX);
	none(sets, workers);
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (!wanted[i] || transport_is_secure(table[i].transport))
			continue;
		bool stream = transport_is_stream(table[i].transport);
		int failed = open_all(table, i, inherited, sets, workers);
		if (failed != 0) {
			explain(config, &table[i], -failed, error, error_size);
			fronts_close(sets, workers);
			return false;
		}
		/* The process before may still have to go on with what is inherited. */
		if (!stream && inherited == NULL &&
		    !steer(&table[i], sets, i, workers, error, error_size)) {
			fronts_close(sets, workers);
			return locate(config, &table[i], error, error_size);
		}
	}
	return true;
}
