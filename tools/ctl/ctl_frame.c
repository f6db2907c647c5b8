/*
 * ctl_frame.c - a snapshot of a running relay as lines of text.
 */
#include "tools/ctl/ctl_frame.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "tools/ctl/ctl_text.h"

enum {
	LINE_SIZE = 1024,
	BAR_WIDTH = 20,
	ID_WIDTH = 16,
	FOOT = 1,
	ADDRESS_WIDTH = 21,     /* an IPv4 address with its port */
	ADDRESS_WIDTH_MAX = 47, /* an IPv6 address with its port */
	USER_WIDTH = 11,
	USER_WIDTH_MAX = 32,
	WORST_DROPS = 3,
};

#define REVERSE "\033[7m"
#define PLAIN "\033[0m"

void ctl_sample_set(struct ctl_sample *sample, json_t *status, json_t *counters,
		    json_t *allocations, int64_t at_ms)
{
	ctl_sample_clear(sample);
	*sample = (struct ctl_sample){status, counters, allocations, at_ms};
}

void ctl_sample_clear(struct ctl_sample *sample)
{
	json_decref(sample->status);
	json_decref(sample->counters);
	json_decref(sample->allocations);
	*sample = (struct ctl_sample){0};
}

/* A line, cut at the right edge. */
__attribute__((format(printf, 3, 4))) static void line(const struct ctl_frame *frame,
						       FILE *out, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(out, "%.*s%s\n", (int)ctl_fit(text, frame->columns), text,
		frame->live ? "\033[K" : "");
}

/* A line of full width, in reverse video on a terminal. */
static void bar(const struct ctl_frame *frame, FILE *out, const char *text,
		const char *end)
{
	int width = (int)ctl_fit(text, frame->columns);
	int pad = (int)(frame->columns - ctl_columns(text));

	if (!frame->live)
		fprintf(out, "%.*s%s", width, text, end);
	else
		fprintf(out, REVERSE "%.*s%*s" PLAIN "%s", width, text, pad > 0 ? pad : 0,
			"", end);
}

static double seconds_between(const struct ctl_frame *frame)
{
	return frame->before->counters
		       ? (double)(frame->now->at_ms - frame->before->at_ms) / 1000.0
		       : 0;
}

/* Sum of one member over the sides of a direction: counters "to_peer" and "to_client". */
static double sum_sides(const struct ctl_sample *sample, const char *direction,
			const char *member)
{
	json_t *sides = json_object_get(sample->counters, direction), *side;
	const char *name;
	double sum = 0;

	json_object_foreach(sides, name, side) sum += ctl_real(side, member);
	return sum;
}

/* Increase per second since the sample before; 0 if unknown. */
static double rate_of(const struct ctl_frame *frame, double now, double before)
{
	double seconds = seconds_between(frame);

	/* Counters restart with the relay. */
	return seconds > 0 && now >= before ? (now - before) / seconds : 0;
}

static void draw_traffic(const struct ctl_frame *frame, FILE *out)
{
	static const char *const directions[] = {"to_peer", "to_client"};
	char rate[2][CTL_FIGURE_MAX], packets[2][CTL_FIGURE_MAX];

	for (int i = 0; i < 2; i++) {
		ctl_rate_text(
			8 * rate_of(frame, sum_sides(frame->now, directions[i], "bytes"),
				    sum_sides(frame->before, directions[i], "bytes")),
			rate[i]);
		ctl_count_text(
			rate_of(frame, sum_sides(frame->now, directions[i], "packets"),
				sum_sides(frame->before, directions[i], "packets")),
			packets[i]);
	}
	line(frame, out, "traffic   to peers %s, %s pps    to clients %s, %s pps",
	     rate[0], packets[0], rate[1], packets[1]);
}

struct drop {
	const char *reason;
	double rate;
};

/* Keep the worst, worst first. */
static void keep_worst(struct drop worst[WORST_DROPS], struct drop drop)
{
	for (int i = 0; i < WORST_DROPS; i++) {
		if (drop.rate > worst[i].rate) {
			struct drop lesser = worst[i];

			worst[i] = drop;
			drop = lesser;
		}
		assert(i == 0 || worst[i - 1].rate >= worst[i].rate);
	}
}

