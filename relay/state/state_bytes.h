/*
 * state_bytes.h - the bytes of a record, written and read one field after the other, whatever machine,
 * compiler or address they are read on.
 *
 * Numbers are in groups of seven bits, the low ones first, with the top bit set in all bytes but the last: a
 * small number is one byte. A writer that is out of room, and a reader that is out of bytes or
 * that finds what cannot be, fail once and do nothing from there on; so there is one question, at
 * the end. A reader that has failed reads zeros.
 *
 * Owner    values on the caller's stack; what is read is borrowed.
 */
#ifndef RELAY_STATE_STATE_BYTES_H
#define RELAY_STATE_STATE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

enum { STATE_NUMBER_MAX = 10 /* bytes of a number */ };

struct state_writer {
	uint8_t *data;
	size_t size, len;
	bool failed;
};

void state_write_u8(struct state_writer *w, uint8_t value);
void state_write_number(struct state_writer *w, uint64_t value);
void state_write_bytes(struct state_writer *w, const void *bytes, size_t len);
/* With its length in front. */
void state_write_slice(struct state_writer *w, struct slice slice);
/* With its family in front; of no family: that alone. */
void state_write_address(struct state_writer *w, const struct ip_addr *ip);
void state_write_endpoint(struct state_writer *w, const struct endpoint *ep);

struct state_reader {
	struct slice rest;
	bool failed;
};

uint8_t state_read_u8(struct state_reader *r);
uint64_t state_read_number(struct state_reader *r);
/* Fails above max. */
uint64_t state_read_up_to(struct state_reader *r, uint64_t max);
/* Fails, and clears them, if there are not as many. */
void state_read_bytes(struct state_reader *r, void *bytes, size_t len);
/* Fails above max bytes. Borrowed from what is read. */
struct slice state_read_slice(struct state_reader *r, size_t max);
/* One word of printable ASCII without quotes, of at most max bytes, and its NUL: a name for logs. */
void state_read_name(struct state_reader *r, char *name, size_t max);
void state_read_address(struct state_reader *r, struct ip_addr *ip);
void state_read_endpoint(struct state_reader *r, struct endpoint *ep);

/* All has been read, and nothing has failed. */
bool state_reader_is_done(const struct state_reader *r);

#endif
