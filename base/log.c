/*
 * log.c - one line per event, to the journal if stderr is connected to it, else to stderr with
 * a level.
 *
 * Every byte that is not printable ASCII is written as \xHH, so that no text from outside can
 * forge a line, a field or a terminal command. A line goes out in one system call.
 *
 * Messages are escaped by the caller's thread and written by that of base/log_writer.h once it
 * runs: both the journal and what stderr is connected to may block.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/log_writer.h"

enum {
	LINE_MAX_LEN = 4096,
	FIELDS_MAX = 32,
	LIMIT_WINDOW_S = 60,
	LIMIT_LINES = 10,
};

static struct {
	const char *name;
	bool journal;
	int level;                   /* atomic */
	int levels[SUBSYSTEM_COUNT]; /* atomic; 0: as level */
	bool omitted[SUBSYSTEM_COUNT];
} sink = {.name = "avedge", .level = LOG_LEVEL_INFO};

static const char *const subsystem_names[] = {
#define X(id, name, text) name,
	SUBSYSTEMS(X)
#undef X
};

/* Text of limited size; what does not fit is cut and marked with "...". */
struct line {
	size_t len;
	char text[LINE_MAX_LEN];
};

static void line_bytes(struct line *line, const char *bytes, size_t len)
{
	assert(line->len < sizeof(line->text));
	size_t room = sizeof(line->text) - 1 - line->len;
	bool cut = len > room;

	if (cut)
		len = room;
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
	line->text[line->len] = '\0';
	if (cut)
		memcpy(line->text + sizeof(line->text) - 4, "...", 3);
}

static void line_text(struct line *line, const char *text)
{
	line_bytes(line, text, strlen(text));
}

/* also: printable characters to escape as well. */
static void line_escaped(struct line *line, const char *text, const char *also)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c >= 0x20 && c < 0x7F && !strchr(also, c)) {
			line_bytes(line, p, 1);
		} else {
			char hex[5];

			snprintf(hex, sizeof(hex), "\\x%02x", c);
			line_bytes(line, hex, 4);
		}
	}
}

const char *log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "error";
}

bool log_level_parse(const char *text, enum log_level *level)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcasecmp(text, log_level_name((enum log_level)i)) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* JOURNAL_STREAM names the journal's stream; a redirected stderr is another one. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

void log_open(const char *name)
{
	sink.name = name;
	sink.journal = stderr_is_journal();
}

void log_set_level(enum log_level level)
{
	assert(level >= LOG_LEVEL_ERROR && level <= LOG_LEVEL_DEBUG);
	__atomic_store_n(&sink.level, (int)level, __ATOMIC_RELAXED);
}

enum log_level log_level(void)
{
	return (enum log_level)__atomic_load_n(&sink.level, __ATOMIC_RELAXED);
}

const char *subsystem_name(enum subsystem subsystem)
{
	assert(subsystem < SUBSYSTEM_COUNT);
	return subsystem_names[subsystem];
}

bool subsystem_parse(const char *name, enum subsystem *subsystem)
{
	for (int i = 0; i < SUBSYSTEM_COUNT; i++) {
		if (strcmp(name, subsystem_names[i]) == 0) {
			*subsystem = (enum subsystem)i;
			return true;
		}
	}
	return false;
}

void log_omit_subsystem(enum subsystem subsystem)
{
	assert(subsystem < SUBSYSTEM_COUNT);
	sink.omitted[subsystem] = true;
}

bool log_has_subsystem(enum subsystem subsystem)
{
	assert(subsystem < SUBSYSTEM_COUNT);
	return !sink.omitted[subsystem];
}

void log_set_subsystem_level(enum subsystem subsystem, bool own, enum log_level level)
{
	assert(subsystem < SUBSYSTEM_COUNT);
	assert(!own || (level >= LOG_LEVEL_ERROR && level <= LOG_LEVEL_DEBUG));
	__atomic_store_n(&sink.levels[subsystem], own ? (int)level : 0, __ATOMIC_RELAXED);
}

enum log_level log_subsystem_level(enum subsystem subsystem, bool *own)
{
	assert(subsystem < SUBSYSTEM_COUNT);
	int level = __atomic_load_n(&sink.levels[subsystem], __ATOMIC_RELAXED);

