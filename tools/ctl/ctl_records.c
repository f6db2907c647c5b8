/*
 * ctl_records.c - avedgectl records: records of ended allocations.
 */
#include <stdio.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

struct output {
	bool json;
	bool broken; /* a line was not a record */
};

static bool on_line(void *arg, const char *line, size_t len)
{
	struct output *output = arg;
	json_t *record = json_loadb(line, len, JSON_ALLOW_NUL, NULL);

	output->broken = !json_is_object(record);
	if (output->broken) {
		json_decref(record);
		return false;
	}
	if (output->json) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (json_object_get(record, "lost")) {
		ctl_print(record, "{lost} records lost: reader too slow\n");
	} else if (json_object_get(record, "allocations")) {
		ctl_print(record,
			  "{ended} {allocations} allocations {user} {side} {transport} "
			  "{dialect} {client} {reason} after {duration_ms} together, "
			  "nothing relayed\n");
	} else {
		ctl_print(
			record,
			"{ended} {allocation_id} {user} {side} {transport} {dialect} "
			"{stream_type} {client} {relayed} {reason} after {duration_ms}, "
			"{bytes_to_peer} bytes to peers, {bytes_to_client} to client\n");
	}
	json_decref(record);
	/* Each as it comes, also into a pipe; stop when the reader has gone. */
	return fflush(stdout) == 0;
}

int ctl_records(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
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
