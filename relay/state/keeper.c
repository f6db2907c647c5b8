/*
 * keeper.c - see keeper.h.
 */
#include "relay/state/keeper.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/counter.h"
#include "relay/core/turn.h"
#include "relay/state/saved_allocation.h"

/* A request proves one owner; more of them come together when another worker's allocations come. */
enum { PROOFS = 4 };

struct new_proof {
	uint32_t slot;
	struct owner_proof proof; /* in text */
	uint8_t text[OWNER_PROOF_BYTES_MAX + OWNER_PROOF_REALM_MAX];
};

struct keeper {
	struct turn *turn;
	struct state_file *file;
	keeper_via_fn *via;
	void *arg;
	size_t slots;
	uint32_t *marks;  /* by slot: of what packets move, when it was saved */
	uint8_t *unsaved; /* by slot: its record did not fit */
	uint64_t unsaved_count;
	uint32_t next;  /* slot to look at */
	uint64_t moved; /* when the last round through all slots began */
	uint64_t now_ms;
	size_t proof_count;
	struct new_proof proofs[PROOFS];
	struct allocation_image image;
	uint8_t bytes[SAVED_ALLOCATION_MAX];
};

struct keeper *keeper_new(struct turn *turn, struct state_file *file, size_t slots,
			  keeper_via_fn *via, void *arg)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return NULL;
	keeper->turn = turn;
	keeper->file = file;
	keeper->via = via;
	keeper->arg = arg;
	keeper->slots = slots;
	keeper->moved = UINT64_MAX;
	keeper->marks = calloc(slots + 1, sizeof(*keeper->marks));
	keeper->unsaved = calloc(slots + 1, sizeof(*keeper->unsaved));
	if (keeper->marks != NULL && keeper->unsaved != NULL)
		return keeper;
	keeper_free(keeper);
	return NULL;
}

void keeper_free(struct keeper *keeper)
{
	if (keeper == NULL)
		return;
	free(keeper->marks);
	free(keeper->unsaved);
	free(keeper);
}

struct state_file *keeper_file(struct keeper *keeper)
{
	return keeper->file;
}

uint64_t keeper_unsaved(const struct keeper *keeper)
{
	return keeper != NULL ? counter_read(&keeper->unsaved_count) : 0;
}

/* --- proofs ---------------------------------------------------------------------------------- */

static struct new_proof *find_new(struct keeper *keeper, uint32_t slot)
{
	for (size_t i = 0; i < keeper->proof_count; i++) {
		if (keeper->proofs[i].slot == slot)
			return &keeper->proofs[i];
	}
	return NULL;
}

static struct slice copy(uint8_t *to, size_t size, struct slice from)
{
	assert(from.len <= size);
	(void)size;
	if (from.len > 0)
		memcpy(to, from.data, from.len);
	return (struct slice){to, from.len};
}

void keeper_prove(struct keeper *keeper, uint32_t slot, const struct owner_proof *proof)
{
	struct new_proof *new = find_new(keeper, slot);

	assert(slot < keeper->slots && proof->kind != OWNER_PROOF_NONE);
	/* By the edge, for others that have to know of the changes that are noted. */
	if (new == NULL && keeper->proof_count == PROOFS)
		keeper->turn->edge->save(keeper->turn->edge->self, keeper->now_ms);
	assert(new != NULL || keeper->proof_count < PROOFS);
	if (new == NULL)
		new = &keeper->proofs[keeper->proof_count++];
	new->slot = slot;
	new->proof = *proof;
	new->proof.bytes = copy(new->text, OWNER_PROOF_BYTES_MAX, proof->bytes);
	new->proof.realm = copy(new->text + OWNER_PROOF_BYTES_MAX, OWNER_PROOF_REALM_MAX,
				proof->realm);
}

