/*
 * chandata.c - see chandata.h.
 */
#include "stun/chandata.h"

bool chandata_parse(struct slice bytes, uint16_t *number, struct slice *payload)
{
	if (bytes.len < CHANDATA_HEADER_LEN)
		return false;

	size_t len = load_be16(bytes.data + 2);
	if (bytes.len - CHANDATA_HEADER_LEN < len)
		return false;

	*number = load_be16(bytes.data);
	*payload = (struct slice){bytes.data + CHANDATA_HEADER_LEN, len};
	return true;
}

void chandata_write_header(uint8_t *header, uint16_t number, size_t len)
{
	assert(len <= UINT16_MAX);
	store_be16(header, number);
	store_be16(header + 2, (uint16_t)len);
}
