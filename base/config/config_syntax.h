/*
 * config_syntax.h - the text of a configuration file into its fields. For config.c.
 */
#ifndef BASE_CONFIG_CONFIG_SYNTAX_H
#define BASE_CONFIG_CONFIG_SYNTAX_H

#include "base/config/config_schema.h"

/* Where something stands in the file: a block, a key's value, one element of a list. */
struct config_place {
	const struct config_section *section;
	const struct config_key *key; /* NULL: the block itself */
	size_t element;               /* of the section */
	size_t index;                 /* of a list, or one of the words below */
	unsigned line, column;        /* from 1; columns count bytes */
};
#define CONFIG_WHOLE SIZE_MAX        /* the value, or all of a list */
#define CONFIG_FORMER (SIZE_MAX - 1) /* the key itself, under its former name */

/* The place of a block (key NULL), of a key's value or of one element of it; NULL: not in the file. */
const struct config_place *config_find_place(const struct config *config,
					     const struct config_section *section,
					     size_t element, const struct config_key *key,
					     size_t index);

/*
 * What a field of the configuration is called, and its place in the file: that of its value, or
 * NULL, and that of its block, or NULL. The name is "" if no row describes the field.
 */
const struct config_place *config_place_of(const struct config *config, const void *field,
					   char name[CONFIG_NAME_SIZE],
					   const struct config_place **block);

/* Read the text, which a \0 ends. False with a sentence in error. */
bool config_read(struct config *config, const char *text, char *error, size_t error_size);

#endif
