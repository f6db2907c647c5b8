/*
 * ctl_args.c - from the words of a command line to the values of a command.
 */
#include "tools/ctl/ctl_args.h"

#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/credential/timestamp.h"
#include "base/config/nearest.h"
#include "base/units.h"
#include "stun/endpoint.h"
#include "stun/ip_prefix.h"
#include "tools/ctl/ctl.h"

enum { LETTER_HELP = 'h', LETTER_FIRST = 1000, PERIOD_DEFAULT_S = 2 };

static int take_choice(const struct ctl_args *args, const struct ctl_option *option,
		       const char *text)
{
	char list[CTL_CHOICES_SIZE];

	if (ctl_is_choice(option->choices, text))
		return CTL_OK;
	return ctl_usage(args->name, "--%s %s: expected %s", option->name, text,
			 ctl_choices(option->choices, list));
}

static int take_number(const struct ctl_args *args, const struct ctl_option *option,
		       const char *text, int64_t *number)
{
	assert(text != NULL);
	size_t len = strspn(text, "0123456789");

	*number = len > 0 && len < 19 ? strtoll(text, NULL, 10) : -1;
	if (text[len] == '\0' && *number >= option->min && *number <= option->max)
		return CTL_OK;
	return ctl_usage(args->name, "--%s %s: expected a number from %lld to %lld",
			 option->name, text, (long long)option->min,
			 (long long)option->max);
}

static int take_duration(const struct ctl_args *args, const struct ctl_option *option,
			 const char *text, int64_t *seconds)
{
	char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];

	if (!units_duration(text, seconds))
		return ctl_usage(
			args->name,
			"--%s %s: expected a duration such as 30s, 15m, 8h or 90d",
			option->name, text);
	if (*seconds >= option->min && *seconds <= option->max)
		return CTL_OK;
	return ctl_usage(args->name, "--%s %s: must be between %s and %s", option->name,
			 text, units_duration_text(option->min, least),
			 units_duration_text(option->max, most));
}

/* "2026-01-31T00:00:00Z", also with the fraction that records have, which is dropped. */
static bool parse_time(const char *text, int64_t *unix_s)
{
	const char *dot = strchr(text, '.');
	size_t whole = dot ? (size_t)(dot - text) : strlen(text);
	char time[TIMESTAMP_SIZE];

	if (whole >= sizeof(time) ||
	    (dot && strcmp(dot + 1 + strspn(dot + 1, "0123456789"), "Z") != 0))
		return false;
	snprintf(time, sizeof(time), "%.*s%s", (int)whole, text, dot ? "Z" : "");
	return timestamp_parse(time, strlen(time), unix_s) && *unix_s >= 0;
}

/* Unix seconds; of a duration those that are so long ago. */
static int take_since(const struct ctl_args *args, const struct ctl_option *option,
		      const char *text, int64_t *unix_s)
{
	int64_t now_s = time(NULL), ago_s;

	if (parse_time(text, unix_s))
		return CTL_OK;
	if (!units_duration(text, &ago_s) || ago_s > option->max)
		return ctl_usage(
			args->name,
			"--%s %s: expected a duration such as 15m, or a UTC time "
			"such as 2026-01-31T00:00:00Z",
			option->name, text);
	*unix_s = ago_s < now_s ? now_s - ago_s : 0;
	return CTL_OK;
}

/* The relay refuses host bits: what was meant is not clear, so name the prefix they are in. */
static int check_prefix(const struct ctl_args *args, const struct ctl_option *option,
			const char *text)
{
	const char *slash = strchr(text, '/');
	char ip[ENDPOINT_TEXT_LEN];
	struct ip_prefix prefix;
	struct ip_addr addr;
	unsigned len, bits;
	size_t digits;

	if (ip_prefix_parse(text, &prefix))
		return CTL_OK;
	snprintf(ip, sizeof(ip), "%.*s", slash ? (int)(slash - text) : 0, text);
	digits = slash ? strspn(slash + 1, "0123456789") : 0;
	len = digits > 0 && digits <= 3 ? (unsigned)strtoul(slash + 1, NULL, 10)
					: UINT_MAX;
	bits = ip_addr_parse(ip, &addr) ? addr.family == IP_V4 ? 32 : 128 : 0;
	if (!slash || slash[1 + digits] != '\0' || len > bits)
		return ctl_usage(args->name,
				 "--%s %s: expected an address or a prefix such as "
				 "192.0.2.0/24",
				 option->name, text);
	for (unsigned bit = len; bit < bits; bit++)
		addr.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	return ctl_usage(args->name, "--%s %s: has host bits set; use %s/%u",
			 option->name, text, ip_addr_format(&addr, ip, sizeof(ip)), len);
}

