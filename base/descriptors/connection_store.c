/*
 * connection_store.c - see connection_store.h.
 */
#include "base/descriptors/connection_store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
	uint16_t *of;   /* by descriptor: the parcel + 1 that has a copy; 0: none */
	size_t of_count;
	uint32_t last_number;
	uint32_t *inherited; /* numbers */
	size_t inherited_count;
	uint64_t single, repacked;
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

static void remove_parcel(size_t i)
{
	char name[NAME_SIZE];

	name_of(store.parcels[i].number, name);
	fd_store_remove(name);
	close(store.parcels[i].to);
	store.parcels[i].to = -1;
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
	return open_parcel();
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
	struct parcel *parcel = &store.parcels[store.of[fd] - 1];

	assert(parcel->to >= 0 && parcel->live > 0);
	parcel->live--;
	store.of[fd] = 0;
}

static void put_single(const int *fds, size_t count)
{
	fd_store_put(CONNECTIONS_NAME, fds, count, true);
	store.single += count;
}

/* The store has not taken it: it is full, or gone. */
static void give_up(size_t parcel)
{
	int fds[PARCEL_MAX];
	size_t count = gather(parcel, fds);

	for (size_t i = 0; i < count; i++)
		forget(fds[i]);
	remove_parcel(parcel);
	if (count > 0)
		put_single(fds, count);
}

/* At most FD_STORE_BATCH into one that has room for so many. 0 or an errno. */
static int put_batch(size_t to, const int *fds, size_t count)
{
	struct parcel *parcel = &store.parcels[to];
	int error = fd_parcel_send(parcel->to, fds, count);

	if (error != 0)
		return error;
	for (size_t i = 0; i < count; i++) {
		if (store.of[fds[i]] != 0)
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
	bool ok = true;

	for (size_t i = 0; i < count && ok; i++)
		ok = make_room(fds[i]);
	if (!ok || !put_somewhere(fds, count))
		put_single(fds, count);
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
		size_t parcel = (size_t)store.of[fd] - 1;

		forget(fd);
		tidy(parcel);
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
	figures.single = store.single;
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
	pthread_mutex_unlock(&store.lock);
}
