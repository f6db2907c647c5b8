/*
 * allocation.h - a client's relayed transport address and everything that belongs to it (RFC
 * 8656 sections 3.2, 6, 7 and 8).
 *
 * Owner    the table owns its allocations; an allocation owns its permissions, channels and
 *          relay port. Pointers handed out are borrowed until the event loop resumes;
 *          to refer to one for longer, keep the slot number, or the id if the slot may be
 *          reused.
 * Threads  one table per worker, used only by that worker. No locks.
 * Time     monotonic milliseconds, passed in. Nothing here reads a clock.
 */
#ifndef RELAY_CORE_ALLOCATION_H
#define RELAY_CORE_ALLOCATION_H

#include <stdint.h>

#include "relay/core/allocation_request.h"
#include "relay/core/allocation_state.h"
#include "relay/core/allocation_table.h"

struct charge;
struct owner_proof;
struct turn;
struct turn_settings;

const char *end_reason_name(enum end_reason reason);

/* Open ones by kind, and opened so far: one more, on its client's front. */
void allocation_count_opened(struct turn *turn, const struct allocation *al);
/* Note the user group of its owner, see user_groups.h. */
void allocation_tell_group(const struct turn *turn, struct allocation *al);

/*
 * Make one: quotas, port, socket (RFC 8656 section 7.2). The 5-tuple must have none. Returns 0
 * and *out, or the error code to answer with, holding nothing:
 *   440 no relayed address of that family     442 TCP for a client of datagrams
 *   486 quota of the user, of the source prefix or of the side, or the user is too fast
 *   508 no port, bad reservation token, table full, the system refused a socket
 * A reservation token decides the family, whatever the request asks for. If a dual one has no
 * IPv6 address, its missing_code says why.
 */
int allocation_create(struct turn *turn, const struct allocation_request *request,
		      uint64_t now_ms, struct allocation **out);

/* Lifetime granted (RFC 8656 sections 7.2 and 8.2). requested: LIFETIME, or 0 without one. */
uint32_t allocation_lifetime(const struct turn *turn, uint32_t requested_s);

/* New deadline lifetime_s from now, or earlier if it has to end before that. */
void allocation_refresh(struct turn *turn, struct allocation *al, uint32_t lifetime_s,
			uint64_t now_ms);

/* It has to end by then (UINT64_MAX: need not), however long it was granted. */
void allocation_bound(struct turn *turn, struct allocation *al, uint64_t ends_ms);

/* What is left of its lifetime, rounded up: the value of LIFETIME. */
uint32_t allocation_left_s(const struct allocation *al, uint64_t now_ms);

/*
 * It has expired: end it, or its expired half. Returns the allocation if a half remains, else
 * NULL.
 */
struct allocation *allocation_end_expired(struct turn *turn, struct allocation *al,
					  uint64_t now_ms);

/* It has expired: END_EXPIRED or END_CREDENTIAL. */
enum end_reason allocation_expiry_reason(const struct allocation *al, uint64_t now_ms);

/* End it: record, relay socket, port, quotas, permissions, channels. */
void allocation_delete(struct turn *turn, struct allocation *al, enum end_reason reason,
		       uint64_t now_ms);

/*
 * Another 5-tuple is its client from now on (RFC 8016), with the charge that it holds for that. By
 * side and transport it counts as closed where it was and opened where it is.
 */
void allocation_change_client(struct turn *turn, struct allocation *al,
			      const struct five_tuple *to, const struct charge *charge);

/* End the allocations that are due; when to call again, UINT64_MAX for never. */
uint64_t allocation_table_expire(struct turn *turn, uint64_t now_ms);

/* The relayed transport address, as bound and as told to clients. */
struct endpoint allocation_relayed_local(const struct turn *turn,
					 const struct allocation *al);
struct endpoint allocation_relayed_public(const struct turn *turn,
					  const struct allocation *al);
/* The second one of a dual allocation; of no family if it is not dual. */
struct endpoint allocation_second_local(const struct turn *turn,
					const struct allocation *al);
struct endpoint allocation_second_public(const struct turn *turn,
					 const struct allocation *al);

/*
 * Its owner has come with another credential, valid until ends_ms; the id is the same. What it counts
 * against stays: only for credentials that name nobody. proof: of kind NONE if it is the same one.
 */
void allocation_reown(struct turn *turn, struct allocation *al, const struct owner *owner,
		      const struct owner_proof *proof, uint64_t ends_ms);

/* The settings of turn are new, before were in force: tell the user group of every allocation again. */
void allocation_regroup(struct turn *turn, const struct turn_settings *before);

#endif
