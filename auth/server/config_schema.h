/*
 * config_schema.h - every key of mrasd.conf in one table. For config*.c and their test.
 */
#ifndef AUTH_SERVER_CONFIG_SCHEMA_H
#define AUTH_SERVER_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/server/config.h"
#include "base/config/conffile.h"
#include "base/config/config_value.h"

/* What the offsets of a key count from. */
enum config_block { BLOCK_TOP, BLOCK_SERVER, BLOCK_RELAY };
enum config_block config_key_block(const struct config_key *key);

extern const struct config_key config_schema[];
extern const size_t config_schema_count;
extern const struct conffile_section config_sections[];
extern const size_t config_section_count;

/* Fill config->lines. */
void config_note_lines(struct config *config, const struct conffile *file);
/* What no value can tell alone; file for the lines. False with a sentence in error. */
bool config_check(const struct config *config, const struct conffile *file, char *error,
		  size_t error_size);

#endif
