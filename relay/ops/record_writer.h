/*
 * record_writer.h - a thread that writes records to the log, so that a journal that is slow, or
 * stands still, holds up no call. It follows the ring as any client does (records.h); records
 * that are overwritten before it has written them are counted in the log.
 */
#ifndef RELAY_OPS_RECORD_WRITER_H
#define RELAY_OPS_RECORD_WRITER_H

struct record_writer;
struct records;

/* Signals are blocked by the caller. records must outlive it. NULL and errno. */
struct record_writer *record_writer_start(struct records *records);
/* Closes records, writes what is there and ends. NULL is allowed. */
void record_writer_stop(struct record_writer *writer);

#endif
