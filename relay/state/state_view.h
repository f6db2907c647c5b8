/*
 * state_view.h - reads a state file of another process, which may have been killed at any moment, be
 * of another version, or be damaged. What it says is checked against the memory's bounds and its checksums before it
 * is believed; nothing here crashes, and nothing is returned that was not written whole.
 *
 * Owner    the caller; the memory is borrowed, and nobody writes to it meanwhile.
 */
#ifndef RELAY_STATE_STATE_VIEW_H
#define RELAY_STATE_STATE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/state_file.h"

struct state_view {
	const uint8_t *memory;
	size_t bytes;
	struct state_head head;
	struct state_sizes sizes;
	uint32_t version;
	bool complete; /* see state_file_complete() */

	/* Where things are, proved to lie in the memory; state_view.c's. */
	uint64_t index_at[STATE_KIND_COUNT], words_at[STATE_KIND_COUNT];
	uint64_t window_at[STATE_WINDOWS], window_words_at[STATE_WINDOWS];
	uint64_t records_at;
};

enum state_verdict {
	STATE_GOOD,
	STATE_NOT_OURS,      /* no state file */
	STATE_OTHER_VERSION, /* neither this version nor the one before */
	STATE_OTHER_BOOT,
	STATE_DAMAGED, /* its head */
	STATE_VERDICT_COUNT
};
const char *state_verdict_name(enum state_verdict verdict);

/*
 * memory: aligned to 8 bytes. boot_id: of this boot. Unless STATE_GOOD, only view->version means
 * something, and that only if STATE_OTHER_VERSION.
 */
enum state_verdict state_view_open(struct state_view *view, const void *memory,
				   size_t bytes, const uint8_t boot_id[16]);

/*
 * The next record of that kind from index *cursor on, which is moved behind it; false at the end. A record in
 * doubt has good == false, its index, and no bytes.
 */
struct state_found {
	uint32_t index;
	bool good;
	struct slice record;   /* in the view's memory */
	const uint64_t *words; /* NULL: the kind has none */
};
bool state_view_next(const struct state_view *view, enum state_kind kind,
		     uint32_t *cursor, struct state_found *found);

/* Bytes and words of a window, as state_file_window(). NULL: a file of an older version has it not. */
const uint8_t *state_view_window(const struct state_view *view, unsigned number,
				 const uint64_t **words);

#endif
