/*
 * config.c - mrasd.conf: defaults, then the file, then the checks.
 */
#include "auth/server/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/server/config_schema.h"
#include "base/config/explain.h"

enum { REASON_MAX = 400 };

/* One reading of a file: where its blocks are kept. */
struct reading {
	struct config *config;
	const struct conffile *file;
	const struct conffile_key *keys;
	size_t *places; /* of each block of the file: its index among servers or relays */
	char *error;
	size_t error_size;
};

static bool no_memory(const struct reading *reading)
{
	conffile_error(reading->file, 0, reading->error, reading->error_size,
		       "out of memory; free some");
	return false;
}

/* A default that its own key refuses is our mistake; a test walks them all. */
static bool set_defaults(enum config_block block, void *base)
{
	char why[REASON_MAX];

	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		if (config_key_block(key) == block && !key->file.list && key->fallback &&
		    !config_value_parse(key, key->fallback, base, why, sizeof(why)))
			return false;
	}
	return true;
}

static bool is_server(const struct conffile_block *block)
{
	return strcmp(block->section->name, "server") == 0;
}

static char *lower(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* A place with defaults for every block of the file. */
static bool make_blocks(const struct reading *reading)
{
	struct config *config = reading->config;
	size_t count;
	const struct conffile_block *blocks = conffile_blocks(reading->file, &count);

	config->servers = calloc(count + 1, sizeof(*config->servers));
	config->relays = calloc(count + 1, sizeof(*config->relays));
	if (!config->servers || !config->relays)
		return no_memory(reading);
	for (size_t i = 0; i < count; i++) {
		if (is_server(&blocks[i])) {
			struct config_server *server =
				&config->servers[config->server_count];

			reading->places[i] = config->server_count++;
			server->name = lower(blocks[i].title);
			if (!server->name || !set_defaults(BLOCK_SERVER, server))
				return no_memory(reading);
		} else {
			struct config_relay *relay = &config->relays[config->relay_count];

			reading->places[i] = config->relay_count++;
			if (!set_defaults(BLOCK_RELAY, relay))
				return no_memory(reading);
		}
	}
	return true;
}

static void *base_of(const struct reading *reading, const struct config_key *key,
		     const struct conffile_value *value)
{
	switch (config_key_block(key)) {
	case BLOCK_TOP:
		break;
	case BLOCK_SERVER:
		return &reading->config->servers[reading->places[value->block]];
	case BLOCK_RELAY:
		return &reading->config->relays[reading->places[value->block]];
	}
	return reading->config;
}

static bool set_value(const struct reading *reading, const struct conffile_value *value)
{
	const struct config_key *key = &config_schema[value->key - reading->keys];
	void *base = base_of(reading, key, value);
	char why[REASON_MAX];

	/* A default goes; what a list holds was put there by this file. */
	if (!key->file.list)
		config_value_free(key, base);
	if (config_value_parse(key, value->text, base, why, sizeof(why)))
		return true;
	conffile_error(reading->file, value->line, reading->error, reading->error_size,
		       "%s%s%s: %s", key->file.section, *key->file.section ? "." : "",
		       key->file.name, why);
	return false;
}

static bool fill(const struct reading *reading)
{
	size_t count;
	const struct conffile_value *values = conffile_values(reading->file, &count);

	if (!set_defaults(BLOCK_TOP, reading->config))
		return no_memory(reading);
	if (!make_blocks(reading))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!set_value(reading, &values[i]))
			return false;
	}
	config_note_lines(reading->config, reading->file);
	return config_check(reading->config, reading->file, reading->error,
			    reading->error_size);
}

static struct config *make(const char *path, const struct conffile *file,
			   const struct conffile_key *keys, char *error,
			   size_t error_size)
{
	size_t blocks;
	struct reading reading = {
		.config = calloc(1, sizeof(*reading.config)),
		.file = file,
		.keys = keys,
		.error = error,
		.error_size = error_size,
	};
	bool ok = false;

	conffile_blocks(file, &blocks);
	reading.places = calloc(blocks + 1, sizeof(*reading.places));
	if (reading.config)
		reading.config->path = strdup(path);
	if (reading.config && reading.config->path && reading.places)
		ok = fill(&reading);
	else
		no_memory(&reading);
	free(reading.places);
	if (ok)
		return reading.config;
	config_free(reading.config);
	return NULL;
}

/* text NULL: from the file. */
static struct config *read_config(const char *path, const char *text, size_t len,
				  char *error, size_t error_size)
{
	/* The grammar wants its keys next to each other. */
	struct conffile_key *keys = calloc(config_schema_count, sizeof(*keys));
	struct config *config = NULL;

	if (!keys) {
		snprintf(error, error_size, "%s: out of memory", path);
		return NULL;
	}
	for (size_t i = 0; i < config_schema_count; i++)
		keys[i] = config_schema[i].file;

	const struct conffile_grammar grammar = {
		.keys = keys,
		.key_count = config_schema_count,
		.sections = config_sections,
		.section_count = config_section_count,
	};
	struct conffile *file =
		text ? conffile_parse(path, text, len, &grammar, error, error_size)
		     : conffile_load(path, &grammar, error, error_size);

	if (file)
		config = make(path, file, keys, error, error_size);
	conffile_free(file);
	free(keys);
	return config;
}

struct config *config_load(const char *path, char *error, size_t error_size)
{
	return read_config(path, NULL, 0, error, error_size);
}

struct config *config_parse(const char *path, const char *text, size_t len, char *error,
			    size_t error_size)
{
	return read_config(path, text, len, error, error_size);
}

void config_blame(const struct config *config, unsigned line, const char *key,
		  char *error, size_t error_size)
{
	explain_key(config->path, line, key, error, error_size);
}

static void swap_bytes(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

void config_keep_fixed(struct config *in_force, struct config *next)
{
	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		/* They are single values at the top; a test holds it. */
		if (!key->reloads)
			swap_bytes((char *)in_force + key->offset,
				   (char *)next + key->offset, key->size);
	}
}

static void free_block(enum config_block block, void *base)
{
	for (size_t i = 0; i < config_schema_count; i++) {
		if (config_key_block(&config_schema[i]) == block)
			config_value_free(&config_schema[i], base);
	}
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->server_count; i++) {
		free_block(BLOCK_SERVER, &config->servers[i]);
		free(config->servers[i].name);
	}
	for (size_t i = 0; i < config->relay_count; i++)
		free_block(BLOCK_RELAY, &config->relays[i]);
	free(config->servers);
	free(config->relays);
	free_block(BLOCK_TOP, config);
	free(config->path);
	free(config);
}

void config_print_keys(FILE *out)
{
	config_keys_print(config_schema, config_schema_count, out);
}
