/*
 * import_conf.h - coturn's turnserver.conf as a list of settings, and their equivalents.
 *
 * Owner    import_conf_read() makes one, import_conf_free() frees it and all texts in it.
 */
#ifndef TOOLS_IMPORT_IMPORT_CONF_H
#define TOOLS_IMPORT_IMPORT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

enum import_fate {
	IMPORT_CARRIED, /* has an equivalent; the writer handles it */
	IMPORT_SAME,    /* is the case anyway; nothing to write */
	IMPORT_LOST,    /* has no equivalent; the reason says what to do instead */
};

struct import_option {
	const char *name;
	enum import_fate fate;
	bool flag;
	const char *reason; /* of IMPORT_LOST, else NULL */
};

/* Every option that coturn 4.6 documents for its configuration file. */
extern const struct import_option import_options[];
extern const size_t import_option_count;

struct import_setting {
	const struct import_option *option; /* NULL: unknown to coturn */
	char *name, *value;                 /* value: "" without one */
	unsigned line;
	bool off; /* a flag set to no */
};

struct import_conf {
	const char *path;
	struct import_setting *settings;
	size_t count, room;
	json_t *notes; /* what could not be converted, {"line", "key", "reason"} */
};

/* NULL after a message on stderr: not readable, or too large to be one. */
struct import_conf *import_conf_load(const char *path);
/* From an open file, which stays open; path, borrowed, is for messages. */
struct import_conf *import_conf_read(FILE *file, const char *path);
void import_conf_free(struct import_conf *conf); /* NULL is allowed; wipes secrets */

/* The next setting of that name, unless it is off, from *index on; or NULL. */
const struct import_setting *import_next(const struct import_conf *conf, const char *name,
					 size_t *index);
/* The last one, which counts; or NULL. */
const struct import_setting *import_find(const struct import_conf *conf,
					 const char *name);

/* Note that a setting, or with NULL the absence of one, was not converted. */
__attribute__((format(printf, 4, 5))) void import_note(
	struct import_conf *conf, const struct import_setting *setting, const char *key,
	const char *format, ...);

/* By line; those without one come last. */
void import_sort_notes(struct import_conf *conf);

/* A number in the range; false otherwise, with a note if the setting exists. */
bool import_number(struct import_conf *conf, const char *name, int64_t min, int64_t max,
		   int64_t *number);
/* A text that our configuration can hold; NULL otherwise, with a note if the setting exists. */
const char *import_text(struct import_conf *conf, const char *name);

#endif
