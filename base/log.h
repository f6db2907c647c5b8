/*
 * log.h - one line per event, to the journal when it is there, else to stderr with a level.
 *
 * What a stranger can cause is a counter, never a line; log_limited() is for the few lines that
 * a faulty environment could repeat (at most ten a minute per call site, then one that counts).
 *
 * Threads  any thread may call; the level is an atomic. The sink is the one piece of global
 *          state, set up by log_open() before other threads exist.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* The values are those of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* name: of the program, not copied. */
void log_open(const char *name);
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct log_limit { /* static, zeroed, one per call site */
	unsigned long long window_s;
	unsigned count;
};
void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A structured record: journal fields, or one line "message KEY=value ...". keys are upper
 * case; values are escaped for the line. Level notice.
 */
struct log_field {
	const char *key;
	const char *value;
};
void log_record(const char *message, const struct log_field *fields, size_t count);

#endif
