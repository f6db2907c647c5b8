/*
 * ctl_records.c - avedgectl records: records of ended allocations.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

static const struct ctl_column columns[] = {
	{"<ENDED", "ended"},
	{"<ID", "allocation_id"},
	{"<USER", "user"},
	{"<SIDE", "side"},
	{"<OVER", "transport"},
	{"<DIALECT", "dialect"},
	{"<CONTENT", "stream_type"},
	{"<CLIENT", "client"},
	{"<RELAYED", "relayed"},
	{"<REASON", "reason"},
	{">DURATION", "duration_ms"},
	{">TO PEER", "bytes_to_peer"},
	{">TO CLIENT", "bytes_to_client"},
	{">RESTARTS", "restarts"},
	{NULL, NULL},
};

/* Of IPv4 addresses and usual names; what is longer moves the rest of its row. */
static const size_t widths[] = {24, 16, 12, 7, 4, 7, 7, 21, 21, 11, 8, 11, 11, 8};

static_assert(sizeof(widths) / sizeof(widths[0]) + 1 ==
		      sizeof(columns) / sizeof(columns[0]),
	      "one for each column");

struct output {
	bool json;
	bool headed; /* the heading is out */
	bool broken; /* a line was not a record */
};

/* Short allocations that relayed nothing have one record together, and no ids. */
static void print_record(json_t *record)
{
	if (json_object_get(record, "allocations")) {
		json_object_set_new(record, "allocation_id",
				    json_sprintf("%" PRId64 " allocations",
						 ctl_integer(record, "allocations")));
		json_object_set_new(record, "bytes_to_peer", json_integer(0));
		json_object_set_new(record, "bytes_to_client", json_integer(0));
	}
	ctl_print_row(columns, widths, record);
}

static bool on_line(void *arg, const char *line, size_t len)
{
	struct output *output = arg;
	json_t *record = json_loadb(line, len, JSON_ALLOW_NUL, NULL);

	output->broken = !json_is_object(record);
	if (output->broken) {
		json_decref(record);
		return false;
	}
	if (!output->json && !output->headed) {
		ctl_print_heading(columns, widths);
		output->headed = true;
	}
	if (output->json) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (json_object_get(record, "lost")) {
		ctl_print(record, "{lost} records lost: reader too slow\n");
	} else {
		print_record(record);
	}
	json_decref(record);
	/* Each as it comes, also into a pipe; stop when the reader has gone. */
	return fflush(stdout) == 0;
}

static char *path_of(const struct ctl_args *args, char since[CTL_FIGURE_MAX])
{
	const struct ctl_pair pairs[] = {
		{"follow", ctl_has(args, OPTION_FOLLOW) ? "1" : NULL},
		{"user", ctl_value(args, OPTION_RECORDS_USER, NULL)},
		{"since", ctl_has(args, OPTION_SINCE) ? since : NULL},
		{"limit", ctl_value(args, OPTION_RECORDS_LIMIT, NULL)},
		{NULL, NULL},
	};

	snprintf(since, CTL_FIGURE_MAX, "%" PRId64, ctl_number(args, OPTION_SINCE, 0));
	return ctl_query("/v1/records", pairs);
}

/* The heading comes with the first record, or at the end: not above a message. */
int ctl_records(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	struct output output = {.json = ctl_has(args, OPTION_JSON)};
	bool follow = ctl_has(args, OPTION_FOLLOW);
	char since[CTL_FIGURE_MAX], *path = path_of(args, since);
	int status = path ? ctl_ask_lines(&daemon, path, on_line, &output)
			  : ctl_fail("out of memory");

	free(path);
	if (status == CTL_OK && !output.json && !output.headed && !output.broken)
		ctl_print_heading(columns, widths);

	if (status == CTL_OK && output.broken)
		return ctl_fail("%s: a line is not a record; is this the control socket "
				"of %s?",
				daemon.socket, daemon.name);
	/* Only the relay ends a stream that is followed. */
	if (status == CTL_OK && follow && !ferror(stdout)) {
		ctl_fail("%s: the relay has stopped", daemon.socket);
		return CTL_UNREACHABLE;
	}
	return status;
}
