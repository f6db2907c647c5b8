/*
 * records.h - what a worker of the fixture leaves to the next process, kept as the product keeps it: the
 * record of every allocation has to say what the allocation is, whenever somebody could learn of it.
 */
#ifndef TESTS_UNIT_CORE_RECORDS_H
#define TESTS_UNIT_CORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocation_image;
struct keeper;
struct records_of;
struct turn;

/* Keep records of turn. NULL if out of memory. */
struct records_of *records_of_new(struct turn *turn, size_t slots);
void records_of_free(struct records_of *records, struct turn *turn); /* NULL is allowed */

/* What the edge calls. */
struct keeper *records_of_keeper(struct records_of *records);

/*
 * After dispatch, which has to have saved: abort with a sentence if a record is missing, one too many, or
 * says anything else than its allocation. A function that forgets changes_note() is found by this.
 */
void records_of_check(struct records_of *records, struct turn *turn, uint64_t now_ms);

/* The image in the record of that slot. False if there is no record. */
bool records_of_read(const struct records_of *records, uint32_t slot,
		     struct allocation_image *image);

#endif
