/*
 * conffile.h - configuration files as a flat list of values that remember their lines.
 *
 *     key = value                    # comment
 *     list = {"a", b}
 *     section { key = 30s }
 *     section title { key = value }
 *     section { key = value }        # where the grammar says so: any number of times
 *
 * libconfuse reads the blocks; what a value means is the caller's business. Every error is
 * one sentence "FILE:LINE: what is wrong; what to do".
 *
 * Owner    conffile_load() makes one, conffile_free() frees it and every text in it.
 * Threads  libconfuse keeps state of its own: load on one thread at a time.
 */
#ifndef BASE_CONFIG_CONFFILE_H
#define BASE_CONFIG_CONFFILE_H

#include <stdbool.h>
#include <stddef.h>

/* What may be written. Keys of one section stand together. */
struct conffile_key {
	const char *section; /* "": top level */
	const char *name;
	bool list; /* {...}; += appends */
};

enum conffile_form {
	CONFFILE_ONCE, /* one block, or one for each of titles */
	CONFFILE_NAMED, /* any number, each under a title of its own that the writer chooses */
	CONFFILE_MANY, /* any number, without title */
};

struct conffile_section {
	const char *name;
	const char *const *titles; /* NULL-terminated, each at most once; NULL: no title */
	enum conffile_form form;
};

struct conffile_grammar {
	const struct conffile_key *keys;
	size_t key_count;
	const struct conffile_section *sections;
	size_t section_count;
};

struct conffile_value {
	const struct conffile_key *key;
	const char *title; /* of its section, as in the grammar; "" if it has none */
	char *text;
	unsigned line;
	size_t block; /* index into conffile_blocks(), of a section that has such */
};

/* A block of a section that may have any number of them, empty ones included. */
struct conffile_block {
	const struct conffile_section *section;
	char *title;   /* NULL if it has none */
	unsigned line; /* of its first value, or its end */
};

struct conffile;

/*
 * Read and take apart. NULL with a sentence in error: file missing or not text, bad syntax,
 * unknown key, section or title (names the nearest one that exists), a key given twice, a
 * block left open.
 */
struct conffile *conffile_load(const char *path, const struct conffile_grammar *grammar,
			       char *error, size_t error_size);
/* The same from memory; path is for the errors. */
struct conffile *conffile_parse(const char *path, const char *text, size_t len,
				const struct conffile_grammar *grammar, char *error,
				size_t error_size);
void conffile_free(struct conffile *file); /* NULL is allowed */

/* All values in the order of the file; borrowed. */
const struct conffile_value *conffile_values(const struct conffile *file, size_t *count);

/* All blocks of sections NAMED and MANY, in the order of the file; borrowed. */
const struct conffile_block *conffile_blocks(const struct conffile *file, size_t *count);

/* "FILE:LINE: " and the formatted text; line 0 leaves it out. */
void conffile_error(const struct conffile *file, unsigned line, char *error,
		    size_t error_size, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
