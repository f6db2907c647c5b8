/*
 * saved_owner.h - what an allocation's record (saved_allocation.h) has of its owner: what the owner is
 * known by, and, as far as that does not say it, the user with its quota. No key is in it.
 *
 * Pure; any thread. A reader that fails, and what it has read then, is its caller's to judge.
 */
#ifndef RELAY_STATE_SAVED_OWNER_H
#define RELAY_STATE_SAVED_OWNER_H

#include <stdbool.h>

#include "relay/core/allocation_image.h"
#include "relay/state/state_bytes.h"

/* What the credential says of its owner: user, end and quota. False: it says nothing of these. */
bool saved_owner_from_proof(const struct owner_proof *proof, struct owner *owner);
/* Does it say all of them, so that saved_owner_write() would only repeat it? */
bool saved_owner_is_in_proof(const struct owner *owner, const struct owner_proof *proof);

void saved_owner_write(struct state_writer *w, const struct owner *owner);
void saved_owner_read(struct state_reader *r, struct owner *owner);

/* Its bytes and realm are borrowed from the record. */
void saved_proof_write(struct state_writer *w, const struct owner_proof *proof);
void saved_proof_read(struct state_reader *r, struct owner_proof *proof);

#endif
