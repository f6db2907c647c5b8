/*
 * config_schema.h - every key of mediarelayd.conf in one table: what it holds, where that is
 * kept, its default, whether a reload applies it. Reading, comparing and printing walk it, and
 * a test compares the manual page with it.
 */
#ifndef RELAY_RELOAD_CONFIG_SCHEMA_H
#define RELAY_RELOAD_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config/conffile.h"
#include "base/config/config_value.h"
#include "relay/reload/config.h"

enum { ON_INSIDE = 1 << SIDE_INSIDE, ON_OUTSIDE = 1 << SIDE_OUTSIDE };

extern const struct config_key config_schema[];
extern const size_t config_schema_count;
extern const struct conffile_section config_sections[];
extern const size_t config_section_count;

/* "limits.idle", "side.inside.addresses". side SIDE_COUNT for keys outside of section side. */
const char *config_key_name(const struct config_key *key, enum side side, char *buf,
			    size_t size);

/* The struct that a key's offset counts from. side SIDE_COUNT: config itself. */
void *config_base(struct config *config, enum side side);
const void *config_base_const(const struct config *config, enum side side);

/* Walk all fields, a key of both sides twice: start with {0}; false at the end. */
struct config_walk {
	const struct config_key *key;
	enum side side; /* SIDE_COUNT outside of section side */
	size_t next;    /* private */
};
bool config_walk(struct config_walk *walk);

/* What no value can tell alone; file for the lines. False with a sentence in error. */
bool config_check(const struct config *config, const struct conffile *file, char *error,
		  size_t error_size);
/* Fill config->lines. */
void config_note_lines(struct config *config, const struct conffile *file);

#endif
