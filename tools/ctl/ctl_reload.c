/*
 * ctl_reload.c - avedgectl reload: have a daemon reload its files, and show what changed.
 */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

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
static const char *value_text(const json_t *change, const char *name,
			      char buf[CTL_CELL_MAX])
{
	ctl_member(change, name, buf);
	return *buf == '\0' ? "\"\"" : buf;
}

static void print_report(const struct ctl_daemon *daemon, const json_t *report)
{
	char before[CTL_CELL_MAX], after[CTL_CELL_MAX], effect[CTL_CELL_MAX];
	const json_t *change;
	size_t i;

	json_t *pending = json_object_get(report, "restart_pending");
	bool nothing = strcmp(ctl_member(report, "result", before), "unchanged") == 0;

	printf("%s: ", daemon->name);
	if (nothing && json_array_size(pending) > 0)
		printf("nothing applied");
	else
		ctl_print(report, "{result}");
	ctl_print(report, "[, generation {generation}]\n");
	json_array_foreach(json_object_get(report, "changes"), i, change)
	{
		ctl_print(change, "  {key}: ");
		printf("%s -> %s (%s)\n", value_text(change, "before", before),
		       value_text(change, "after", after),
		       effect_text(ctl_member(change, "effect", effect)));
	}
	ctl_print_names("  restart pending: ", pending);
}

int ctl_reload(const struct ctl_args *args)
{
	struct ctl_daemon daemons[] = {ctl_daemon_of(args), ctl_mras_of(args)};
	bool both = ctl_has(args, OPTION_RELOAD_MRAS), json = ctl_has(args, OPTION_JSON);
	json_t *reports = json_object(), *report;
	int status, first = CTL_OK;

	/* One that fails must not leave the other with old files. */
	for (size_t i = 0; i < (both ? 2 : 1); i++) {
		status = ctl_ask(&daemons[i], "POST", "/v1/reload", NULL, &report, NULL);
		if (first == CTL_OK)
			first = status;
		if (status != CTL_OK)
			continue;
		if (!json)
			print_report(&daemons[i], report);
		json_object_set_new(reports, daemons[i].name, report);
	}
	if (json && both && json_object_size(reports) > 0)
		ctl_print_json(json_incref(reports));
	else if (json && !both && first == CTL_OK)
		ctl_print_json(json_incref(json_object_get(reports, daemons[0].name)));
	json_decref(reports);
	return first;
}
