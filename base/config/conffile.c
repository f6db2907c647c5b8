/*
 * conffile.c - configuration files as a flat list of values that remember their lines.
 *
 * libconfuse parses; each value reaches us through its callback for user-defined values, and
 * becomes one entry of our list. Three things it does not do are done here:
 *
 *   - it counts a line twice after a comment, so comments are blanked before it sees them;
 *   - it takes the end of the file for the end of every open block, so a last line with a
 *     key of ours stands behind the text and must be found on the top level;
 *   - it lets a key be given twice, the last one winning; overwriting is an error here.
 */
#include "base/config/conffile.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config/conffile_comments.h"
#include "base/config/nearest.h"
#include "base/self_name.h"

enum {
	FILE_MAX = 1 << 20,
	WORD_MAX = 64, /* longer words are near to nothing */
};

/* Stands behind the text; no key of a grammar looks like it. */
#define END_KEY "end-of-file"

struct conffile {
	char *path;
	const struct conffile_grammar *grammar;
	struct conffile_value *values;
	size_t count;
	size_t room;
	struct conffile_block *blocks;
	size_t block_count;
};

enum { NO_BLOCK = -1 };

/* One parse. libconfuse hands no pointer of ours to its callbacks and is not reentrant. */
static struct parse {
	struct conffile *file;
	char *error;
	size_t error_size;
	bool failed;      /* the first error stands */
	bool overwritten; /* libconfuse has just dropped a value of ours */
	unsigned overwritten_line;
	bool ended;    /* END_KEY was found on the top level */
	ssize_t block; /* the open one of a section that may have many, or NO_BLOCK */
	unsigned last_line;
} * parse;

static void __attribute__((format(printf, 5, 0)))
verror(const struct conffile *file, unsigned line, char *error, size_t error_size,
       const char *format, va_list args)
{
	char where[16] = "";

	if (line > 0)
		snprintf(where, sizeof(where), ":%u", line);

	int n = snprintf(error, error_size, "%s%s: ", file->path, where);

	if (n >= 0 && (size_t)n < error_size)
		vsnprintf(error + n, error_size - (size_t)n, format, args);
}

void conffile_error(const struct conffile *file, unsigned line, char *error,
		    size_t error_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	verror(file, line, error, error_size, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 3)))
fail(unsigned line, const char *format, ...)
{
	va_list args;

	if (parse->failed)
		return;
	parse->failed = true;
	va_start(args, format);
	verror(parse->file, line, parse->error, parse->error_size, format, args);
	va_end(args);
}

/* Walks the words that would be right inside one section. */
struct words {
	const struct conffile_grammar *grammar;
	const char *section;
	size_t next;
};

static const char *next_word(void *arg)
{
	struct words *words = arg;
	const struct conffile_grammar *grammar = words->grammar;

	while (words->next < grammar->key_count) {
		const struct conffile_key *key = &grammar->keys[words->next++];

		if (strcmp(key->section, words->section) == 0)
			return key->name;
	}

	size_t i = words->next - grammar->key_count;
	if (*words->section || i >= grammar->section_count)
		return NULL;
	words->next++;
	return grammar->sections[i].name;
}

static const char *next_title(void *arg)
{
	const char *const **titles = arg;

	return **titles ? *(*titles)++ : NULL;
}

