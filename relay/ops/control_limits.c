/*
 * control_limits.c - the limits in force and how much of each is used, as JSON. What is used
 * is counted here from a list of the allocations, so that no packet pays for it.
 */
#include "relay/ops/control_documents.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/limiter.h"
#include "relay/ops/record.h"
#include "relay/relay.h"
#include "relay/relay_allocations.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_settings.h"

enum { BUSIEST = 10 };

/* Who shares a limit: a user in one dialect, or a source prefix. */
struct sharer {
	char name[CREDENTIAL_USER_MAX + 1];
	struct credential_quota quota; /* of a user, from its credentials */
	enum dialect dialect;          /* of prefixes DIALECT_IETF: they count both */
	uint64_t allocations;
	uint64_t rate_bps, reserved_bps;
};

struct usage {
	uint64_t allocations, by_side[SIDE_COUNT];
	uint64_t rate_bps, rate_by_side[SIDE_COUNT];
	uint64_t over_average, over_peak; /* allocations */
	uint64_t reserved_bps, reserved_by_side[SIDE_COUNT], reservations;
	/* The greatest of any one: */
	uint64_t reserved_each[DIALECT_COUNT], allocation_bps[DIALECT_COUNT], permissions,
		channels, connections;
	/* Each figure by itself; no name. */
	struct sharer user[DIALECT_COUNT], prefix[DIALECT_COUNT];
	json_t *users, *prefixes; /* the busiest */
};

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t rate_of(const struct relay_allocation *row)
{
	return row->rate.to_peer_bps + row->rate.to_client_bps;
}

static void prefix_of(const struct relay_allocation *row, struct sharer *sharer)
{
	struct ip_addr prefix = source_prefix(&row->tuple.client.ip);
	char text[ENDPOINT_TEXT_LEN];

	snprintf(sharer->name, sizeof(sharer->name), "%s%s",
		 ip_addr_format(&prefix, text, sizeof(text)),
		 prefix.family == IP_V6 ? "/64" : "");
}

/* As the core charges them: see charge.h. */
static void user_of(const struct relay_allocation *row, struct sharer *sharer)
{
	sharer->dialect = row->dialect;
	sharer->quota = row->quota;
	if (row->nameless)
		prefix_of(row, sharer);
	else
		memcpy(sharer->name, row->user, sizeof(row->user));
}

static int by_name(const void *a, const void *b)
{
	const struct sharer *x = a, *y = b;

	return x->dialect != y->dialect ? (int)x->dialect - (int)y->dialect
					: strcmp(x->name, y->name);
}

static int by_use(const void *a, const void *b)
{
	const struct sharer *x = a, *y = b;

	if (x->rate_bps != y->rate_bps)
		return x->rate_bps < y->rate_bps ? 1 : -1;
	return (x->allocations < y->allocations) - (x->allocations > y->allocations);
}

/* One user may have credentials with a quota and without. */
static void raise_quota(struct credential_quota *quota,
			const struct credential_quota *other)
{
	if (other->allocations > quota->allocations)
		quota->allocations = other->allocations;
	quota->bandwidth_bps = greater(quota->bandwidth_bps, other->bandwidth_bps);
}

/* One entry for each allocation becomes one for each name; returns how many. */
static size_t merge(struct sharer *sharers, size_t count)
{
	size_t merged = 0;

	qsort(sharers, count, sizeof(*sharers), by_name);
	for (size_t i = 0; i < count; i++) {
		if (merged == 0 || by_name(&sharers[merged - 1], &sharers[i]) != 0) {
			sharers[merged++] = sharers[i];
			continue;
		}
		sharers[merged - 1].allocations++;
		sharers[merged - 1].rate_bps += sharers[i].rate_bps;
		raise_quota(&sharers[merged - 1].quota, &sharers[i].quota);
		sharers[merged - 1].reserved_bps += sharers[i].reserved_bps;
	}
	return merged;
}

static json_t *sharer_json(const struct sharer *sharer, const char *label, bool is_user)
{
	json_t *json = json_pack("{s:o, s:o, s:o}", label, control_text(sharer->name),
				 "allocations", control_count(sharer->allocations),
				 "rate_bps", control_count(sharer->rate_bps));

	if (json == NULL || !is_user)
		return json;
	json_object_set_new(json, "dialect", json_string(dialect_name(sharer->dialect)));
	json_object_set_new(json, "quota_allocations",
			    control_figure(sharer->quota.allocations));
	json_object_set_new(json, "quota_bandwidth_bps",
			    control_figure(sharer->quota.bandwidth_bps));
	return json;
}

/* A list of the busiest, and the greatest figures of any; NULL if out of memory. */
static json_t *top_users(const struct relay_allocation *rows, size_t count,
			 const char *label,
			 void (*name_of)(const struct relay_allocation *row,
					 struct sharer *sharer),
			 struct sharer most[DIALECT_COUNT])
{
	struct sharer *sharers = calloc(count > 0 ? count : 1, sizeof(*sharers));
	json_t *list = sharers ? json_array() : NULL;
	size_t merged;

