/*
 * record_writer.h - a thread that gives records to the log as fast as the log takes them. It
 * follows the ring as any client does (records.h); records that are overwritten before the log
 * had room for them are counted there.
 */
#ifndef RELAY_OPS_RECORD_WRITER_H
#define RELAY_OPS_RECORD_WRITER_H

struct record_writer;
struct records;

/* Signals are blocked by the caller. records must outlive it. NULL and errno. */
struct record_writer *record_writer_start(struct records *records);
/*
 * Closes records, gives what is there to the log and ends. A log that stalls is waited for half a
 * second; then it drops what does not fit. NULL is allowed.
 */
void record_writer_stop(struct record_writer *writer);

#endif