	if (own)
		*own = level != 0;
	return level != 0 ? (enum log_level)level : log_level();
}

bool log_wants(enum subsystem subsystem, enum log_level level)
{
	return level <= log_subsystem_level(subsystem, NULL);
}

static bool needs_quotes(const char *value)
{
	return *value == '\0' || strpbrk(value, " \"=") != NULL;
}

static void line_field(struct line *line, const struct log_field *field)
{
	const char *quote = needs_quotes(field->value) ? "\"" : "";

	line_text(line, " ");
	line_text(line, field->key);
	line_text(line, "=");
	line_text(line, quote);
	line_escaped(line, field->value, field->escaped ? "\"" : "\"\\");
	line_text(line, quote);
}

/* --- writing; all of it may block ---------------------------------------------------------------- */

/* stderr does not block if another process that shares it says so. 0, or errno. */
static int write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

			poll(&fd, 1, -1);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

/* "KEY=value" in the form meant for people. */
static void line_entry(struct line *line, const char *entry)
{
	const char *value = strchr(entry, '=') + 1;
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)(value - entry - 1), entry);
	line_field(line, &(struct log_field){key, value, .escaped = true});
}

/* The journal's stream takes the level as a <N> prefix; people get words. */
static int write_stderr(const struct log_message *message)
{
	struct line line = {0};
	const char *text = message->bytes;
	char prefix[8];

	if (sink.journal) {
		snprintf(prefix, sizeof(prefix), "<%d>", message->level);
		line_text(&line, prefix);
	} else {
		line_text(&line, sink.name);
		line_text(&line, ": ");
		line_text(&line, log_level_name((enum log_level)message->level));
		line_text(&line, ": ");
	}
	line_text(&line, text);
	for (size_t i = 0; i < message->field_count; i++) {
		text += strlen(text) + 1;
		line_entry(&line, text);
	}
	/* In place of the NUL. */
	line.text[line.len] = '\n';
	return write_all(line.text, line.len + 1);
}

static int write_journal(const struct log_message *message)
{
	struct iovec parts[FIELDS_MAX + 4];
	struct line line = {0};
	char *text = message->bytes;
	char priority[16], identifier[64], source[64];

	line_text(&line, "MESSAGE=");
	line_text(&line, text);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", message->level);
	snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", sink.name);
	snprintf(source, sizeof(source), "SUBSYSTEM=%s",
		 subsystem_name((enum subsystem)message->subsystem));
	parts[0] = (struct iovec){.iov_base = line.text, .iov_len = line.len};
	parts[1] = (struct iovec){.iov_base = priority, .iov_len = strlen(priority)};
	parts[2] = (struct iovec){.iov_base = identifier, .iov_len = strlen(identifier)};
	parts[3] = (struct iovec){.iov_base = source, .iov_len = strlen(source)};
	assert(message->field_count <= FIELDS_MAX);
	for (size_t i = 0; i < message->field_count; i++) {
		text += strlen(text) + 1;
		parts[4 + i] = (struct iovec){.iov_base = text, .iov_len = strlen(text)};
	}
	return -sd_journal_sendv(parts, (int)(4 + message->field_count));
}

/* 0, or errno. */
static int write_message(const struct log_message *message)
{
	if (sink.journal && write_journal(message) == 0)
		return 0;
	return write_stderr(message);
}

/* "3 messages dropped (1 warning, 2 notice): log reader too slow" */
static int write_losses(const struct log_losses *losses)
{
	struct line line = {0};
	char list[128] = "", *end = list, why[128];
	uint64_t sum = 0;

	if (!log_wants(SUBSYSTEM_MAIN, LOG_LEVEL_WARNING))
		return 0;
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (losses->count[i] == 0)
			continue;
		sum += losses->count[i];
		end += snprintf(end, sizeof(list) - (size_t)(end - list),
				"%s%" PRIu64 " %s", end > list ? ", " : "",
				losses->count[i], log_level_name((enum log_level)i));
		assert(end < list + sizeof(list));
	}
	if (losses->error == 0)
		snprintf(why, sizeof(why), "log reader too slow");
	else
		snprintf(why, sizeof(why), "cannot write the log: %s",
			 strerrordesc_np(losses->error));
	int len = snprintf(line.text, sizeof(line.text),
			   "%" PRIu64 " message%s dropped (%s): %s", sum,
			   sum == 1 ? "" : "s", list, why);
	return write_message(&(struct log_message){LOG_LEVEL_WARNING, SUBSYSTEM_MAIN,
						   line.text, (size_t)len + 1, 0});
}

