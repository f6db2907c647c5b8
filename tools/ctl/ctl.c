/*
 * ctl.c - what the commands of avedgectl share: messages, and JSON on stdout.
 */
#include "tools/ctl/ctl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl_text.h"

enum { MESSAGE_MAX = 2048 };

/* "PREFIX: message" on stderr, cleaned. */
static void complain(const char *prefix, const char *format, va_list args)
{
	char text[MESSAGE_MAX], clean[MESSAGE_MAX];
	size_t len;

	assert(*format && !strchr(format, '\n')); /* a message is one line */
	vsnprintf(text, sizeof(text), format, args);
	/* Sentences of other modules end with a full stop, ours do not. */
	len = strlen(text);
	if (len > 1 && text[len - 1] == '.' && text[len - 2] != '.')
		text[len - 1] = '\0';
	fprintf(stderr, "%s: %s\n", prefix, ctl_clean(text, clean, sizeof(clean)));
}

const char *ctl_exit_meaning(enum ctl_exit code)
{
	static const char *const meanings[CTL_EXIT_COUNT] = {
		[CTL_OK] = "success",
		[CTL_FAILED] = "failed or refused; standard error says why",
		[CTL_USAGE] = "usage error; nothing was done",
		[CTL_UNREACHABLE] = "the daemon cannot be reached",
		[CTL_NOT_FOUND] = "no such allocation, user, key, relay or subsystem",
	};

	assert(code >= 0 && code < CTL_EXIT_COUNT);
	return meanings[code];
}

int ctl_usage(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(command, format, args);
	va_end(args);
	fprintf(stderr, "Try '%s --help'.\n", command);
	return CTL_USAGE;
}

int ctl_vfail(const char *format, va_list args)
{
	complain("avedgectl", format, args);
	return CTL_FAILED;
}

int ctl_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_vfail(format, args);
	va_end(args);
	return CTL_FAILED;
}

static int print_json(json_t *document, size_t layout)
{
	int status = CTL_OK;

	if (!document)
		return ctl_fail("out of memory");
	if (json_dumpf(document, stdout,
		       layout | JSON_ENSURE_ASCII | JSON_ENCODE_ANY |
			       JSON_REAL_PRECISION(9)) != 0)
		status = ctl_fail("cannot write output");
	putchar('\n');
	json_decref(document);
	return status;
}

int ctl_print_json(json_t *document)
{
	return print_json(document, JSON_INDENT(2));
}

int ctl_print_json_line(json_t *document)
{
	return print_json(document, JSON_COMPACT);
}
