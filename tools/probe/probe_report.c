/*
 * probe_report.c - the results of mras-probe, as lines or as JSON.
 */
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

static void add(struct probe_report *report, const char *step, bool ok,
		const char *detail, const char *advice)
{
	json_t *entry = json_pack("{s:s, s:b, s:s}", "step", step, "ok", ok ? 1 : 0,
				  "detail", detail);

	if (entry != NULL && advice != NULL)
		json_object_set_new(entry, "advice", json_string(advice));
	json_array_append_new(report->steps, entry);
}

void probe_ok(struct probe_report *report, const char *step, const char *format, ...)
{
	char detail[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	add(report, step, true, detail, NULL);
	if (!report->json)
		printf("%-12s %s\n", step, detail);
}

void probe_note(struct probe_report *report, const char *step, const char *format, ...)
{
	char detail[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	add(report, step, true, detail, NULL);
	if (!report->json)
		printf("%-12s %s\n", "", detail);
}

bool probe_fail(struct probe_report *report, const char *step, const char *advice,
		const char *format, ...)
{
	char detail[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	add(report, step, false, detail, advice);
	if (!report->json) {
		printf("%-12s FAILED: %s\n", step, detail);
		printf("%-12s %s\n", "", advice);
	}
	return false;
}
