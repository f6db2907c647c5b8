/*
 * ctl_command.h - what the commands of avedgectl are: one table is the source of the parser,
 * of --help, of the manual page's part about them and of the completion in a shell.
 *
 * Owner    the tables are constant; what ctl_args points to is argv's or the tables'.
 */
#ifndef TOOLS_CTL_CTL_COMMAND_H
#define TOOLS_CTL_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a word may be: decides how it is checked, and what a shell offers for it. */
enum ctl_kind {
	CTL_NOTHING,
	CTL_FLAG, /* an option without value */
	CTL_TEXT,
	CTL_FILE,
	CTL_NUMBER,
	CTL_DURATION,
	CTL_PERIOD, /* seconds that may be left out */
	CTL_CHOICE,
	CTL_ALLOCATION,
	CTL_USER,
	CTL_KEY,
	CTL_LEVEL,
	CTL_SUBSYSTEM,
	CTL_MRAS_SUBSYSTEM,
	CTL_MRAS_RELAY,
};

enum ctl_option_id {
	OPTION_NONE, /* ends a command's list */
	OPTION_SOCKET,
	OPTION_MRAS_OWN_SOCKET, /* --socket of the commands that talk to mrasd alone */
	OPTION_MRAS_SOCKET,
	OPTION_JSON,
	OPTION_ALL_LIMITS,
	OPTION_ALL_COUNTERS,
	OPTION_ALL_KEYS,
	OPTION_EXPLAIN,
	OPTION_USER,
	OPTION_SIDE,
	OPTION_DIALECT,
	OPTION_TRANSPORT,
	OPTION_RELAY_TRANSPORT,
	OPTION_CLIENT,
	OPTION_PEER,
	OPTION_KEY,
	OPTION_SORT,
	OPTION_LIMIT,
	OPTION_WATCH,
	OPTION_KILL_USER,
	OPTION_KILL_KEY,
	OPTION_DEADLINE,
	OPTION_WAIT,
	OPTION_DRAIN_MRAS,
	OPTION_FORCE,
	OPTION_RELOAD_MRAS,
	OPTION_FOLLOW,
	OPTION_ONCE,
	OPTION_INTERVAL,
	OPTION_KEYS,
	OPTION_ID,
	OPTION_VALID,
	OPTION_REST,
	OPTION_OVERLAP,
	OPTION_DELAY,
	OPTION_SECRET,
	OPTION_FOR_USER,
	OPTION_TTL,
	OPTION_FORM,
	OPTION_REALM,
	OPTION_SERVER,
	OPTION_PROBE_CERT,
	OPTION_PROBE_KEY,
	OPTION_PROBE_CA,
	OPTION_PROBE_RELAY_CA,
	OPTION_PROBE_NAME,
	OPTION_PROBE_IDENTITY,
	OPTION_PROBE_TTL,
	OPTION_PROBE_SIP,
	OPTION_PROBE_HTTP,
	OPTION_PROBE_FORM,
	OPTION_OUTPUT,
	OPTION_IMPORT_KEYS,
	OPTION_INSIDE,
	OPTION_COUNT,
};

struct ctl_option {
	const char *name;  /* without dashes */
	const char *value; /* what stands for its value in texts; NULL for a flag */
	const char *help;  /* one line */
	const char *more;  /* the rest of what there is to say about it; may be NULL */
	enum ctl_kind kind;
	const char *const *choices; /* of CTL_CHOICE, NULL-terminated */
	int64_t min, max;           /* of numbers; of durations and periods in seconds */
	bool many;                  /* may be given more than once */
};

enum {
	CTL_OPERANDS_MAX = 2,
	CTL_OPTIONS_MAX = 16, /* of one command */
	CTL_MANY_MAX = 16,    /* values of options that may be repeated */
};

struct ctl_args;

struct ctl_command {
	const char *name;    /* one or two words: "status", "key new" */
	const char *usage;   /* what must follow, and operands; NULL for none */
	const char *purpose; /* one line, after the name */
	const char *text;    /* paragraphs with an empty line between them; may be NULL */
	unsigned char
		options[CTL_OPTIONS_MAX]; /* enum ctl_option_id, OPTION_NONE at the end */
	enum ctl_kind operands[CTL_OPERANDS_MAX];
	int operands_min;
	int (*run)(const struct ctl_args *args); /* returns an exit code */
};

extern const struct ctl_option ctl_options[OPTION_COUNT];
extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;
/* What CTL_LEVEL may be, "default" included; NULL-terminated. */
extern const char *const ctl_levels[];

/* A command line that fits its command. */
struct ctl_args {
	const struct ctl_command *command;
	const char *name;                 /* "avedgectl key new", for complaints */
	const char *values[OPTION_COUNT]; /* NULL: not given */
	int64_t numbers[OPTION_COUNT];    /* of numbers and durations that were given */
	const char *many[CTL_MANY_MAX]; /* every value of the option that may be repeated */
	size_t many_count;
	const char *operands[CTL_OPERANDS_MAX]; /* NULL: not given */
	int operand_count;
};

static inline bool ctl_has(const struct ctl_args *args, enum ctl_option_id option)
{
	return args->values[option] != NULL;
}

/* The value, or what stands for it if the option was not given. */
static inline const char *ctl_value(const struct ctl_args *args,
				    enum ctl_option_id option, const char *fallback)
{
	return args->values[option] ? args->values[option] : fallback;
}

static inline int64_t ctl_number(const struct ctl_args *args, enum ctl_option_id option,
				 int64_t fallback)
{
	return args->values[option] ? args->numbers[option] : fallback;
}

/*
 * The command that the words begin with, and how many words (1 or 2) its name is; NULL if
 * there is none.
 */
const struct ctl_command *ctl_command_find(int count, char **words, int *used);
/* Whether a command of two words begins with this one, such as "key". */
bool ctl_command_is_group(const char *word);

/* argv[0] is "avedgectl key new". CTL_OK, or CTL_USAGE after a complaint. */
int ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc,
		   char **argv);

enum { CTL_CHOICES_SIZE = 128 };

/* "a, b or c": what an option of CTL_CHOICE takes; "" for any other. */
const char *ctl_choices(const struct ctl_option *option, char buf[CTL_CHOICES_SIZE]);

/* Help on stdout: of avedgectl, of a group of commands, of one. */
void ctl_help(void);
void ctl_help_group(const char *word);
void ctl_help_command(const struct ctl_command *command);

/* The parts of the manual page that are made of the tables, as mdoc(7), on stdout. */
void ctl_manual_synopsis(void);
void ctl_manual_commands(void);
void ctl_manual_exit(void);

/*
 * What a shell may offer for the last of the words behind "avedgectl", a line each; a line
 * ":files" where names of files fit. Asks the running daemons and complains about nothing.
 */
void ctl_complete(int count, char **words);

#endif
