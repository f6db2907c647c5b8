/*
 * command_line.h - the arguments of a daemon.
 */
#ifndef BASE_CONFIG_COMMAND_LINE_H
#define BASE_CONFIG_COMMAND_LINE_H

#include <stdbool.h>

struct config_schema;

enum { COMMAND_LINE_EXIT_USAGE = 2 };

/* What a daemon says of itself. */
struct command_line_texts {
	const char *name;
	const char *purpose, *signals; /* whole lines */
	const char *config;            /* path of its file if none is given */
	const struct config_schema *schema;
	bool takes_over; /* there is --take-over */
};

struct command_line {
	const char *config;    /* borrowed */
	bool check;            /* stop after the configuration and the files it names */
	bool strict;           /* a warning is a failure */
	const char *take_over; /* borrowed; NULL: nobody is asked */
};

/* Ends the process where the arguments ask only for text, or are wrong. */
struct command_line command_line_read(const struct command_line_texts *texts, int argc,
				      char **argv);

#endif
