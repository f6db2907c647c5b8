/*
 * ms_bandwidth.h - the attributes with which a client asks for bandwidth in its Allocate
 * (MS-TURNBWM): whether the paths local site - relay - remote site have room, and a
 * reservation of it. All may be ignored.
 *
 * Site addresses (0x8059 to 0x805C) are xored: ms_attr_xor_address(), ms_add_xor_address().
 * Decoders answer false if the value is malformed. Amounts are presumably kbit/s.
 */
#ifndef STUN_MS_BANDWIDTH_H
#define STUN_MS_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/ms_msg.h"

/* Bandwidth Admission Control Message; other numbers are handed out as they are. */
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
bool ms_attr_reservation_amount(const struct stun_attr *attr,
				struct ms_reservation_amount *out);
void ms_add_reservation_amount(struct ms_builder *b,
			       const struct ms_reservation_amount *amount);

/*
 * The four responses, MS_REMOTE_SITE_RESPONSE to MS_LOCAL_RELAY_SITE_RESPONSE: what is said
 * about one path. Those of the relay sites have no bit for the failover; it is ignored on
 * input and not written.
 */
struct ms_path {
	bool usable;
	bool pstn_failover; /* the call had better take the telephone network */
	uint32_t max_send;
	uint32_t max_receive;
};
bool ms_attr_path(const struct stun_attr *attr, struct ms_path *out);
void ms_add_path(struct ms_builder *b, uint16_t type, const struct ms_path *path);

/* SIP Dialog Identifier and SIP Call Identifier: at most MS_SIP_ID_MAX bytes. */
bool ms_attr_sip_id(const struct stun_attr *attr, struct slice *id);

/* Location Profile; other numbers are handed out as they are. */
enum ms_location {
	MS_LOCATION_UNKNOWN = 0,
	MS_LOCATION_INTERNET = 1,
	MS_LOCATION_INTRANET = 2,
};
struct ms_location_profile {
	uint8_t peer;
	uint8_t self;
	uint8_t federation;
};
bool ms_attr_location_profile(const struct stun_attr *attr,
			      struct ms_location_profile *out);
void ms_add_location_profile(struct ms_builder *b,
			     const struct ms_location_profile *profile);

#endif
