/*
 * frame.c - see frame.h.
 */
#include "tests/unit/offload/frame.h"

#include <assert.h>
#include <string.h>

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86DD, PROTOCOL_UDP = 17 };

/* --- checksums (RFC 1071) ----------------------------------------------------------------------- */

static uint32_t sum(const uint8_t *bytes, size_t len, uint32_t start)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		start += load_be16(bytes + i);
	if (len % 2 != 0)
		start += (uint32_t)bytes[len - 1] << 8;
	return start;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool is_v4(const uint8_t *frame)
{
	return load_be16(frame + 12) == TYPE_IPV4;
}

/* Over pseudo header, UDP header and payload; 0 if it is right. */
static uint16_t udp_sum(const uint8_t *ip, const uint8_t *udp, bool v4)
{
	uint16_t len = load_be16(udp + 4);
	uint32_t start = PROTOCOL_UDP + (uint32_t)len;

	start = v4 ? sum(ip + 12, 8, start) : sum(ip + 8, 32, start);
	return fold(sum(udp, len, start));
}

size_t frame_udp_at(const uint8_t *frame)
{
	return FRAME_ETHERNET + (is_v4(frame) ? FRAME_IPV4 : FRAME_IPV6);
}

void frame_sum(uint8_t *frame)
{
	uint8_t *ip = frame + FRAME_ETHERNET, *udp = frame + frame_udp_at(frame);
	uint16_t udp_checksum;

	if (is_v4(frame)) {
		store_be16(ip + 10, 0);
		store_be16(ip + 10, fold(sum(ip, FRAME_IPV4, 0)));
	}
	store_be16(udp + 6, 0);
	udp_checksum = udp_sum(ip, udp, is_v4(frame));
	store_be16(udp + 6, udp_checksum != 0 ? udp_checksum : 0xFFFF);
}

void frame_sum_partly(uint8_t *frame)
{
	const uint8_t *ip = frame + FRAME_ETHERNET;
	uint8_t *udp = frame + frame_udp_at(frame);
	uint32_t start = PROTOCOL_UDP + (uint32_t)load_be16(udp + 4);

	start = is_v4(frame) ? sum(ip + 12, 8, start) : sum(ip + 8, 32, start);
	store_be16(udp + 6, (uint16_t)~fold(start));
}

/* Over UDP header and payload with what is in the field, which is taken for the rest. */
void frame_complete(uint8_t *frame)
{
	uint8_t *udp = frame + frame_udp_at(frame);
	uint16_t checksum = fold(sum(udp, load_be16(udp + 4), 0));

	store_be16(udp + 6, checksum != 0 ? checksum : 0xFFFF);
}

/* --- building ------------------------------------------------------------------------------------ */

size_t frame_build(uint8_t *frame, const struct datagram *datagram)
{
	bool v4 = datagram->source.ip.family == IP_V4;
	size_t udp_len = FRAME_UDP + datagram->payload.len;
	uint8_t *ip = frame + FRAME_ETHERNET, *udp;

	assert(datagram->source.ip.family == datagram->destination.ip.family);
	assert(FRAME_ETHERNET + FRAME_IPV6 + udp_len <= FRAME_MAX);
	/* To the address of the loopback device, by which test runs come in. */
	memset(frame, 0, FRAME_ETHERNET);
	frame[6] = 2;
	store_be16(frame + 12, v4 ? TYPE_IPV4 : TYPE_IPV6);
	udp = frame + frame_udp_at(frame);
	memset(ip, 0, (size_t)(udp - ip));
	if (v4) {
		ip[0] = 0x45;
		ip[1] = datagram->tos;
		store_be16(ip + 2, (uint16_t)(FRAME_IPV4 + udp_len));
		store_be16(ip + 4, 0x1234);
		store_be16(ip + 6, datagram->df ? 0x4000 : 0);
		ip[8] = datagram->hop_limit;
		ip[9] = PROTOCOL_UDP;
		memcpy(ip + 12, datagram->source.ip.bytes, 4);
		memcpy(ip + 16, datagram->destination.ip.bytes, 4);
	} else {
		ip[0] = (uint8_t)(0x60 | datagram->tos >> 4);
		ip[1] = (uint8_t)(datagram->tos << 4);
		store_be16(ip + 4, (uint16_t)udp_len);
		ip[6] = PROTOCOL_UDP;
		ip[7] = datagram->hop_limit;
		memcpy(ip + 8, datagram->source.ip.bytes, 16);
		memcpy(ip + 24, datagram->destination.ip.bytes, 16);
	}
	store_be16(udp, datagram->source.port);
	store_be16(udp + 2, datagram->destination.port);
	store_be16(udp + 4, (uint16_t)udp_len);
	if (datagram->payload.len > 0)
		memcpy(udp + FRAME_UDP, datagram->payload.data, datagram->payload.len);
	frame_sum(frame);
	return (size_t)(udp - frame) + udp_len;
}

