/*
 * ctl_log.c - avedgectl log-level: how much a running daemon logs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

static void print_levels(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {
		{"<SUBSYSTEM", "name"}, {"<LEVEL", "level"}, {NULL, NULL}};
	json_t *rows = json_pack("[{s:s, s:O*}]", "name", "default", "level",
				 json_object_get(document, "default"));
	const char *name;
	json_t *level;

	(void)args;
	json_object_foreach(json_object_get(document, "subsystems"), name, level)
		json_array_append_new(rows, json_pack("{s:s, s:O}", "name", name, "level",
						      level));
	ctl_print_table(columns, rows);
	json_decref(rows);
}

static int set_level(const struct ctl_args *args, const struct ctl_daemon *daemon)
{
	const char *subsystem = args->operands[0], *level = args->operands[1];
	bool follow = strcmp(level, "default") == 0;
	char *path = ctl_segment("/v1/log-levels", subsystem, "");
	json_t *answer;
	int status = ctl_ask(daemon, "PUT", path,
			     json_pack("{s:s?}", "level", follow ? NULL : level), &answer,
			     NULL);

	free(path);
	if (status == CTL_OK && ctl_has(args, OPTION_JSON))
		return ctl_print_json(answer);
	if (status == CTL_OK)
		printf("%s: %s %s, until it restarts\n", daemon->name, subsystem,
		       follow ? "follows the default" : level);
	json_decref(answer);
	return status;
}

int ctl_log_level(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	const char *level = args->operands[1];
	char list[CTL_CHOICES_SIZE];

	if (args->operand_count == 0)
		return ctl_show_document(args, &daemon, "/v1/log-levels", print_levels);
	if (!level)
		return ctl_usage(args->name, "LEVEL is required");
	if (!ctl_is_choice(ctl_levels, level))
		return ctl_usage(args->name, "%s: expected %s", level,
				 ctl_choices(ctl_levels, list));
	return set_level(args, &daemon);
}
