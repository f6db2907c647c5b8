/*
 * proxy_header.c - see proxy_header.h. The layout is that of section 2.2 of HAProxy's
 * proxy-protocol.txt.
 */
#include "tools/client/proxy_header.h"

#include <assert.h>
#include <string.h>

#include "stun/wire.h"

enum {
	SIGNATURE_LEN = 12,
	HEAD_LEN = 16,
	VERSION_2_PROXY = 0x21,
	OF_IPV4 = 0x10,
	OF_IPV6 = 0x20,
	OVER_TCP = 1,
	OVER_UDP = 2,
};

size_t proxy_header_write(uint8_t out[PROXY_HEADER_MAX], bool stream,
			  const struct endpoint *source,
			  const struct endpoint *destination)
{
	static const uint8_t signature[SIGNATURE_LEN] = "\r\n\r\n\0\r\nQUIT\n";
	size_t ip_len = source->ip.family == IP_V4 ? 4 : 16;

	assert(source->ip.family != IP_NONE &&
	       source->ip.family == destination->ip.family);
	memcpy(out, signature, sizeof(signature));
	out[SIGNATURE_LEN] = VERSION_2_PROXY;
	out[SIGNATURE_LEN + 1] = (uint8_t)((ip_len == 4 ? OF_IPV4 : OF_IPV6) |
					   (stream ? OVER_TCP : OVER_UDP));
	store_be16(out + SIGNATURE_LEN + 2, (uint16_t)(2 * ip_len + 4));
	memcpy(out + HEAD_LEN, source->ip.bytes, ip_len);
	memcpy(out + HEAD_LEN + ip_len, destination->ip.bytes, ip_len);
	store_be16(out + HEAD_LEN + 2 * ip_len, source->port);
	store_be16(out + HEAD_LEN + 2 * ip_len + 2, destination->port);
	return HEAD_LEN + 2 * ip_len + 4;
}
