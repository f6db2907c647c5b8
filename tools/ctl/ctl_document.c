/*
 * ctl_document.c - fetch a document of a daemon and show it.
 */
#include "tools/ctl/ctl_document.h"

#include <assert.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"

int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      void (*print)(const struct ctl_args *args, json_t *document))
{
	json_t *document;
	int status = ctl_ask(daemon, "GET", path, NULL, &document, NULL);

	assert(print);
	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(document);
	print(args, document);
	json_decref(document);
	return CTL_OK;
}

int ctl_document(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);

	return ctl_show_document(args, &daemon, args->command->path,
				 args->command->print);
}
