/*
 * shared_keeper.c - the watch of the shared tables.
 *
 * A reservation that is redeemed stays in the file until the next pulse: the allocation that has its
 * port by then is not in any record yet, and a process that is killed in between must find one of both. If
 * it finds both, the port is the allocation's, and the reservation is not restored. If the port is given
 * back before that, the reservation leaves the file at once: nobody may redeem it again.
 */
#include "relay/state/shared_keeper.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/peer_policy.h"
#include "relay/core/shared.h"
#include "relay/core/slab.h"
#include "relay/core/turn.h"

enum {
	/*
	 * A slot is taken twice per allocation, at most so often in the second or two that a pulse
	 * is old: beyond what a worker can do.
	 */
	GENERATIONS_BETWEEN = 1 << 18,
};

/* What a pool tells comes with its transport. */
struct watched_pool {
	struct shared_keeper *keeper;
	struct port_pool *pool;
	bool tcp;
};

/* What a reservation holds, or held. */
struct place {
	size_t address;
	uint16_t port;
};

struct shared_keeper {
	pthread_mutex_t lock;
	struct turn_shared *shared;
	struct state_file *file;
	struct watched_pool pools[2];
	struct slab resting; /* numbers of records */
	uint32_t reservations;
	/* Entries of reservations that are redeemed, each once. */
	uint32_t *redeemed;
	uint32_t redeemed_count;
	struct place *places; /* of each entry's last reservation */
};

struct state_sizes shared_keeper_sizes(const struct shared_sizes *sizes)
{
	struct state_sizes all = {{0}};
	size_t ports = (size_t)(sizes->pool.last - sizes->pool.first + 1);

	/* With room for an address more; what does not fit is not known to rest after a restart. */
	all.records[STATE_SECRETS] = 1;
	all.records[STATE_PULSE] = 1;
	all.records[STATE_RESERVATION] = (uint32_t)sizes->reservations;
	all.records[STATE_RESTING] =
		(uint32_t)(2 * ports * (sizes->pool.address_count + 1));
	return all;
}

/* The lock is held. There is room for each; without memory to note that, a restart forgets it. */
static void put(struct shared_keeper *keeper, enum state_kind kind, uint32_t index,
		const uint8_t *record, size_t len)
{
	bool ok = state_file_put(keeper->file, kind, index, (struct slice){record, len});

	/* What its entry was before is no longer true; an old pulse is. */
	if (!ok && kind == STATE_RESERVATION)
		state_file_drop(keeper->file, kind, index);
}

/* --- what the tables tell -------------------------------------------------------------------- */

static void forget_redeemed(struct shared_keeper *keeper, uint32_t entry)
{
	for (uint32_t i = 0; i < keeper->redeemed_count; i++) {
		if (keeper->redeemed[i] == entry) {
			keeper->redeemed[i] = keeper->redeemed[--keeper->redeemed_count];
			return;
		}
	}
}

static void reservation_held_now(void *arg, uint32_t entry, const struct held_port *held)
{
	struct shared_keeper *keeper = arg;
	struct saved_reservation saved = {
		.held = *held,
		.ip = keeper->shared->relay[held->address].local,
	};
	uint8_t record[SAVED_SHARED_MAX];
	size_t len = saved_reservation_write(&saved, record);

	assert(entry < keeper->reservations);
	pthread_mutex_lock(&keeper->lock);
	forget_redeemed(keeper, entry);
	keeper->places[entry] = (struct place){held->address, held->port};
	put(keeper, STATE_RESERVATION, entry, record, len);
	pthread_mutex_unlock(&keeper->lock);
}

static void reservation_ended(void *arg, uint32_t entry, bool redeemed)
{
	struct shared_keeper *keeper = arg;

	assert(entry < keeper->reservations);
	pthread_mutex_lock(&keeper->lock);
	if (redeemed) {
		assert(keeper->redeemed_count < keeper->reservations);
		keeper->redeemed[keeper->redeemed_count++] = entry;
	} else {
		state_file_drop(keeper->file, STATE_RESERVATION, entry);
	}
	pthread_mutex_unlock(&keeper->lock);
}

