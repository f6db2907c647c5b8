/*
 * config.h - configuration files, read by a schema: one row for each key says where it is
 * written, what it holds, where that is kept, its default and what a reload makes of a change.
 * Reading, defaults, comparing, printing and the place of every error come from the rows.
 *
 *     key = value                    # comment, also // and C's
 *     list = {"a", b}                # list += {c} appends, list = a is a list of one
 *     section { key = 30s }
 *     section title { key = value }
 *
 * Every error is one sentence, "FILE:LINE:COLUMN: what is wrong; what to do". Remarks are such
 * sentences about what is valid.
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

#include "base/config/config_schema.h"

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
/*
 * The same for the watched file whose key holds that very string: two keys may name one file. NULL:
 * the sentence stays as it is.
 */
bool config_locate_file(const struct config *config, const char *path, char *error,
			size_t error_size);
/* The line of a field's value; 0: it is not in the file. */
unsigned config_line(const struct config *config, const void *field);

/* --- remarks --------------------------------------------------------------------------------- */

enum config_remark_level {
	CONFIG_INFO,    /* worth knowing; nothing to correct */
	CONFIG_WARNING, /* valid, and probably not what is meant: --check --strict fails */
};

struct config_remark {
	enum config_remark_level level;
	unsigned line, column; /* 0: about the file as a whole */
	char *sentence;        /* "KEY: what is doubtful; what to do", no full stop */
	bool told;
};

/*
 * Remark on the value of a field (or its block, or the file), as config_error() does, in a
 * configuration that nobody else reads yet. One that is there already is not added again; out of
 * memory, it is lost. A full stop is dropped.
 */
void config_warn(struct config *config, const void *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_inform(struct config *config, const void *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Inform about a realm whose length is not a multiple of four. Clients exist that echo REALM with
 * its padding, and never get beyond a 401 (RFC 8489 section 14: the length of an attribute is
 * that before padding).
 */
void config_remark_on_realm(struct config *config, char *const *realm);
/* Remark on a place; line 0: the file. */
void config_remark_at(struct config *config, enum config_remark_level level,
		      unsigned line, unsigned column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* On each block of a section without titles that says the same as one before it. */
void config_warn_of_twins(struct config *config);

/* How many there are of that level. All of them are in config->remarks. */
size_t config_remark_count(const struct config *config, enum config_remark_level level);
/*
 * Log those that have not been told yet; or, unless out is NULL, print them there as
 * "FILE:LINE:COLUMN: warning: KEY: ...".
 */
void config_tell_remarks(struct config *config, FILE *out);
/* What has been told about one configuration is not told again about the next. */
void config_remember_remarks(const struct config *before, struct config *next);

/* --- what is in it --------------------------------------------------------------------------- */

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
	bool is_set;     /* the file has it; else it is the default, or follows others */
	bool reloads;    /* a reload applies a change */
	const char *doc; /* one line */
	const char *pending; /* in the file, and waits for a restart; NULL: no */
};
typedef void config_entry_fn(void *arg, const struct config_entry *entry);
/* All keys in the order of the manual. False if out of memory; then some are missing. */
bool config_list(const struct config *config, config_entry_fn *report, void *arg);

/*
 * Every key on a line: section, name, kind, default, "reload" or "restart", what it is; with
 * tabs between.
 */
void config_print_keys(const struct config_schema *schema, FILE *out);

/* A file that is read again when it changes; see config_key.watched. */
struct config_file {
	char key[CONFIG_NAME_SIZE]; /* "tls.certificate" */
	const char *path;           /* borrowed; NULL: not configured */
	const void *field;          /* for config_error() */
};
/* The index-th of them, in the order of the schema. False if there are not so many. */
bool config_watched(const struct config *config, size_t index, struct config_file *file);

#endif
