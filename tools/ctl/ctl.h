/*
 * ctl.h - what the commands of avedgectl share: exit codes, defaults, messages.
 */
#ifndef TOOLS_CTL_CTL_H
#define TOOLS_CTL_CTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* Exit codes; ctl_exit_meaning() explains them to people. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,      /* refused or failed; the reason is on stderr */
	CTL_USAGE = 2,       /* the command line is wrong; nothing was done */
	CTL_UNREACHABLE = 3, /* the daemon does not answer */
	CTL_NOT_FOUND = 4,   /* it answers, but has no such thing */
	CTL_EXIT_COUNT,
};

const char *ctl_exit_meaning(enum ctl_exit code);

#define CTL_KEYS_PATH "/etc/avedge/keys"
#define CTL_SOCKET_PATH "/run/mediarelayd/control.sock"
#define CTL_MRAS_SOCKET_PATH "/run/mrasd/control.sock"

enum { CTL_ERROR_SIZE = 512 }; /* for messages of other modules */

/* Say what is wrong with the command line and where to read on; returns CTL_USAGE. */
__attribute__((format(printf, 2, 3))) int ctl_usage(const char *command,
						    const char *format, ...);

/*
 * Say why it failed; returns CTL_FAILED. Text from others may be part of it: control characters
 * are shown, not sent to the terminal.
 */
__attribute__((format(printf, 1, 2))) int ctl_fail(const char *format, ...);
__attribute__((format(printf, 1, 0))) int ctl_vfail(const char *format, va_list args);

/*
 * Print a document, which is released, and a newline to stdout; NULL counts as out of memory.
 * Pure ASCII: a terminal may take more than ESC for the start of a command. An exit code.
 */
int ctl_print_json(json_t *document);
/* The same on one line, for output that repeats: a reader takes line after line. */
int ctl_print_json_line(json_t *document);

#endif
