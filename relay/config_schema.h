/*
 * config_schema.h - every key of mediarelayd.conf in one table: what it holds, where that is
 * kept, its default, whether a reload applies it. Reading, comparing and printing walk it, and
 * a test compares the manual page with it.
 */
#ifndef RELAY_CONFIG_SCHEMA_H
#define RELAY_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conffile.h"
#include "relay/config.h"

enum config_type {
	CONFIG_TEXT,     /* char *, printable ASCII for the wire */
	CONFIG_PATH,     /* char * */
	CONFIG_OPTIONAL, /* char *, "" is NULL */
	CONFIG_BOOL,
	CONFIG_NUMBER,       /* unsigned, of the field's size, here and below */
	CONFIG_SECONDS,      /* a duration, kept in seconds */
	CONFIG_MILLISECONDS, /* a duration, kept in milliseconds */
	CONFIG_BYTES,
	CONFIG_RANGE,     /* two uint16_t, first and last, next to each other */
	CONFIG_LEVEL,     /* char *, of the log */
	CONFIG_ADDRESSES, /* struct config_address *, the local half */
	CONFIG_PUBLIC,    /* the public half of the same list */
	CONFIG_PREFIXES,  /* struct ip_prefix * */
};

enum { ON_INSIDE = 1 << SIDE_INSIDE, ON_OUTSIDE = 1 << SIDE_OUTSIDE };

struct config_key {
	struct conffile_key file; /* section "side" has titles; first, see conffile */
	enum config_type type;
	bool reloads;          /* a reload applies a change */
	uint8_t sides;         /* section "side" only: which may have it */
	uint16_t offset, size; /* in struct config; section "side": in config_side */
	uint16_t count_offset; /* lists: where their length is */
	uint64_t min, max;     /* numbers, in the unit kept; texts, in bytes */
	const char *fallback;  /* the default as one would write it; NULL: required */
	const char *doc;       /* one line */
};

extern const struct config_key config_schema[];
extern const size_t config_schema_count;
extern const struct conffile_section config_sections[];
extern const size_t config_section_count;

/* "limits.idle", "side.inside.addresses". side SIDE_COUNT for keys outside of section side. */
const char *config_key_name(const struct config_key *key, enum side side, char *buf,
			    size_t size);

/*
 * Parse one written value into the field of that key; lists grow by it. base is the struct
 * config or config_side. False with "what is wrong; what to do" in why.
 */
bool config_value_parse(const struct config_key *key, const char *text, void *base,
			char *why, size_t why_size);

/* As it would be written in the file, without quotes; malloc'ed, NULL if out of memory. */
char *config_value_format(const struct config_key *key, const void *base);

/* Release and clear one field. */
void config_value_free(const struct config_key *key, void *base);

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

#endif