/* The lock is held. Few are redeemed from one pulse to the next. */
static void drop_redeemed(struct shared_keeper *keeper, size_t address, uint16_t port)
{
	for (uint32_t i = 0; i < keeper->redeemed_count; i++) {
		uint32_t entry = keeper->redeemed[i];

		if (keeper->places[entry].address != address ||
		    keeper->places[entry].port != port)
			continue;
		state_file_drop(keeper->file, STATE_RESERVATION, entry);
		keeper->redeemed[i] = keeper->redeemed[--keeper->redeemed_count];
		return;
	}
}

static uint32_t port_rests(void *arg, size_t address, uint16_t port, uint64_t since_ms)
{
	const struct watched_pool *watched = arg;
	struct shared_keeper *keeper = watched->keeper;
	struct saved_rest saved = {
		.local = {keeper->shared->relay[address].local, port},
		.tcp = watched->tcp,
		.since_ms = since_ms,
	};
	uint8_t record[SAVED_SHARED_MAX];
	size_t len = saved_rest_write(&saved, record);

	pthread_mutex_lock(&keeper->lock);
	/* Reserved ports are of UDP (RFC 8656 section 7.2). */
	if (!watched->tcp)
		drop_redeemed(keeper, address, port);
	uint32_t number = slab_take(&keeper->resting);
	if (number != SLAB_NONE)
		put(keeper, STATE_RESTING, number, record, len);
	pthread_mutex_unlock(&keeper->lock);
	return number;
}

static void port_rest_ends(void *arg, uint32_t number)
{
	const struct watched_pool *watched = arg;
	struct shared_keeper *keeper = watched->keeper;

	if (number == SLAB_NONE)
		return;
	pthread_mutex_lock(&keeper->lock);
	state_file_drop(keeper->file, STATE_RESTING, number);
	slab_give(&keeper->resting, number);
	pthread_mutex_unlock(&keeper->lock);
}

/* --- its life -------------------------------------------------------------------------------- */

static void watch(struct shared_keeper *keeper)
{
	const struct reservation_watch reservations = {
		.held = reservation_held_now,
		.ended = reservation_ended,
		.arg = keeper,
	};

	reservation_watch(keeper->shared->reservations, &reservations);
	for (int i = 0; i < 2; i++) {
		const struct port_pool_watch ports = {
			.rests = port_rests,
			.ends = port_rest_ends,
			.arg = &keeper->pools[i],
		};

		port_pool_watch(keeper->pools[i].pool, &ports);
	}
}

struct shared_keeper *shared_keeper_new(struct turn_shared *shared,
					struct state_file *file,
					const struct shared_sizes *sizes)
{
	struct state_sizes records = shared_keeper_sizes(sizes);
	struct shared_keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return NULL;
	pthread_mutex_init(&keeper->lock, NULL);
	keeper->shared = shared;
	keeper->file = file;
	keeper->pools[0] = (struct watched_pool){keeper, shared->ports, false};
	keeper->pools[1] = (struct watched_pool){keeper, shared->tcp_ports, true};
	keeper->reservations = records.records[STATE_RESERVATION];
	keeper->redeemed = calloc(keeper->reservations + 1, sizeof(*keeper->redeemed));
	keeper->places = calloc(keeper->reservations + 1, sizeof(*keeper->places));
	if (!keeper->redeemed || !keeper->places ||
	    !slab_init(&keeper->resting, records.records[STATE_RESTING],
		       sizeof(uint32_t))) {
		free(keeper->places);
		free(keeper->redeemed);
		free(keeper);
		return NULL;
	}
	watch(keeper);
	return keeper;
}

