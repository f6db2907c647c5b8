/*
 * probe_report.c - the results of mras-probe, as lines or as JSON.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "tools/probe/probe.h"

enum { LINE_SIZE = 1024 };

bool probe_report_begin(struct probe_report *report, bool json)
{
	report->json = json;
	report->steps = json_array();
	return report->steps != NULL;
}

void probe_report_end(struct probe_report *report)
{
	json_decref(report->steps);
	report->steps = NULL;
}

/* A step has failed if there is advice. label starts its line. */
__attribute__((format(printf, 5, 0))) static void add(struct probe_report *report,
						      const char *step, const char *label,
						      const char *advice,
						      const char *format, va_list args)
{
	char detail[LINE_SIZE];

	assert(report->steps);
	vsnprintf(detail, sizeof(detail), format, args);
	json_array_append_new(report->steps,
			      json_pack("{s:s, s:b, s:s, s:s*}", "step", step, "ok",
					advice == NULL, "detail", detail, "advice",
					advice));
	if (report->json)
		return;
	printf("%-12s %s%s\n", label, advice ? "FAILED: " : "", detail);
	if (advice)
		printf("%-12s %s\n", "", advice);
}

void probe_ok(struct probe_report *report, const char *step, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(report, step, step, NULL, format, args);
	va_end(args);
}

void probe_note(struct probe_report *report, const char *step, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(report, step, "", NULL, format, args);
	va_end(args);
}

bool probe_fail(struct probe_report *report, const char *step, const char *advice,
		const char *format, ...)
{
	va_list args;

	assert(advice);
	va_start(args, format);
	add(report, step, step, advice, format, args);
	va_end(args);
	return false;
}

const char *probe_refusal_advice(int status)
{
	switch (status) {
	case 400:
		return "mrasd cannot issue this form for that --identity";
	case 403:
		return "use an --identity that 'identities' of our server { } block in "
		       "mrasd.conf allow";
	case 429:
		return "wait, or raise requests_per_second or identity_per_minute";
	case 503:
		return "mrasd has no valid key, or all relays of that location are draining; "
		       "see 'avedgectl key list' and 'avedgectl mras relays' on the edge";
	default:
		return "see the log of mrasd";
	}
}