/* text is NULL for a flag and for a period without value. */
static int take_option(struct ctl_args *args, enum ctl_option_id id, const char *text)
{
	const struct ctl_option *option = &ctl_options[id];

	assert(id > OPTION_NONE && id < OPTION_COUNT);
	if (option->many && args->many_count == CTL_MANY_MAX)
		return ctl_usage(args->name, "--%s: given more than %d times",
				 option->name, CTL_MANY_MAX);
	if (option->many)
		args->many[args->many_count++] = text;
	args->values[id] = text ? text : "";
	args->numbers[id] = PERIOD_DEFAULT_S;
	if (option->kind == CTL_CHOICE)
		return take_choice(args, option, text);
	if (option->kind == CTL_PREFIX)
		return check_prefix(args, option, text);
	if (option->kind == CTL_SINCE)
		return take_since(args, option, text, &args->numbers[id]);
	if (option->kind == CTL_DURATION)
		return take_duration(args, option, text, &args->numbers[id]);
	if (option->kind == CTL_NUMBER || (option->kind == CTL_PERIOD && text))
		return take_number(args, option, text, &args->numbers[id]);
	return CTL_OK;
}

static void list_options(const struct ctl_command *command,
			 struct option list[CTL_OPTIONS_MAX + 2])
{
	size_t count = 0;

	for (; command->options[count]; count++) {
		const struct ctl_option *option = &ctl_options[command->options[count]];

		assert(count < CTL_OPTIONS_MAX - 1 && option->name && option->help);
		assert((option->kind == CTL_FLAG) == (option->value == NULL));
		assert((option->kind == CTL_CHOICE) == (option->choices != NULL));
		assert(option->min <= option->max);
		list[count] = (struct option){
			.name = option->name,
			.has_arg = option->kind == CTL_FLAG     ? no_argument
				   : option->kind == CTL_PERIOD ? optional_argument
								: required_argument,
			.val = LETTER_FIRST + command->options[count],
		};
	}
	list[count++] = (struct option){"help", no_argument, NULL, LETTER_HELP};
	list[count] = (struct option){0};
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
	assert(optind == argc && args->operand_count <= CTL_OPERANDS_MAX);
	if (args->operand_count < command->operands_min)
		return ctl_usage(args->name, "%s is required", command->usage);
	return CTL_OK;
}

/* After getopt's own message: the option that a word was perhaps meant to be. */
static void suggest(const char *name, const struct option *list, const char *word)
{
	char typed[64];
	struct nearest nearest = {.word = typed};

	if (strncmp(word, "--", 2) != 0)
		return;
	snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (; list->name; list++) {
		if (strcmp(list->name, typed) == 0)
			return; /* it lacks its value, or has one too many */
		nearest_try(&nearest, list->name);
	}
	if (nearest.found)
		fprintf(stderr, "%s: did you mean '--%s'?\n", name, nearest.found);
}

int ctl_args_parse(struct ctl_args *args, const struct ctl_command *command, int argc,
		   char **argv)
{
	struct option list[CTL_OPTIONS_MAX + 2];
	int letter;

	assert(command && argc > 0);
	*args = (struct ctl_args){.command = command, .name = argv[0]};
	list_options(command, list);
	while ((letter = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (letter == LETTER_HELP) {
			args->help = true;
			return CTL_OK;
		}
		if (letter < LETTER_FIRST) {
			suggest(args->name, list, argv[optind - 1]);
			fprintf(stderr, "Try '%s --help'.\n", args->name);
			return CTL_USAGE;
		}

		enum ctl_option_id id = (enum ctl_option_id)(letter - LETTER_FIRST);
		/* "--watch 5" as well as "--watch=5". */
		if (ctl_options[id].kind == CTL_PERIOD && !optarg && optind < argc &&
		    *argv[optind] >= '0' && *argv[optind] <= '9')
			optarg = argv[optind++];
		if (take_option(args, id, optarg) != CTL_OK)
			return CTL_USAGE;
	}
	return take_operands(args, argc, argv);
}