static void draw_drops(const struct ctl_frame *frame, FILE *out)
{
	json_t *drops = json_object_get(frame->now->counters, "drops"), *value;
	const json_t *before = json_object_get(frame->before->counters, "drops");
	struct drop worst[WORST_DROPS] = {{0}};
	char text[LINE_SIZE], figure[CTL_FIGURE_MAX], reason[CTL_CELL_MAX];
	double sum = 0, since_start = 0;
	const char *name;
	int used;

	json_object_foreach(drops, name, value)
	{
		struct drop drop = {name, rate_of(frame, json_number_value(value),
						  ctl_real(before, name))};

		sum += drop.rate;
		since_start += json_number_value(value);
		keep_worst(worst, drop);
	}
	used = snprintf(text, sizeof(text), "drops     %s/s",
			ctl_count_text(sum, figure));
	for (int i = 0; i < WORST_DROPS && worst[i].rate > 0; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s %s/s",
				 i == 0 ? ": " : ", ",
				 ctl_clean(worst[i].reason, reason, 64),
				 ctl_count_text(worst[i].rate, figure));
	line(frame, out, "%s    %s since start", text,
	     ctl_count_text(since_start, figure));
}

/* The ports of all addresses of one protocol. */
static void draw_pool(const struct ctl_frame *frame, FILE *out, const char *protocol)
{
	const json_t *pools = json_object_get(frame->now->status, "ports"), *pool;
	int64_t size = 0, used = 0, resting = 0;
	char gauge[BAR_WIDTH + 1];
	size_t i;

	json_array_foreach(pools, i, pool)
	{
		const char *is = json_string_value(json_object_get(pool, "protocol"));

		if (!is || strcmp(is, protocol) != 0)
			continue;
		size += ctl_integer(pool, "size");
		used += ctl_integer(pool, "used");
		resting += ctl_integer(pool, "resting");
	}
	for (i = 0; i < BAR_WIDTH; i++)
		/* Rounded so that the first used port shows, and so does the last free one. */
		gauge[i] = size > 0 && (int64_t)i * size < used * BAR_WIDTH ? '#' : '.';
	gauge[BAR_WIDTH] = '\0';
	line(frame, out,
	     "ports %s [%s] %" PRId64 " of %" PRId64 " used, %" PRId64 " resting",
	     protocol, gauge, used, size, resting);
}

/* Processor time of each worker's thread, in percent of elapsed time. */
static void draw_workers(const struct ctl_frame *frame, FILE *out)
{
	const json_t *workers = json_object_get(frame->now->status, "per_worker"),
		     *worker;
	const json_t *before = json_object_get(frame->before->status, "per_worker");
	char text[LINE_SIZE];
	int used = snprintf(text, sizeof(text), "busy     ");
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		double rate = rate_of(frame, ctl_real(worker, "cpu_s"),
				      ctl_real(json_array_get(before, i), "cpu_s"));

		if ((size_t)used > sizeof(text) - 16)
			break;
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %3.0f%%",
				 100 * rate);
	}
	line(frame, out, "%s  of %zu workers", text, json_array_size(workers));
}

static void draw_state(const struct ctl_frame *frame, FILE *out)
{
	const json_t *status = frame->now->status;
	const json_t *drain = json_object_get(status, "drain");
	char version[CTL_CELL_MAX], state[CTL_CELL_MAX], up[CTL_FIGURE_MAX];
	char text[LINE_SIZE];

	ctl_member(status, "version", version);
	ctl_member(status, "state", state);
	if (frame->problem)
		ctl_clean(frame->problem, text, sizeof(text));
	else if (json_is_object(drain))
		snprintf(text, sizeof(text), "draining: %" PRId64 " of %" PRId64 " left",
			 ctl_integer(drain, "remaining"),
			 ctl_integer(drain, "began_with"));
	else
		snprintf(text, sizeof(text), "%s", state);
	line(frame, out, "mediarelayd %.40s  up %s  %" PRId64 " allocations  %s", version,
	     ctl_age_text(ctl_integer(status, "uptime_s"), up),
	     ctl_integer(status, "allocations"), text);
}

