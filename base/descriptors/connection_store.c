/*
 * connection_store.c - see connection_store.h.
 */
#include "base/descriptors/connection_store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptors/fd_parcel.h"
#include "base/descriptors/fd_store.h"

enum {
	/* Those that replace it are sent while others wait for the lock. */
	PARCEL_MAX = 512,
	/* Dead sockets that are not worth a message to PID 1. */
	ENDED_MIN = 64,
	PARCELS_MAX = 4096,
	NUMBER_MAX = 999999999,
	NAME_SIZE = 24,
	UNKEPT = UINT16_MAX, /* in place of a parcel */
	/* A dead socket must not keep what its peer never takes. */
	UNTAKEN_MS = 60000,
};

struct parcel {
	int to; /* -1: no parcel */
	uint32_t number;
	uint16_t put, live;
	uint16_t tidy_at; /* so many have ended */
	bool is_full;
};

static struct connection_store {
	pthread_mutex_t lock;
	struct parcel parcels[PARCELS_MAX];
	size_t used;    /* parcels beyond it have never been there */
	size_t current; /* the one to put into */
	uint16_t *of; /* by descriptor: the parcel + 1 that has a copy; UNKEPT; 0: none */
	size_t of_count;
	uint32_t last_number;
	uint32_t *inherited; /* numbers */
	size_t inherited_count;
	size_t unkept;
	bool is_crowded; /* ETOOMANYREFS */
	uint64_t refused, repacked;
} store = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static void name_of(uint32_t number, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, CONNECTIONS_NAME ".%" PRIu32, number);
}

/* --- parcels --------------------------------------------------------------------------------- */

/* The store has it before anything is in it. PARCELS_MAX: not possible. */
static size_t open_parcel(void)
{
	char name[NAME_SIZE];
	size_t i = 0;
	int parcel;

	while (i < store.used && store.parcels[i].to >= 0)
		i++;
	if (i == PARCELS_MAX || store.last_number >= NUMBER_MAX)
		return PARCELS_MAX;

	struct parcel new = {.number = store.last_number + 1, .tidy_at = ENDED_MIN};
	if (fd_parcel_open(&new.to, &parcel) != 0)
		return PARCELS_MAX;
	store.last_number = new.number;
	store.parcels[i] = new;
	if (i == store.used)
		store.used++;
	name_of(new.number, name);
	fd_store_put(name, &parcel, 1, false);
	close(parcel);
	return i;
}

static void close_parcel(size_t i)
{
	close(store.parcels[i].to);
	store.parcels[i].to = -1;
}

static void remove_parcel(size_t i)
{
	char name[NAME_SIZE];

	name_of(store.parcels[i].number, name);
	fd_store_remove(name);
	close_parcel(i);
}

static bool has_room(size_t i, size_t count)
{
	const struct parcel *parcel = &store.parcels[i];

	return i < store.used && parcel->to >= 0 && !parcel->is_full &&
	       parcel->put + count <= PARCEL_MAX;
}

static size_t choose(size_t count)
{
	if (has_room(store.current, count))
		return store.current;
	for (size_t i = 0; i < store.used; i++) {
		if (has_room(i, count))
			return i;
	}
	/* One that is dropped would hide for a moment that its connections are not kept. */
	return fd_store_is_full() ? PARCELS_MAX : open_parcel();
}

/* Of those that have not ended. */
static size_t gather(size_t parcel, int fds[PARCEL_MAX])
{
	size_t count = 0;

	for (size_t fd = 0; fd < store.of_count; fd++) {
		if (store.of[fd] == parcel + 1)
			fds[count++] = (int)fd;
	}
	assert(count == store.parcels[parcel].live);
	return count;
}

static void forget(int fd)
{
	if (store.of[fd] == UNKEPT) {
		assert(store.unkept > 0);
		store.unkept--;
	} else if (store.of[fd] != 0) {
		struct parcel *parcel = &store.parcels[store.of[fd] - 1];

		assert(parcel->to >= 0 && parcel->live > 0);
		parcel->live--;
	}
	store.of[fd] = 0;
}

static void note_unkept(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		forget(fds[i]);
		store.of[fds[i]] = UNKEPT;
	}
	store.unkept += count;
}

static void unkeep_all(size_t parcel)
{
	int fds[PARCEL_MAX];

	note_unkept(fds, gather(parcel, fds));
}

/* The store has dropped it. */
static void give_up(size_t parcel)
{
	unkeep_all(parcel);
	close_parcel(parcel);
	store.refused++;
	fd_store_refused();
}

