/*
 * ctl_complete.h - completion in a shell.
 */
#ifndef TOOLS_CTL_CTL_COMPLETE_H
#define TOOLS_CTL_CTL_COMPLETE_H

#include <stdbool.h>

/*
 * Print what fits the last of the words after "avedgectl", one per line; a line ":files" where
 * file names fit. described: commands and options are followed by a tab and what they are. Asks the
 * running daemons; prints no messages.
 */
void ctl_complete(int count, char **words, bool described);

#endif
