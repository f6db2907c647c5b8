/*
 * ms_attr_describe.h - an attribute of the MS dialect as the captured vectors write it.
 */
#ifndef TESTS_UNIT_STUN_MS_ATTR_DESCRIBE_H
#define TESTS_UNIT_STUN_MS_ATTR_DESCRIBE_H

#include <stddef.h>
#include <stdint.h>

#include "stun/ms_msg.h"

/*
 * The value, as text, read by its decoder; txid is that of its message. Fails the test if
 * it is malformed.
 */
void ms_attr_describe(const struct stun_attr *attr, const uint8_t *txid, char *out,
		      size_t size);

#endif
