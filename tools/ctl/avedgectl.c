/*
 * avedgectl.c - control a running edge. The commands are a table (ctl_commands.c); each noun has a
 * file that runs its commands.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/nearest.h"
#include "base/version.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum { COMMANDS_MAX = 64 }; /* considered as what was meant */

/* argc and argv begin with the name of the command. */
static int run(const struct ctl_command *command, int used, int argc, char **argv)
{
	struct ctl_args args;
	char name[64];
	int status;

	snprintf(name, sizeof(name), "avedgectl %s", command->name);
	argv[used - 1] = name;
	status = ctl_args_parse(&args, command, argc - used + 1, argv + used - 1);
	return status == CTL_OK ? command->run(&args) : status;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "new, rotate, list or show": the commands of a group. */
static const char *members_of(const char *group, char *list, size_t size)
{
	const char *names[16];
	size_t len = strlen(group), count = 0, used = 0;

	for (size_t i = 0; i < ctl_command_count && count < 16; i++) {
		if (strncmp(ctl_commands[i].name, group, len) == 0 &&
		    ctl_commands[i].name[len] == ' ')
			names[count++] = ctl_commands[i].name + len + 1;
	}
	*list = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s",
					 i == 0           ? ""
					 : i + 1 == count ? " or "
							  : ", ",
					 names[i]);
	return list;
}

/* Walks the first words of all commands. */
struct first_words {
	char list[COMMANDS_MAX][24];
	size_t next;
};

static const char *next_first_word(void *arg)
{
	struct first_words *words = arg;

	if (words->next == ctl_command_count || words->next == COMMANDS_MAX)
		return NULL;
	const char *name = ctl_commands[words->next].name;
	char *word = words->list[words->next++];
	snprintf(word, sizeof(words->list[0]), "%.*s", (int)strcspn(name, " "), name);
	return word;
}

/* Report words that are not a command. */
static int no_command(int argc, char **argv)
{
	struct first_words words = {.next = 0};
	char name[64], list[256];

	if (!ctl_command_is_group(argv[0])) {
		const char *meant = nearest_word(argv[0], next_first_word, &words);
		return ctl_usage("avedgectl", "unknown command '%s'%s%s%s", argv[0],
				 meant ? "; did you mean '" : "", meant ? meant : "",
				 meant ? "'?" : "");
	}
	if (argc > 1 && is_help(argv[1])) {
		ctl_help_group(argv[0]);
		return CTL_OK;
	}
	snprintf(name, sizeof(name), "avedgectl %s", argv[0]);
	members_of(argv[0], list, sizeof(list));
	if (argc > 1)
		return ctl_usage(name, "unknown command '%s'; expected %s", argv[1],
				 list);
	return ctl_usage(name, "expected %s", list);
}

/* For the build, the tests and the shell: left out of the help, because nobody types them. */
static bool is_hidden(int argc, char **argv)
{
	if (strcmp(argv[0], "--manual-synopsis") == 0)
		ctl_manual_synopsis();
	else if (strcmp(argv[0], "--manual-commands") == 0)
		ctl_manual_commands();
	else if (strcmp(argv[0], "--manual-exit") == 0)
		ctl_manual_exit();
	else if (strcmp(argv[0], "--complete") == 0)
		ctl_complete(argc - 1, argv + 1);
	else
		return false;
	return true;
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
	if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
		printf("avedgectl %s\n", version_string());
		return CTL_OK;
	}
	if (is_hidden(argc, argv))
		return CTL_OK;
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
