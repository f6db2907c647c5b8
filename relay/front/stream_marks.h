/*
 * stream_marks.h - the DSCP of a client's connection, and what it marks its own packets with (RFC
 * 8656 sections 15 and 16). A connection has one code point each way.
 *
 * Threads  the worker's only.
 */
#ifndef RELAY_FRONT_STREAM_MARKS_H
#define RELAY_FRONT_STREAM_MARKS_H

#include <stdint.h>

struct allocation;
struct delivery;
struct five_tuple;
struct stream;

/* As the settings say of a connection of which nothing else is known. Best effort if that fails. */
void stream_marks_accepted(const struct delivery *delivery, int fd,
			   const struct five_tuple *tuple);

/* It has an allocation now: as the settings say of its group and of TLS. */
void stream_marks_allocated(struct stream *stream, const struct allocation *al);

#endif
