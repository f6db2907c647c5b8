/*
 * ms_reservation.c - see ms_reservation.h.
 */
#include "relay/core/ms_reservation.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/changes.h"
#include "relay/core/owner_row.h"
#include "relay/core/quota.h"
#include "relay/core/turn.h"

struct ms_reserved {
	pthread_mutex_t lock; /* of this and of reserved_bps in all rows */
	uint64_t count;
	uint64_t bps[SHARED_COUNT];
};

struct ms_reserved *ms_reserved_new(void)
{
	struct ms_reserved *reserved = calloc(1, sizeof(*reserved));

	if (reserved != NULL)
		pthread_mutex_init(&reserved->lock, NULL);
	return reserved;
}

void ms_reserved_free(struct ms_reserved *reserved)
{
	if (reserved == NULL)
		return;
	pthread_mutex_destroy(&reserved->lock);
	free(reserved);
}

struct ms_reserved_figures ms_reserved_figures(struct ms_reserved *reserved)
{
	struct ms_reserved_figures figures;

	pthread_mutex_lock(&reserved->lock);
	figures.count = reserved->count;
	figures.bps = reserved->bps[SHARED_BY_ALL];
	for (int side = 0; side < SIDE_COUNT; side++)
		figures.bps_of_side[side] = reserved->bps[side];
	pthread_mutex_unlock(&reserved->lock);
	return figures;
}

static struct owner_row *user_row(const struct turn *turn, const struct allocation *al)
{
	return quota_row(turn->shared->users[al->dialect], al->user_row);
}

static struct owner_row *prefix_row(const struct turn *turn, const struct allocation *al)
{
	return quota_row(turn->shared->prefixes, al->prefix_row);
}

static struct ms_reservation *find(const struct turn *turn, const struct allocation *al)
{
	return &turn->table->reservations[al->slot];
}

const struct ms_reservation *ms_reservation_of(const struct turn *turn,
					       const struct allocation *al)
{
	return find(turn, al);
}

/* What a limit leaves to one that holds own of it; limit 0: there is none. */
static uint64_t left(uint64_t limit, uint64_t reserved, uint64_t own)
{
	assert(own <= reserved);
	if (limit == 0)
		return UINT64_MAX;
	return limit > reserved - own ? limit - (reserved - own) : 0;
}

static void lower(uint64_t *room, uint64_t value)
{
	if (value < *room)
		*room = value;
}

/* Bits per second that all limits leave; UINT64_MAX: there is no limit. Locked. */
static uint64_t room(const struct turn *turn, const struct allocation *al)
{
	const struct turn_bandwidth *limits = &turn->settings->limits.bandwidth;
	const struct ms_reserved *reserved = turn->shared->reserved;
	uint64_t own = find(turn, al)->bps, bps = UINT64_MAX;

	lower(&bps, left(limits->per_allocation[al->dialect], own, own));
	lower(&bps, left(bandwidth_user_limit(turn, al), user_row(turn, al)->reserved_bps,
			 own));
	lower(&bps, left(limits->per_prefix, prefix_row(turn, al)->reserved_bps, own));
	lower(&bps, left(limits->per_side[al->side], reserved->bps[al->side], own));
	lower(&bps, left(limits->total, reserved->bps[SHARED_BY_ALL], own));
	return bps;
}

static uint64_t bps_of(const struct turn *turn,
		       const struct ms_reservation_amount *amount)
{
	uint64_t unit_bps = turn->settings->ms.bandwidth_unit_bps;

	assert(unit_bps > 0 && unit_bps <= MS_BANDWIDTH_UNIT_MAX);
	return ((uint64_t)amount->max_send + amount->max_receive) * unit_bps;
}

