/*
 * ms_bandwidth.h - the attributes with which a client requests bandwidth in its Allocate
 * (MS-TURNBWM): whether the paths local site - relay - remote site have capacity, and a
 * reservation. All may be ignored.
 *
 * Site addresses (0x8059 to 0x805C) are XORed: ms_attr_xor_address(), ms_add_xor_address().
 * Decoders return false if the value is malformed. The unit of amounts is not documented; clients
 * presumably count kbit/s.
 */
#ifndef STUN_MS_BANDWIDTH_H
#define STUN_MS_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/ms_msg.h"

/* Bandwidth Admission Control Message; other numbers are passed on unchanged. */
enum ms_bandwidth_message {
	MS_BANDWIDTH_CHECK = 0,
	MS_BANDWIDTH_COMMIT = 1,
	MS_BANDWIDTH_UPDATE = 2,
};
bool ms_attr_bandwidth_message(const struct stun_attr *attr, uint16_t *message);
void ms_add_bandwidth_message(struct ms_builder *b, uint16_t message);

/* Bandwidth Reservation Identifier: 16 bytes. */
bool ms_attr_reservation_id(const struct stun_attr *attr, struct slice *id);
void ms_add_reservation_id(struct ms_builder *b, const uint8_t *id);

/* Bandwidth Reservation Amount. */
struct ms_reservation_amount {
	uint32_t min_send;
	uint32_t max_send;
	uint32_t min_receive;
	uint32_t max_receive;
};
/* Does each direction have a maximum that is not below its minimum? */
static inline bool ms_reservation_amount_is_valid(
	const struct ms_reservation_amount *amount)
{
	return amount->min_send <= amount->max_send &&
	       amount->min_receive <= amount->max_receive;
}
bool ms_attr_reservation_amount(const struct stun_attr *attr,
				struct ms_reservation_amount *out);
void ms_add_reservation_amount(struct ms_builder *b,
			       const struct ms_reservation_amount *amount);

/*
 * The four responses, MS_REMOTE_SITE_RESPONSE to MS_LOCAL_RELAY_SITE_RESPONSE: the state of one
 * path. Those of the relay sites have no failover bit; it is ignored on input and not written.
 */
struct ms_path {
	bool usable;
	bool pstn_failover; /* the call should use the telephone network */
	uint32_t max_send;
	uint32_t max_receive;
};
bool ms_attr_path(const struct stun_attr *attr, struct ms_path *out);
void ms_add_path(struct ms_builder *b, uint16_t type, const struct ms_path *path);

#endif
