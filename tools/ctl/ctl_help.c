/*
 * ctl_help.c - the tables of commands and options as text.
 */
#include "tools/ctl/ctl_help.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum { WIDTH = 80, NAME_WIDTH = 20 };

/* --- a terminal ------------------------------------------------------------------------------ */

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
	bool may_lack = option->kind == CTL_PERIOD;
	int len = snprintf(name, sizeof(name), "  --%s%s%s%s", option->name,
			   may_lack        ? " ["
			   : option->value ? " "
					   : "",
			   option->value ? option->value : "", may_lack ? "]" : "");

	printf("%-*s", NAME_WIDTH + 2, name);
	if (len > NAME_WIDTH)
		printf("\n%*s", NAME_WIDTH + 2, "");
	ctl_choices(option->choices, choices);
	snprintf(text, sizeof(text), "%s%s%s", option->help, *choices ? ": " : "",
		 choices);
	fold(text, NAME_WIDTH + 2, NAME_WIDTH + 2);
}

void ctl_help_command(const struct ctl_command *command)
{
	assert(command->name && command->purpose);
	printf("Usage: avedgectl %s%s%s%s\n", command->name, command->usage ? " " : "",
	       command->usage ? command->usage : "",
	       command->options[0] ? " [OPTION]..." : "");
	printf("%c%s.\n", toupper((unsigned char)*command->purpose),
	       command->purpose + 1);
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
	for (size_t i = 0; i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];

		if (!group || ctl_command_in(command, group))
			printf("  %-*s %s\n", NAME_WIDTH - 1, command->name,
			       command->purpose);
	}
}

void ctl_help_group(const char *group)
{
	assert(ctl_command_is_group(group));
	printf("Usage: avedgectl %s COMMAND [OPTION]...\n\n", group);
	list_commands(group);
	printf("\n  --help              after a command: show its options\n");
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

/* --- the manual page ------------------------------------------------------------------------- */

static json_t *option_json(const struct ctl_option *option)
{
	json_t *choices = json_array();

	for (size_t i = 0; option->choices && option->choices[i]; i++)
		json_array_append_new(choices, json_string(option->choices[i]));
	return json_pack("{s:s, s:s?, s:b, s:s, s:o}", "name", option->name, "value",
			 option->value, "value_optional", option->kind == CTL_PERIOD,
			 "help", option->help, "choices", choices);
}

static json_t *command_json(const struct ctl_command *command)
{
	json_t *options = json_array();

	for (size_t i = 0; command->options[i]; i++)
		json_array_append_new(options,
				      option_json(&ctl_options[command->options[i]]));
	return json_pack("{s:s, s:s?, s:s, s:s?, s:o}", "name", command->name, "usage",
			 command->usage, "purpose", command->purpose, "text",
			 command->text, "options", options);
}

int ctl_help_json(void)
{
	json_t *commands = json_array(), *codes = json_array();

	for (size_t i = 0; i < ctl_command_count; i++)
		json_array_append_new(commands, command_json(&ctl_commands[i]));
	for (int i = 0; i < CTL_EXIT_COUNT; i++)
		json_array_append_new(codes,
				      json_string(ctl_exit_meaning((enum ctl_exit)i)));
	return ctl_print_json(
		json_pack("{s:o, s:o}", "commands", commands, "exit", codes));
}
