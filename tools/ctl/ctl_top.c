/*
 * ctl_top.c - avedgectl top: the frame of ctl_frame.c, refreshed.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stun/ip_prefix.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_frame.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_terminal.h"
#include "tools/ctl/ctl_text.h"

enum {
	ANSWER_MS = 2000, /* a relay that takes longer is shown as not answering */
	ONCE_COLUMNS = 160,
	ONCE_ROWS = 20,
	INTERVAL_S = 1,
	RATE_MS = 900, /* at least between two samples that make a rate */
	TYPED_SIZE = 256,
};

/* What is being typed. */
enum question { NO_QUESTION, ASK_USER, ASK_ADDRESS };

struct top {
	struct ctl_daemon relay;
	struct ctl_sample samples[2];
	int newest; /* of samples */
	struct ctl_frame frame;
	const char *const *orders;
	/* Filters; NULL: none. The texts are those below, or of the command line. */
	const char *user, *client, *dialect;
	const char *const *dialects;
	char user_text[TYPED_SIZE], client_text[TYPED_SIZE];
	char filter[3 * CTL_CELL_MAX]; /* for the foot */
	enum question question;
	bool refused; /* what was typed is no address */
	char typed[TYPED_SIZE];
	char prompt[2 * CTL_CELL_MAX];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static char *rows_path(const struct top *top)
{
	char limit[CTL_FIGURE_MAX];
	const struct ctl_pair pairs[] = {
		{"user", top->user},       {"client", top->client},
		{"dialect", top->dialect}, {"sort", top->frame.order},
		{"limit", limit},          {NULL, NULL},
	};

	snprintf(limit, sizeof(limit), "%zu",
		 top->frame.offset + ctl_frame_rows(&top->frame) + 1);
	return ctl_query("/v1/allocations", pairs);
}

/* Take a new sample; on failure the old ones stay. An exit code. */
static int ask(struct top *top)
{
	json_t *documents[3] = {NULL};
	assert(top->newest == 0 || top->newest == 1);
	char *rows = rows_path(top);
	const char *paths[] = {"/v1/status", "/v1/counters", rows};
	int status = rows ? CTL_OK : CTL_FAILED;
	int64_t at_ms = now_ms();

	for (int i = 0; i < 3 && status == CTL_OK; i++)
		status = ctl_ask(&top->relay, "GET", paths[i], NULL, &documents[i], NULL);
	free(rows);
	if (status != CTL_OK) {
		for (int i = 0; i < 3; i++)
			json_decref(documents[i]);
		top->frame.problem = "NO ANSWER: figures are stale";
		return status;
	}
	/* Keys come fast: a very new sample is replaced, as rates need time between samples. */
	if (at_ms - top->samples[top->newest].at_ms >= RATE_MS ||
	    at_ms - top->samples[!top->newest].at_ms >= 3 * RATE_MS)
		top->newest = !top->newest;
	ctl_sample_set(&top->samples[top->newest], documents[0], documents[1],
		       documents[2], at_ms);
	top->frame.now = &top->samples[top->newest];
	top->frame.before = &top->samples[!top->newest];
	top->frame.problem = NULL;
	return CTL_OK;
}

/* "user" and "alice" as ", user alice", behind what is there. */
static void add_filter(struct top *top, const char *name, const char *value)
{
	size_t used = strlen(top->filter);
	char clean[CTL_CELL_MAX];

	if (value)
		snprintf(top->filter + used, sizeof(top->filter) - used, ", %s %s", name,
			 ctl_clean(value, clean, sizeof(clean)));
}

/* What the foot says: the filters, or the question with the answer so far. */
static void set_foot(struct top *top)
{
	char clean[CTL_CELL_MAX];

	*top->filter = '\0';
	add_filter(top, "user", top->user);
	add_filter(top, "client", top->client);
	add_filter(top, "dialect", top->dialect);
	top->frame.filter = top->filter;
	snprintf(top->prompt, sizeof(top->prompt), "%s%s: %s",
		 top->refused ? "not an address or prefix; " : "",
		 top->question == ASK_USER ? "user" : "client address or prefix",
		 ctl_clean(top->typed, clean, sizeof(clean)));
	top->frame.prompt = top->question != NO_QUESTION ? top->prompt : NULL;
}

static void draw(struct top *top)
{
	set_foot(top);
	ctl_terminal_size(&top->frame.columns, &top->frame.lines);
	ctl_frame_draw(&top->frame, stdout);
	fflush(stdout);
}

static void sort_next(struct top *top)
{
	const char *const *order = top->orders;

	while (*order && strcmp(*order, top->frame.order) != 0)
		order++;
	assert(*order); /* ctl_args_parse() takes no other */
	top->frame.order = order[1] ? order[1] : top->orders[0];
	top->frame.offset = 0;
}

static void next_dialect(struct top *top)
{
	const char *const *next = top->dialects;

	while (top->dialect && *next && strcmp(*next, top->dialect) != 0)
		next++;
	if (top->dialect)
		next++;
	top->dialect = *next; /* NULL behind the last */
	top->frame.offset = 0;
}

static void clear_filters(struct top *top)
{
	top->user = top->client = top->dialect = NULL;
	top->frame.offset = 0;
}

static void begin_question(struct top *top, enum question question)
{
	top->question = question;
	top->refused = false;
	*top->typed = '\0';
}

static const char *keep(char *text, const char *typed)
{
	return *typed ? strcpy(text, typed) : NULL;
}

/* Enter: what was typed becomes the filter. An address must be one, or the relay refuses it. */
static void answer_question(struct top *top)
{
	struct ip_prefix prefix;

	assert(top->question != NO_QUESTION);
	if (top->question == ASK_USER) {
		top->user = keep(top->user_text, top->typed);
	} else if (*top->typed && !ip_prefix_parse(top->typed, &prefix)) {
		top->refused = true;
		return;
	} else {
		top->client = keep(top->client_text, top->typed);
	}
	top->question = NO_QUESTION;
	top->frame.offset = 0;
}

/* Handle a key while something is typed; whether it needs a new sample. */
static bool take_typed(struct top *top, enum ctl_key key)
{
	if (key == KEY_ENTER)
		answer_question(top);
	else if (key == KEY_CANCEL)
		top->question = NO_QUESTION;
	else if (key == KEY_TYPED)
		top->refused = false;
	return key == KEY_ENTER || key == KEY_TIMEOUT || key == KEY_RESIZED;
}

static void move_to(struct top *top, int64_t offset)
{
	int64_t all = ctl_integer(top->frame.now->allocations, "total");
	int64_t last = all - (int64_t)ctl_frame_rows(&top->frame);

	if (offset > last)
		offset = last;
	top->frame.offset = offset > 0 ? (size_t)offset : 0;
	assert(top->frame.offset == 0 || (int64_t)top->frame.offset <= all);
}

/* Handle a key; whether it needs a new sample. */
static bool take_key(struct top *top, enum ctl_key key)
{
	int64_t offset = (int64_t)top->frame.offset;
	int64_t page = (int64_t)ctl_frame_rows(&top->frame);

	if (top->frame.help && key != KEY_TIMEOUT && key != KEY_RESIZED) {
		top->frame.help = false;
		return true;
	}
	switch (key) {
	case KEY_HELP:
		top->frame.help = true;
		break;
	case KEY_USER:
		begin_question(top, ASK_USER);
		break;
	case KEY_ADDRESS:
		begin_question(top, ASK_ADDRESS);
		break;
	case KEY_DIALECT:
		next_dialect(top);
		break;
	case KEY_CLEAR:
		clear_filters(top);
		break;
	case KEY_SORT:
		sort_next(top);
		break;
	case KEY_UP:
		move_to(top, offset - 1);
		break;
	case KEY_DOWN:
		move_to(top, offset + 1);
		break;
	case KEY_PAGE_UP:
		move_to(top, offset - page);
		break;
	case KEY_PAGE_DOWN:
		move_to(top, offset + page);
		break;
	case KEY_FIRST:
		move_to(top, 0);
		break;
	case KEY_LAST:
		move_to(top, INT64_MAX / 2);
		break;
	case KEY_TIMEOUT:
	case KEY_REFRESH:
	case KEY_RESIZED:
		break;
	case KEY_TYPED:
	case KEY_ENTER:
	case KEY_CANCEL:
	case KEY_OTHER:
	case KEY_END:
	case KEY_QUIT:
		return false;
	}
	return true;
}

static int live(struct top *top, int interval_ms)
{
	struct ctl_terminal *terminal = ctl_terminal_open();
	enum ctl_key key = KEY_TIMEOUT;
	int signal_number = 0;
	bool was_help = false; /* which any key leaves, q too */

	if (!terminal)
		return ctl_fail(
			"cannot use this terminal; use --once to print one snapshot");
	/* Messages would spoil the screen. */
	top->relay.quiet = true;
	top->relay.timeout_ms = ANSWER_MS;
	draw(top);
	while (key != KEY_END && (key != KEY_QUIT || was_help)) {
		bool typing = top->question != NO_QUESTION;

		was_help = top->frame.help;
		key = typing ? ctl_terminal_type(terminal, interval_ms, top->typed,
						 sizeof(top->typed))
			     : ctl_terminal_key(terminal, interval_ms);
		bool stale = typing ? take_typed(top, key) : take_key(top, key);

		ctl_terminal_size(&top->frame.columns, &top->frame.lines);
		if (stale)
			ask(top);
		if (stale || typing)
			draw(top);
	}
	signal_number = key == KEY_END ? ctl_terminal_signal(terminal) : 0;
	ctl_terminal_close(terminal);
	/* Die of the signal, so that the parent sees it. */
	if (signal_number != 0) {
		signal(signal_number, SIG_DFL);
		raise(signal_number);
	}
	return CTL_OK;
}

/* Two samples, for the rates, and one frame. */
static int once(struct top *top, bool json, unsigned interval_s)
{
	int status;

	sleep(interval_s);
	status = ask(top);
	if (status != CTL_OK)
		return status;
	if (json)
		return ctl_print_json(json_pack(
			"{s:O, s:O, s:O}", "status", top->frame.now->status, "counters",
			top->frame.now->counters, "allocations",
			json_object_get(top->frame.now->allocations, "allocations")));
	ctl_frame_draw(&top->frame, stdout);
	return CTL_OK;
}

int ctl_top(const struct ctl_args *args)
{
	bool json = ctl_has(args, OPTION_JSON);
	bool is_once = ctl_has(args, OPTION_ONCE) || json || !isatty(STDOUT_FILENO);
	unsigned interval_s = (unsigned)ctl_number(args, OPTION_INTERVAL, INTERVAL_S);
	struct top top = {
		.relay = ctl_relay_of(args),
		.frame = {.columns = ONCE_COLUMNS,
			  .lines = CTL_FRAME_HEAD + ONCE_ROWS + 1,
			  .order = ctl_value(args, OPTION_SORT, "rate"),
			  .live = !is_once},
		.orders = ctl_options[OPTION_SORT].choices,
		.dialects = ctl_options[OPTION_DIALECT].choices,
		.user = ctl_value(args, OPTION_USER, NULL),
		.client = ctl_value(args, OPTION_CLIENT, NULL),
		.dialect = ctl_value(args, OPTION_DIALECT, NULL),
	};
	int status;

	top.frame.now = top.frame.before = &top.samples[0];
	if (!is_once)
		ctl_terminal_size(&top.frame.columns, &top.frame.lines);
	status = ask(&top);
	if (status == CTL_OK)
		status = is_once ? once(&top, json, interval_s)
				 : live(&top, (int)interval_s * 1000);
	ctl_sample_clear(&top.samples[0]);
	ctl_sample_clear(&top.samples[1]);
	return status;
}
