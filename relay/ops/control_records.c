/*
 * control_records.c - records as JSON lines, for as long as the client reads.
 */
#include "relay/ops/control_documents.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/ops/records.h"
#include "relay/relay.h"

enum { LIMIT_MAX = 1000000 };

#define SINCE_MAX_S 253402300799ULL /* the last second of the year 9999 */

/* One client's reading. */
struct reading {
	struct records *records;
	uint64_t position, end; /* where to stop; UINT64_MAX: never */
	uint64_t lost;          /* not yet reported */
	bool of_user;           /* whose records are wanted; else everybody's */
	char user[CREDENTIAL_USER_MAX + 1]; /* as it is shown */
	int64_t since_ms; /* wanted are those that ended then or later, Unix time */
	char *line;       /* being sent; NULL: none */
	size_t line_len, sent;
};

static bool is_wanted(const struct reading *reading, const struct record *record)
{
	return record->ended_ms >= reading->since_ms &&
	       (!reading->of_user || strcmp(record->user, reading->user) == 0);
}

/* The next line to send, if there is one. */
static bool next_line(struct reading *reading)
{
	struct record record;
	json_t *json = NULL;
	bool wanted = false;

	while (!wanted && reading->lost == 0 && reading->position < reading->end &&
	       records_read(reading->records, &reading->position, &record,
			    &reading->lost)) {
		wanted = is_wanted(reading, &record);
		/* The lost ones are reported first; this one is read again. */
		if (reading->lost > 0)
			reading->position--;
		else if (wanted)
			json = record_json(&record);
	}
	if (reading->lost > 0) {
		json = json_pack("{s:o}", "lost", control_count(reading->lost));
		reading->lost = 0;
	}
	reading->line = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!reading->line)
		return false;
	reading->line_len = strlen(reading->line);
	reading->line[reading->line_len++] = '\n'; /* in the place of the NUL */
	reading->sent = 0;
	return true;
}

/* As many lines as fit; a line that does not fit continues in the next call. */
static int fill(struct reading *reading, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size && (reading->line || next_line(reading))) {
		size_t n = reading->line_len - reading->sent;

		assert(n > 0);
		if (n > size - len)
			n = size - len;
		memcpy(buf + len, reading->line + reading->sent, n);
		len += n;
		reading->sent += n;
		if (reading->sent == reading->line_len) {
			free(reading->line);
			reading->line = NULL;
		}
	}
	return (int)len;
}

static int read_lines(void *arg, char *buf, size_t size, unsigned wait_ms)
{
	struct reading *reading = arg;
	int len = fill(reading, buf, size);

	if (len > 0)
		return len;
	if (reading->position >= reading->end || records_is_closed(reading->records))
		return -1;
	records_wait(reading->records, reading->position, wait_ms);
	return fill(reading, buf, size);
}

static void end_reading(void *arg)
{
	struct reading *reading = arg;

	free(reading->line);
	free(reading);
}

/* Start with the newest that are wanted, at most limit. */
static void skip_to_newest(struct reading *reading, uint64_t limit)
{
	uint64_t position = reading->end < UINT64_MAX ? reading->end
						      : records_end(reading->records);

	while (limit > 0 && position > reading->position) {
		uint64_t next = position - 1, lost = 0;
		struct record record;

		/* It is overwritten already, and so are those before it. */
		if (!records_read(reading->records, &next, &record, &lost) || lost > 0)
			break;
		limit -= is_wanted(reading, &record);
		position--;
	}
	reading->position = position;
}

/* A number of the query; fallback if it is not given. False: the reply says what is wrong. */
static bool read_number(const struct control_request *request, const char *name,
			uint64_t max, uint64_t fallback, uint64_t *number,
			struct control_reply *reply)
{
	const char *text = control_argument(request, name);
	char *end;

	*number = fallback;
	if (!text)
		return true;
	*number = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *number <= max)
		return true;
	control_refuse(reply, 400, "%s must be a number from 0 to %" PRIu64, name, max);
	return false;
}

void control_stream_records(void *arg, const struct control_request *request,
			    struct control_reply *reply)
{
	struct relay *relay = arg;
	const char *follow = control_argument(request, "follow");
	const char *user = control_argument(request, "user");
	uint64_t since_s, limit;
	struct reading *reading;

	if (follow && strcmp(follow, "1") != 0 && strcmp(follow, "0") != 0) {
		control_refuse(reply, 400, "follow must be 0 or 1");
		return;
	}
	if (!read_number(request, "since", SINCE_MAX_S, 0, &since_s, reply) ||
	    !read_number(request, "limit", LIMIT_MAX, LIMIT_MAX, &limit, reply))
		return;
	reading = calloc(1, sizeof(*reading));
	if (!reading) {
		control_answer(reply, NULL);
		return;
	}
	if (user) {
		reading->of_user = true;
		credential_read_user(user, reading->user);
	}
	reading->records = relay->records;
	reading->since_ms = (int64_t)since_s * 1000;
	reading->position = records_first(relay->records);
	reading->end = follow && *follow == '1' ? UINT64_MAX
						: records_end(relay->records);
	if (limit < LIMIT_MAX)
		skip_to_newest(reading, limit);
	control_answer_stream(reply, &(struct control_stream){
					     .content_type = "application/jsonl",
					     .read = read_lines,
					     .close = end_reading,
					     .arg = reading,
				     });
}
