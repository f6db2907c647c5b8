/*
 * proxy_header.c - see proxy_header.h.
 */
#include "stun/proxy_header.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "stun/crc32.h"

enum {
	VERSION_2 = 0x20,
	COMMAND_LOCAL = 0x0,
	COMMAND_PROXY = 0x1,
	FAMILY_INET = 0x1,
	FAMILY_INET6 = 0x2,
	FAMILY_UNIX = 0x3,
	TRANSPORT_LAST = PROXY_DGRAM,
	TLV_HEADER_LEN = 3,
	TLV_CRC32C = 0x03,
};

static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
				    0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
static const char line_start[] = "PROXY ";

enum { LINE_START_LEN = sizeof(line_start) - 1 };

/* A balancer whose socket is of both families names its IPv4 clients like that. */
static void unmap(struct ip_addr *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	struct ip_addr v4 = {.family = IP_V4};

	if (ip->family != IP_V6 || memcmp(ip->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(v4.bytes, ip->bytes + sizeof(mapped), 4);
	*ip = v4;
}

static bool begins(struct slice bytes, const void *constant, size_t len)
{
	return memcmp(bytes.data, constant, bytes.len < len ? bytes.len : len) == 0;
}

/* --- version 1 (section 2.1) ------------------------------------------------------------------ */

/* Take the text up to the next blank, or to the end; false if it is empty or does not fit. */
static bool word_take(struct slice *rest, char *word, size_t size)
{
	size_t len = 0;

	while (len < rest->len && rest->data[len] != ' ')
		len++;
	if (len == 0 || len >= size)
		return false;
	memcpy(word, rest->data, len);
	word[len] = '\0';
	*rest = slice_skip(*rest, len);
	return strlen(word) == len;
}

/* Exactly one. */
static bool blank_take(struct slice *rest)
{
	if (rest->len == 0 || rest->data[0] != ' ')
		return false;
	*rest = slice_skip(*rest, 1);
	return true;
}

static bool address_take(struct slice *rest, uint8_t family, struct ip_addr *ip)
{
	char word[ENDPOINT_TEXT_LEN];

	return word_take(rest, word, sizeof(word)) && ip_addr_parse(word, ip) &&
	       ip->family == family;
}

/* Decimal, without leading zeros. */
static bool port_take(struct slice *rest, uint16_t *port)
{
	char word[6];
	uint32_t value = 0;

	if (!word_take(rest, word, sizeof(word)) || (word[0] == '0' && word[1] != '\0'))
		return false;
	for (const char *digit = word; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		value = value * 10 + (uint32_t)(*digit - '0');
	}
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

/* What stands between "PROXY " and the end of the line. */
static bool read_line(struct slice rest, struct proxy_header *header)
{
	char protocol[8];
	uint8_t family;

	if (!word_take(&rest, protocol, sizeof(protocol)))
		return false;
	if (strcmp(protocol, "UNKNOWN") == 0) {
		header->origin = PROXY_ORIGIN_UNKNOWN; /* whatever else it says */
		return true;
	}
	if (strcmp(protocol, "TCP4") == 0)
		family = IP_V4;
	else if (strcmp(protocol, "TCP6") == 0)
		family = IP_V6;
	else
		return false;
	header->origin = PROXY_ORIGIN_CLIENT;
	return blank_take(&rest) && address_take(&rest, family, &header->client.ip) &&
	       blank_take(&rest) && address_take(&rest, family, &header->server.ip) &&
	       blank_take(&rest) && port_take(&rest, &header->client.port) &&
	       blank_take(&rest) && port_take(&rest, &header->server.port) &&
	       rest.len == 0;
}

static enum proxy_verdict read_v1(struct slice bytes, struct proxy_header *header,
				  size_t *needed)
{
	size_t end = 0;

	/* A CR or LF alone does not end the line, and is nowhere else in one. */
	while (end < bytes.len && bytes.data[end] != '\r') {
		if (bytes.data[end] == '\n' || end + 2 >= PROXY_HEADER_V1_MAX)
			return PROXY_BROKEN;
		end++;
	}
	if (end + 1 >= bytes.len) {
		*needed = bytes.len + 1;
		return PROXY_MORE;
	}
	if (bytes.data[end + 1] != '\n')
		return PROXY_BROKEN;
	*header = (struct proxy_header){.version = 1, .len = end + 2};
	assert(header->len <= PROXY_HEADER_V1_MAX);
	return read_line(slice_skip((struct slice){bytes.data, end}, LINE_START_LEN),
			 header)
		       ? PROXY_COMPLETE
		       : PROXY_BROKEN;
}

/* --- version 2 (section 2.2) ------------------------------------------------------------------ */

static size_t addresses_len(uint8_t family)
{
	switch (family) {
	case FAMILY_INET:
		return 2 * (4 + 2);
	case FAMILY_INET6:
		return 2 * (16 + 2);
	case FAMILY_UNIX:
		return 2 * 108;
	default:
		return 0;
	}
}

static void read_addresses(const uint8_t *bytes, size_t ip_len,
			   struct proxy_header *header)
{
	uint8_t family = ip_len == 4 ? IP_V4 : IP_V6;

	header->client.ip.family = family;
	header->server.ip.family = family;
	memcpy(header->client.ip.bytes, bytes, ip_len);
	memcpy(header->server.ip.bytes, bytes + ip_len, ip_len);
	header->client.port = load_be16(bytes + 2 * ip_len);
	header->server.port = load_be16(bytes + 2 * ip_len + 2);
}

/* The checksum covers the whole header, with itself as zeros. */
static bool checksum_is_right(struct slice whole, const uint8_t *checksum)
{
	static const uint8_t zeros[4];
	size_t before = (size_t)(checksum - whole.data);
	uint32_t crc = stun_crc32c(0, (struct slice){whole.data, before});

	crc = stun_crc32c(crc, (struct slice){zeros, sizeof(zeros)});
	crc = stun_crc32c(crc, slice_skip(whole, before + sizeof(zeros)));
	return crc == load_be32(checksum);
}

/* tlvs: the end of whole, which is the header. */
static enum proxy_verdict read_tlvs(struct slice whole, struct slice tlvs)
{
	const uint8_t *checksum = NULL;

	while (tlvs.len > 0) {
		if (tlvs.len < TLV_HEADER_LEN)
			return PROXY_BROKEN;
		uint8_t type = tlvs.data[0];
		size_t len = load_be16(tlvs.data + 1);
		tlvs = slice_skip(tlvs, TLV_HEADER_LEN);
		if (tlvs.len < len)
			return PROXY_BROKEN;
		if (type == TLV_CRC32C) {
			/* Two would each be part of what the other covers. */
			if (len != 4 || checksum != NULL)
				return PROXY_BROKEN;
			checksum = tlvs.data;
		}
		tlvs = slice_skip(tlvs, len);
	}
	return checksum == NULL || checksum_is_right(whole, checksum) ? PROXY_COMPLETE
								      : PROXY_CHECKSUM;
}

static enum proxy_verdict read_v2(struct slice bytes, enum proxy_transport transport,
				  struct proxy_header *header, size_t *needed)
{
	*needed = PROXY_HEADER_V2_MIN;
	if (bytes.len > 12 && (bytes.data[12] & 0xF0) != VERSION_2)
		return PROXY_BROKEN;
	if (bytes.len > 12 && (bytes.data[12] & 0x0F) > COMMAND_PROXY)
		return PROXY_BROKEN;
	if (bytes.len < PROXY_HEADER_V2_MIN)
		return PROXY_MORE;

	bool is_local = (bytes.data[12] & 0x0F) == COMMAND_LOCAL;
	uint8_t family = bytes.data[13] >> 4, carried = bytes.data[13] & 0x0F;
	size_t addresses = addresses_len(family);
	size_t len = load_be16(bytes.data + 14);

	if (!is_local && (family > FAMILY_UNIX || carried > TRANSPORT_LAST))
		return PROXY_BROKEN;
	if (PROXY_HEADER_V2_MIN + len > PROXY_HEADER_MAX)
		return PROXY_TOO_LONG;
	if (!is_local && len < addresses)
		return PROXY_BROKEN;
	*needed = PROXY_HEADER_V2_MIN + len;
	if (bytes.len < *needed)
		return PROXY_MORE;

	*header = (struct proxy_header){.version = 2, .len = *needed};
	struct slice whole = {bytes.data, header->len};
	struct slice body = slice_skip(whole, PROXY_HEADER_V2_MIN);
	if (is_local) {
		/* The block is discarded, whatever it is. */
		header->origin = PROXY_ORIGIN_LOCAL;
		return PROXY_COMPLETE;
	}
	header->origin = PROXY_ORIGIN_UNKNOWN;
	if ((family == FAMILY_INET || family == FAMILY_INET6) &&
	    carried == (uint8_t)transport) {
		header->origin = PROXY_ORIGIN_CLIENT;
		read_addresses(body.data, family == FAMILY_INET ? 4 : 16, header);
	}
	return read_tlvs(whole, slice_skip(body, addresses));
}

enum proxy_verdict proxy_header_read(struct slice bytes, enum proxy_transport transport,
				     struct proxy_header *header, size_t *needed)
{
	enum proxy_verdict verdict;

	assert(transport == PROXY_STREAM || transport == PROXY_DGRAM);
	if (bytes.len == 0) {
		*needed = 1;
		return PROXY_MORE;
	}
	if (begins(bytes, signature, sizeof(signature))) {
		verdict = read_v2(bytes, transport, header, needed);
	} else if (transport == PROXY_STREAM &&
		   begins(bytes, line_start, LINE_START_LEN)) {
		verdict = read_v1(bytes, header, needed);
	} else {
		return PROXY_NONE;
	}
	assert(verdict != PROXY_MORE ||
	       (*needed > bytes.len && *needed <= PROXY_HEADER_MAX));
	if (verdict == PROXY_COMPLETE) {
		assert(header->len <= bytes.len);
		unmap(&header->client.ip);
		unmap(&header->server.ip);
	}
	return verdict;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_address(uint8_t *out, const struct ip_addr *ip, size_t len)
{
	if (len > ip_addr_len(ip->family)) {
		memset(out, 0, 10);
		memset(out + 10, 0xFF, 2);
		out += 12;
	}
	memcpy(out, ip->bytes, ip_addr_len(ip->family));
}

size_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITTEN_MAX],
			  enum proxy_transport transport, const struct endpoint *client,
			  const struct endpoint *server)
{
	bool v4 = client->ip.family == IP_V4 && server->ip.family == IP_V4;
	size_t ip_len = v4 ? 4 : 16, len = 2 * (ip_len + 2);
	uint8_t *body = out + PROXY_HEADER_V2_MIN;

	assert(client->ip.family != IP_NONE && server->ip.family != IP_NONE);
	memcpy(out, signature, sizeof(signature));
	out[12] = VERSION_2 | COMMAND_PROXY;
	out[13] = (uint8_t)((v4 ? FAMILY_INET : FAMILY_INET6) << 4 | (int)transport);
	store_be16(out + 14, (uint16_t)len);
	write_address(body, &client->ip, ip_len);
	write_address(body + ip_len, &server->ip, ip_len);
	store_be16(body + 2 * ip_len, client->port);
	store_be16(body + 2 * ip_len + 2, server->port);
	return PROXY_HEADER_V2_MIN + len;
}
