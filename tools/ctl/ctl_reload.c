/*
 * ctl_reload.c - avedgectl reload: have a daemon reload its files, and show what changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_text.h"

/* Effects whose name does not say enough. */
static const char *effect_text(const char *effect)
{
	if (strcmp(effect, "new-allocations") == 0)
		return "for new allocations";
	if (strcmp(effect, "restart") == 0)
		return "NOT applied: needs a restart";
	if (strcmp(effect, "draining") == 0)
		return "until its last allocation ends";
	return effect;
}

/* An empty value is a value, too. */
static const char *side_of_change(const json_t *change, const char *name,
				  char buf[CTL_CELL_MAX])
{
	ctl_member(change, name, buf);
	return *buf == '\0' ? "\"\"" : buf;
}

static void print_changes(const struct ctl_daemon *daemon, const json_t *report)
{
	char key[CTL_CELL_MAX], before[CTL_CELL_MAX], after[CTL_CELL_MAX];
	char effect[CTL_CELL_MAX];
	const json_t *change;
	size_t i;

	printf("%s: %s", daemon->name, ctl_member(report, "result", effect));
	if (json_object_get(report, "generation"))
		printf(", generation %" PRId64, ctl_integer(report, "generation"));
	putchar('\n');
	json_array_foreach(json_object_get(report, "changes"), i, change)
	{
		ctl_member(change, "effect", effect);
		printf("  %s: %s -> %s (%s)\n", ctl_member(change, "key", key),
		       side_of_change(change, "before", before),
		       side_of_change(change, "after", after), effect_text(effect));
	}
}

/* One daemon; its report goes into reports, if that is not NULL, else to stdout. */
static int reload(const struct ctl_daemon *daemon, json_t *reports)
{
	json_t *report;
	int status = ctl_ask(daemon, "POST", "/v1/reload", NULL, &report, NULL);

	if (status != CTL_OK)
		return status;
	if (reports)
		json_object_set(reports, daemon->name, report);
	else
		print_changes(daemon, report);
	json_decref(report);
	return CTL_OK;
}

static int run(const struct ctl_args *args, const struct ctl_daemon *daemons,
	       size_t count)
{
	bool json = ctl_has(args, OPTION_JSON);
	json_t *reports = json ? json_object() : NULL;
	int status = CTL_OK, first = CTL_OK;

	/* One that fails must not leave the other with old files. */
	for (size_t i = 0; i < count; i++) {
		status = reload(&daemons[i], reports);
		if (first == CTL_OK)
			first = status;
	}
	if (json && count == 1 && first == CTL_OK) {
		ctl_print_json(json_incref(json_object_get(reports, daemons[0].name)));
		json_decref(reports);
	} else if (json && json_object_size(reports) > 0) {
		ctl_print_json(reports);
	} else {
		json_decref(reports);
	}
	return first;
}

int ctl_reload(const struct ctl_args *args)
{
	struct ctl_daemon daemons[] = {ctl_relay_of(args), ctl_mras_of(args)};

	return run(args, daemons, ctl_has(args, OPTION_RELOAD_MRAS) ? 2 : 1);
}

int ctl_mras_reload(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_mras_of(args);

	return run(args, &daemon, 1);
}
