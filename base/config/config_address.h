/*
 * config_address.h - addresses and prefixes of the configuration: from text to their fields, and back.
 * For config_value.c; its header says what the arguments are.
 */
#ifndef BASE_CONFIG_CONFIG_ADDRESS_H
#define BASE_CONFIG_CONFIG_ADDRESS_H

#include <stdio.h>

#include "base/config/config_schema.h"

/* An address that one socket can be bound to and one packet can come from: struct ip_addr. */
bool config_parse_host(const struct config_key *key, const char *text, void *field,
		       char *why);
/* The same, or "" for none. */
bool config_parse_address(const struct config_key *key, const char *text, void *field,
			  char *why);
void config_format_address(FILE *out, const struct config_key *key, const void *field);

/* A loopback address and port, or "" for none: struct endpoint. */
bool config_parse_loopback(const struct config_key *key, const char *text, void *field,
			   char *why);
void config_format_loopback(FILE *out, const struct config_key *key, const void *field);

/* struct ip_prefix */
bool config_parse_prefix(const struct config_key *key, const char *text, void *field,
			 char *why);
void config_format_prefix(FILE *out, const struct config_key *key, const void *field);

#endif
