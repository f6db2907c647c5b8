/*
 * ctl_live.c - what can be changed in a running daemon until it restarts: avedgectl log-level, how much it logs;
 * avedgectl offload, the kernel plane, what it does and why not more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

/* --- log-level ------------------------------------------------------------------------------- */

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

/* --- offload --------------------------------------------------------------------------------- */

/* "state           on", or why not. */
static void print_state(const json_t *document)
{
	ctl_print(document, "state           {state}[: {why}]\n");
	if (json_is_object(json_object_get(document, "sides")))
		ctl_print(document, "wanted          inside {sides.inside}, outside "
				    "{sides.outside}\n");
	ctl_print(document, "[loader          {socket}\n]");
}

static void print_devices(const json_t *devices)
{
	const json_t *device;
	size_t i;

	json_array_foreach(devices, i, device)
	{
		bool has = json_is_string(json_object_get(device, "program"));

		ctl_print(device, has ? "device          {name}: {program}\n"
				      : "device          {name}: by sockets[, {why}]\n");
	}
}

/* What has happened, with what it means. */
static void print_passed_up(const json_t *list)
{
	json_t *rows = json_array(), *row;
	size_t i;
	static const struct ctl_column columns[] = {{">PASSED UP", "packets"},
						    {"<REASON", "reason"},
						    {"<", "text"},
						    {NULL, NULL}};

	json_array_foreach(list, i, row)
	{
		if (ctl_integer(row, "packets") > 0)
			json_array_append(rows, row);
	}
	if (json_array_size(rows) > 0) {
		putchar('\n');
		ctl_print_table(columns, rows);
	}
	json_decref(rows);
}

static void print_offload(const struct ctl_args *args, json_t *document)
{
	(void)args;
	print_state(document);
	print_devices(json_object_get(document, "devices"));
	if (ctl_integer(document, "flows_max") == 0)
		return;
	ctl_print(document,
		  "flows           {flows} of {flows_max}[, {hops} pairs of addresses]\n"
		  "[forwarded       {packets} packets\n]");
	print_passed_up(json_object_get(document, "passed_up"));
}

static int turn(const struct ctl_args *args, const struct ctl_daemon *daemon, bool on)
{
	json_t *answer;
	int status = ctl_ask(daemon, "PUT", "/v1/offload", json_pack("{s:b}", "on", on),
			     &answer, NULL);

	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(answer);
	print_state(answer);
	print_devices(json_object_get(answer, "devices"));
	json_decref(answer);
	return CTL_OK;
}

int ctl_offload(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	const char *word = args->operands[0];

	if (args->operand_count == 0)
		return ctl_show_document(args, &daemon, "/v1/offload", print_offload);
	if (!ctl_is_choice(ctl_switches, word))
		return ctl_usage(args->name, "%s: expected on or off", word);
	return turn(args, &daemon, strcmp(word, "on") == 0);
}
