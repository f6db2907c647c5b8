/*
 * saved_owner.c - see saved_owner.h.
 */
#include "relay/state/saved_owner.h"

#include <string.h>

#include "auth/credential/credential.h"

bool saved_owner_from_proof(const struct owner_proof *proof, struct owner *owner)
{
	struct credential cred;
	bool parsed = false;

	if (proof->kind == OWNER_PROOF_MS_USERNAME)
		parsed = credential_parse(proof->bytes, true, &cred) == CREDENTIAL_OK;
	if (!parsed && (proof->kind == OWNER_PROOF_MS_USERNAME ||
			proof->kind == OWNER_PROOF_USERNAME))
		parsed = credential_parse(proof->bytes, false, &cred) == CREDENTIAL_OK;
	if (!parsed)
		return false;
	memcpy(owner->user, cred.user, sizeof(owner->user));
	owner->credential_expires_s = cred.expires_s;
	owner->quota = cred.quota;
	owner->nameless = cred.nameless;
	return true;
}

bool saved_owner_is_in_proof(const struct owner *owner, const struct owner_proof *proof)
{
	struct owner said = {0};

	return !owner->is_token && saved_owner_from_proof(proof, &said) &&
	       strcmp(said.user, owner->user) == 0 &&
	       said.credential_expires_s == owner->credential_expires_s &&
	       said.quota.allocations == owner->quota.allocations &&
	       said.quota.bandwidth_bps == owner->quota.bandwidth_bps &&
	       said.nameless == owner->nameless;
}

static struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* One field. */
enum { OWNER_NAMELESS = 1, OWNER_TOKEN = 2, OWNER_ALL = 3 };

void saved_owner_write(struct state_writer *w, const struct owner *owner)
{
	state_write_number(w, (owner->nameless ? OWNER_NAMELESS : 0) |
				      (owner->is_token ? OWNER_TOKEN : 0));
	state_write_slice(w, text_of(owner->user));
	state_write_number(w, (uint64_t)owner->credential_expires_s);
	state_write_number(w, owner->quota.allocations);
	state_write_number(w, owner->quota.bandwidth_bps);
}

void saved_owner_read(struct state_reader *r, struct owner *owner)
{
	uint64_t flags = state_read_up_to(r, OWNER_ALL);

	owner->nameless = (flags & OWNER_NAMELESS) != 0;
	owner->is_token = (flags & OWNER_TOKEN) != 0;
	state_read_name(r, owner->user, CREDENTIAL_USER_MAX);
	owner->credential_expires_s = (int64_t)state_read_number(r);
	owner->quota.allocations = (uint32_t)state_read_up_to(r, UINT32_MAX);
	owner->quota.bandwidth_bps = state_read_number(r);
}

void saved_proof_write(struct state_writer *w, const struct owner_proof *proof)
{
	state_write_number(w, proof->kind);
	if (proof->kind == OWNER_PROOF_NONE)
		return;
	state_write_u8(w, proof->key_len);
	state_write_slice(w, proof->bytes);
	state_write_slice(w, proof->realm);
}

void saved_proof_read(struct state_reader *r, struct owner_proof *proof)
{
	*proof = (struct owner_proof){
		.kind = (enum owner_proof_kind)state_read_up_to(
			r, OWNER_PROOF_KIND_COUNT - 1),
	};
	if (proof->kind == OWNER_PROOF_NONE)
		return;
	proof->key_len = state_read_u8(r);
	proof->bytes = state_read_slice(r, UINT16_MAX);
	proof->realm = state_read_slice(r, UINT16_MAX);
}
