/*
 * config_value.h - one value of the configuration: from text to its field, and back. For
 * base/config alone, and its tests.
 */
#ifndef BASE_CONFIG_CONFIG_VALUE_H
#define BASE_CONFIG_CONFIG_VALUE_H

#include "base/config/config_schema.h"

const char *config_type_name(enum config_type type);

/* Bytes of one element of a list; 0: it is no list. */
size_t config_element_size(enum config_type type);

/* Is it kept as the text that is written? */
bool config_is_text(enum config_type type);

size_t config_list_count(const struct config_key *key, const void *base);

/* Does that text, without braces, stand for an empty list? 0 does where a list of ports is expected. */
bool config_value_is_none(const struct config_key *key, const char *text);

/*
 * Parse one written value into the field of that key: a list gets one element more, anything
 * else its value replaced. base is the struct that offsets count from. False with "what is
 * wrong; what to do" in why; then nothing has changed.
 */
bool config_value_parse(const struct config_key *key, const char *text, void *base,
			char why[CONFIG_WHY_MAX]);

/* As it would be written in the file, without quotes; malloc'ed, NULL if out of memory. */
char *config_value_format(const struct config_key *key, const void *base);

/*
 * Fill the fields of one element of a section with their defaults. False if out of memory.
 */
bool config_set_defaults(const struct config *config,
			 const struct config_section *section, size_t element);

/* Release and clear one field. */
void config_value_free(const struct config_key *key, void *base);

#endif
