/*
 * attr.h - attribute values that have a structure, both ways.
 *
 * A decoder takes the attribute it is given and answers false if the value is malformed;
 * it looks at nothing else. Adders append to a builder, which remembers an overflow.
 */
#ifndef STUN_ATTR_H
#define STUN_ATTR_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/msg.h"

/*
 * Addresses: false unless the length, 8 or 20, agrees with the family byte. The family is the one
 * on the wire: an IPv4-mapped IPv6 address stays IPv6. txid is the message's.
 */
bool stun_attr_address(const struct stun_attr *attr, struct endpoint *out);
bool stun_attr_xor_address(const struct stun_attr *attr, const uint8_t *txid,
			   struct endpoint *out);
void stun_add_address(struct stun_builder *b, uint16_t type, const struct endpoint *ep);
/* XORed with the cookie and the builder's own transaction id (RFC 8489 section 14.2). */
void stun_add_xor_address(struct stun_builder *b, uint16_t type,
			  const struct endpoint *ep);

/*
 * Shared by both kinds above and by MS-TURN: port and address XORed with a mask of 16 bytes, the
 * port with the first two, the address with as many as it has. The endpoint to write must have
 * a family.
 */
bool stun_attr_masked_address(const struct stun_attr *attr, const uint8_t *mask,
			      struct endpoint *out);
size_t stun_masked_address_len(const struct endpoint *ep);
void stun_write_masked_address(uint8_t *value, const uint8_t *mask,
			       const struct endpoint *ep);

/* A 4-byte number (LIFETIME, CONNECTION-ID ...). False unless the length is 4. */
bool stun_attr_u32(const struct stun_attr *attr, uint32_t *out);
void stun_add_u32(struct stun_builder *b, uint16_t type, uint32_t value);

/* CHANNEL-NUMBER: length 4, RFFU ignored (RFC 8656 section 18.1). The range is not checked. */
bool stun_attr_channel_number(const struct stun_attr *attr, uint16_t *number);
/* REQUESTED-TRANSPORT, REQUESTED- and ADDITIONAL-ADDRESS-FAMILY: the first of four bytes. */
bool stun_attr_first_of_four(const struct stun_attr *attr, uint8_t *value);
/* EVEN-PORT: length 1; *reserve_next is the R bit. */
bool stun_attr_even_port(const struct stun_attr *attr, bool *reserve_next);

/* ERROR-CODE: 300..699; *reason borrows. False if malformed. */
bool stun_attr_error_code(const struct stun_attr *attr, int *code, struct slice *reason);
/* code 300..699; reason below 128 characters, "" makes the smallest legal reply. */
void stun_add_error_code(struct stun_builder *b, int code, const char *reason);
/*
 * The types in the order given, each once. Takes time quadratic in count, which the caller
 * limits.
 */
void stun_add_unknown_attributes(struct stun_builder *b, const uint16_t *types,
				 size_t count);

/*
 * PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS (RFC 8489 sections 14.11, 14.12). Take the next
 * entry off *rest, which starts as the attribute's value. False at the end or, with *malformed
 * set, if an entry exceeds the value.
 */
struct stun_password_entry {
	uint16_t algorithm;
	struct slice parameters;
};
bool stun_password_next(struct slice *rest, struct stun_password_entry *entry,
			bool *malformed);

/*
 * The nonce cookie (RFC 8489 section 9.2): the first 13 characters of a nonce, which tell the
 * STUN_FEATURE_* bits that the server offered. No NUL is written.
 */
void stun_nonce_cookie(char out[STUN_NONCE_COOKIE_LEN], uint32_t features);
/* False if the nonce does not begin with a cookie, so offers no feature. */
bool stun_nonce_features(struct slice nonce, uint32_t *features);

#endif
