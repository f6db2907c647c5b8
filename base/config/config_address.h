/*
 * config_address.h - IP addresses and prefixes as one writes them in a configuration, and what is
 * wrong with those that are none. For config_value.c alone.
 */
#ifndef BASE_CONFIG_CONFIG_ADDRESS_H
#define BASE_CONFIG_CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/ip_prefix.h"

/* Where "what is wrong; what to do" goes. */
struct config_reason {
	char *text;
	size_t size;
};

/* Says it. Always false. */
bool __attribute__((format(printf, 2, 3)))
config_refuse(const struct config_reason *why, const char *format, ...);

/* An address that one socket can be bound to and one packet can come from. */
bool config_address_parse(const char *text, struct ip_addr *ip,
			  const struct config_reason *why);

/* A prefix without bits behind its length, or a whole address. */
bool config_prefix_parse(const char *text, struct ip_prefix *prefix,
			 const struct config_reason *why);

#endif
