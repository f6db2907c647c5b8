/*
 * log.h - one line per event, to the journal if stderr is connected to it, else to stderr with
 * a level.
 *
 * Anything that a stranger can cause is a counter, never a line. log_limited() is for the few
 * lines that a faulty environment could repeat: at most ten a minute per call site, then the
 * number of suppressed ones.
 *
 * Threads  any thread may call; levels are atomic. The sink is global state, set up by log_open()
 *          before other threads exist. Once log_start_writer() was called, no call waits for
 *          the reader of the log; before, and after log_stop_writer(), the caller writes.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are those of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/*
 * Where a line comes from. A file outside main names its subsystem before it includes this:
 *
 *	#define LOG_SUBSYSTEM SUBSYSTEM_PEER
 */
#define SUBSYSTEMS(X)                                                      \
	X(MAIN, "main", "start, stop, signals, workers")                   \
	X(RELOAD, "reload", "reload of configuration, keys, certificates") \
	X(CONTROL, "control", "control interface, metrics, drain")         \
	X(FRONT, "front", "client sockets and connections, TLS")           \
	X(PEER, "peer", "peer sockets and connections")                    \
	X(AUTH, "auth", "credentials issued and refused")                  \
	X(RECORDS, "records", "records of ended allocations, level notice")

enum subsystem {
#define X(id, name, text) SUBSYSTEM_##id,
	SUBSYSTEMS(X)
#undef X
		SUBSYSTEM_COUNT
};

#ifndef LOG_SUBSYSTEM
#define LOG_SUBSYSTEM SUBSYSTEM_MAIN
#endif

const char *subsystem_name(enum subsystem subsystem);
bool subsystem_parse(const char *name, enum subsystem *subsystem);

/* This program has no such part, and does not offer its level. Before it starts threads. */
void log_omit_subsystem(enum subsystem subsystem);
bool log_has_subsystem(enum subsystem subsystem);

/* name: the program's, not copied. */
void log_open(const char *name);

/*
 * A thread writes from now on (base/log_writer.h). Not before privileges are dropped: threads keep
 * the capabilities that they began with. 0, or errno.
 */
int log_start_writer(void);
/* Wait at most flush_ms until all is written; false if it is not: the rest is dropped. */
bool log_stop_writer(unsigned flush_ms);
/* For callers that can wait: at most wait_ms until the queue has room for many. True if it has. */
bool log_wait_room(unsigned wait_ms);
/* Messages of that level that were dropped or could not be written. */
uint64_t log_dropped(enum log_level level);

/* The level of all subsystems that have none of their own. */
void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_level_parse(const char *text, enum log_level *level);
const char *log_level_name(enum log_level level);

/* own false: the subsystem follows the common level, and level is ignored. */
void log_set_subsystem_level(enum subsystem subsystem, bool own, enum log_level level);
/* The effective level; *own, which may be NULL, as above. */
enum log_level log_subsystem_level(enum subsystem subsystem, bool *own);

/* For callers that would do work only to log it. */
bool log_wants(enum subsystem subsystem, enum log_level level);

void log_write(enum subsystem subsystem, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
#define log_error(...) log_write(LOG_SUBSYSTEM, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_SUBSYSTEM, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_SUBSYSTEM, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_SUBSYSTEM, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_SUBSYSTEM, LOG_LEVEL_DEBUG, __VA_ARGS__)

struct log_limit { /* static, zeroed, one per call site */
	unsigned long long window_s;
	unsigned count;
};
void log_write_limited(struct log_limit *limit, enum subsystem subsystem,
		       enum log_level level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define log_limited(limit, level, ...) \
	log_write_limited(limit, LOG_SUBSYSTEM, level, __VA_ARGS__)

/*
 * A structured record: journal fields, or one line "message KEY=value ...". keys are upper
 * case; values are escaped for the line. Level notice, subsystem records.
 */
struct log_field {
	const char *key;
	const char *value;
	bool escaped; /* already escaped: printable ASCII with \xHH for the rest */
};
void log_record(const char *message, const struct log_field *fields, size_t count);

#endif
