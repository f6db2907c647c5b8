/*
 * ctl_command.h - the commands of avedgectl: one table serves the parser, --help, the manual page
 * and the shell's completion.
 *
 * Owner    the table is constant.
 */
#ifndef TOOLS_CTL_CTL_COMMAND_H
#define TOOLS_CTL_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/ctl/ctl_args.h"

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

/* The command that the words begin with, and how many words (1 or 2) its name has; or NULL. */
const struct ctl_command *ctl_command_find(int count, char **words, int *used);

/* "new" for the command "key new" of the group "key", NULL for one of another group. */
const char *ctl_command_in(const struct ctl_command *command, const char *group);

/* Whether a command of two words begins with this one. */
bool ctl_command_is_group(const char *word);

#endif
