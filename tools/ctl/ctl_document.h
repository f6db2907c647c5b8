/*
 * ctl_document.h - commands that fetch one document and show it.
 */
#ifndef TOOLS_CTL_CTL_DOCUMENT_H
#define TOOLS_CTL_CTL_DOCUMENT_H

#include <jansson.h>

struct ctl_args;
struct ctl_daemon;

/*
 * Fetch path and print it as JSON or with print(), which returns an exit code and must cope
 * with members that are missing or of another kind, so that an avedgectl and a daemon of
 * different ages understand each other. path NULL counts as out of memory.
 */
int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      int (*print)(const struct ctl_args *args, json_t *document));

/* "name            value", cleaned; nothing if the member is missing. */
void ctl_print_line(const char *name, const json_t *object, const char *member);

/* The configuration of either daemon. */
int ctl_print_configuration(const struct ctl_args *args, json_t *document);
/* Draining since when, until when, how many left; "no" for null. */
void ctl_print_drain(const json_t *drain);
/* The last reload and what expires when, as both daemons tell it in their status. */
void ctl_print_upkeep(const json_t *status);
void ctl_print_uptime(const json_t *status);

#endif
