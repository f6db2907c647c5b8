/*
 * config_value.h - one key of a configuration: what it holds, where that is kept, its default,
 * whether a reload applies it. A daemon has a table of them; reading, comparing and printing
 * walk it, and a test compares the manual page with it.
 */
#ifndef BASE_CONFIG_CONFIG_VALUE_H
#define BASE_CONFIG_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/config/conffile.h"
#include "stun/ip_prefix.h"

struct config_address {
	struct ip_addr local;
	struct ip_addr public; /* how others see it, where that can be configured */
	unsigned line; /* where in the file, if its daemon noted that; otherwise 0 */
};

enum config_type {
	CONFIG_TEXT,     /* char *, printable ASCII for the wire */
	CONFIG_PATH,     /* char * */
	CONFIG_OPTIONAL, /* char *, "" is NULL */
	CONFIG_BOOL,
	CONFIG_NUMBER,       /* unsigned, of the field's size, here and below */
	CONFIG_SECONDS,      /* a duration, kept in seconds */
	CONFIG_MILLISECONDS, /* a duration, kept in milliseconds */
	CONFIG_BYTES,
	CONFIG_BITRATE, /* bits per second; 0, which min does not hold for, is no limit */
	CONFIG_RANGE,   /* two uint16_t, first and last, next to each other */
	CONFIG_LEVEL,   /* char *, of the log */
	CONFIG_WORD,    /* unsigned, of the field's size: which of words */
	CONFIG_ADDRESS, /* struct ip_addr, "" is none */
	CONFIG_LOOPBACK,  /* struct endpoint on a loopback address, "" is none */
	CONFIG_TEXTS,     /* char **, each as CONFIG_TEXT */
	CONFIG_ADDRESSES, /* struct config_address *, the local half */
	CONFIG_PUBLIC,    /* the public half of the same list */
	CONFIG_PREFIXES,  /* struct ip_prefix * */
};

/* What a reload makes of a change; zero is the only one that does not apply it. */
enum config_reload {
	CONFIG_RESTART,
	CONFIG_RELOADS,
	CONFIG_NEW_ALLOCATIONS, /* what exists keeps the old value until it ends */
	CONFIG_LISTENERS,       /* new ones appear, removed ones drain */
};

struct config_key {
	struct conffile_key file;
	enum config_type type;
	enum config_reload reloads;
	uint8_t sides; /* of a section with titles: which may have it, a bit for each; 0: all */
	uint16_t offset, size;    /* of the field, from the base */
	uint16_t count_offset;    /* lists: where their length is */
	uint64_t min, max;        /* numbers, in the unit kept; texts, in bytes */
	const char *fallback;     /* the default as one would write it; NULL: required */
	const char *doc;          /* one line */
	const char *const *words; /* CONFIG_WORD: what may be written, up to NULL */
	bool watched;             /* the path of a file: read again when that changes */
};

/* One key as it is in force, for people. All borrowed during the call. */
struct config_entry {
	const char *key; /* as in the manual, "limits.idle" */
	const char *value;
	const char *fallback; /* NULL: it has none, the key is required */
	bool reloads;         /* a reload applies a change */
	const char *doc;      /* one line */
};
typedef void config_entry_fn(void *arg, const struct config_entry *entry);

/*
 * Every key on a line: section, name, kind, default, "reload" or "restart", what it is; with
 * tabs between.
 */
void config_keys_print(const struct config_key *keys, size_t count, FILE *out);

/*
 * Parse one written value into the field of that key; lists grow by it. base is the struct
 * that offsets count from. False with "what is wrong; what to do" in why.
 */
bool config_value_parse(const struct config_key *key, const char *text, void *base,
			char *why, size_t why_size);

/* As it would be written in the file, without quotes; malloc'ed, NULL if out of memory. */
char *config_value_format(const struct config_key *key, const void *base);

/* Release and clear one field. */
void config_value_free(const struct config_key *key, void *base);

#endif