/* At most FD_STORE_BATCH into one that has room for so many. 0 or an errno. */
static int put_batch(size_t to, const int *fds, size_t count)
{
	struct parcel *parcel = &store.parcels[to];
	int error = fd_parcel_send(parcel->to, fds, count);

	if (error != 0)
		return error;
	for (size_t i = 0; i < count; i++) {
		forget(fds[i]);
		store.of[fds[i]] = (uint16_t)(to + 1);
	}
	parcel->put = (uint16_t)(parcel->put + count);
	parcel->live = (uint16_t)(parcel->live + count);
	return 0;
}

static bool put_somewhere(const int *fds, size_t count)
{
	/* A full one, one that nobody has, and a new one. */
	for (int i = 0; i < 3; i++) {
		size_t to = choose(count);

		if (to == PARCELS_MAX)
			return false;
		store.current = to;
		switch (put_batch(to, fds, count)) {
		case 0:
			return true;
		case EAGAIN:
			store.parcels[to].is_full = true;
			break;
		case EPIPE:
		case ECONNRESET:
		case ENOTCONN:
			give_up(to);
			break;
		case ETOOMANYREFS:
			store.is_crowded = true;
			return false;
		default:
			return false;
		}
	}
	return false;
}

/* --- what is in them ------------------------------------------------------------------------- */

static bool make_room(int fd)
{
	size_t count = store.of_count > 0 ? store.of_count : 1024;
	uint16_t *of;

	assert(fd >= 0);
	if ((size_t)fd < store.of_count)
		return true;
	while (count <= (size_t)fd)
		count *= 2;
	of = reallocarray(store.of, count, sizeof(*of));
	if (of == NULL)
		return false;
	memset(of + store.of_count, 0, (count - store.of_count) * sizeof(*of));
	store.of = of;
	store.of_count = count;
	return true;
}

static void put(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!make_room(fds[i])) {
			fd_store_put(CONNECTIONS_NAME, fds, count, true);
			return;
		}
	}
	if (!put_somewhere(fds, count))
		note_unkept(fds, count);
}

void connection_store_put(const int *fds, size_t count)
{
	if (!fd_store_is_there())
		return;
	pthread_mutex_lock(&store.lock);
	while (count > 0) {
		size_t some = count < FD_STORE_BATCH ? count : FD_STORE_BATCH;

		put(fds, some);
		fds += some;
		count -= some;
	}
	pthread_mutex_unlock(&store.lock);
}

/*
 * First they are in another one, which the store has; then the store lets go of this. Messages to it keep
 * their order.
 */
static bool repack(size_t parcel)
{
	int fds[PARCEL_MAX];
	size_t count = gather(parcel, fds), done = 0;

	store.parcels[parcel].is_full = true;
	while (done < count) {
		size_t some = count - done < FD_STORE_BATCH ? count - done
							    : FD_STORE_BATCH;

		if (!put_somewhere(fds + done, some))
			return false;
		done += some;
	}
	assert(store.parcels[parcel].live == 0);
	remove_parcel(parcel);
	store.repacked++;
	return true;
}

/* --- what is not kept ------------------------------------------------------------------------ */

static void notice_dropped(void)
{
	for (size_t i = 0; i < store.used; i++) {
		struct pollfd to = {.fd = store.parcels[i].to};

		if (to.fd >= 0 && poll(&to, 1, 0) == 1 && (to.revents & POLLHUP) != 0)
			give_up(i);
	}
}

static void try_again(void)
{
	int fds[FD_STORE_BATCH];
	size_t count;

	store.is_crowded = false;
	do {
		count = 0;
		for (size_t fd = 0; fd < store.of_count && count < FD_STORE_BATCH; fd++) {
			if (store.of[fd] == UNKEPT)
				fds[count++] = (int)fd;
		}
	} while (count > 0 && put_somewhere(fds, count));
	/* A batch may be too many where one is not. */
	for (size_t i = 0; i < count; i++) {
		if (!put_somewhere(&fds[i], 1))
			return;
	}
}

/*
 * Dead sockets count as in flight, too, and a parcel cannot be packed anew without more of them. So one that has more
 * dead than living ones goes first, and the living ones are not kept until they are put again, the next time.
 */
static void make_less_crowded(void)
{
	char name[NAME_SIZE];
	size_t worst = store.used;
	unsigned most = 0;

	for (size_t i = 0; i < store.used; i++) {
		const struct parcel *parcel = &store.parcels[i];
		unsigned dead = (unsigned)(parcel->put - parcel->live);

		if (parcel->to >= 0 && dead > most && dead >= parcel->live) {
			most = dead;
			worst = i;
		}
	}
	if (worst == store.used)
		return;
	unkeep_all(worst);
	name_of(store.parcels[worst].number, name);
	fd_store_remove_first(name);
	close_parcel(worst);
}

