/*
 * ctl_args.h - a command of avedgectl and its command line.
 *
 * Owner    commands are constant; what ctl_args points to belongs to argv or to the tables.
 */
#ifndef TOOLS_CTL_CTL_ARGS_H
#define TOOLS_CTL_CTL_ARGS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tools/ctl/ctl_option.h"

enum {
	CTL_OPERANDS_MAX = 2,
	CTL_OPTIONS_MAX = 16, /* of one command */
	CTL_MANY_MAX = 16,    /* values of an option that may be repeated */
};

enum ctl_target { CTL_NO_DAEMON, CTL_RELAY, CTL_MRAS };

struct ctl_args;

struct ctl_command {
	const char *name;    /* one or two words: "status", "key new" */
	const char *usage;   /* operands and required options; may be NULL */
	const char *purpose; /* one line, after the name */
	const char *text;    /* paragraphs with an empty line between them; may be NULL */
	unsigned char
		options[CTL_OPTIONS_MAX]; /* enum ctl_option_id, OPTION_NONE at the end */
	enum ctl_kind operands[CTL_OPERANDS_MAX];
	int operands_min;
	enum ctl_target daemon;
	int (*run)(const struct ctl_args *args); /* returns an exit code */
	/* Of commands that show one document: */
	const char *path;
	void (*print)(const struct ctl_args *args, json_t *document);
};

/* A command line that fits its command. */
struct ctl_args {
	const struct ctl_command *command;
	const char *name;                 /* "avedgectl key new", for messages */
	bool help;                        /* only --help counts */
	const char *values[OPTION_COUNT]; /* NULL: not given */
	int64_t numbers[OPTION_COUNT];    /* of numbers and durations that were given */
	const char *many[CTL_MANY_MAX]; /* every value of an option that may be repeated */
	size_t many_count;
	const char *operands[CTL_OPERANDS_MAX]; /* NULL: not given */
	int operand_count;
};

/* The value, or the fallback if the option was not given. */
static inline const char *ctl_value(const struct ctl_args *args,
				    enum ctl_option_id option, const char *fallback)
{
	assert(option > OPTION_NONE && option < OPTION_COUNT);
	return args->values[option] ? args->values[option] : fallback;
}

static inline bool ctl_has(const struct ctl_args *args, enum ctl_option_id option)
{
	return ctl_value(args, option, NULL) != NULL;
}

static inline int64_t ctl_number(const struct ctl_args *args, enum ctl_option_id option,
				 int64_t fallback)
{
	return ctl_has(args, option) ? args->numbers[option] : fallback;
}

/* argv[0] is "avedgectl key new". CTL_OK, or CTL_USAGE after a message. */
int ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc,
		   char **argv);

#endif