	for (size_t i = 0; sharers && i < count; i++) {
		name_of(&rows[i], &sharers[i]);
		sharers[i].allocations = 1;
		sharers[i].rate_bps = rate_of(&rows[i]);
		sharers[i].reserved_bps = rows[i].reserved_bps;
	}
	merged = sharers ? merge(sharers, count) : 0;
	assert(merged <= count);
	if (merged > 1)
		qsort(sharers, merged, sizeof(*sharers), by_use);
	for (size_t i = 0; i < merged; i++) {
		struct sharer *all = &most[sharers[i].dialect];

		all->allocations = greater(all->allocations, sharers[i].allocations);
		all->rate_bps = greater(all->rate_bps, sharers[i].rate_bps);
		all->reserved_bps = greater(all->reserved_bps, sharers[i].reserved_bps);
		if (i < BUSIEST)
			json_array_append_new(list, sharer_json(&sharers[i], label,
								name_of == user_of));
	}
	free(sharers);
	return list;
}

static bool count_usage(struct relay *relay, struct usage *usage)
{
	struct relay_allocation *rows = NULL;
	size_t count;

	if (relay_allocations(relay, &rows, &count) < 0)
		return false;
	usage->allocations = count;
	for (size_t i = 0; i < count; i++) {
		assert(rows[i].side < SIDE_COUNT);
		usage->by_side[rows[i].side]++;
		usage->rate_bps += rate_of(&rows[i]);
		usage->rate_by_side[rows[i].side] += rate_of(&rows[i]);
		usage->allocation_bps[rows[i].dialect] = greater(
			usage->allocation_bps[rows[i].dialect], rate_of(&rows[i]));
		usage->permissions =
			greater(usage->permissions, rows[i].permission_count);
		usage->channels = greater(usage->channels, rows[i].channel_count);
		usage->reservations += rows[i].reserved_bps > 0;
		usage->reserved_bps += rows[i].reserved_bps;
		usage->reserved_by_side[rows[i].side] += rows[i].reserved_bps;
		usage->reserved_each[rows[i].dialect] = greater(
			usage->reserved_each[rows[i].dialect], rows[i].reserved_bps);
		usage->over_average += rows[i].over_average;
		usage->over_peak += rows[i].over_peak;
	}
	usage->users = top_users(rows, count, "user", user_of, usage->user);
	usage->prefixes = top_users(rows, count, "prefix", prefix_of, usage->prefix);
	free(rows);
	for (size_t i = 0; i < relay->worker_count; i++)
		usage->connections =
			greater(usage->connections, relay_worker(relay, i).connections);
	return true;
}

#define PEAK_UNKNOWN UINT64_MAX

/*
 * limit 0: there is none. peak: the most since the start, counted elsewhere and in other
 * seconds, so that what is used now may be more.
 */
static void add_row(json_t *list, const char *name, const char *unit, uint64_t limit,
		    uint64_t used, uint64_t peak, json_t *reserved)
{
	json_array_append_new(
		list, json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "name", name, "limit",
				limit > 0 ? control_count(limit) : json_null(), "unit",
				unit, "used", control_count(used), "peak",
				peak != PEAK_UNKNOWN ? control_count(greater(peak, used))
						     : json_null(),
				"reserved", reserved));
}

static void add(json_t *list, const char *name, const char *unit, uint64_t limit,
		uint64_t used, uint64_t peak)
{
	add_row(list, name, unit, limit, used, peak, json_null());
}

static void add_bps(json_t *list, const char *name, uint64_t limit, uint64_t used,
		    uint64_t peak, uint64_t reserved)
{
	add_row(list, name, "bps", limit, used, peak, control_count(reserved));
}

/* How fast something may happen has no amount that is used. */
static void add_rate(json_t *list, const char *name, const char *unit, uint64_t limit)
{
	json_array_append_new(
		list, json_pack("{s:s, s:o, s:s, s:n, s:n, s:n}", "name", name, "limit",
				limit > 0 ? control_count(limit) : json_null(), "unit",
				unit, "used", "peak", "reserved"));
}

