/*
 * ms_attr_describe.c - see ms_attr_describe.h.
 */
#include "tests/unit/stun/ms_attr_describe.h"

#include <stdio.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/ms_attr.h"
#include "tests/unit/lib/unit.h"

static void write_hex(char *out, size_t size, struct slice value)
{
	ck_assert_uint_lt(2 * value.len, size);
	*out = '\0';
	for (size_t i = 0; i < value.len; i++)
		sprintf(out + 2 * i, "%02x", value.data[i]);
}

void ms_attr_describe(const struct stun_attr *attr, const uint8_t *txid, char *out,
		      size_t size)
{
	struct ms_sequence sequence;
	struct endpoint ep;
	struct slice text;
	uint32_t number;
	int code;

	switch (attr->type) {
	case MS_MAPPED_ADDRESS:
	case MS_ALTERNATE_SERVER:
	case MS_DESTINATION_ADDRESS:
	case MS_REMOTE_ADDRESS:
		ck_assert(stun_attr_address(attr, &ep));
		endpoint_format(&ep, out, size);
		break;
	case MS_XOR_MAPPED_ADDRESS:
		ck_assert(ms_attr_xor_address(attr, txid, &ep));
		endpoint_format(&ep, out, size);
		break;
	case MS_LIFETIME:
	case MS_BANDWIDTH:
	case MS_VERSION:
		ck_assert(stun_attr_u32(attr, &number));
		snprintf(out, size, "%u", number);
		break;
	case MS_ERROR_CODE:
		ck_assert(stun_attr_error_code(attr, &code, &text));
		snprintf(out, size, "%d %.*s", code, (int)text.len,
			 (const char *)text.data);
		break;
	case MS_SEQUENCE_NUMBER:
		ck_assert(ms_attr_sequence(attr, &sequence));
		write_hex(out, size,
			  (struct slice){sequence.connection_id, MS_CONNECTION_ID_LEN});
		snprintf(out + strlen(out), size - strlen(out), "/%u", sequence.number);
		break;
	case MS_REALM:
		ck_assert(ms_attr_text(attr, &text));
		snprintf(out, size, "%.*s", (int)text.len, (const char *)text.data);
		break;
	case MS_NONCE:
		ck_assert(ms_attr_text(attr, &text));
		write_hex(out, size, text);
		break;
	case MS_DATA:
		snprintf(out, size, "<%zu bytes>", attr->value.len);
		break;
	default: /* MAGIC-COOKIE, USERNAME, MESSAGE-INTEGRITY: bytes */
		write_hex(out, size, attr->value);
	}
}
