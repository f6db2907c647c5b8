/*
 * import_conf.h - coturn's turnserver.conf as a list of settings, and what becomes of each.
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
	IMPORT_CARRIED, /* has a key of ours; the writer deals with it */
	IMPORT_SAME,    /* so it is here anyway; nothing to write */
	IMPORT_LOST,    /* there is nothing like it; the reason says what instead */
};

struct import_option {
	const char *name;
	enum import_fate fate;
	bool flag;
	const char *reason; /* of IMPORT_LOST: a sentence without its point */
};

/* Every option that coturn 4.6 documents for its file. */
extern const struct import_option import_options[];
extern const size_t import_option_count;

struct import_setting {
	const struct import_option *option; /* NULL: coturn has none of that name */
	char *name, *value;                 /* value: "" if there is none */
	unsigned line;
	bool off; /* a flag that says no */
};

struct import_conf {
	const char *path;
	struct import_setting *settings;
	size_t count, room;
	json_t *notes; /* what could not be carried over, {"line", "key", "reason"} */
};

/* NULL after a complaint on stderr: not readable, or too large to be one. */
struct import_conf *import_conf_load(const char *path);
/* The same from an open file, which stays so; path, borrowed, is for complaints. */
struct import_conf *import_conf_read(FILE *file, const char *path);
void import_conf_free(struct import_conf *conf); /* NULL is allowed; wipes secrets */

/* The next setting of that name that is not switched off, after *index; NULL for no more. */
const struct import_setting *import_next(const struct import_conf *conf, const char *name,
					 size_t *index);
/* The last one, which is the one that counts; NULL. */
const struct import_setting *import_find(const struct import_conf *conf,
					 const char *name);

/* Note that a setting, or with NULL something that is in no line, was not carried over. */
__attribute__((format(printf, 4, 5))) void import_note(
	struct import_conf *conf, const struct import_setting *setting, const char *key,
	const char *format, ...);

/* In the order of lines; what is in no line comes last. */
void import_sort_notes(struct import_conf *conf);

/* A number in the range; false, with a note if the setting is there, otherwise. */
bool import_number(struct import_conf *conf, const char *name, int64_t min, int64_t max,
		   int64_t *number);
/* A text that our configuration can hold; NULL, with a note if the setting is there. */
const char *import_text(struct import_conf *conf, const char *name);

#endif
