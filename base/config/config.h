/*
 * config.h - configuration files, read by a schema: one row for each key says where it is
 * written, what it holds, where that is kept, its default and what a reload makes of a change.
 * Reading, defaults, comparing, printing and the place of every error come from the rows.
 *
 *     key = value                    # comment, also // and C's
 *     list = {"a", b}                # list += {c} appends
 *     section { key = 30s }
 *     section title { key = value }
 *
 * Every error is one sentence, "FILE:LINE:COLUMN: what is wrong; what to do".
 *
 * Owner    config_load() makes a configuration, config_free() frees it; immutable between. A
 *          reload makes a second one and compares.
 * Threads  none of its own; what is loaded may be read by any thread.
 */
#ifndef BASE_CONFIG_CONFIG_H
#define BASE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stun/ip_prefix.h"

struct config_schema;

/* What the configuration of every daemon begins with. */
struct config {
	const struct config_schema *schema;
	char *path;                  /* where it came from */
	struct config_place *places; /* of every value in the file */
	size_t place_count;
	char *keys;         /* path of the keyring file */
	char *user, *group; /* to switch to after binding; NULL: stay */
	struct {
		char *level;  /* error, warning, notice, info, debug */
		bool records; /* log a record of each allocation or credential */
	} log;
	struct {
		char *socket; /* UNIX socket path; NULL: no control interface */
		char *group;  /* may use it besides root; NULL: none */
	} control;
	struct {
		struct endpoint address; /* on loopback; of family IP_NONE: nowhere */
	} metrics;
};

/* --- reading ------------------------------------------------------------------------------- */

/*
 * Read and check. The struct that the schema describes, which begins with struct config; NULL
 * with a sentence in error. Opens nothing but the file itself.
 */
struct config *config_load(const struct config_schema *schema, const char *path,
			   char *error, size_t error_size);
/* The same from memory; path is for the errors. */
struct config *config_parse(const struct config_schema *schema, const char *path,
			    const char *text, size_t len, char *error, size_t error_size);
void config_free(struct config *config); /* NULL is allowed */

/*
 * Put "FILE:LINE:COLUMN: key: " before a sentence about the value of a field, and drop its full
 * stop. field points into the configuration: to a member that a row describes, or to one element
 * of a list. The place is that of the value, else of the block that the field belongs to;
 * without either, only the file is named. Always false.
 */
bool config_error(const struct config *config, const void *field, char *error,
		  size_t error_size, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* The same with the sentence that is in error already. */
bool config_locate(const struct config *config, const void *field, char *error,
		   size_t error_size);
/* Is the field written in the file? */
bool config_given(const struct config *config, const void *field);
/* The line of a field's value; 0: it is not in the file. */
unsigned config_line(const struct config *config, const void *field);

/* --- what is in it --------------------------------------------------------------------------- */

/* What became of a changed key. */
enum reload_effect {
	RELOAD_EFFECT_RESTART, /* not applied; needs a restart */
	RELOAD_EFFECT_APPLIED,
	RELOAD_EFFECT_NEW_ALLOCATIONS, /* existing ones keep the old value until they end */
	RELOAD_EFFECT_DRAINING,        /* a front goes with its last allocation */
};

/*
 * What differs between two configurations, one call for each key: its name as in the manual,
 * both values as text, and what a reload makes of it. A block of a repeated section that came or
 * went is one difference. Returns how many.
 */
typedef void config_difference_fn(void *arg, const char *key, const char *before,
				  const char *after, enum reload_effect effect);
size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg);

/* Keys that need a restart: next gets their values from in_force. False if out of memory. */
bool config_keep_fixed(const struct config *in_force, struct config *next);

/* One key as it is in force, for people. All borrowed during the call. */
struct config_entry {
	const char *key; /* as in the manual, "limits.idle" */
	const char *value;
	const char *fallback; /* NULL: it has none, the key is required */
	bool reloads;         /* a reload applies a change */
	const char *doc;      /* one line */
};
typedef void config_entry_fn(void *arg, const struct config_entry *entry);
/* All keys in the order of the manual. False if out of memory; then some are missing. */
bool config_list(const struct config *config, config_entry_fn *report, void *arg);

/*
 * Every key on a line: section, name, kind, default, "reload" or "restart", what it is; with
 * tabs between.
 */
void config_print_keys(const struct config_schema *schema, FILE *out);

/* The index-th watched file that a configuration names, and its key; see config_key.watched. */
struct config_file {
	const char *key;  /* "tls.certificate"; NULL: there is no such index */
	const char *path; /* NULL: not configured */
	const void *field;
};
struct config_file config_watched(const struct config *config, size_t index,
				  char key[64]);

/* --- the schema -------------------------------------------------------------------------------- */

struct config_address {
	struct ip_addr local;
	struct ip_addr public; /* as others see it, where that can be configured */
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
	CONFIG_TEXTS,     /* char **, each as CONFIG_TEXT; from here on, lists */
	CONFIG_ADDRESSES, /* struct config_address *, the local half */
	CONFIG_PUBLIC,    /* the public half of the same list */
	CONFIG_PREFIXES,  /* struct ip_prefix * */
	CONFIG_TYPE_COUNT
};

struct config_key {
	const char *section; /* "": top level */
	const char *name;
	enum config_type type;
	enum reload_effect
		effect; /* of a change; DRAINING: the schema's effect() decides */
	uint16_t offset,
		size; /* of the field, in the struct that the section describes */
	uint16_t count_offset; /* lists: of their length, a size_t */
	uint8_t titles;    /* where the section's titles differ: a bit for each; 0: all */
	bool watched;      /* the path of a file that is read again when that changes */
	uint64_t min, max; /* numbers, in the unit kept; texts, in bytes */
	const char *fallback;     /* the default as one would write it; NULL: required */
	const char *const *words; /* CONFIG_WORD: up to NULL */
	const char *former;       /* what the key was called before; NULL: always this */
	const char *doc;          /* one line */
};

enum config_form {
	CONFIG_ONCE,   /* its keys lie in the configuration itself */
	CONFIG_TITLED, /* one block for each of titles, in an array in the configuration */
	CONFIG_NAMED,  /* any number, each under a title that the writer chooses */
	CONFIG_MANY,   /* any number, without title */
};

struct config_section {
	const char *name;
	enum config_form form;
	uint16_t offset, size; /* of the array or of the pointer to it; of one element */
	uint16_t count_offset; /* NAMED, MANY: of their number, a size_t */
	const char *const *titles; /* TITLED: up to NULL */
	/* NAMED: an element begins with a char *, its title in lower case. */
	uint16_t name_offset;     /* MANY: of the char * that names one in a comparison */
	const char *there, *gone; /* NAMED: how a comparison calls that */
};

struct config_schema {
	size_t size;                   /* of the configuration */
	const struct config_key *keys; /* those of one section stand together */
	size_t key_count;
	const struct config_section *sections;
	size_t section_count;
	/* Complete, and check across keys. False with a sentence in error. */
	bool (*check)(struct config *config, char *error, size_t error_size);
	/* Of a key with RELOAD_EFFECT_DRAINING; NULL: APPLIED. element: of a TITLED section. */
	enum reload_effect (*effect)(const struct config_key *key, size_t element,
				     const struct config *before,
				     const struct config *after);
};

#endif
