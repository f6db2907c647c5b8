/*
 * ctl_document.h - fetch a document of a daemon and show it.
 */
#ifndef TOOLS_CTL_CTL_DOCUMENT_H
#define TOOLS_CTL_CTL_DOCUMENT_H

#include <jansson.h>

struct ctl_args;
struct ctl_daemon;

/*
 * Fetch path and print it, as JSON or with print(), which must cope with missing members. NULL for
 * path counts as out of memory. An exit code.
 */
int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      void (*print)(const struct ctl_args *args, json_t *document));

#endif
