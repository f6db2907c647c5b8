/*
 * succession.h - this process between the one before and the one after: takes the keys and the state of
 * the one before, and leaves its own to the one after, in the steps in which main starts.
 *
 *	succession_new()      what was inherited is looked at; the keys are known
 *	   shared tables and nonces are made, with these keys
 *	succession_begin()    state files of our own: of what workers share, and what theirs have in common
 *	   workers are made, with their state files
 *	succession_take_up()  all that the process before has left is in our tables and files
 *	succession_settle()   from now on our files count, and the old ones are gone. It cannot be undone
 *	   workers run
 *	succession_pulse()    now and then
 *
 * Killed before succession_settle(), this process has changed nothing: the next one finds the files
 * of the one before.
 *
 * Owner    main.
 * Threads  main's.
 */
#ifndef RELAY_SUCCESSION_H
#define RELAY_SUCCESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/saved_shared.h"
#include "relay/state/state_file.h"

struct inherited;
struct relay;
struct shared_sizes;
struct succession;
struct take_up_report;

/* NULL: out of memory. inherited: borrowed until succession_settle(); NULL: nothing was inherited. */
struct succession *succession_new(struct inherited *inherited);
void succession_free(struct succession *succession); /* NULL is allowed */

/* Of this process: those of the one before, or new ones. */
const struct saved_secrets *succession_secrets(const struct succession *succession);
/* How many allocations the process before has left, be they taken up or not. */
size_t succession_waiting(const struct succession *succession);

/* The shared tables are made. False with a sentence in error. */
bool succession_begin(struct succession *succession, struct relay *relay,
		      const struct shared_sizes *sizes, char *error, size_t error_size);
/* What the files of workers have in common. */
const struct state_head *succession_head(const struct succession *succession);

/*
 * The workers are made and do not run. False with a sentence in error; nothing that the process before
 * may still need has been ended.
 */
bool succession_take_up(struct succession *succession, struct relay *relay, char *error,
			size_t error_size);
/* All that was inherited and is not of use is ended. */
void succession_settle(struct succession *succession, struct relay *relay);

/* The workers serve, since then: tell what has become of the process before. */
void succession_tell(struct succession *succession, struct relay *relay,
		     uint64_t served_ms);

/* Every second or two, and before the process leaves. */
void succession_pulse(struct succession *succession, const struct relay *relay);

/* As long as succession lives; NULL before succession_take_up(). */
const struct take_up_report *succession_report(const struct succession *succession);

/* Each memory of our own state files, by the name of their group: for the process after. */
void succession_each_descriptor(const struct succession *succession,
				const struct relay *relay,
				void (*fn)(void *arg, const char *name, int fd),
				void *arg);

#endif
