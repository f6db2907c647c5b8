/*
 * ctl.h - what the commands of avedgectl share: exit codes, defaults, complaints.
 */
#ifndef TOOLS_CTL_H
#define TOOLS_CTL_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes; the manual page promises them. */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1,      /* refused or failed; the reason is on stderr */
	CTL_USAGE = 2,       /* the command line is wrong; nothing was done */
	CTL_UNREACHABLE = 3, /* no relay answers */
};

#define CTL_KEYS_PATH "/etc/avedge/keys"
#define CTL_SOCKET_PATH "/run/mediarelayd/control.sock"

enum { CTL_ERROR_SIZE = 512 }; /* for sentences from other modules */

/*
 * The commands. argv[0] is the whole command ("avedgectl key") and heads the complaints of
 * getopt_long(). They return an exit code.
 */
int ctl_key(int argc, char **argv);
int ctl_credential(int argc, char **argv);
int ctl_relay(int argc, char **argv); /* status, ports, counters, allocations */
int ctl_probe(int argc, char **argv);

/* Say what is wrong with the command line and where to read on; returns CTL_USAGE. */
__attribute__((format(printf, 2, 3))) int ctl_usage(const char *command,
						    const char *format, ...);

/* Say why it did not work; returns CTL_FAILED. */
__attribute__((format(printf, 1, 2))) int ctl_fail(const char *format, ...);

/* An option's duration between min_s and max_s; false after a complaint. */
bool ctl_duration(const char *command, const char *option, const char *text,
		  int64_t min_s, int64_t max_s, int64_t *seconds);

#endif
