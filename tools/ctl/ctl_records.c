/*
 * ctl_records.c - avedgectl records: records of ended allocations.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_text.h"

static void print_record(const json_t *record)
{
	static const char *const names[] = {"ended",       "allocation_id", "user",
					    "side",        "transport",     "dialect",
					    "stream_type", "client",        "relayed",
					    "reason"};
	char cell[CTL_CELL_MAX], figure[CTL_FIGURE_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		printf("%s ", ctl_member(record, names[i], cell));
	printf("after %s",
	       ctl_age_text(ctl_integer(record, "duration_ms") / 1000, figure));
	printf(", %" PRId64 " bytes to peers, %" PRId64 " to client\n",
	       ctl_integer(record, "bytes_to_peer"),
	       ctl_integer(record, "bytes_to_client"));
}

struct output {
	bool json;
	bool broken; /* a line was not a record */
};

static bool on_line(void *arg, const char *line, size_t len)
{
	struct output *output = arg;
	json_t *record = json_loadb(line, len, JSON_ALLOW_NUL, NULL);

	if (!json_is_object(record)) {
		json_decref(record);
		output->broken = true;
		return false;
	}
	if (output->json) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (json_object_get(record, "lost")) {
		printf("%" PRId64 " records lost: reader too slow\n",
		       ctl_integer(record, "lost"));
	} else {
		print_record(record);
	}
	json_decref(record);
	/* Each as it comes, also into a pipe; stop when the reader has gone. */
	return fflush(stdout) == 0;
}

int ctl_records(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);
	struct output output = {.json = ctl_has(args, OPTION_JSON)};
	bool follow = ctl_has(args, OPTION_FOLLOW);
	int status = ctl_ask_lines(&daemon,
				   follow ? "/v1/records?follow=1" : "/v1/records",
				   on_line, &output);

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
