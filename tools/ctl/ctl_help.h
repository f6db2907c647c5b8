/*
 * ctl_help.h - the tables of commands and options as text, on stdout.
 */
#ifndef TOOLS_CTL_CTL_HELP_H
#define TOOLS_CTL_CTL_HELP_H

#include <stdbool.h>

struct ctl_command;

/* For a terminal: help on avedgectl, on a group of commands, on one. */
void ctl_help(void);
void ctl_help_group(const char *group);
void ctl_help_command(const struct ctl_command *command);

/*
 * A part of the manual page as mdoc(7): "synopsis", "commands" or "exit". False, with nothing
 * printed, for any other.
 */
bool ctl_help_manual(const char *part);

#endif