/* Bits per second of one allocation, both ways. */
static double allocation_rate(const json_t *row)
{
	const json_t *rate = json_object_get(row, "rate");

	return ctl_real(rate, "to_peer_bps") + ctl_real(rate, "to_client_bps");
}

static double allocation_bytes(const json_t *row)
{
	return ctl_real(json_object_get(row, "to_peer"), "bytes") +
	       ctl_real(json_object_get(row, "to_client"), "bytes");
}

struct widths {
	size_t user, address;
	bool wide; /* room for id, transport and bytes */
};

/*
 * Spare columns go to addresses, then to names. A narrow terminal shows no id: a part of it says
 * little, and the relayed address identifies as well.
 */
static struct widths widths_of(const struct ctl_frame *frame)
{
	struct widths widths = {USER_WIDTH, ADDRESS_WIDTH, false};
	size_t narrow = USER_WIDTH + 1 + 4 + 1 + 2 * (ADDRESS_WIDTH + 1) + 6 + 1 + 10;
	size_t wide = narrow + ID_WIDTH + 1 + 4 + 8;
	size_t left;

	widths.wide = frame->columns >= wide;
	if (!widths.wide)
		return widths;
	left = frame->columns - wide;
	widths.address += left / 2 < ADDRESS_WIDTH_MAX - ADDRESS_WIDTH
				  ? left / 2
				  : ADDRESS_WIDTH_MAX - ADDRESS_WIDTH;
	left -= 2 * (widths.address - ADDRESS_WIDTH);
	widths.user += left < USER_WIDTH_MAX - USER_WIDTH ? left
							  : USER_WIDTH_MAX - USER_WIDTH;
	assert(wide + 2 * (widths.address - ADDRESS_WIDTH) + widths.user - USER_WIDTH <=
	       frame->columns);
	return widths;
}

/* A cell of a fixed number of columns, and a blank. */
static void cell(char *text, size_t size, const char *value, size_t width)
{
	size_t used = strlen(text), bytes = ctl_fit(value, width);
	char part[CTL_CELL_MAX];

	assert(used < size && bytes < sizeof(part));
	snprintf(part, sizeof(part), "%.*s", (int)bytes, value);
	snprintf(text + used, size - used, "%s%*s ", part,
		 (int)(width - ctl_columns(part)), "");
}

static void right(char *text, size_t size, const char *value, int width)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%*s", width, value);
}

static void draw_heading(const struct ctl_frame *frame, FILE *out)
{
	struct widths widths = widths_of(frame);
	char text[LINE_SIZE] = "";

	if (widths.wide)
		cell(text, sizeof(text), "ID", ID_WIDTH);
	cell(text, sizeof(text), "USER", widths.user);
	cell(text, sizeof(text), "SIDE", 4);
	cell(text, sizeof(text), "CLIENT", widths.address);
	cell(text, sizeof(text), "RELAYED", widths.address);
	if (widths.wide)
		cell(text, sizeof(text), "VIA", 3);
	right(text, sizeof(text), "AGE", 6);
	if (widths.wide)
		right(text, sizeof(text), "BYTES", 8);
	right(text, sizeof(text), "RATE", 11);
	bar(frame, out, text, "\n");
}

static const char *side_text(const json_t *row, char buf[CTL_CELL_MAX])
{
	ctl_member(row, "side", buf);
	return strcmp(buf, "inside") == 0    ? "in"
	       : strcmp(buf, "outside") == 0 ? "out"
					     : buf;
}

