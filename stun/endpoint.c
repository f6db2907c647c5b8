/*
 * endpoint.c - compares, reads and writes IP addresses and transport addresses.
 *
 * inet_pton and inet_ntop are pure: they open nothing.
 */
#include "stun/endpoint.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, ip_addr_len(a->family)) == 0;
}

bool ip_addr_is_loopback(const struct ip_addr *ip)
{
	static const struct ip_addr v6 = {.family = IP_V6, .bytes = {[15] = 1}};

	return ip->family == IP_V4 ? ip->bytes[0] == 127 : ip_addr_equal(ip, &v6);
}

const struct ip_addr *ip_addr_find(const struct ip_addr *list, size_t count,
				   const struct ip_addr *ip)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_addr_equal(&list[i], ip))
			return &list[i];
	}
	return NULL;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_addr_equal(&a->ip, &b->ip);
}

bool ip_addr_parse(const char *text, struct ip_addr *out)
{
	struct ip_addr ip = {.family = IP_NONE};

	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		ip.family = IP_V4;
	else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
		ip.family = IP_V6;
	else
		return false;

	*out = ip;
	return true;
}

/* Digits only; strtoul would accept a sign and spaces. */
static bool port_parse(const char *text, uint16_t *port)
{
	uint32_t value = 0;
	size_t digits = 0;

	for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
		if (digits == 5)
			return false;
		value = value * 10 + (uint32_t)(text[digits] - '0');
	}
	if (digits == 0 || text[digits] != '\0' || value > UINT16_MAX)
		return false;

	*port = (uint16_t)value;
	return true;
}

bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *out)
{
	bool bracketed = text[0] == '[';
	const char *start = bracketed ? text + 1 : text;
	size_t len = strcspn(start, bracketed ? "]" : ":");
	char host[ENDPOINT_TEXT_LEN];

	if (len >= sizeof(host))
		return false;
	memcpy(host, start, len);
	host[len] = '\0';

	const char *tail = start + len;
	if (bracketed) {
		if (*tail != ']')
			return false;
		tail++;
	}

	struct endpoint ep = {.port = default_port};
	if (!ip_addr_parse(host, &ep.ip) || bracketed != (ep.ip.family == IP_V6))
		return false;
	if (*tail == '\0') {
		if (default_port == 0)
			return false;
	} else if (*tail != ':' || !port_parse(tail + 1, &ep.port)) {
		return false;
	}

	*out = ep;
	return true;
}

char *ip_addr_format(const struct ip_addr *ip, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "-";

	assert(size > 0);
	if (ip->family == IP_V4)
		inet_ntop(AF_INET, ip->bytes, text, sizeof(text));
	else if (ip->family == IP_V6)
		inet_ntop(AF_INET6, ip->bytes, text, sizeof(text));
	snprintf(buf, size, "%s", text);
	return buf;
}

char *endpoint_format(const struct endpoint *ep, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];

	assert(size > 0);
	ip_addr_format(&ep->ip, host, sizeof(host));
	snprintf(buf, size, ep->ip.family == IP_V6 ? "[%s]:%u" : "%s:%u", host, ep->port);
	return buf;
}
