/*
 * ms_attr.h - attribute values of MS-TURN that have a structure, both ways.
 *
 * A decoder returns false if the value of the attribute is malformed; it looks at nothing else.
 * Values with the format of STUN have no decoder here:
 *
 *	stun_attr_address()       MAPPED-ADDRESS, ALTERNATE-SERVER, DESTINATION-ADDRESS,
 *	                          REMOTE-ADDRESS, MS-ALTERNATE-MAPPED-ADDRESS
 *	stun_attr_u32()           LIFETIME (seconds), BANDWIDTH (kbit/s), MS-VERSION
 *	stun_attr_first_of_four() REQUESTED-ADDRESS-FAMILY
 *	stun_attr_error_code()    ERROR-CODE
 */
#ifndef STUN_MS_ATTR_H
#define STUN_MS_ATTR_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/attr.h"
#include "stun/ms_msg.h"

/* Port and address are XORed with the 16 bytes of the message's own transaction id. */
bool ms_attr_xor_address(const struct stun_attr *attr, const uint8_t *txid,
			 struct endpoint *out);
void ms_add_address(struct ms_builder *b, uint16_t type, const struct endpoint *ep);
void ms_add_xor_address(struct ms_builder *b, uint16_t type, const struct endpoint *ep);

void ms_add_u32(struct ms_builder *b, uint16_t type, uint32_t value);

/* REQUESTED-ADDRESS-FAMILY. */
void ms_add_family(struct ms_builder *b, uint8_t family);

/* code 300..699; ms_error_reason() has the reasons. */
void ms_add_error_code(struct ms_builder *b, int code, const char *reason);

/* Two bytes each, no padding. ms_msg_unknown() makes such a list. */
void ms_add_unknown_attributes(struct ms_builder *b, const uint16_t *types, size_t count);
/* The next type of the list; start with the attribute's value. False at the end. */
bool ms_unknown_next(struct slice *rest, uint16_t *type);

/*
 * MS-SEQUENCE-NUMBER. Our numbers begin at 0: one client derives its first number only from the
 * first byte of ours, as its top byte.
 */
struct ms_sequence {
	uint8_t connection_id[MS_CONNECTION_ID_LEN];
	uint32_t number;
};
bool ms_attr_sequence(const struct stun_attr *attr, struct ms_sequence *out);
void ms_add_sequence(struct ms_builder *b, const struct ms_sequence *sequence);

/* MS-SERVICE-QUALITY; numbers outside the enums are passed on unchanged. */
enum ms_stream_type {
	MS_STREAM_AUDIO = 1,
	MS_STREAM_VIDEO = 2,
	MS_STREAM_SUPPLEMENTAL_VIDEO = 3,
	MS_STREAM_DATA = 4,
};
enum ms_quality {
	MS_QUALITY_BEST_EFFORT = 0,
	MS_QUALITY_RELIABLE = 1,
};
struct ms_service_quality {
	uint16_t stream_type;
	uint16_t quality;
};
bool ms_attr_service_quality(const struct stun_attr *attr,
			     struct ms_service_quality *out);
void ms_add_service_quality(struct ms_builder *b,
			    const struct ms_service_quality *quality);

/* NONCE and REALM: at most MS_TEXT_MAX bytes. */
bool ms_attr_text(const struct stun_attr *attr, struct slice *out);

/*
 * Packet path: write the header of a Data Indication, all but its payload. Returns its length,
 * ms_data_header_len(); together with the payload at most MS_MSG_MAX.
 */
enum {
	MS_DATA_HEADER_V4 = MS_HEADER_LEN + MS_COOKIE_ATTR_LEN + 12 + MS_ATTR_HEADER_LEN,
	MS_DATA_HEADER_V6 = MS_HEADER_LEN + MS_COOKIE_ATTR_LEN + 24 + MS_ATTR_HEADER_LEN,
};

static inline size_t ms_data_header_len(const struct endpoint *peer)
{
	return peer->ip.family == IP_V4 ? MS_DATA_HEADER_V4 : MS_DATA_HEADER_V6;
}

size_t ms_data_indication_header(uint8_t *header, const uint8_t *txid,
				 const struct endpoint *peer, size_t payload_len);

#endif