static void draw_row(const struct ctl_frame *frame, FILE *out, const json_t *row)
{
	struct widths widths = widths_of(frame);
	char text[LINE_SIZE] = "", value[CTL_CELL_MAX], figure[CTL_FIGURE_MAX];

	if (widths.wide)
		cell(text, sizeof(text), ctl_member(row, "id", value), ID_WIDTH);
	cell(text, sizeof(text), ctl_member(row, "user", value), widths.user);
	cell(text, sizeof(text), side_text(row, value), 4);
	cell(text, sizeof(text), ctl_member(row, "client", value), widths.address);
	cell(text, sizeof(text), ctl_member(row, "relayed", value), widths.address);
	if (widths.wide)
		cell(text, sizeof(text), ctl_member(row, "relay_transport", value), 3);
	right(text, sizeof(text), ctl_age_text(ctl_integer(row, "age_ms") / 1000, figure),
	      6);
	if (widths.wide)
		right(text, sizeof(text), ctl_count_text(allocation_bytes(row), figure),
		      8);
	right(text, sizeof(text), ctl_rate_text(allocation_rate(row), figure), 11);
	line(frame, out, "%s", text);
}

size_t ctl_frame_rows(const struct ctl_frame *frame)
{
	size_t taken = CTL_FRAME_HEAD + FOOT;

	return frame->lines > taken ? frame->lines - taken : 0;
}

static void draw_foot(const struct ctl_frame *frame, FILE *out, size_t shown)
{
	int64_t all = ctl_integer(frame->now->allocations, "total");
	char text[LINE_SIZE];

	if (frame->prompt)
		snprintf(text, sizeof(text), "%s_", frame->prompt);
	else
		snprintf(text, sizeof(text),
			 "%zu-%zu of %" PRId64
			 " by %s%s    q quit  ? help  s sort  u a d filter",
			 shown > 0 ? frame->offset + 1 : 0, frame->offset + shown, all,
			 frame->order, frame->filter ? frame->filter : "");
	bar(frame, out, text, "");
}

static void draw_help(const struct ctl_frame *frame, FILE *out)
{
	static const char *const lines[] = {
		"Keys of avedgectl top",
		"",
		"q                    quit",
		"h ?                  this help; any key leaves it",
		"s                    next sort order: age, bytes, rate, user, expires",
		"u                    only allocations of a user",
		"a                    only clients at an address or in a prefix",
		"d                    only one dialect: ietf, ms, both again",
		"c                    clear these filters",
		"arrows, j k          scroll by a line",
		"page keys, f b       scroll by a page",
		"Home End, g G        first and last page",
		"space                refresh now",
		"Ctrl-Z               suspend",
		"",
		"u and a ask: Enter applies, nothing typed clears, Escape leaves it as it was.",
	};
	size_t count = sizeof(lines) / sizeof(lines[0]);

	for (size_t i = 0; i + FOOT < frame->lines; i++)
		line(frame, out, "%s", i < count ? lines[i] : "");
	bar(frame, out, "any key: back", "");
}

void ctl_frame_draw(const struct ctl_frame *frame, FILE *out)
{
	size_t room = ctl_frame_rows(frame), shown = 0;
	const json_t *rows;
	void (*const head[])(const struct ctl_frame *frame, FILE *out) = {
		draw_state, draw_traffic, draw_drops, draw_workers};
	size_t i;

	assert(frame->now && frame->before && frame->order);
	assert(frame->columns >= 20 && frame->lines >= 4);
	rows = json_object_get(frame->now->allocations, "allocations");
	if (frame->live)
		fputs("\033[H", out);
	if (frame->help) {
		draw_help(frame, out);
		fputs(frame->live ? "\033[J" : "", out);
		return;
	}
	/* In a tiny terminal the first lines matter most. */
	for (i = 0; i < sizeof(head) / sizeof(head[0]) && i + FOOT < frame->lines; i++)
		head[i](frame, out);
	if (frame->lines > CTL_FRAME_HEAD) {
		draw_pool(frame, out, "udp");
		draw_pool(frame, out, "tcp");
		draw_heading(frame, out);
	}
	for (i = frame->offset; shown < room && i < json_array_size(rows); i++, shown++)
		draw_row(frame, out, json_array_get(rows, i));
	if (!frame->live)
		return;
	for (i = shown; i < room; i++)
		line(frame, out, "%s", "");
	draw_foot(frame, out, shown);
	fputs("\033[J", out);
}
