/*
 * ctl_run.h - what runs the commands of the table; each returns an exit code of ctl.h.
 */
#ifndef TOOLS_CTL_CTL_RUN_H
#define TOOLS_CTL_CTL_RUN_H

struct ctl_args;

int ctl_status(const struct ctl_args *args);
int ctl_counters(const struct ctl_args *args);
int ctl_limits(const struct ctl_args *args);
int ctl_configuration(const struct ctl_args *args);
int ctl_ports(const struct ctl_args *args);
int ctl_allocations(const struct ctl_args *args);
int ctl_show(const struct ctl_args *args);
int ctl_kill(const struct ctl_args *args);
int ctl_drain(const struct ctl_args *args);
int ctl_undrain(const struct ctl_args *args);
int ctl_reload(const struct ctl_args *args);
int ctl_log_level(const struct ctl_args *args);
int ctl_top(const struct ctl_args *args);
int ctl_records(const struct ctl_args *args);

int ctl_mras_status(const struct ctl_args *args);
int ctl_mras_relays(const struct ctl_args *args);
int ctl_mras_drain(const struct ctl_args *args);
int ctl_mras_undrain(const struct ctl_args *args);
int ctl_mras_reload(const struct ctl_args *args);
int ctl_mras_log_level(const struct ctl_args *args);
int ctl_mras_configuration(const struct ctl_args *args);

int ctl_key_new(const struct ctl_args *args);
int ctl_key_rotate(const struct ctl_args *args);
int ctl_key_list(const struct ctl_args *args);
int ctl_key_show(const struct ctl_args *args);
int ctl_credential(const struct ctl_args *args);
int ctl_probe(const struct ctl_args *args);
int ctl_import(const struct ctl_args *args);

#endif