static const char *section_of(const cfg_t *cfg)
{
	return strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

static const struct conffile_section *find_section(const struct conffile_grammar *grammar,
						   const char *name)
{
	for (size_t i = 0; i < grammar->section_count; i++) {
		if (strcmp(grammar->sections[i].name, name) == 0)
			return &grammar->sections[i];
	}
	return NULL;
}

/* The key may exist elsewhere: that is worth more than a word that looks like it. */
static void fail_unknown(const cfg_t *cfg, unsigned line, const char *word)
{
	const struct conffile_grammar *grammar = parse->file->grammar;
	const char *section = section_of(cfg);
	char where[WORD_MAX] = "";

	if (strcmp(word, END_KEY) == 0) {
		fail(parse->last_line,
		     "section \"%s\" is still open at the end of the file; "
		     "close it with \"}\"",
		     section);
		return;
	}
	if (*section && find_section(grammar, word)) {
		fail(line,
		     "\"%s\" begins while section \"%s\" is open; close that with \"}\"",
		     word, section);
		return;
	}
	if (*section)
		snprintf(where, sizeof(where), " in section \"%s\"", section);
	for (size_t i = 0; i < grammar->key_count; i++) {
		const struct conffile_key *key = &grammar->keys[i];

		if (strcmp(key->name, word) != 0)
			continue;
		if (*key->section)
			fail(line, "unknown key \"%s\"%s; it belongs into section \"%s\"",
			     word, where, key->section);
		else
			fail(line,
			     "unknown key \"%s\"%s; it belongs outside of all sections",
			     word, where);
		return;
	}

	struct words words = {.grammar = grammar, .section = section};
	const char *nearest = nearest_word(word, next_word, &words);
	if (nearest)
		fail(line, "unknown key \"%s\"%s; did you mean \"%s\"?", word, where,
		     nearest);
	else
		fail(line,
		     "unknown key \"%s\"%s; remove it (the manual page lists all keys)",
		     word, where);
}

/* libconfuse's own errors. The format tells which; its text is the fallback. */
static void __attribute__((format(printf, 2, 0)))
on_error(cfg_t *cfg, const char *format, va_list args)
{
	unsigned line = (unsigned)cfg->line;
	char text[256];

	if (strcmp(format, "no such option '%s'") == 0) {
		fail_unknown(cfg, line, va_arg(args, const char *));
		return;
	}
	vsnprintf(text, sizeof(text), format, args);
	if (strstr(text, "premature end") || line > parse->last_line)
		fail(parse->last_line,
		     "the file ends in the middle of a value; close its "
		     "quotes or braces");
	else if (strstr(text, "duplicate title"))
		fail(line, "%s; give each section once", text);
	else if (strstr(text, "missing title"))
		fail(line, "%s; write its name between the word and the brace", text);
	else
		fail(line,
		     "%s; write key = value, key = {value, value} or section { ... }",
		     text);
}

static bool check_title(const struct conffile_section *section, const cfg_t *cfg,
			const char **title)
{
	*title = "";
	if (!section || !section->titles)
		return true;
	for (const char *const *known = section->titles; *known; known++) {
		if (strcmp(*known, cfg->title) == 0) {
			*title = *known;
			return true;
		}
	}

	const char *const *titles = section->titles;
	const char *nearest = nearest_word(cfg->title, next_title, &titles);
	char list[WORD_MAX * 2] = "";

	for (const char *const *known = section->titles; *known; known++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s\"%s\"", len ? ", " : "",
			 *known);
	}
	if (nearest)
		fail((unsigned)cfg->line, "unknown %s \"%s\"; did you mean \"%s\"?",
		     section->name, cfg->title, nearest);
	else
		fail((unsigned)cfg->line, "unknown %s \"%s\"; it may be one of: %s",
		     section->name, cfg->title, list);
	return false;
}

