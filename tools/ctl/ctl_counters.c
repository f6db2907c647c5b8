/*
 * ctl_counters.c - avedgectl counters: the relay's event counters, and what they grow by.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

#define PATH "/v1/counters"

enum {
	NAME_SIZE = 256,
	DEPTH_MAX = 8, /* of nested counters; ours are not deeper */
};

/* Put every number of a nested object into flat, as "outer.inner". */
static void flatten(json_t *flat, json_t *object, const char *prefix, int depth)
{
	char name[NAME_SIZE];
	const char *key;
	json_t *value;

	assert(json_is_object(flat) && depth <= DEPTH_MAX);
	if (depth == DEPTH_MAX)
		return;
	json_object_foreach(object, key, value)
	{
		snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(value))
			flatten(flat, value, name, depth + 1);
		else if (json_is_number(value))
			json_object_set(flat, name, value);
	}
}

static void print_counters(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {
		{"<COUNTER", "name"}, {">VALUE", "value"}, {NULL, NULL}};
	json_t *flat = json_object(), *rows = json_array(), *value;
	const char *name;

	flatten(flat, document, "", 0);
	json_object_foreach(flat, name, value)
	{
		if (ctl_has(args, OPTION_ALL_COUNTERS) || json_number_value(value) != 0)
			json_array_append_new(rows, json_pack("{s:s, s:O}", "name", name,
							      "value", value));
	}
	ctl_print_table(columns, rows);
	json_decref(rows);
	json_decref(flat);
}

/* --- differences ----------------------------------------------------------------------------- */

/* The counters at one time; flat is NULL before the first. */
struct sample {
	json_t *flat;
	int64_t at_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int take(const struct ctl_daemon *daemon, struct sample *sample)
{
	json_t *document;
	int status = ctl_ask(daemon, "GET", PATH, NULL, &document, NULL);

	if (status != CTL_OK)
		return status;
	sample->at_ms = now_ms();
	sample->flat = json_object();
	flatten(sample->flat, document, "", 0);
	json_decref(document);
	return CTL_OK;
}

/* Counters only grow: the relay has restarted if one has shrunk. */
static bool has_restarted(const struct sample *before, const struct sample *now)
{
	const char *name;
	json_t *value;

	json_object_foreach(now->flat, name, value)
	{
		if (json_number_value(value) < ctl_real(before->flat, name))
			return true;
	}
	return false;
}

/* "name", "change" and "per_s" of each counter that has grown, or of all. */
static json_t *differences(const struct sample *before, const struct sample *now,
			   bool all)
{
	double seconds = (double)(now->at_ms - before->at_ms) / 1000;
	bool restarted = has_restarted(before, now);
	json_t *rows = json_array(), *value;
	const char *name;

	json_object_foreach(now->flat, name, value)
	{
		int64_t was = restarted ? 0 : ctl_integer(before->flat, name);
		int64_t change = ctl_integer(now->flat, name) - was;

		if (!all && change == 0)
			continue;
		json_array_append_new(
			rows, json_pack("{s:s, s:I, s:f}", "name", name, "change",
					(json_int_t)change, "per_s",
					seconds > 0 ? (double)change / seconds : 0));
	}
	return rows;
}

static void print_json(json_t *rows, double seconds, bool restarted)
{
	json_t *changes = json_object();
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_object_set(changes, json_string_value(json_object_get(row, "name")),
				json_object_get(row, "change"));
	}
	ctl_print_json_line(json_pack("{s:f, s:b, s:o}", "seconds", seconds, "restarted",
				      restarted, "changes", changes));
}

static void print_text(json_t *rows, bool restarted)
{
	static const struct ctl_column columns[] = {{"<COUNTER", "name"},
						    {">CHANGE", "change"},
						    {">PER SECOND", "rate"},
						    {NULL, NULL}};
	char figure[CTL_FIGURE_MAX], date[32];
	time_t now_s = time(NULL);
	struct tm tm;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		double per_s = ctl_real(row, "per_s");

		if (per_s < 100)
			snprintf(figure, sizeof(figure), "%.1f", per_s);
		else
			ctl_count_text(per_s, figure);
		json_object_set_new(row, "rate", json_string(figure));
	}
	if (gmtime_r(&now_s, &tm) &&
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm))
		printf("%s%s\n", date, restarted ? ", the relay has restarted" : "");
	ctl_print_table(columns, rows);
}

static int watch(const struct ctl_args *args, const struct ctl_daemon *daemon)
{
	unsigned pause_s = (unsigned)ctl_number(args, OPTION_WATCH_COUNTERS, 0);
	bool json = ctl_has(args, OPTION_JSON);
	struct sample before, now;
	int status = take(daemon, &before);

	assert(pause_s > 0);
	while (status == CTL_OK) {
		sleep(pause_s);
		status = take(daemon, &now);
		if (status != CTL_OK)
			break;

		bool restarted = has_restarted(&before, &now);
		json_t *rows =
			differences(&before, &now, ctl_has(args, OPTION_ALL_COUNTERS));

		if (json)
			print_json(rows, (double)(now.at_ms - before.at_ms) / 1000,
				   restarted);
		else
			print_text(rows, restarted);
		json_decref(rows);
		json_decref(before.flat);
		before = now;
		if (!json)
			putchar('\n');
		/* The reader has gone. */
		if (fflush(stdout) != 0)
			status = CTL_FAILED;
	}
	json_decref(before.flat);
	return status;
}

int ctl_counters(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);

	return ctl_has(args, OPTION_WATCH_COUNTERS)
		       ? watch(args, &daemon)
		       : ctl_show_document(args, &daemon, PATH, print_counters);
}
