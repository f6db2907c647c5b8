/*
 * config_address.c - see config_address.h.
 */
#include "base/config/config_address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool config_refuse(const struct config_reason *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return false;
}

static bool is_mapped(const struct ip_addr *ip)
{
	static const uint8_t prefix[12] = {[10] = 0xFF, [11] = 0xFF};

	return ip->family == IP_V6 && memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

/* The IPv4 address that an IPv4-mapped one says. */
static const char *mapped_text(const struct ip_addr *ip, char *buf, size_t size)
{
	struct ip_addr v4 = {.family = IP_V4};

	memcpy(v4.bytes, ip->bytes + 12, 4);
	return ip_addr_format(&v4, buf, size);
}

static bool is_zero(const struct ip_addr *ip)
{
	static const struct ip_addr zero;

	return memcmp(ip->bytes, zero.bytes, sizeof(zero.bytes)) == 0;
}

bool config_address_parse(const char *text, struct ip_addr *ip,
			  const struct config_reason *why)
{
	char v4[ENDPOINT_TEXT_LEN];

	if (!ip_addr_parse(text, ip))
		return config_refuse(
			why,
			"\"%s\" is not an IP address; write one such as 192.0.2.1 or "
			"2001:db8::1",
			text);
	if (is_zero(ip))
		return config_refuse(
			why,
			"%s stands for all addresses; name those of this side one by one",
			text);
	if (is_mapped(ip))
		return config_refuse(why, "%s is IPv4 written as IPv6; write %s", text,
				     mapped_text(ip, v4, sizeof(v4)));
	if (ip->family == IP_V4 ? ip->bytes[0] >= 224 : ip->bytes[0] == 0xFF)
		return config_refuse(
			why, "%s is not the address of one host; write a unicast address",
			text);
	if (ip->family == IP_V6 && ip->bytes[0] == 0xFE && (ip->bytes[1] & 0xC0) == 0x80)
		return config_refuse(
			why,
			"%s is link-local and ambiguous without its interface; write a "
			"global or unique local address",
			text);
	return true;
}

/* Clear what is behind the length. */
static void prefix_mask(struct ip_prefix *prefix)
{
	for (size_t i = 0; i < sizeof(prefix->ip.bytes); i++) {
		unsigned bits = prefix->len > 8 * i ? prefix->len - 8 * (unsigned)i : 0;

		if (bits < 8)
			prefix->ip.bytes[i] &= (uint8_t)(0xFF00 >> bits);
	}
}

/* The slash and what is behind it. */
static bool parse_length(const char *text, unsigned *bits)
{
	size_t digits = *text == '/' ? strspn(text + 1, "0123456789") : 0;

	if (digits < 1 || digits > 3 || text[1 + digits] != '\0')
		return false;
	*bits = (unsigned)strtoul(text + 1, NULL, 10);
	return true;
}

/* ip_prefix_parse() has refused it: say why. */
static bool explain_prefix(const char *text, const struct config_reason *why)
{
	size_t len = strcspn(text, "/");
	char address[ENDPOINT_TEXT_LEN], right[ENDPOINT_TEXT_LEN];
	struct ip_prefix prefix = {.len = 0};
	unsigned bits;

	if (len >= sizeof(address))
		len = 0;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!ip_addr_parse(address, &prefix.ip))
		return config_refuse(
			why,
			"\"%s\" is not a prefix; write one such as 10.0.0.0/8 or "
			"2001:db8::/32",
			text);

	unsigned most = prefix.ip.family == IP_V4 ? 32 : 128;
	if (!parse_length(text + len, &bits) || bits > most)
		return config_refuse(
			why,
			"\"%s\" has no valid length; write a number from 0 to %u behind "
			"the slash",
			text, most);
	prefix.len = (uint8_t)bits;
	prefix_mask(&prefix);
	ip_addr_format(&prefix.ip, right, sizeof(right));
	return config_refuse(why, "%s has bits set behind its length; write %s/%u", text,
			     right, bits);
}

bool config_prefix_parse(const char *text, struct ip_prefix *prefix,
			 const struct config_reason *why)
{
	char v4[ENDPOINT_TEXT_LEN];

	if (!ip_prefix_parse(text, prefix))
		return explain_prefix(text, why);
	if (is_mapped(&prefix->ip) && prefix->len >= 96)
		return config_refuse(why, "%s is IPv4 written as IPv6; write %s/%u", text,
				     mapped_text(&prefix->ip, v4, sizeof(v4)),
				     prefix->len - 96u);
	return true;
}
