/*
 * ctl_manual.c - the tables of commands and options as mdoc(7), for docs/avedgectl.1.
 */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

/* Characters that mean something to troff, and dashes that are to be copied as such. */
static void put(char c)
{
	if (c == '\\')
		fputs("\\e", stdout);
	else if (c == '-')
		fputs("\\-", stdout);
	else
		putchar(c);
}

/* A line begins with no macro and every sentence with a line. */
static void put_text(const char *text)
{
	bool fresh = true;

	for (const char *p = text; *p; p++) {
		if (fresh && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		fresh = false;
		if (strncmp(p, "\n\n", 2) == 0) {
			fputs("\n.Pp\n", stdout);
			p++;
			fresh = true;
		} else if (strncmp(p, "  ", 2) == 0) {
			putchar('\n');
			p++;
			fresh = true;
		} else {
			put(*p);
		}
	}
	putchar('\n');
}

/* An argument of a macro: blanks would end it. */
static void put_argument(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			fputs("\\(dq", stdout);
		else
			put(*text);
	}
	putchar('"');
}

void ctl_manual_synopsis(void)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];

		printf(".Nm\n.Cm ");
		put_argument(command->name);
		if (command->usage) {
			printf("\n.Li ");
			put_argument(command->usage);
		}
		printf("\n.Op Ar option ...\n");
	}
}

static void put_option(const struct ctl_option *option)
{
	char choices[CTL_CHOICES_SIZE];

	printf(".It Fl Fl %s", option->name);
	if (option->kind == CTL_PERIOD)
		printf(" Op Ar %s", option->value);
	else if (option->value)
		printf(" Ar %s", option->value);
	putchar('\n');
	/* The one line of --help begins as a sentence does and ends without its point. */
	if (*option->help >= 'a' && *option->help <= 'z') {
		putchar(*option->help - 'a' + 'A');
		for (const char *p = option->help + 1; *p; p++)
			put(*p);
	} else {
		for (const char *p = option->help; *p; p++)
			put(*p);
	}
	if (*ctl_choices(option, choices))
		printf(": %s", choices);
	fputs(".\n", stdout);
	if (option->more)
		put_text(option->more);
}

void ctl_manual_commands(void)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];

		printf(".Ss %s%s%s\n", command->name, command->usage ? " " : "",
		       command->usage ? command->usage : "");
		putchar(*command->purpose >= 'a' && *command->purpose <= 'z'
				? *command->purpose - 'a' + 'A'
				: *command->purpose);
		for (const char *p = command->purpose + 1; *p; p++)
			put(*p);
		fputs(".\n", stdout);
		if (command->text)
			put_text(command->text);
		if (!command->options[0])
			continue;
		fputs(".Bl -tag -width \"--socket PATH\"\n", stdout);
		for (size_t j = 0; command->options[j]; j++)
			put_option(&ctl_options[command->options[j]]);
		fputs(".El\n", stdout);
	}
}

void ctl_manual_exit(void)
{
	fputs(".Bl -tag -width \"0\" -compact\n", stdout);
	for (int i = 0; i < CTL_EXIT_COUNT; i++) {
		const char *meaning = ctl_exit_meaning((enum ctl_exit)i);

		printf(".It %d\n%c%s.\n", i, *meaning - 'a' + 'A', meaning + 1);
	}
	fputs(".El\n", stdout);
}
