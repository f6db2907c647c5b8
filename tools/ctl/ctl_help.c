/*
 * ctl_help.c - the tables of commands and options as text.
 */
#include "tools/ctl/ctl_help.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum { WIDTH = 80, NAME_WIDTH = 20 };

/* A text of the tables begins lower case; a sentence of it does not. */
static int capital(char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* " USAGE", or nothing. */
static const char *usage_of(const struct ctl_command *command, char buf[64])
{
	snprintf(buf, 64, "%s%s", command->usage ? " " : "",
		 command->usage ? command->usage : "");
	return buf;
}

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
	char usage[64];

	assert(command->name && command->purpose);
	printf("Usage: avedgectl %s%s%s\n", command->name, usage_of(command, usage),
	       command->options[0] ? " [OPTION]..." : "");
	printf("%c%s.\n", capital(*command->purpose), command->purpose + 1);
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

/* Escape what means something to troff, and dashes that readers copy. */
static void put(int c)
{
	if (c == '\\')
		fputs("\\e", stdout);
	else if (c == '-')
		fputs("\\-", stdout);
	else
		putchar(c);
}

/* Each sentence starts a line, and no line starts with a macro. */
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

/* A line of --help as a sentence, without its full stop. */
static void put_sentence(const char *text)
{
	put(capital(*text));
	while (*++text)
		put(*text);
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

static void put_option(const struct ctl_option *option)
{
	char choices[CTL_CHOICES_SIZE];

	printf(".It Fl Fl %s", option->name);
	if (option->value)
		printf("%s Ar %s", option->kind == CTL_PERIOD ? " Op" : "",
		       option->value);
	putchar('\n');
	put_sentence(option->help);
	printf("%s%s.\n", option->choices ? ": " : "",
	       ctl_choices(option->choices, choices));
	if (option->more)
		put_text(option->more);
}

static void put_synopsis(const struct ctl_command *command)
{
	printf(".Nm\n.Cm ");
	put_argument(command->name);
	if (command->usage) {
		printf("\n.Li ");
		put_argument(command->usage);
	}
	printf("\n.Op Ar option ...\n");
}

static void put_command(const struct ctl_command *command)
{
	char usage[64];

	printf(".Ss %s%s\n", command->name, usage_of(command, usage));
	put_sentence(command->purpose);
	fputs(".\n", stdout);
	if (command->text)
		put_text(command->text);
	if (!command->options[0])
		return;
	fputs(".Bl -tag -width \"--socket PATH\"\n", stdout);
	for (size_t i = 0; command->options[i]; i++)
		put_option(&ctl_options[command->options[i]]);
	fputs(".El\n", stdout);
}

static void put_exit_codes(void)
{
	fputs(".Bl -tag -width \"0\" -compact\n", stdout);
	for (int i = 0; i < CTL_EXIT_COUNT; i++) {
		const char *meaning = ctl_exit_meaning((enum ctl_exit)i);

		printf(".It %d\n%c%s.\n", i, capital(*meaning), meaning + 1);
	}
	fputs(".El\n", stdout);
}

bool ctl_help_manual(const char *part)
{
	void (*put_part)(const struct ctl_command *) =
		strcmp(part, "synopsis") == 0   ? put_synopsis
		: strcmp(part, "commands") == 0 ? put_command
						: NULL;

	if (strcmp(part, "exit") == 0)
		put_exit_codes();
	else if (!put_part)
		return false;
	for (size_t i = 0; put_part && i < ctl_command_count; i++)
		put_part(&ctl_commands[i]);
	return true;
}
