/*
 * openmetrics.c - see openmetrics.h. The older format differs: the name of a counter's family ends
 * in _total, and there are no units, no info type and no end mark.
 */
#include "base/metrics/openmetrics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROOM_FIRST = 16 << 10,
	NUMBER_LEN = 32,
};

const char *openmetrics_content_type(enum openmetrics_form form)
{
	return form == OPENMETRICS_1_0_0
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

void openmetrics_init(struct openmetrics *om, enum openmetrics_form form)
{
	*om = (struct openmetrics){.form = form};
}

static bool reserve(struct openmetrics *om, size_t more)
{
	size_t size = om->size != 0 ? om->size : ROOM_FIRST;
	char *text;

	if (om->failed)
		return false;
	if (om->size - om->len >= more)
		return true;
	while (size - om->len < more)
		size *= 2;
	text = realloc(om->text, size);
	if (text == NULL) {
		om->failed = true;
		return false;
	}
	om->text = text;
	om->size = size;
	return true;
}

static void put_bytes(struct openmetrics *om, const char *text, size_t len)
{
	if (!reserve(om, len))
		return;
	assert(len <= om->size - om->len);
	memcpy(om->text + om->len, text, len);
	om->len += len;
}

static void put(struct openmetrics *om, const char *text)
{
	put_bytes(om, text, strlen(text));
}

/* Quotes: whether to escape them; the older format would show the backslash in a HELP. */
static void put_escaped(struct openmetrics *om, const char *text, bool quotes)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\')
			put(om, "\\\\");
		else if (*p == '\n')
			put(om, "\\n");
		else if (*p == '"' && quotes)
			put(om, "\\\"");
		else
			put_bytes(om, p, 1);
	}
}

static const char *type_name(enum metric_type type, enum openmetrics_form form)
{
	switch (type) {
	case METRIC_GAUGE:
		return "gauge";
	case METRIC_COUNTER:
		return "counter";
	case METRIC_HISTOGRAM:
		return "histogram";
	case METRIC_INFO:
		return form == OPENMETRICS_1_0_0 ? "info" : "gauge";
	}
	return "unknown";
}

/* The suffix of a sample's name. */
static const char *sample_suffix(enum metric_type type)
{
	switch (type) {
	case METRIC_COUNTER:
		return "_total";
	case METRIC_INFO:
		return "_info";
	case METRIC_GAUGE:
	case METRIC_HISTOGRAM:
		break;
	}
	return "";
}

static void put_comment(struct openmetrics *om, const char *keyword, const char *text)
{
	put(om, "# ");
	put(om, keyword);
	put(om, " ");
	put(om, om->family);
	if (om->form == PROMETHEUS_0_0_4)
		put(om, sample_suffix(om->type));
	put(om, " ");
	put_escaped(om, text, om->form == OPENMETRICS_1_0_0);
	put(om, "\n");
}

void openmetrics_family(struct openmetrics *om, enum metric_type type, const char *name,
			const char *unit, const char *help)
{
	assert(unit == NULL || strstr(name, unit) != NULL);
	om->family = name;
	om->type = type;
	put_comment(om, "TYPE", type_name(type, om->form));
	if (unit != NULL && om->form == OPENMETRICS_1_0_0)
		put_comment(om, "UNIT", unit);
	put_comment(om, "HELP", help);
}

static void put_label(struct openmetrics *om, const char *name, const char *value,
		      bool *is_first)
{
	put(om, *is_first ? "{" : ",");
	*is_first = false;
	put(om, name);
	put(om, "=\"");
	put_escaped(om, value, true);
	put(om, "\"");
}

/* Name and labels; le is the bound of a bucket, or NULL. */
static void put_head(struct openmetrics *om, const char *suffix, const char *le,
		     va_list labels)
{
	bool is_first = true;
	const char *name;

	assert(om->family != NULL);
	put(om, om->family);
	put(om, suffix);
	while ((name = va_arg(labels, const char *)) != NULL)
		put_label(om, name, va_arg(labels, const char *), &is_first);
	if (le != NULL)
		put_label(om, "le", le, &is_first);
	put(om, is_first ? " " : "} ");
}

/* The shortest text that reads back as the same number; whole ones as in OpenMetrics: "60.0". */
static const char *real_text(double value, char buf[NUMBER_LEN])
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "+Inf" : "-Inf";
	if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
		snprintf(buf, NUMBER_LEN, "%.1f", value);
		return buf;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(buf, NUMBER_LEN, "%.*g", digits, value);
		if (strtod(buf, NULL) == value)
			break;
	}
	return buf;
}

static void put_count(struct openmetrics *om, uint64_t value)
{
	char text[NUMBER_LEN];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
	put(om, text);
}

static void put_real(struct openmetrics *om, double value)
{
	char text[NUMBER_LEN];

	put(om, real_text(value, text));
	put(om, "\n");
}

void openmetrics_count(struct openmetrics *om, uint64_t value, ...)
{
	va_list labels;

	assert(om->type != METRIC_HISTOGRAM);
	va_start(labels, value);
	put_head(om, sample_suffix(om->type), NULL, labels);
	va_end(labels);
	put_count(om, value);
}

void openmetrics_real(struct openmetrics *om, double value, ...)
{
	va_list labels;

	assert(om->type != METRIC_HISTOGRAM);
	va_start(labels, value);
	put_head(om, sample_suffix(om->type), NULL, labels);
	va_end(labels);
	put_real(om, value);
}

void openmetrics_histogram(struct openmetrics *om,
			   const struct openmetrics_histogram *histogram, ...)
{
	uint64_t count = 0;
	char bound[NUMBER_LEN];
	va_list labels, copy;

	assert(om->type == METRIC_HISTOGRAM);
	va_start(labels, histogram);
	for (size_t i = 0; i <= histogram->bound_count; i++) {
		assert(i == 0 || i == histogram->bound_count ||
		       histogram->bounds[i - 1] < histogram->bounds[i]);
		count += histogram->counts[i];
		va_copy(copy, labels);
		put_head(om, "_bucket",
			 i < histogram->bound_count
				 ? real_text(histogram->bounds[i], bound)
				 : "+Inf",
			 copy);
		va_end(copy);
		put_count(om, count);
	}
	va_copy(copy, labels);
	put_head(om, "_sum", NULL, copy);
	va_end(copy);
	put_real(om, histogram->sum);
	put_head(om, "_count", NULL, labels);
	va_end(labels);
	put_count(om, count);
}

char *openmetrics_finish(struct openmetrics *om, size_t *len)
{
	char *text = NULL;

	if (om->form == OPENMETRICS_1_0_0)
		put(om, "# EOF\n");
	put_bytes(om, "", 1);
	if (om->failed) {
		free(om->text);
	} else {
		text = om->text;
		if (len != NULL)
			*len = om->len - 1;
	}
	openmetrics_init(om, om->form);
	return text;
}
