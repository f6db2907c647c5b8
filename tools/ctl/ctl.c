/*
 * ctl.c - what the commands of avedgectl share: complaints, and JSON on stdout.
 */
#include "tools/ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

#include "tools/ctl/ctl_text.h"

enum { COMPLAINT_MAX = 2048 };

int ctl_usage(const char *command, const char *format, ...)
{
	char text[COMPLAINT_MAX], clean[COMPLAINT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\nTry '%s --help'.\n", command,
		ctl_clean(text, clean, sizeof(clean)), command);
	return CTL_USAGE;
}

int ctl_fail(const char *format, ...)
{
	char text[COMPLAINT_MAX], clean[COMPLAINT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "avedgectl: %s\n", ctl_clean(text, clean, sizeof(clean)));
	return CTL_FAILED;
}

int ctl_print_json(json_t *document)
{
	int status = CTL_OK;

	if (!document)
		return ctl_fail("out of memory");
	if (json_dumpf(document, stdout,
		       JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) != 0)
		status = ctl_fail("cannot write output");
	putchar('\n');
	json_decref(document);
	return status;
}
