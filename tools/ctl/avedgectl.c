/*
 * avedgectl.c - control a running edge. The commands are a table (ctl_command.c); each noun has a
 * file that runs its commands.
 */
#include <assert.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/nearest.h"
#include "base/version.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_complete.h"
#include "tools/ctl/ctl_help.h"

enum { GROUP_MAX = 15, WORD_SIZE = 24 };

/* argc and argv begin with the name of the command. */
static int run(const struct ctl_command *command, int used, int argc, char **argv)
{
	struct ctl_args args;
	char name[64];
	int status;

	snprintf(name, sizeof(name), "avedgectl %s", command->name);
	argv[used - 1] = name;
	status = ctl_args_parse(&args, command, argc - used + 1, argv + used - 1);
	if (args.help) {
		ctl_help_command(command);
		return CTL_OK;
	}
	return status == CTL_OK ? command->run(&args) : status;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "new, rotate, list or show": the commands of a group. */
static const char *members_of(const char *group, char list[CTL_CHOICES_SIZE])
{
	const char *names[GROUP_MAX + 1] = {NULL};
	size_t count = 0;

	for (size_t i = 0; i < ctl_command_count; i++) {
		const char *name = ctl_command_in(&ctl_commands[i], group);

		assert(!name || count < GROUP_MAX);
		if (name)
			names[count++] = name;
	}
	return ctl_choices(names, list);
}

/* Report words that are not a command. */
static int no_command(int argc, char **argv)
{
	struct nearest nearest = {.word = argv[0]};
	char name[64], meant[WORD_SIZE] = "", list[CTL_CHOICES_SIZE];

	if (!ctl_command_is_group(argv[0])) {
		for (size_t i = 0; i < ctl_command_count; i++) {
			const char *command = ctl_commands[i].name;

			snprintf(name, WORD_SIZE, "%.*s", (int)strcspn(command, " "),
				 command);
			if (nearest_try(&nearest, name))
				strcpy(meant, name);
		}
		return ctl_usage("avedgectl", "unknown command '%s'%s%s%s", argv[0],
				 *meant ? "; did you mean '" : "", meant,
				 *meant ? "'?" : "");
	}
	if (argc > 1 && is_help(argv[1])) {
		ctl_help_group(argv[0]);
		return CTL_OK;
	}
	snprintf(name, sizeof(name), "avedgectl %s", argv[0]);
	members_of(argv[0], list);
	if (argc > 1)
		return ctl_usage(name, "unknown command '%s'; expected %s", argv[1],
				 list);
	return ctl_usage(name, "expected %s", list);
}

/* "help COMMAND", which people type before they know of --help. */
static int help(int argc, char **argv)
{
	const struct ctl_command *command;
	int used;

	if (argc == 0) {
		ctl_help();
		return CTL_OK;
	}
	command = ctl_command_find(argc, argv, &used);
	if (command)
		ctl_help_command(command);
	else if (argc == 1 && ctl_command_is_group(argv[0]))
		ctl_help_group(argv[0]);
	else
		return no_command(argc, argv);
	return CTL_OK;
}

static int dispatch(int argc, char **argv)
{
	const struct ctl_command *command;
	int used;

	if (argc == 0)
		return ctl_usage("avedgectl", "no command given");
	if (is_help(argv[0])) {
		ctl_help();
		return CTL_OK;
	}
	if (strcmp(argv[0], "help") == 0)
		return help(argc - 1, argv + 1);
	if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
		printf("avedgectl %s\n", version_string());
		return CTL_OK;
	}
	/* For the shell and for the build: left out of the help, because nobody types them. */
	if (strcmp(argv[0], "--complete") == 0 ||
	    strcmp(argv[0], "--complete-described") == 0) {
		ctl_complete(argc - 1, argv + 1, strcmp(argv[0], "--complete") != 0);
		return CTL_OK;
	}
	if (strcmp(argv[0], "--list-commands") == 0)
		return ctl_help_json();
	command = ctl_command_find(argc, argv, &used);
	return command ? run(command, used, argc, argv) : no_command(argc, argv);
}

int main(int argc, char **argv)
{
	int status;

	setlocale(LC_CTYPE, "");
	status = dispatch(argc - 1, argv + 1);

	/* A script that reads half a secret must see that it is incomplete. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
		perror("avedgectl: cannot write output");
		return CTL_FAILED;
	}
	return status;
}
