/*
 * ctl_args.c - from the words of a command line to a command and its values.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

enum { LETTER_HELP = 'h', LETTER_FIRST = 1000 };

bool ctl_command_is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < ctl_command_count; i++) {
		if (strncmp(ctl_commands[i].name, word, len) == 0 &&
		    ctl_commands[i].name[len] == ' ')
			return true;
	}
	return false;
}

const struct ctl_command *ctl_command_find(int count, char **words, int *used)
{
	for (size_t i = 0; count > 0 && i < ctl_command_count; i++) {
		const char *name = ctl_commands[i].name;
		const char *blank = strchr(name, ' ');
		size_t len = blank ? (size_t)(blank - name) : strlen(name);

		if (strlen(words[0]) != len || strncmp(name, words[0], len) != 0)
			continue;
		if (blank && (count < 2 || strcmp(blank + 1, words[1]) != 0))
			continue;
		*used = blank ? 2 : 1;
		return &ctl_commands[i];
	}
	return NULL;
}

const char *ctl_choices(const struct ctl_option *option, char buf[CTL_CHOICES_SIZE])
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		used += (size_t)snprintf(buf + used, CTL_CHOICES_SIZE - used, "%s%s",
					 i == 0                   ? ""
					 : option->choices[i + 1] ? ", "
								  : " or ",
					 option->choices[i]);
	return buf;
}

static bool take_choice(const struct ctl_args *args, const struct ctl_option *option,
			const char *text)
{
	char list[CTL_CHOICES_SIZE];

	for (const char *const *choice = option->choices; *choice; choice++) {
		if (strcmp(*choice, text) == 0)
			return true;
	}
	ctl_usage(args->name, "--%s %s: expected %s", option->name, text,
		  ctl_choices(option, list));
	return false;
}

static bool take_number(const struct ctl_args *args, const struct ctl_option *option,
			const char *text, int64_t *number)
{
	size_t len = strspn(text, "0123456789");

	*number = len > 0 && len < 19 ? strtoll(text, NULL, 10) : -1;
	if (text[len] != '\0' || *number < option->min || *number > option->max) {
		ctl_usage(args->name, "--%s %s: expected a number from %lld to %lld",
			  option->name, text, (long long)option->min,
			  (long long)option->max);
		return false;
	}
	return true;
}

static bool take_duration(const struct ctl_args *args, const struct ctl_option *option,
			  const char *text, int64_t *seconds)
{
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];

	if (!units_duration(text, seconds)) {
		ctl_usage(args->name,
			  "--%s %s: expected a duration such as 30s, 15m, 8h or 90d",
			  option->name, text);
		return false;
	}
	if (*seconds < option->min || *seconds > option->max) {
		ctl_usage(args->name, "--%s %s: must be between %s and %s", option->name,
			  text, units_duration_text(option->min, least),
			  units_duration_text(option->max, most));
		return false;
	}
	return true;
}

/* False after a complaint. */
static bool take_option(struct ctl_args *args, enum ctl_option_id id, const char *text)
{
	const struct ctl_option *option = &ctl_options[id];

	if (option->many && args->many_count == CTL_MANY_MAX) {
		ctl_usage(args->name, "--%s: given more than %d times", option->name,
			  CTL_MANY_MAX);
		return false;
	}
	if (option->many)
		args->many[args->many_count++] = text;
	args->values[id] = text ? text : "";
	switch (option->kind) {
	case CTL_CHOICE:
		return take_choice(args, option, text);
	case CTL_NUMBER:
		return take_number(args, option, text, &args->numbers[id]);
	case CTL_DURATION:
		return take_duration(args, option, text, &args->numbers[id]);
	case CTL_PERIOD:
		args->numbers[id] = 2;
		return !text || take_number(args, option, text, &args->numbers[id]);
	case CTL_NOTHING:
	case CTL_FLAG:
	case CTL_TEXT:
	case CTL_FILE:
	case CTL_ALLOCATION:
	case CTL_USER:
	case CTL_KEY:
	case CTL_LEVEL:
	case CTL_SUBSYSTEM:
	case CTL_MRAS_SUBSYSTEM:
	case CTL_MRAS_RELAY:
		break;
	}
	return true;
}

static void list_options(const struct ctl_command *command, struct option *list)
{
	for (size_t i = 0; command->options[i]; i++) {
		const struct ctl_option *option = &ctl_options[command->options[i]];

		*list++ = (struct option){
			.name = option->name,
			.has_arg = option->kind == CTL_FLAG     ? no_argument
				   : option->kind == CTL_PERIOD ? optional_argument
								: required_argument,
			.val = LETTER_FIRST + command->options[i],
		};
	}
	*list++ = (struct option){"help", no_argument, NULL, LETTER_HELP};
	*list = (struct option){0};
}

static int take_operands(struct ctl_args *args, int argc, char **argv)
{
	const struct ctl_command *command = args->command;

	for (; optind < argc; optind++) {
		if (args->operand_count == CTL_OPERANDS_MAX ||
		    command->operands[args->operand_count] == CTL_NOTHING)
			return ctl_usage(args->name, "unexpected argument '%s'",
					 argv[optind]);
		args->operands[args->operand_count++] = argv[optind];
	}
	if (args->operand_count < command->operands_min)
		return ctl_usage(args->name, "%s is required", command->usage);
	return CTL_OK;
}

int ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc,
		   char **argv)
{
	struct option list[CTL_OPTIONS_MAX + 2];
	int letter;

	*args = (struct ctl_args){.command = command, .name = argv[0]};
	list_options(command, list);
	while ((letter = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (letter == LETTER_HELP) {
			ctl_help_command(command);
			exit(CTL_OK);
		}
		if (letter < LETTER_FIRST) {
			fprintf(stderr, "Try '%s --help'.\n", args->name);
			return CTL_USAGE;
		}

		enum ctl_option_id id = (enum ctl_option_id)(letter - LETTER_FIRST);
		/* "--watch 5" as well as "--watch=5". */
		if (ctl_options[id].kind == CTL_PERIOD && !optarg && optind < argc &&
		    *argv[optind] >= '0' && *argv[optind] <= '9')
			optarg = argv[optind++];
		if (!take_option(args, id, optarg))
			return CTL_USAGE;
	}
	return take_operands(args, argc, argv);
}