static const struct conffile_key *find_key(const struct conffile_grammar *grammar,
					   const char *section, const char *name)
{
	for (size_t i = 0; i < grammar->key_count; i++) {
		const struct conffile_key *key = &grammar->keys[i];

		if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

/* Blocks do not nest: the one that is open is the last. False if out of memory. */
static bool open_block(const struct conffile_section *section, const cfg_t *cfg)
{
	struct conffile *file = parse->file;

	if (parse->block != NO_BLOCK)
		return true;

	struct conffile_block *grown =
		reallocarray(file->blocks, file->block_count + 1, sizeof(*grown));
	if (!grown)
		return false;
	file->blocks = grown;
	grown[file->block_count] = (struct conffile_block){
		.section = section,
		.title = cfg->title ? strdup(cfg->title) : NULL,
		.line = (unsigned)cfg->line,
	};
	if (cfg->title && !grown[file->block_count].title)
		return false;
	parse->block = (ssize_t)file->block_count++;
	return true;
}

static bool add_value(struct conffile *file, const struct conffile_key *key,
		      const char *title, const char *text, unsigned line)
{
	if (file->count == file->room) {
		size_t room = file->room ? file->room * 2 : 64;
		struct conffile_value *grown =
			reallocarray(file->values, room, sizeof(*grown));

		if (!grown)
			return false;
		file->values = grown;
		file->room = room;
	}

	char *copy = strdup(text);
	if (!copy)
		return false;
	file->values[file->count++] = (struct conffile_value){
		.key = key,
		.title = title,
		.text = copy,
		.line = line,
		.block = parse->block == NO_BLOCK ? 0 : (size_t)parse->block,
	};
	return true;
}

/* What libconfuse keeps for a value is the line it stood on. */
static void *line_to_pointer(unsigned line)
{
	return (void *)(uintptr_t)line;
}

/* libconfuse drops a value of ours: to set it anew, or, with no parse going on, at the end. */
static void on_free(void *value)
{
	if (parse) {
		parse->overwritten = true;
		parse->overwritten_line = (unsigned)(uintptr_t)value;
	}
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	void **stored = result;
	struct conffile *file = parse->file;
	const char *section = section_of(cfg);
	const struct conffile_key *key = find_key(file->grammar, section, opt->name);
	unsigned line = (unsigned)cfg->line;

	if (strcmp(opt->name, END_KEY) == 0) {
		parse->ended = true;
		*stored = NULL;
		return 0;
	}
	if (strcmp(text, END_KEY) == 0) {
		fail(parse->last_line,
		     "\"%s\" has no value; write one, or remove the key", opt->name);
		return -1;
	}
	if (!key->list && cfg_opt_getnptr(opt, 0))
		on_free(cfg_opt_getnptr(opt, 0));
	if (parse->overwritten) {
		fail(line,
		     "\"%s\" is given a second time, first in line %u; keep one of them",
		     opt->name, parse->overwritten_line);
		return -1;
	}

	const struct conffile_section *known = find_section(file->grammar, section);
	const char *title;
	if (!check_title(known, cfg, &title))
		return -1;
	if ((known && known->form != CONFFILE_ONCE && !open_block(known, cfg)) ||
	    !add_value(file, key, title, text, line)) {
		fail(line, "out of memory; the file is too large for this machine");
		return -1;
	}
	*stored = line_to_pointer(line);
	return 0;
}

/* Called when a section closes: an empty one has shown itself to nobody yet. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *title;
	const struct conffile_section *known =
		find_section(parse->file->grammar, opt->name);
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	(void)cfg;
	if (known->form == CONFFILE_ONCE)
		return check_title(known, section, &title) ? 0 : -1;
	if (!open_block(known, section)) {
		fail((unsigned)section->line,
		     "out of memory; the file is too large for this machine");
		return -1;
	}
	parse->block = NO_BLOCK;
	return 0;
}

static void add_keys(const struct conffile_grammar *grammar, const char *section,
		     cfg_opt_t *options, size_t *used)
{
	for (size_t i = 0; i < grammar->key_count; i++) {
		const struct conffile_key *key = &grammar->keys[i];
		cfg_flag_t flags = key->list ? CFGF_LIST : CFGF_NONE;

		if (strcmp(key->section, section) == 0)
			options[(*used)++] = (cfg_opt_t)CFG_PTR_CB(key->name, NULL, flags,
								   on_value, on_free);
	}
}

/* libconfuse copies what it is given, so that all of this may go after cfg_init(). */
static cfg_t *make_parser(const struct conffile_grammar *grammar)
{
	size_t total = grammar->key_count + 2 * grammar->section_count + 2;
	cfg_opt_t *options = calloc(total, sizeof(*options));
	size_t used = 0;

	if (!options)
		return NULL;

	/* The top level comes last: it points to the sections before it. */
	cfg_opt_t *top = options + total - grammar->section_count - 2;
	for (size_t i = 0; i < grammar->key_count; i++)
		top -= *grammar->keys[i].section == '\0';

	size_t top_used = 0;
	for (size_t i = 0; i < grammar->section_count; i++) {
		const struct conffile_section *section = &grammar->sections[i];
		cfg_flag_t flags = CFGF_NONE;

		if (section->titles || section->form == CONFFILE_NAMED)
			flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
		else if (section->form == CONFFILE_MANY)
			flags = CFGF_MULTI;

		top[top_used++] =
			(cfg_opt_t)CFG_SEC(section->name, options + used, flags);
		add_keys(grammar, section->name, options, &used);
		options[used++] = (cfg_opt_t)CFG_END();
	}
	add_keys(grammar, "", top, &top_used);
	top[top_used++] = (cfg_opt_t)CFG_PTR_CB(END_KEY, NULL, CFGF_NONE, on_value, NULL);
	top[top_used++] = (cfg_opt_t)CFG_END();

	cfg_t *cfg = cfg_init(top, CFGF_NONE);
	free(options);
	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < grammar->section_count; i++) {
		if (grammar->sections[i].titles ||
		    grammar->sections[i].form != CONFFILE_ONCE)
			cfg_set_validate_func(cfg, grammar->sections[i].name, on_section);
	}
	return cfg;
}

static unsigned count_lines(const char *text, size_t len)
{
	unsigned lines = 1;

	for (size_t i = 0; i + 1 < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* text is ours to change, with END_KEY's line behind it. */
static bool run(struct conffile *file, char *text, unsigned last_line, char *error,
		size_t error_size)
{
	struct parse now = {
		.file = file,
		.error = error,
		.error_size = error_size,
		.last_line = last_line,
		.block = NO_BLOCK,
	};
	cfg_t *cfg = make_parser(file->grammar);

	if (!cfg) {
		snprintf(error, error_size, "%s: out of memory", file->path);
		return false;
	}
	conffile_blank_comments(text);
	parse = &now;
	if (cfg_parse_buf(cfg, text) != CFG_SUCCESS)
		fail(now.last_line, "not understood; see the manual page");
	else if (!now.ended)
		fail(now.last_line,
		     "a comment or quote is open at the end of the file; close it");
	parse = NULL;
	cfg_free(cfg);
	return !now.failed;
}

struct conffile *conffile_parse(const char *path, const char *text, size_t len,
				const struct conffile_grammar *grammar, char *error,
				size_t error_size)
{
	static const char end[] = "\n" END_KEY " = 1\n";
	struct conffile *file = calloc(1, sizeof(*file));
	char *copy = malloc(len + sizeof(end));

	if (file)
		file->path = strdup(path);
	if (!file || !copy || !file->path) {
		snprintf(error, error_size, "%s: out of memory", path);
		goto fail;
	}
	if (memchr(text, '\0', len)) {
		snprintf(error, error_size,
			 "%s: not a text file; give a configuration file", path);
		goto fail;
	}
	file->grammar = grammar;
	memcpy(copy, text, len);
	memcpy(copy + len, end, sizeof(end));
	if (!run(file, copy, count_lines(text, len), error, error_size))
		goto fail;
	free(copy);
	return file;
fail:
	free(copy);
	conffile_free(file);
	return NULL;
}

/* Fills text with at most size bytes; their number, or -1 with a sentence in error. */
static ssize_t read_file(const char *path, char *text, size_t size, char *error,
			 size_t error_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char self[64];
	size_t len = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && len < size) {
		n = read(fd, text + len, size - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0 && errno == EACCES)
		snprintf(error, error_size,
			 "%s: %s may not read it; give it the right to", path,
			 self_name(self, sizeof(self)));
	else if (n < 0)
		snprintf(error, error_size, "%s: %s; give the configuration file with -c",
			 path, strerror(errno));
	else if (len == size)
		snprintf(error, error_size,
			 "%s: larger than %d bytes; give a configuration file", path,
			 FILE_MAX);
	if (fd >= 0)
		close(fd);
	return n < 0 || len == size ? -1 : (ssize_t)len;
}

struct conffile *conffile_load(const char *path, const struct conffile_grammar *grammar,
			       char *error, size_t error_size)
{
	struct conffile *file = NULL;
	char *text = malloc(FILE_MAX + 1);

	if (!text) {
		snprintf(error, error_size, "%s: out of memory", path);
		return NULL;
	}

	ssize_t len = read_file(path, text, FILE_MAX + 1, error, error_size);
	if (len >= 0)
		file = conffile_parse(path, text, (size_t)len, grammar, error,
				      error_size);
	free(text);
	return file;
}

void conffile_free(struct conffile *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->count; i++)
		free(file->values[i].text);
	for (size_t i = 0; i < file->block_count; i++)
		free(file->blocks[i].title);
	free(file->values);
	free(file->blocks);
	free(file->path);
	free(file);
}

const struct conffile_value *conffile_values(const struct conffile *file, size_t *count)
{
	*count = file->count;
	return file->values;
}

const struct conffile_block *conffile_blocks(const struct conffile *file, size_t *count)
{
	*count = file->block_count;
	return file->blocks;
}
