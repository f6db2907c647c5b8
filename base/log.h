/*
 * log.h - one line per event, to the journal when it is there, else to stderr with a level.
 *
 * What a stranger can cause is a counter, never a line; log_limited() is for the few lines that
 * a faulty environment could repeat (at most ten a minute per call site, then one that counts).
 *
 * Threads  any thread may call; levels are atomics. The sink is the one piece of global
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

/*
 * Who speaks. A file of another subsystem than main says so before it includes this:
 *
 *	#define LOG_SUBSYSTEM SUBSYSTEM_PEER
 */
#define SUBSYSTEMS(X)                                                           \
	X(MAIN, "main", "start, end, signals, workers")                         \
	X(RELOAD, "reload", "configuration, keys and certificates, read again") \
	X(CONTROL, "control", "control interface, metrics, drain")              \
	X(FRONT, "front", "sockets and connections of clients, TLS")            \
	X(PEER, "peer", "sockets and connections of peers")                     \
	X(AUTH, "auth", "credentials: what is issued, what is refused")         \
	X(RECORDS, "records", "records of what has ended, level notice")

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

/* name: of the program, not copied. */
void log_open(const char *name);
/* Of all subsystems that have no level of their own. */
void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_level_parse(const char *text, enum log_level *level);
const char *log_level_name(enum log_level level);

/* own: false if the subsystem follows the level of all; then level is not looked at. */
void log_set_subsystem_level(enum subsystem subsystem, bool own, enum log_level level);
/* What is in force; *own, which may be NULL, as above. */
enum log_level log_subsystem_level(enum subsystem subsystem, bool *own);

/* For who has more to do for a line than to write it. */
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
	bool escaped; /* printable ASCII, with \xHH for what was not: not escaped again */
};
void log_record(const char *message, const struct log_field *fields, size_t count);

#endif
