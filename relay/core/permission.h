/*
 * permission.h - which peer addresses may talk through an allocation (RFC 8656 sections 9
 * and 10). A permission is an IP address; ports do not matter.
 *
 * Owner    the allocation; stored in the table's fixed array, at most permissions_each apiece.
 */
#ifndef RELAY_CORE_PERMISSION_H
#define RELAY_CORE_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/front.h"
#include "stun/endpoint.h"

struct allocation;
struct permission;
struct turn;

/* Exactly (RFC 8656 section 9). In the MS dialect they last as long as the allocation. */
enum { PERMISSION_LIFETIME_MS = 300 * 1000 };

/*
 * Install or refresh permissions for all peers, or for none (RFC 8656 section 10.2). Returns 0,
 * or the error code, having changed nothing:
 *   403 policy refuses one     443 family differs from the relayed address    508 no room
 * *refused, if not NULL, is the rule's name on 403.
 */
int permission_install(struct turn *turn, struct allocation *al,
		       const struct endpoint *peers, size_t count, uint64_t now_ms,
		       const char **refused);

/* The live permission of that address (public form), or NULL. */
struct permission *permission_find(const struct turn *turn, const struct allocation *al,
				   const struct ip_addr *peer, uint64_t now_ms);
/* Does the current policy still allow it? Judged again after the settings change. */
bool permission_is_allowed(const struct turn *turn, struct permission *permission);

/* Both together, for an address in whatever form. */
bool permission_allows(const struct turn *turn, const struct allocation *al,
		       const struct ip_addr *peer, uint64_t now_ms);

/*
 * Walk for lists and records: *cursor starts at al->permissions; false at the end. Expired ones
 * are among them until their place is needed. UINT64_MAX: never expires.
 */
bool permission_next(const struct turn *turn, uint32_t *cursor, struct ip_addr *peer,
		     uint64_t *expires_ms);

/*
 * The name of the rule that refuses that peer, or NULL if none does. relay: transport of the
 * relayed address, because a peer may be another of ours, on a port of the same transport.
 */
const char *peer_refused_by(const struct turn *turn, enum transport relay,
			    const struct endpoint *peer);
/* A relayed address of ours; whether its port is taken is another question. */
bool peer_is_own(const struct turn *turn, const struct ip_addr *ip);
/* An address that clients name: ours in public form, all others as they are. */
struct endpoint peer_as_named(const struct turn *turn, const struct endpoint *peer);

#endif
