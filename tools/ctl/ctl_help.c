/*
 * ctl_help.c - the tables of commands and options as help in a terminal.
 */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum { WIDTH = 80, NAME_WIDTH = 20 };

/* Fold at blanks, the first line from column on, the others from indent on. */
static void fold(const char *text, size_t column, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (column > indent && column + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)len, text);
		column += len;
		text += len;
		if (strncmp(text, "\n\n", 2) == 0) {
			printf("\n\n%*s", (int)indent, "");
			column = indent;
		}
		text += strspn(text, " \n");
	}
	putchar('\n');
}

static void help_option(const struct ctl_option *option)
{
	char name[48], choices[CTL_CHOICES_SIZE], text[256];
	int len = snprintf(name, sizeof(name), "  --%s%s%s%s", option->name,
			   option->kind == CTL_PERIOD ? " ["
			   : option->value            ? " "
						      : "",
			   option->value ? option->value : "",
			   option->kind == CTL_PERIOD ? "]" : "");

	printf("%-*s", NAME_WIDTH + 2, name);
	if (len > NAME_WIDTH)
		printf("\n%*s", NAME_WIDTH + 2, "");
	ctl_choices(option, choices);
	snprintf(text, sizeof(text), "%s%s%s", option->help, *choices ? ": " : "",
		 choices);
	fold(text, NAME_WIDTH + 2, NAME_WIDTH + 2);
}

void ctl_help_command(const struct ctl_command *command)
{
	printf("Usage: avedgectl %s%s%s%s\n", command->name, command->usage ? " " : "",
	       command->usage ? command->usage : "",
	       command->options[0] ? " [OPTION]..." : "");
	printf("%c", *command->purpose - ('a' <= *command->purpose ? 'a' - 'A' : 0));
	printf("%s.\n", command->purpose + 1);
	if (command->text) {
		putchar('\n');
		fold(command->text, 0, 0);
	}
	putchar('\n');
	for (size_t i = 0; command->options[i]; i++)
		help_option(&ctl_options[command->options[i]]);
}

static void list_commands(const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (size_t i = 0; i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];

		if (group && (strncmp(command->name, group, len) != 0 ||
			      command->name[len] != ' '))
			continue;
		printf("  %-*s %s\n", NAME_WIDTH - 1, command->name, command->purpose);
	}
}

void ctl_help_group(const char *word)
{
	printf("Usage: avedgectl %s COMMAND [OPTION]...\n\n", word);
	list_commands(word);
	printf("\n  --help              after a command: show its options\n");
}

const char *ctl_exit_meaning(enum ctl_exit code)
{
	switch (code) {
	case CTL_OK:
		return "success";
	case CTL_FAILED:
		return "failed or refused; standard error says why";
	case CTL_USAGE:
		return "usage error; nothing was done";
	case CTL_UNREACHABLE:
		return "the daemon cannot be reached";
	case CTL_NOT_FOUND:
		return "no such allocation, relay, subsystem or key";
	case CTL_EXIT_COUNT:
		break;
	}
	return "";
}

void ctl_help(void)
{
	puts("Usage: avedgectl COMMAND [OPTION]...\n"
	     "Control a running edge.\n");
	list_commands(NULL);
	puts("\n"
	     "  --help              show this help; after a command: its options\n"
	     "  --version           show the version\n"
	     "\n"
	     "Exit status:");
	for (int i = 0; i < CTL_EXIT_COUNT; i++)
		printf("  %d  %s\n", i, ctl_exit_meaning((enum ctl_exit)i));
}
