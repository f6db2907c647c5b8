/*
 * ctl_log.c - avedgectl log-level: how much a running daemon logs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

static int print_levels(const struct ctl_args *args, json_t *document)
{
	static const char *const headings[] = {"<SUBSYSTEM", "<LEVEL", NULL};
	struct ctl_table *table = ctl_table_new(headings);
	json_t *subsystems = json_object_get(document, "subsystems"), *value;
	char cell[CTL_CELL_MAX];
	const char *name;

	(void)args;
	if (!table)
		return ctl_table_finish(NULL);
	ctl_table_add(table, "default");
	ctl_table_add(table, ctl_member(document, "default", cell));
	json_object_foreach(subsystems, name, value)
	{
		ctl_table_add(table, ctl_clean(name, cell, sizeof(cell)));
		ctl_table_add(table, ctl_member(subsystems, name, cell));
	}
	return ctl_table_finish(table);
}

static int set_level(const struct ctl_args *args, const struct ctl_daemon *daemon)
{
	const char *subsystem = args->operands[0], *level = args->operands[1];
	bool follow = strcmp(level, "default") == 0;
	char *path = ctl_segment("/v1/log-levels", subsystem, "");
	json_t *answer;
	int status;

	if (!path)
		return ctl_fail("out of memory");
	status = ctl_ask(daemon, "PUT", path,
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

static bool is_level(const char *text)
{
	for (const char *const *level = ctl_levels; *level; level++) {
		if (strcmp(*level, text) == 0)
			return true;
	}
	return false;
}

static int run(const struct ctl_args *args, struct ctl_daemon daemon)
{
	if (args->operand_count == 0)
		return ctl_show_document(args, &daemon, "/v1/log-levels", print_levels);
	if (args->operand_count == 1)
		return ctl_usage(args->name, "LEVEL is required");
	if (!is_level(args->operands[1]))
		return ctl_usage(
			args->name,
			"%s: expected error, warning, notice, info, debug or default",
			args->operands[1]);
	return set_level(args, &daemon);
}

int ctl_log_level(const struct ctl_args *args)
{
	return run(args, ctl_relay_of(args));
}

int ctl_mras_log_level(const struct ctl_args *args)
{
	return run(args, ctl_mras_of(args));
}