int log_start_writer(void)
{
	static const struct log_writer_output output = {write_message, write_losses};

	return log_writer_start(&output);
}

bool log_stop_writer(unsigned flush_ms)
{
	return log_writer_stop(flush_ms);
}

bool log_wait_room(unsigned wait_ms)
{
	return log_writer_wait(wait_ms);
}

uint64_t log_dropped(enum log_level level)
{
	return log_writer_lost((int)level);
}

/* --- messages ------------------------------------------------------------------------------------ */

static void deliver(const struct log_message *message)
{
	/* If writing fails, there is nowhere to report it. */
	if (!log_writer_add(message) && write_message(message) != 0)
		return;
}

static void __attribute__((format(printf, 4, 0)))
log_at(enum subsystem subsystem, enum log_level level, unsigned suppressed,
       const char *format, va_list args)
{
	char raw[LINE_MAX_LEN];
	struct line line = {0};

	int len = vsnprintf(raw, sizeof(raw), format, args);
	line_escaped(&line, raw, "");
	if (len >= (int)sizeof(raw))
		line_text(&line, "...");
	if (suppressed > 0) {
		snprintf(raw, sizeof(raw), " (%u similar messages suppressed)",
			 suppressed);
		line_text(&line, raw);
	}
	deliver(&(struct log_message){(int)level, (int)subsystem, line.text, line.len + 1,
				      0});
}

void log_write(enum subsystem subsystem, enum log_level level, const char *format, ...)
{
	va_list args;

	if (!log_wants(subsystem, level))
		return;
	va_start(args, format);
	log_at(subsystem, level, 0, format, args);
	va_end(args);
}

/*
 * May this call site log? *suppressed counts its lines dropped in the previous window. Two
 * threads at the end of a window may both reset it: that costs a line, not a flood.
 */
static bool limit_allows(struct log_limit *limit, unsigned *suppressed)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	unsigned long long window = (unsigned long long)now.tv_sec / LIMIT_WINDOW_S + 1;

	*suppressed = 0;
	if (__atomic_exchange_n(&limit->window_s, window, __ATOMIC_RELAXED) != window) {
		unsigned count = __atomic_exchange_n(&limit->count, 0, __ATOMIC_RELAXED);

		*suppressed = count > LIMIT_LINES ? count - LIMIT_LINES : 0;
	}
	return __atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < LIMIT_LINES;
}

void log_write_limited(struct log_limit *limit, enum subsystem subsystem,
		       enum log_level level, const char *format, ...)
{
	unsigned suppressed;
	va_list args;

	if (!log_wants(subsystem, level) || !limit_allows(limit, &suppressed))
		return;
	va_start(args, format);
	log_at(subsystem, level, suppressed, format, args);
	va_end(args);
}

/* Behind the text, each with its NUL; a field that does not fit is left out. */
static size_t journal_fields(struct line *buffer, const struct log_field *fields,
			     size_t count)
{
	size_t added = 0;

	for (size_t i = 0; i < count; i++) {
		struct line entry = {0};

		line_text(&entry, fields[i].key);
		line_text(&entry, "=");
		line_escaped(&entry, fields[i].value, "");
		if (buffer->len + 1 + entry.len >= sizeof(buffer->text))
			continue;
		memcpy(buffer->text + buffer->len + 1, entry.text, entry.len + 1);
		buffer->len += 1 + entry.len;
		added++;
	}
	return added;
}

void log_record(const char *message, const struct log_field *fields, size_t count)
{
	struct line line = {0};
	size_t entries = 0;

	if (!log_wants(SUBSYSTEM_RECORDS, LOG_LEVEL_NOTICE))
		return;
	assert(count <= FIELDS_MAX);
	line_escaped(&line, message, "");
	if (sink.journal)
		entries = journal_fields(&line, fields, count);
	for (size_t i = 0; !sink.journal && i < count; i++)
		line_field(&line, &fields[i]);
	deliver(&(struct log_message){LOG_LEVEL_NOTICE, SUBSYSTEM_RECORDS, line.text,
				      line.len + 1, entries});
}
