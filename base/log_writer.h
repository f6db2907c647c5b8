/*
 * log_writer.h - a bounded queue of messages and the thread that writes them, so that a log whose
 * reader stalls stops nobody.
 *
 * A full queue drops what comes, until half of it is written; errors and warnings have room of
 * their own. What is dropped, or cannot be written, is counted by level and told where it is
 * missing. The stop waits a bounded time for what is queued; then the thread is left to the end of
 * the process, and what comes later is dropped.
 *
 * Threads  any, except start and stop: main's. The state is global, as the log is.
 */
#ifndef BASE_LOG_WRITER_H
#define BASE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LOG_WRITER_LEVELS = 8,           /* those of syslog(3) */
	LOG_WRITER_ROOM = 1024 * 1024,   /* bytes, for all messages */
	LOG_WRITER_RESERVE = 128 * 1024, /* of these, for errors and warnings alone */
};

struct log_message {
	int level; /* as in syslog(3) */
	int subsystem;
	char *bytes; /* the text, then each field as KEY=value, each with its NUL; only read */
	size_t size, field_count;
};

struct log_losses {
	uint64_t count[LOG_WRITER_LEVELS];
	int error; /* of the last that could not be written; 0: the queue was full */
};

/* On the writer's thread, which alone may wait here. 0, or errno. */
struct log_writer_output {
	int (*put)(const struct log_message *message);
	int (*tell)(const struct log_losses *losses);
};

/* 0, or errno. output: borrowed until the end of the process. */
int log_writer_start(const struct log_writer_output *output);
/* Wait at most flush_ms until all is written. True if it is. */
bool log_writer_stop(unsigned flush_ms);

/* Queue a copy, or drop it. False if no writer runs: the caller writes. */
bool log_writer_add(const struct log_message *message);
/* Wait at most wait_ms until half of the queue is free; true at once if no writer runs. */
bool log_writer_wait(unsigned wait_ms);
/* Since the start of the process. */
uint64_t log_writer_lost(int level);

#endif