/* --- reading ------------------------------------------------------------------------------------- */

/* What lies behind the IP header. */
struct inside {
	struct slice bytes;
	enum frame_is is;
	bool bad_checksum;
};

static void read_v4(const uint8_t *ip, size_t len, struct inside *inside,
		    struct datagram *datagram)
{
	size_t header_len = len > 0 ? (ip[0] & 15u) * 4u : 0, total;

	inside->is = FRAME_OTHER;
	if (len < FRAME_IPV4 || ip[0] >> 4 != 4 || header_len < FRAME_IPV4 ||
	    header_len > len)
		return;
	total = load_be16(ip + 2);
	if (total < header_len || total > len || ip[9] != PROTOCOL_UDP)
		return;
	inside->bad_checksum = fold(sum(ip, header_len, 0)) != 0;
	datagram->tos = ip[1];
	datagram->hop_limit = ip[8];
	datagram->df = (ip[6] & 0x40) != 0;
	datagram->source.ip.family = datagram->destination.ip.family = IP_V4;
	memcpy(datagram->source.ip.bytes, ip + 12, 4);
	memcpy(datagram->destination.ip.bytes, ip + 16, 4);
	inside->bytes = (struct slice){ip + header_len, total - header_len};
	inside->is = load_be16(ip + 6) & 0x3FFF ? FRAME_FRAGMENT
		     : header_len > FRAME_IPV4  ? FRAME_HAS_OPTIONS
						: FRAME_WHOLE;
}

static void read_v6(const uint8_t *ip, size_t len, struct inside *inside,
		    struct datagram *datagram)
{
	size_t total;

	inside->is = FRAME_OTHER;
	if (len < FRAME_IPV6 || ip[0] >> 4 != 6)
		return;
	total = load_be16(ip + 4);
	if (total > len - FRAME_IPV6)
		return;
	/* Extension headers are not looked into. */
	if (ip[6] != PROTOCOL_UDP) {
		inside->is = ip[6] == 0 || ip[6] == 43 || ip[6] == 44 || ip[6] == 60
				     ? FRAME_HAS_OPTIONS
				     : FRAME_OTHER;
		return;
	}
	datagram->tos = (uint8_t)(load_be16(ip) >> 4);
	datagram->hop_limit = ip[7];
	datagram->df = false;
	datagram->source.ip.family = datagram->destination.ip.family = IP_V6;
	memcpy(datagram->source.ip.bytes, ip + 8, 16);
	memcpy(datagram->destination.ip.bytes, ip + 24, 16);
	inside->bytes = (struct slice){ip + FRAME_IPV6, total};
	inside->is = FRAME_WHOLE;
}

enum frame_is frame_read(const uint8_t *frame, size_t len, struct datagram *datagram)
{
	const uint8_t *ip = frame + FRAME_ETHERNET;
	struct inside inside = {.is = FRAME_OTHER};
	const uint8_t *udp;
	size_t udp_len;

	*datagram = (struct datagram){.hop_limit = 0};
	if (len < FRAME_ETHERNET)
		return FRAME_OTHER;
	if (load_be16(frame + 12) == TYPE_IPV4)
		read_v4(ip, len - FRAME_ETHERNET, &inside, datagram);
	else if (load_be16(frame + 12) == TYPE_IPV6)
		read_v6(ip, len - FRAME_ETHERNET, &inside, datagram);
	if (inside.is == FRAME_OTHER || inside.is == FRAME_FRAGMENT ||
	    inside.bytes.data == NULL)
		return inside.is;

	udp = inside.bytes.data;
	if (inside.bytes.len < FRAME_UDP)
		return FRAME_OTHER;
	udp_len = load_be16(udp + 4);
	if (udp_len < FRAME_UDP || udp_len > inside.bytes.len)
		return FRAME_OTHER;
	datagram->source.port = load_be16(udp);
	datagram->destination.port = load_be16(udp + 2);
	datagram->payload = (struct slice){udp + FRAME_UDP, udp_len - FRAME_UDP};
	/* None at all is for IPv4 only (RFC 8200 section 8.1). */
	if (load_be16(udp + 6) == 0)
		inside.bad_checksum = inside.bad_checksum || !is_v4(frame);
	else if (udp_sum(ip, udp, is_v4(frame)) != 0)
		inside.bad_checksum = true;
	return inside.bad_checksum ? FRAME_BAD_CHECKSUM : inside.is;
}

bool frame_is_unsummed(const uint8_t *frame, size_t len)
{
	struct datagram datagram;

	return frame_read(frame, len, &datagram) == FRAME_WHOLE && is_v4(frame) &&
	       load_be16(datagram.payload.data - 2) == 0;
}