static void add_allocations(json_t *list, const struct turn_shared *shared,
			    const struct turn_limits *limits, const struct usage *usage)
{
	static const char *const users[DIALECT_COUNT] = {
		[DIALECT_IETF] = "limits.allocations_per_user",
		[DIALECT_MS] = "ms.allocations_per_user",
	};
	const char *unit = "allocations";

	add(list, "limits.allocations_total", unit, shared->allocations_total,
	    usage->allocations, quota_peak(shared->total));
	add(list, "limits.allocations_inside", unit,
	    limits->allocations_per_side[SIDE_INSIDE], usage->by_side[SIDE_INSIDE],
	    quota_peak(shared->sides[SIDE_INSIDE]));
	add(list, "limits.allocations_outside", unit,
	    limits->allocations_per_side[SIDE_OUTSIDE], usage->by_side[SIDE_OUTSIDE],
	    quota_peak(shared->sides[SIDE_OUTSIDE]));
	for (int dialect = 0; dialect < DIALECT_COUNT; dialect++)
		add(list, users[dialect], unit, limits->allocations_per_user[dialect],
		    usage->user[dialect].allocations, quota_peak(shared->users[dialect]));
	add(list, "limits.allocations_per_prefix", unit, limits->allocations_per_prefix,
	    usage->prefix[0].allocations, quota_peak(shared->prefixes));
}

static void add_bandwidth(json_t *list, const struct bandwidth *bandwidth,
			  const struct turn_bandwidth *limits, const struct usage *usage)
{
	static const char *const users[DIALECT_COUNT] = {
		[DIALECT_IETF] = "limits.bandwidth_per_user",
		[DIALECT_MS] = "ms.bandwidth_per_user",
	};
	static const char *const allocations[DIALECT_COUNT] = {
		[DIALECT_IETF] = "limits.bandwidth_per_allocation",
		[DIALECT_MS] = "ms.bandwidth_per_allocation",
	};

	add_bps(list, "limits.bandwidth_total", limits->total, usage->rate_bps,
		bandwidth_peak_of_all(bandwidth), usage->reserved_bps);
	add_bps(list, "limits.bandwidth_inside", limits->per_side[SIDE_INSIDE],
		usage->rate_by_side[SIDE_INSIDE],
		bandwidth_peak_of_side(bandwidth, SIDE_INSIDE),
		usage->reserved_by_side[SIDE_INSIDE]);
	add_bps(list, "limits.bandwidth_outside", limits->per_side[SIDE_OUTSIDE],
		usage->rate_by_side[SIDE_OUTSIDE],
		bandwidth_peak_of_side(bandwidth, SIDE_OUTSIDE),
		usage->reserved_by_side[SIDE_OUTSIDE]);
	for (int i = 0; i < DIALECT_COUNT; i++)
		add_bps(list, users[i], limits->per_user[i], usage->user[i].rate_bps,
			bandwidth_peak_of_users(bandwidth, (enum dialect)i),
			usage->user[i].reserved_bps);
	add_bps(list, "limits.bandwidth_per_prefix", limits->per_prefix,
		usage->prefix[0].rate_bps, bandwidth_peak_of_prefixes(bandwidth),
		usage->prefix[0].reserved_bps);
	for (int i = 0; i < DIALECT_COUNT; i++)
		add_bps(list, allocations[i], limits->per_allocation[i],
			usage->allocation_bps[i],
			bandwidth_peak_of_allocations(bandwidth, (enum dialect)i),
			usage->reserved_each[i]);
}

static json_t *rows(const struct relay *relay, const struct relay_settings *settings,
		    const struct usage *usage)
{
	const struct turn_limits *turn = &settings->turn.limits;
	const struct relay_config *started = relay->config;
	json_t *list = json_array();

	add_allocations(list, &relay->shared, turn, usage);
	add_bandwidth(list, relay->shared.bandwidth, &turn->bandwidth, usage);
	add(list, "limits.permissions", "permissions", started->fixed_limits.permissions,
	    usage->permissions, PEAK_UNKNOWN);
	add(list, "limits.channels", "channels", started->fixed_limits.channels,
	    usage->channels, PEAK_UNKNOWN);
	add(list, "limits.connections", "connections", settings->stream.connections,
	    usage->connections, PEAK_UNKNOWN);
	add_rate(list, "limits.allocation_rate_per_user", "allocations/s",
		 turn->allocation_rate_per_user);
	add_rate(list, "limits.allocation_burst_per_user", "allocations",
		 turn->allocation_burst_per_user);
	add_rate(list, "limits.stranger_rate", "answers/s", turn->stranger_rate);
	add_rate(list, "limits.stranger_burst", "answers", turn->stranger_burst);
	return list;
}

json_t *control_limits(struct relay *relay)
{
	struct relay_settings *settings = relay_settings(relay);
	struct usage usage = {0};
	json_t *document = NULL;

	if (settings != NULL && count_usage(relay, &usage))
		document = json_pack("{s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o}}",
				     "limits", rows(relay, settings, &usage), "users",
				     usage.users, "prefixes", usage.prefixes, "exceeding",
				     "average", control_count(usage.over_average), "peak",
				     control_count(usage.over_peak), "reservations",
				     "count", control_count(usage.reservations), "bps",
				     control_count(usage.reserved_bps));
	relay_settings_unref(settings);
	return document;
}