static uint32_t smaller(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

bool ms_reservation_judge(struct turn *turn, const struct allocation *al,
			  const struct ms_reservation_amount *amount, uint32_t *max_send,
			  uint32_t *max_receive)
{
	struct ms_reserved *reserved = turn->shared->reserved;
	uint64_t minima = (uint64_t)amount->min_send + amount->min_receive;
	uint32_t more_send = amount->max_send - amount->min_send;
	uint32_t more_receive = amount->max_receive - amount->min_receive;

	assert(ms_reservation_amount_is_valid(amount));
	pthread_mutex_lock(&reserved->lock);
	uint64_t units = room(turn, al) / turn->settings->ms.bandwidth_unit_bps;
	pthread_mutex_unlock(&reserved->lock);

	*max_send = *max_receive = 0;
	if (minima > units)
		return false;
	/* Beyond the minima both get the same, and each what the other does not want. */
	units -= minima;
	uint32_t send = smaller(units / 2, more_send);
	uint32_t receive = smaller(units - send, more_receive);
	send = smaller(units - receive, more_send);
	*max_send = amount->min_send + send;
	*max_receive = amount->min_receive + receive;
	assert(*max_send <= amount->max_send && *max_receive <= amount->max_receive);
	return true;
}

static void move(uint64_t *sum, uint64_t from, uint64_t to)
{
	assert(*sum >= from);
	*sum = *sum - from + to;
}

/* From what it has to bps. Locked. */
static void reserve(const struct turn *turn, struct allocation *al, uint64_t bps)
{
	struct ms_reserved *reserved = turn->shared->reserved;
	uint64_t own = find(turn, al)->bps;

	move(&user_row(turn, al)->reserved_bps, own, bps);
	move(&prefix_row(turn, al)->reserved_bps, own, bps);
	move(&reserved->bps[al->side], own, bps);
	move(&reserved->bps[SHARED_BY_ALL], own, bps);
	find(turn, al)->bps = bps;
}

/* True, and reserved, if that is no more than before or fits. */
static bool try_reserve(struct turn *turn, struct allocation *al, uint64_t bps)
{
	struct ms_reserved *reserved = turn->shared->reserved;
	const struct ms_reservation *reservation = find(turn, al);
	bool is_made = reservation->state == MS_RESERVATION_MADE;

	assert(al->dialect == DIALECT_MS && (is_made || reservation->bps == 0));
	pthread_mutex_lock(&reserved->lock);
	bool fits = bps <= reservation->bps || bps <= room(turn, al);
	if (fits) {
		reserved->count += !is_made;
		reserve(turn, al, bps);
	}
	pthread_mutex_unlock(&reserved->lock);
	return fits;
}

static void start_lifetime(struct turn *turn, struct allocation *al, uint64_t now_ms)
{
	struct ms_reservation *reservation = find(turn, al);

	changes_note(turn, al);
	reservation->expires_ms =
		now_ms + (uint64_t)turn->settings->ms.reservation_lifetime_s * 1000;
	expiry_set(&turn->table->reservation_expiry, al->slot, reservation->expires_ms);
}

bool ms_reservation_commit(struct turn *turn, struct allocation *al, const uint8_t *id,
			   const struct ms_reservation_amount *amount, uint64_t now_ms)
{
	struct ms_reservation *reservation = find(turn, al);

	assert(ms_reservation_amount_is_valid(amount));
	if (!try_reserve(turn, al, bps_of(turn, amount)))
		return false;
	reservation->state = MS_RESERVATION_MADE;
	reservation->amount = *amount;
	memcpy(reservation->id, id, sizeof(reservation->id));
	start_lifetime(turn, al, now_ms);
	return true;
}

bool ms_reservation_update(struct turn *turn, struct allocation *al,
			   const struct ms_reservation_amount *amount, uint64_t now_ms)
{
	assert(find(turn, al)->state == MS_RESERVATION_MADE);
	assert(ms_reservation_amount_is_valid(amount));
	start_lifetime(turn, al, now_ms);
	if (!try_reserve(turn, al, bps_of(turn, amount)))
		return false;
	find(turn, al)->amount = *amount;
	return true;
}

void ms_reservation_refresh(struct turn *turn, struct allocation *al, uint64_t now_ms)
{
	if (find(turn, al)->state == MS_RESERVATION_MADE)
		start_lifetime(turn, al, now_ms);
}

void ms_reservation_end(struct turn *turn, struct allocation *al)
{
	struct ms_reserved *reserved = turn->shared->reserved;
	struct ms_reservation *reservation = find(turn, al);

	if (reservation->state != MS_RESERVATION_MADE)
		return;
	changes_note(turn, al);
	pthread_mutex_lock(&reserved->lock);
	assert(reserved->count > 0);
	reserved->count--;
	reserve(turn, al, 0);
	pthread_mutex_unlock(&reserved->lock);
	reservation->state = MS_RESERVATION_ENDED;
	reservation->amount = (struct ms_reservation_amount){0};
	expiry_clear(&turn->table->reservation_expiry, al->slot);
}

void ms_reservation_forget(struct turn *turn, struct allocation *al)
{
	struct ms_reservation *reservation = find(turn, al);

	ms_reservation_end(turn, al);
	if (al->dialect == DIALECT_MS)
		*reservation = (struct ms_reservation){.state = MS_RESERVATION_NONE};
	assert(reservation->state == MS_RESERVATION_NONE && reservation->bps == 0);
}

void ms_reservation_restore(struct turn *turn, struct allocation *al,
			    const struct ms_reservation *was, uint64_t now_ms)
{
	struct ms_reserved *reserved = turn->shared->reserved;
	struct ms_reservation *reservation = find(turn, al);
	uint64_t longest_ms = (uint64_t)turn->settings->ms.reservation_lifetime_s * 1000;

	assert(al->dialect == DIALECT_MS && reservation->state == MS_RESERVATION_NONE);
	if (was->state == MS_RESERVATION_NONE)
		return;
	memcpy(reservation->id, was->id, sizeof(reservation->id));
	reservation->packets = was->packets;
	reservation->state = MS_RESERVATION_ENDED;
	if (was->state == MS_RESERVATION_ENDED || was->expires_ms <= now_ms)
		return;
	assert(ms_reservation_amount_is_valid(&was->amount));
	reservation->state = MS_RESERVATION_MADE;
	reservation->amount = was->amount;
	reservation->expires_ms = was->expires_ms < now_ms + longest_ms
					  ? was->expires_ms
					  : now_ms + longest_ms;
	pthread_mutex_lock(&reserved->lock);
	reserved->count++;
	reserve(turn, al, bps_of(turn, &was->amount));
	pthread_mutex_unlock(&reserved->lock);
	expiry_set(&turn->table->reservation_expiry, al->slot, reservation->expires_ms);
}

static uint64_t packets(const struct allocation *al)
{
	return al->to_peer.packets + al->to_client.packets;
}

void ms_reservation_report(struct turn *turn, const struct allocation *al)
{
	changes_note(turn, al);
	find(turn, al)->packets = packets(al);
}

bool ms_reservation_has_relayed(const struct turn *turn, const struct allocation *al)
{
	return packets(al) != find(turn, al)->packets;
}

uint64_t ms_reservation_expire(struct turn *turn, uint64_t now_ms)
{
	struct expiry *expiry = &turn->table->reservation_expiry;
	uint32_t slot;
	uint64_t due;

	while (expiry_first(expiry, &slot, &due)) {
		struct allocation *al = allocation_at(turn->table, slot);

		if (now_ms < due)
			return due;
		assert(al != NULL && find(turn, al)->state == MS_RESERVATION_MADE);
		ms_reservation_end(turn, al);
		counter_add(&turn->counters.admissions[ADMISSION_EXPIRED], 1);
	}
	return UINT64_MAX;
}