void keeper_proof_of(struct keeper *keeper, uint32_t slot, struct owner_proof *proof)
{
	const struct allocation *al = allocation_at(keeper->turn->table, slot);
	const struct new_proof *new = find_new(keeper, slot);
	uint64_t id;

	assert(al != NULL);
	if (new != NULL) {
		*proof = new->proof;
		return;
	}
	/* What is in the slot's record may be of an earlier one. */
	if (!saved_allocation_proof(state_file_get(keeper->file, STATE_ALLOCATION, slot),
				    &id, proof) ||
	    id != al->id)
		*proof = (struct owner_proof){.kind = OWNER_PROOF_NONE};
}

/* --- saving ---------------------------------------------------------------------------------- */

/* Different as long as anything moves. */
static uint32_t mark_of(const struct allocation *al)
{
	uint64_t mark = al->to_peer.packets + al->to_client.packets;

	/* Idle ones do not have more of their memory touched than that. */
	if (al->dialect == DIALECT_MS)
		mark += (uint64_t)al->ms.sequence.newest << 8;
	return (uint32_t)mark;
}

static void count_unsaved(struct keeper *keeper, uint32_t slot, bool unsaved)
{
	if (keeper->unsaved[slot] == unsaved)
		return;
	keeper->unsaved[slot] = unsaved;
	counter_set(&keeper->unsaved_count,
		    unsaved ? keeper->unsaved_count + 1 : keeper->unsaved_count - 1);
}

static bool put(struct keeper *keeper, const struct allocation *al)
{
	struct allocation_image *image = &keeper->image;

	allocation_image_take(keeper->turn, al, image);
	allocation_image_trim(image, keeper->now_ms);
	image->via = keeper->via(keeper->arg, al);
	keeper_proof_of(keeper, al->slot, &image->proof);

	size_t len = saved_allocation_write(image, keeper->bytes, sizeof(keeper->bytes));

	assert(len > 0);
	return state_file_put(keeper->file, STATE_ALLOCATION, al->slot,
			      (struct slice){keeper->bytes, len});
}

static void save_slot(struct keeper *keeper, uint32_t slot)
{
	const struct allocation *al = allocation_at(keeper->turn->table, slot);
	bool fits = al == NULL || put(keeper, al);

	/* One that says what is no longer so is worse than none. */
	if (al == NULL || !fits)
		state_file_drop(keeper->file, STATE_ALLOCATION, slot);
	else
		keeper->marks[slot] = mark_of(al);
	count_unsaved(keeper, slot, !fits);
}

void keeper_save(struct keeper *keeper, uint64_t now_ms)
{
	struct change_list *changes = &keeper->turn->changes;

	keeper->now_ms = now_ms;
	for (uint32_t i = 0; i < changes->count; i++)
		save_slot(keeper, changes->slots[i]);
	change_list_clear(changes);
	keeper->proof_count = 0;
}

static void catch_up_slot(struct keeper *keeper, uint32_t slot)
{
	const struct allocation *al = allocation_at(keeper->turn->table, slot);

	/* What did not fit may do so by now. */
	if (al != NULL && (keeper->marks[slot] != mark_of(al) || keeper->unsaved[slot]))
		save_slot(keeper, slot);
}

uint32_t keeper_catch_up(struct keeper *keeper, uint64_t moved, uint64_t now_ms)
{
	const uint32_t used = allocation_slots(keeper->turn->table);
	const uint32_t slices = used / KEEPER_SLICE + 1;

	assert(used <= keeper->slots && keeper->proof_count == 0);
	keeper->now_ms = now_ms;
	if (keeper->next >= used)
		keeper->next = 0;
	if (keeper->next == 0) {
		if (moved == keeper->moved && keeper->unsaved_count == 0)
			return KEEPER_ROUND_MS;
		keeper->moved = moved;
	}
	for (uint32_t i = 0; i < KEEPER_SLICE && keeper->next < used; i++)
		catch_up_slot(keeper, keeper->next++);
	return slices < KEEPER_ROUND_MS ? KEEPER_ROUND_MS / slices : 1;
}

void keeper_save_all(struct keeper *keeper, uint64_t now_ms)
{
	const uint32_t used = allocation_slots(keeper->turn->table);

	keeper_save(keeper, now_ms);
	for (uint32_t slot = 0; slot < used; slot++)
		catch_up_slot(keeper, slot);
}
