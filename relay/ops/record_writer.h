/*
 * record_writer.h - a thread that writes records to the log, so that a journal that is slow, or
 * stands still, holds up no call. It follows the ring as any client does (records.h), and what
 * is overwritten before it was written is counted in the log.
 */
#ifndef RELAY_OPS_RECORD_WRITER_H
#define RELAY_OPS_RECORD_WRITER_H

#include <stdint.h>

#include "relay/ops/records.h"

struct record_writer;

/* Signals are blocked by the caller. records must outlive it. NULL and errno. */
struct record_writer *record_writer_start(struct records *records);
/* Closes records, writes what is there and ends. NULL is allowed. */
void record_writer_stop(struct record_writer *writer);

/*
 * For who ends allocations by the thousand and has no call to serve meanwhile: after each
 * RECORD_WRITER_PAUSE of them wait until there is room for more. Not for ever, because a
 * journal may stand still: false means that waiting again is no use. NULL is allowed.
 */
enum { RECORD_WRITER_PAUSE = 256 };
bool record_writer_catch_up(struct record_writer *writer);

#endif
