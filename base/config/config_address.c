/*
 * config_address.c - see config_address.h.
 */
#include "base/config/config_address.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Always false. */
static bool __attribute__((format(printf, 2, 3)))
refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, CONFIG_WHY_MAX, format, args);
	va_end(args);
	return false;
}

static bool is_mapped(const struct ip_addr *ip)
{
	static const uint8_t prefix[12] = {[10] = 0xFF, [11] = 0xFF};

	return ip->family == IP_V6 && memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

/* The IPv4 address that an IPv4-mapped one says. */
static const char *mapped_text(const struct ip_addr *ip, char text[ENDPOINT_TEXT_LEN])
{
	struct ip_addr v4 = {.family = IP_V4};

	memcpy(v4.bytes, ip->bytes + 12, 4);
	return ip_addr_format(&v4, text, ENDPOINT_TEXT_LEN);
}

/* An address that one socket can be bound to and one packet can come from. */
bool config_parse_host(const struct config_key *key, const char *text, void *field,
		       char *why)
{
	static const struct ip_addr zero;
	struct ip_addr *ip = field;
	char v4[ENDPOINT_TEXT_LEN];

	(void)key;
	if (!ip_addr_parse(text, ip))
		return refuse(
			why,
			"\"%.80s\" is not an IP address; write one such as 192.0.2.1 "
			"or 2001:db8::1",
			text);
	if (memcmp(ip->bytes, zero.bytes, sizeof(zero.bytes)) == 0)
		return refuse(why, "%s stands for all addresses; list each address",
			      text);
	if (is_mapped(ip))
		return refuse(why, "%s is IPv4 written as IPv6; write %s", text,
			      mapped_text(ip, v4));
	if (ip->family == IP_V4 ? ip->bytes[0] >= 224 : ip->bytes[0] == 0xFF)
		return refuse(
			why, "%s is not the address of one host; write a unicast address",
			text);
	if (ip->family == IP_V6 && ip->bytes[0] == 0xFE && (ip->bytes[1] & 0xC0) == 0x80)
		return refuse(why,
			      "%s is link-local and ambiguous without its interface; "
			      "write a global or unique local address",
			      text);
	return true;
}

bool config_parse_address(const struct config_key *key, const char *text, void *field,
			  char *why)
{
	memset(field, 0, sizeof(struct ip_addr));
	return *text == '\0' || config_parse_host(key, text, field, why);
}

void config_format_address(FILE *out, const struct config_key *key, const void *field)
{
	const struct ip_addr *ip = field;
	char text[ENDPOINT_TEXT_LEN];

	(void)key;
	if (ip->family != IP_NONE)
		fputs(ip_addr_format(ip, text, sizeof(text)), out);
}

bool config_parse_loopback(const struct config_key *key, const char *text, void *field,
			   char *why)
{
	struct endpoint ep = {.ip = {.family = IP_NONE}};

	(void)key;
	const char *colon = strrchr(text, ':');

	/* Behind one colon, or behind the bracket of an IPv6 address. */
	if (colon && (strchr(text, ':') == colon || (colon > text && colon[-1] == ']')) &&
	    colon[1 + strspn(colon + 1, "0123456789")] == '\0' &&
	    strtoul(colon + 1, NULL, 10) > UINT16_MAX)
		return refuse(why, "\"%.80s\" has no valid port; write one from 1 to %d",
			      text, UINT16_MAX);
	if (*text != '\0' && (!endpoint_parse(text, 0, &ep) || ep.port == 0))
		return refuse(why,
			      "\"%.80s\" is not an address and port; write one such as "
			      "127.0.0.1:9478",
			      text);
	if (*text != '\0' && !ip_addr_is_loopback(&ep.ip))
		return refuse(why,
			      "%s is not a loopback address; write one such as "
			      "127.0.0.1, because anyone may ask there",
			      text);
	memcpy(field, &ep, sizeof(ep));
	return true;
}

void config_format_loopback(FILE *out, const struct config_key *key, const void *field)
{
	const struct endpoint *ep = field;
	char text[ENDPOINT_TEXT_LEN];

	(void)key;
	if (ep->ip.family != IP_NONE)
		fputs(endpoint_format(ep, text, sizeof(text)), out);
}

/* ip_prefix_parse() has refused it: say why. */
static bool explain_prefix(const char *text, char *why)
{
	size_t len = strcspn(text, "/"),
	       digits = strspn(text + len + (text[len] == '/'), "0123456789");
	char address[ENDPOINT_TEXT_LEN] = "";
	struct ip_prefix prefix = {.len = 0};

	if (len < sizeof(address))
		memcpy(address, text, len);
	if (!ip_addr_parse(address, &prefix.ip))
		return refuse(
			why,
			"\"%.80s\" is not a prefix; write one such as 10.0.0.0/8 or "
			"2001:db8::/32",
			text);

	unsigned most = prefix.ip.family == IP_V4 ? 32 : 128;
	unsigned long bits = digits ? strtoul(text + len + 1, NULL, 10) : most + 1;
	if (bits > most || digits > 3 || text[len + 1 + digits] != '\0')
		return refuse(
			why,
			"\"%.80s\" has no valid length; write a number from 0 to %u "
			"after the slash",
			text, most);
	for (size_t i = 0; i < sizeof(prefix.ip.bytes); i++) {
		unsigned long here = bits > 8 * i ? bits - 8 * i : 0;

		if (here < 8)
			prefix.ip.bytes[i] &= (uint8_t)(0xFF00 >> here);
	}
	return refuse(why, "%s has host bits set; write %s/%lu", text,
		      ip_addr_format(&prefix.ip, address, sizeof(address)), bits);
}

bool config_parse_prefix(const struct config_key *key, const char *text, void *field,
			 char *why)
{
	struct ip_prefix *prefix = field;
	char v4[ENDPOINT_TEXT_LEN];

	(void)key;
	if (!ip_prefix_parse(text, prefix))
		return explain_prefix(text, why);
	if (is_mapped(&prefix->ip) && prefix->len >= 96)
		return refuse(why, "%s is IPv4 written as IPv6; write %s/%u", text,
			      mapped_text(&prefix->ip, v4), prefix->len - 96u);
	return true;
}

void config_format_prefix(FILE *out, const struct config_key *key, const void *field)
{
	const struct ip_prefix *prefix = field;

	config_format_address(out, key, &prefix->ip);
	fprintf(out, "/%u", prefix->len);
}
