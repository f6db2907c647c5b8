/*
 * records.h - the newest records in memory, for the log and for control clients.
 *
 * A ring: writers never wait for readers. Each reader has a position of its own; one that falls
 * behind loses records, and is told how many.
 *
 * Threads  any. Writers and readers share a lock that is held only while one record is copied,
 *          about a microsecond; nobody sends, formats or allocates under it.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OPS_RECORDS_H
#define RELAY_OPS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/ops/record.h"

enum { RECORDS_KEPT = 4096 };

struct records;

/* room: most records kept. NULL if out of memory. */
struct records *records_new(size_t room);
void records_free(struct records *records); /* after the last reader; NULL is allowed */

void records_add(struct records *records, const struct record *record);
/* The same for one that record_is_short(): it may be summed up, and come later. */
void records_add_short(struct records *records, const struct record *record,
		       uint64_t now_ms);
/*
 * Add the sums that are due. Returns how long until the next may be, in ms; UINT64_MAX: nothing
 * is summed up.
 */
uint64_t records_add_sums(struct records *records, uint64_t now_ms);

/* Where the oldest one is, and one behind the newest; positions only grow. */
uint64_t records_first(struct records *records);
uint64_t records_end(struct records *records);

/*
 * Copy the record at *position and move on, counting in *lost those that are overwritten.
 * False if there is none yet.
 */
bool records_read(struct records *records, uint64_t *position, struct record *record,
		  uint64_t *lost);

/* Wait until there is one at that position or none will come, at most wait_ms. */
void records_wait(struct records *records, uint64_t position, unsigned wait_ms);

/*
 * One reader, the log's, reports its position with records_set_done(). A worker that ends
 * thousands of allocations, and has no calls left to serve, calls records_catch_up() after each
 * RECORDS_PAUSE of them: it waits until that reader has room for more. False if it stands still,
 * or there is none; then waiting again does not help.
 */
enum { RECORDS_PAUSE = 256 };
void records_set_done(struct records *records, uint64_t position);
bool records_catch_up(struct records *records);

/* Adds all sums. No more will come, and waits return. What is there can still be read. */
void records_close(struct records *records);
bool records_is_closed(struct records *records);

#endif
