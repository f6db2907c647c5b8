/*
 * state_layout.h - a state file byte by byte: what state_file.c writes and state_view.c reads.
 *
 *	head           a page: constant and under a checksum, but for one word, "complete", and for the
 *	               marks of the kinds: no index from there on has had a record
 *	windows        of STATE_WINDOW_LEN bytes each, aligned to pages
 *	index, words   for each kind: one word per record, and STATE_WORDS where it has them
 *	records        blocks of 64 bytes and more
 *
 * A word of the index is 0, or the record's sequence number and the block where it begins: the store of it
 * is what puts a record in force. The record repeats its kind, index and sequence under
 * its checksum, so that a word that is wrong never leads to a record that looks right.
 *
 * Numbers are in the machine's byte order: no file goes to another machine. Places are in the
 * head, so that a process of another version with more kinds or windows finds them.
 */
#ifndef RELAY_STATE_STATE_LAYOUT_H
#define RELAY_STATE_STATE_LAYOUT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/crc32.h"

enum {
	STATE_PAGE = 4096,
	STATE_UNIT = 64, /* blocks begin at multiples of it */
	STATE_LAYOUT_KINDS = 16,
	STATE_LAYOUT_WINDOWS = 4,
	STATE_COMPLETE_AT = 2048, /* the word "complete", in the head's page */
	STATE_MARKS_AT = 3072,    /* a word for each kind, likewise */
};

#define STATE_MAGIC 0x4554415453564141ull         /* "AAVSTATE" */
#define STATE_COMPLETE_MARK 0x5CA1AB1E0DDC0FFEull /* XOR head.process */

struct state_disk_kind {
	uint64_t index_at, words_at; /* bytes from the start; words_at 0: none */
	uint32_t records, unused;
};

struct state_disk_window {
	uint64_t at, words_at; /* 0: there is none */
};

struct state_disk_head {
	uint64_t magic; /* written last */
	uint32_t version;
	uint32_t checksum; /* of length bytes from the next field on */
	uint32_t length;
	uint32_t worker;
	uint64_t process;
	uint32_t workers, unused;
	uint8_t boot_id[16];
	uint64_t bytes; /* of the whole */
	uint64_t records_at;
	struct state_disk_kind kinds[STATE_LAYOUT_KINDS];
	struct state_disk_window windows[STATE_LAYOUT_WINDOWS];
};

struct state_disk_record {
	uint32_t checksum; /* of all that follows, and the bytes */
	uint32_t sequence;
	uint32_t index;
	uint32_t len; /* of the bytes behind it, open ones included */
	uint16_t kind;
	uint16_t version; /* of the file's layout */
	uint32_t open;    /* so many at the end change in place, without a checksum */
};

static_assert(sizeof(struct state_disk_head) <= STATE_COMPLETE_AT, "one page");
static_assert(STATE_COMPLETE_AT + sizeof(uint64_t) <= STATE_MARKS_AT &&
		      STATE_MARKS_AT + STATE_LAYOUT_KINDS * sizeof(uint64_t) <=
			      STATE_PAGE,
	      "marks fit behind it");
static_assert(sizeof(struct state_disk_record) == 24, "no padding");

#define STATE_HEAD_CHECKED offsetof(struct state_disk_head, length)
#define STATE_RECORD_CHECKED offsetof(struct state_disk_record, sequence)

/* Of the head at p; length is within the memory. */
static inline uint32_t state_head_checksum(const uint8_t *p, uint32_t length)
{
	return stun_crc32((struct slice){p + STATE_HEAD_CHECKED, length});
}

/* Of the record at p with that many bytes, less open ones, which are all in the memory. */
static inline uint32_t state_record_checksum(const uint8_t *p, uint32_t len)
{
	return stun_crc32((struct slice){p + STATE_RECORD_CHECKED,
					 sizeof(struct state_disk_record) -
						 STATE_RECORD_CHECKED + len});
}

/* A mark that says the same twice: one that is damaged hides no record. */
static inline uint64_t state_mark_of(uint32_t mark)
{
	return (uint64_t)~mark << 32 | mark;
}

/* What a word says, of so many records; all of them if it says nothing. */
static inline uint32_t state_mark(uint64_t word, uint32_t records)
{
	uint32_t mark = (uint32_t)word;

	return word == state_mark_of(mark) && mark < records ? mark : records;
}

static inline uint64_t state_word_of(uint32_t sequence, uint32_t unit)
{
	return (uint64_t)sequence << 32 | unit;
}

static inline uint32_t state_word_sequence(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static inline uint32_t state_word_unit(uint64_t word)
{
	return (uint32_t)word;
}

#endif