void connection_store_tend(void)
{
	pthread_mutex_lock(&store.lock);
	notice_dropped();
	if (store.unkept > 0)
		try_again();
	if (store.unkept > 0 && store.is_crowded)
		make_less_crowded();
	pthread_mutex_unlock(&store.lock);
}

/* --- the end of connections ------------------------------------------------------------------ */

static void tidy(size_t i)
{
	struct parcel *parcel = &store.parcels[i];
	unsigned ended = (unsigned)(parcel->put - parcel->live);

	if (ended < parcel->tidy_at || 2 * ended <= parcel->put || repack(i))
		return;
	/* Not at each end from now on. */
	parcel->tidy_at = (uint16_t)(ended + ENDED_MIN);
}

/* Its number is another's when it is closed. */
static void ended(int fd)
{
	pthread_mutex_lock(&store.lock);
	if ((size_t)fd < store.of_count && store.of[fd] != 0) {
		uint16_t of = store.of[fd];

		forget(fd);
		if (of != UNKEPT)
			tidy((size_t)of - 1);
	}
	pthread_mutex_unlock(&store.lock);
}

static void shut_down(int fd)
{
	static const int untaken = UNTAKEN_MS;

	shutdown(fd, SHUT_RDWR);
	/* The copy has what nobody reads any more; what comes from now on is answered with RST. */
	recv(fd, NULL, 1 << 30, MSG_TRUNC | MSG_DONTWAIT);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &untaken, sizeof(untaken));
}

void fd_end(int fd, bool reset)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	/* Disconnecting a TCP socket sends RST, and ends a listener (tcp_disconnect()). */
	if (reset)
		connect(fd, &none, sizeof(none));
	else
		shut_down(fd);
	ended(fd);
	close(fd);
}

/* --- from process to process ----------------------------------------------------------------- */

/* 0: no such name. */
static uint32_t number_of(const char *name)
{
	static const char begin[] = CONNECTIONS_NAME ".";
	size_t digits;

	if (strncmp(name, begin, sizeof(begin) - 1) != 0)
		return 0;
	name += sizeof(begin) - 1;
	digits = strspn(name, "0123456789");
	if (name[digits] != '\0' || digits > 9 || name[0] == '0')
		return 0;
	return (uint32_t)strtoul(name, NULL, 10);
}

bool connection_store_inherited(const char *name)
{
	uint32_t number = number_of(name);

	if (number == 0)
		return false;
	pthread_mutex_lock(&store.lock);
	uint32_t *numbers = reallocarray(store.inherited, store.inherited_count + 1,
					 sizeof(*numbers));
	if (numbers != NULL) {
		store.inherited = numbers;
		numbers[store.inherited_count++] = number;
	}
	if (number > store.last_number)
		store.last_number = number;
	pthread_mutex_unlock(&store.lock);
	return true;
}

void connection_store_settle(void)
{
	char name[NAME_SIZE];

	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < store.inherited_count; i++) {
		name_of(store.inherited[i], name);
		fd_store_remove(name);
	}
	free(store.inherited);
	store.inherited = NULL;
	store.inherited_count = 0;
	/* There from the start, so that the first connection has to wait for nothing. */
	if (store.used == 0 && fd_store_is_there())
		store.current = open_parcel();
	pthread_mutex_unlock(&store.lock);
}

struct connection_store_figures connection_store_figures(void)
{
	struct connection_store_figures figures = {0};

	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < store.used; i++) {
		const struct parcel *parcel = &store.parcels[i];

		if (parcel->to < 0)
			continue;
		figures.parcels++;
		figures.live += parcel->live;
		figures.ended += (size_t)(parcel->put - parcel->live);
	}
	figures.unkept = store.unkept;
	figures.is_crowded = store.is_crowded;
	figures.refused = store.refused;
	figures.repacked = store.repacked;
	pthread_mutex_unlock(&store.lock);
	return figures;
}

void connection_store_close(void)
{
	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < store.used; i++) {
		if (store.parcels[i].to >= 0)
			close(store.parcels[i].to);
	}
	free(store.of);
	free(store.inherited);
	store.of = NULL;
	store.inherited = NULL;
	store.used = store.of_count = store.inherited_count = store.current = 0;
	store.unkept = 0;
	store.is_crowded = false;
	pthread_mutex_unlock(&store.lock);
}
