/*
 * channel.h - a number bound to a peer transport address (RFC 8656 section 12).
 *
 * Owner    the allocation; stored in the table's fixed array, at most channels_each apiece.
 */
#ifndef RELAY_CORE_CHANNEL_H
#define RELAY_CORE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct allocation;
struct channel;
struct turn;

enum { CHANNEL_LIFETIME_MS = 600 * 1000 };

/*
 * Bind a channel to a peer, or refresh the binding (RFC 8656 section 12.2); also installs or
 * refreshes the permission for the peer's IP address.
 *
 * number  host order; valid are 0x4000..channel_number_max()
 * peer    copied; of the relayed address's family; port not 0
 *
 * Returns 0, or the error code to answer with, having changed nothing:
 *   400 number out of range, port 0, or number or peer already bound elsewhere
 *   403 policy refuses this peer      443 wrong address family      508 no room
 */
int channel_bind(struct turn *turn, struct allocation *al, uint16_t number,
		 const struct endpoint *peer, uint64_t now_ms, const char **refused);

/*
 * The highest number that this client may bind: 0x7FFF, as in RFC 5766 section 11, if it has
 * shown nothing of RFC 8656 (shows_rfc8656) and the configuration does not forbid it; otherwise
 * 0x4FFF. Programs with coturn's client library, turnutils_uclient for one, draw such numbers.
 */
uint16_t channel_number_max(const struct turn *turn, const struct allocation *al);

/*
 * The highest number with which its ChannelData is told from other protocols by the first byte:
 * 0x7FFF once a number above 0x4FFF was bound, until then 0x4FFF as in RFC 7983 section 7.
 */
uint16_t channel_data_max(const struct allocation *al);

/*
 * Walk for lists and records: *cursor starts at al->channels; false at the end. Expired ones
 * are among them until their place is needed.
 */
bool channel_next(const struct turn *turn, uint32_t *cursor, uint16_t *number,
		  struct endpoint *peer, uint64_t *expires_ms);

/* Live ones, or NULL. The peer in public form. */
struct channel *channel_by_number(const struct turn *turn, const struct allocation *al,
				  uint16_t number, uint64_t now_ms);
struct channel *channel_by_peer(const struct turn *turn, const struct allocation *al,
				const struct endpoint *peer, uint64_t now_ms);

/* Does the current policy still allow it? Judged again after the settings change. */
bool channel_is_allowed(const struct turn *turn, struct channel *channel);

#endif
