/*
 * ctl_run.h - the commands of the table; each returns an exit code of ctl.h.
 */
#ifndef TOOLS_CTL_CTL_RUN_H
#define TOOLS_CTL_CTL_RUN_H

#include <jansson.h>

struct ctl_args;

/* Show the document of the command's path, with its print(). */
int ctl_document(const struct ctl_args *args);

int ctl_status(const struct ctl_args *args);
int ctl_allocations(const struct ctl_args *args);
int ctl_show(const struct ctl_args *args);
int ctl_kill(const struct ctl_args *args);
int ctl_ports(const struct ctl_args *args);
int ctl_drain(const struct ctl_args *args);
int ctl_undrain(const struct ctl_args *args);
int ctl_mras_drain(const struct ctl_args *args);
int ctl_mras_undrain(const struct ctl_args *args);
int ctl_reload(const struct ctl_args *args);
int ctl_upgrade(const struct ctl_args *args);
int ctl_offload(const struct ctl_args *args);
int ctl_log_level(const struct ctl_args *args);
int ctl_top(const struct ctl_args *args);
int ctl_records(const struct ctl_args *args);
int ctl_counters(const struct ctl_args *args);
int ctl_key_new(const struct ctl_args *args);
int ctl_key_rotate(const struct ctl_args *args);
int ctl_key_list(const struct ctl_args *args);
int ctl_key_show(const struct ctl_args *args);
int ctl_credential(const struct ctl_args *args);
int ctl_access_token(const struct ctl_args *args);
int ctl_probe(const struct ctl_args *args);
int ctl_probe_turn(const struct ctl_args *args);
int ctl_import(const struct ctl_args *args);

/*
 * The ports that a mediarelayd.conf asks for, as GET /v1/ports (docs/control-api.md) without what
 * clients allocate. NULL after a message.
 */
json_t *ctl_ports_of_config(const char *path);

/*
 * Documents as text. Members may be missing or of another kind, so that an avedgectl and a daemon
 * of different versions understand each other.
 */
void ctl_print_status(const struct ctl_args *args, json_t *document);
void ctl_print_mras_status(const struct ctl_args *args, json_t *document);
void ctl_print_limits(const struct ctl_args *args, json_t *document);
void ctl_print_configuration(const struct ctl_args *args, json_t *document);
void ctl_print_relays(const struct ctl_args *args, json_t *document);
void ctl_print_drain(const json_t *drain); /* nothing for null */

#endif
