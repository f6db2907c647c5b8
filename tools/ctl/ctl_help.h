/*
 * ctl_help.h - the tables of commands and options as text, on stdout.
 */
#ifndef TOOLS_CTL_CTL_HELP_H
#define TOOLS_CTL_CTL_HELP_H

struct ctl_command;

/* Help on avedgectl, on a group of commands, on one. */
void ctl_help(void);
void ctl_help_group(const char *group);
void ctl_help_command(const struct ctl_command *command);

/* For the manual page: the tables as JSON. An exit code. */
int ctl_help_json(void);

#endif
