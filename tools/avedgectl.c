/*
 * avedgectl.c - show and steer a running edge. One file per noun: ctl_key.c,
 * ctl_credential.c, ctl_relay.c, ctl_probe.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/version.h"
#include "tools/ctl.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *purpose;
} commands[] = {
	{"status", ctl_relay, "what the running relay is and how full"},
	{"ports", ctl_relay, "every address and port it has open, and what for"},
	{"allocations", ctl_relay, "every allocation: who, from where, how much"},
	{"counters", ctl_relay, "what happened since its start"},
	{"key", ctl_key, "make, rotate and list the keys that relay and issuer share"},
	{"mras-probe", ctl_probe,
	 "ask the issuer as a trusted server, and try its relays"},
	{"credential", ctl_credential, "issue a user name and password for a client"},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

int ctl_usage(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry '%s --help'.\n", command);
	return CTL_USAGE;
}

int ctl_fail(const char *format, ...)
{
	va_list args;

	fputs("avedgectl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CTL_FAILED;
}

bool ctl_duration(const char *command, const char *option, const char *text,
		  int64_t min_s, int64_t max_s, int64_t *seconds)
{
	char least[UNITS_TEXT_MAX];
	char most[UNITS_TEXT_MAX];

	if (!units_duration(text, seconds)) {
		ctl_usage(command, "%s %s: not a duration such as 30s, 15m, 8h or 90d.",
			  option, text);
		return false;
	}
	if (*seconds < min_s || *seconds > max_s) {
		ctl_usage(command, "%s %s: must lie between %s and %s.", option, text,
			  units_duration_text(min_s, least),
			  units_duration_text(max_s, most));
		return false;
	}
	return true;
}

static void help(void)
{
	puts("Usage: avedgectl COMMAND [OPTION]...\n"
	     "Show and steer a running edge.\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-12s %s\n", commands[i].name, commands[i].purpose);
	puts("\n  --help       this text; after a command: its options\n"
	     "  --version    the version\n"
	     "\n"
	     "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 nobody answers.");
}

static int run(const struct command *command, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "avedgectl %s", command->name);
	argv[1] = name;
	return command->run(argc - 1, argv + 1);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2)
		return ctl_usage("avedgectl", "a command is missing.");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return CTL_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("avedgectl %s\n", version_string());
		return CTL_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], argc, argv);
	}
	return ctl_usage("avedgectl", "there is no command '%s'.", argv[1]);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	/* A script that reads half a secret must see that it is half. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
		perror("avedgectl: writing the output");
		return CTL_FAILED;
	}
	return status;
}