void shared_keeper_free(struct shared_keeper *keeper)
{
	if (!keeper)
		return;
	reservation_watch(keeper->shared->reservations, NULL);
	for (int i = 0; i < 2; i++)
		port_pool_watch(keeper->pools[i].pool, NULL);
	slab_release(&keeper->resting);
	free(keeper->places);
	free(keeper->redeemed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

void shared_keeper_secrets(struct shared_keeper *keeper,
			   const struct saved_secrets *secrets)
{
	uint8_t record[SAVED_SHARED_MAX];
	size_t len = saved_secrets_write(secrets, record);

	pthread_mutex_lock(&keeper->lock);
	put(keeper, STATE_SECRETS, 0, record, len);
	pthread_mutex_unlock(&keeper->lock);
	OPENSSL_cleanse(record, sizeof(record));
}

void shared_keeper_pulse(struct shared_keeper *keeper, const struct saved_pulse *pulse)
{
	uint8_t record[SAVED_SHARED_MAX];
	size_t len = saved_pulse_write(pulse, record);

	pthread_mutex_lock(&keeper->lock);
	put(keeper, STATE_PULSE, 0, record, len);
	while (keeper->redeemed_count > 0)
		state_file_drop(keeper->file, STATE_RESERVATION,
				keeper->redeemed[--keeper->redeemed_count]);
	pthread_mutex_unlock(&keeper->lock);
}

/* --- what the process before has left -------------------------------------------------------- */

void shared_keeper_read(const struct state_view *view, struct shared_past *past)
{
	struct state_found found;
	struct saved_pulse pulse;
	uint32_t cursor = 0;

	*past = (struct shared_past){0};
	if (state_view_next(view, STATE_SECRETS, &cursor, &found) && found.good)
		past->has_secrets = saved_secrets_read(found.record, &past->secrets);
	cursor = 0;
	if (state_view_next(view, STATE_PULSE, &cursor, &found) && found.good &&
	    saved_pulse_read(found.record, &pulse)) {
		past->alive_ms = pulse.at_ms;
		past->generation = pulse.generation + GENERATIONS_BETWEEN;
	}
}

/* Where that address is now, rather than where it is on its way out. */
static bool find_address(const struct turn_shared *shared, const struct ip_addr *ip,
			 size_t *address)
{
	bool found = false;

	for (size_t i = 0; i < shared->relay_count; i++) {
		const struct relay_address *relay = &shared->relay[i];

		if (!ip_addr_equal(&relay->local, ip))
			continue;
		if (!found || !relay->retired)
			*address = i;
		found = true;
	}
	return found;
}

static int by_end(const void *a, const void *b)
{
	const struct saved_reservation *x = a, *y = b;

	return x->held.expires_ms < y->held.expires_ms   ? -1
	       : x->held.expires_ms > y->held.expires_ms ? 1
							 : 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct saved_rest *x = a, *y = b;

	return x->since_ms < y->since_ms ? -1 : x->since_ms > y->since_ms ? 1 : 0;
}

static void restore_reservations(struct shared_keeper *keeper,
				 const struct state_view *view, uint64_t now_ms,
				 struct shared_restored *restored)
{
	struct saved_reservation *all =
		calloc(view->sizes.records[STATE_RESERVATION] + 1, sizeof(*all));
	struct state_found found;
	uint32_t cursor = 0;
	size_t count = 0;

	while (all && state_view_next(view, STATE_RESERVATION, &cursor, &found)) {
		if (found.good && saved_reservation_read(found.record, &all[count]))
			count++;
		else
			restored->reservations_lost++;
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), by_end);
	for (size_t i = 0; i < count; i++) {
		struct held_port *held = &all[i].held;

		if (find_address(keeper->shared, &all[i].ip, &held->address) &&
		    reservation_restore(keeper->shared->reservations, held, now_ms))
			restored->reservations++;
		else
			restored->reservations_lost += held->expires_ms > now_ms;
	}
	free(all);
}

static void restore_resting(struct shared_keeper *keeper, const struct state_view *view,
			    uint64_t now_ms, struct shared_restored *restored)
{
	struct saved_rest *all =
		calloc(view->sizes.records[STATE_RESTING] + 1, sizeof(*all));
	struct state_found found;
	uint32_t cursor = 0;
	size_t count = 0, address = 0;

	while (all && state_view_next(view, STATE_RESTING, &cursor, &found)) {
		if (found.good && saved_rest_read(found.record, &all[count]))
			count++;
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), by_begin);
	for (size_t i = 0; i < count; i++) {
		if (!find_address(keeper->shared, &all[i].local.ip, &address))
			continue;
		restored->resting += port_pool_rest(keeper->pools[all[i].tcp].pool,
						    address, all[i].local.port,
						    all[i].since_ms, now_ms);
	}
	free(all);
}

struct shared_restored shared_keeper_restore(struct shared_keeper *keeper,
					     const struct state_view *view,
					     uint64_t now_ms)
{
	struct shared_restored restored = {0};

	restore_reservations(keeper, view, now_ms, &restored);
	restore_resting(keeper, view, now_ms, &restored);
	return restored;
}
