/*
 * config.c - mediarelayd.conf: defaults, then the file, then the checks.
 */
#include "relay/reload/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/explain.h"
#include "relay/reload/config_schema.h"

enum { REASON_MAX = 400, NAME_MAX_LEN = 64 };

static bool is_list(const struct config_key *key)
{
	return key->file.list;
}

/* A default that its own key refuses is our mistake; a test walks them all. */
static bool set_defaults(struct config *config)
{
	struct config_walk walk = {0};
	char why[REASON_MAX];

	while (config_walk(&walk)) {
		if (!is_list(walk.key) &&
		    !config_value_parse(walk.key, walk.key->fallback,
					config_base(config, walk.side), why, sizeof(why)))
			return false;
	}
	return true;
}

static enum side side_of(const struct conffile_value *value)
{
	if (*value->title == '\0')
		return SIDE_COUNT;
	return strcmp(value->title, side_name(SIDE_INSIDE)) == 0 ? SIDE_INSIDE
								 : SIDE_OUTSIDE;
}

static const struct config_key *schema_key(const struct conffile_value *value,
					   const struct conffile_key *keys)
{
	return &config_schema[value->key - keys];
}

static bool set_value(struct config *config, const struct config_key *key,
		      const struct conffile_value *value, char *why, size_t why_size)
{
	enum side side = side_of(value);
	void *base = config_base(config, side);

	if (side != SIDE_COUNT && !(key->sides & 1u << side)) {
		snprintf(why, why_size, "has no meaning on this side; move it to side %s",
			 side_name(side == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE));
		return false;
	}
	/* A default goes; what a list holds was put there by this file. */
	if (!is_list(key))
		config_value_free(key, base);
	return config_value_parse(key, value->text, base, why, why_size);
}

/* The public addresses pair with the others, wherever these stand: they wait for the end. */
static bool set_values(struct config *config, const struct conffile *file,
		       const struct conffile_key *keys, bool public, char *error,
		       size_t error_size)
{
	char why[REASON_MAX], name[NAME_MAX_LEN];
	size_t count;
	const struct conffile_value *values = conffile_values(file, &count);

	for (size_t i = 0; i < count; i++) {
		const struct config_key *key = schema_key(&values[i], keys);

		if ((key->type == CONFIG_PUBLIC) != public)
			continue;
		if (set_value(config, key, &values[i], why, sizeof(why)))
			continue;
		conffile_error(file, values[i].line, error, error_size, "%s: %s",
			       config_key_name(key, side_of(&values[i]), name,
					       sizeof(name)),
			       why);
		return false;
	}
	return true;
}

/* Without any public address, each address is its own. */
static void complete_public(struct config *config)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		struct config_side *side = &config->sides[i];

		if (side->address_count > 0 &&
		    side->addresses[0].public.family != IP_NONE)
			continue;
		for (size_t j = 0; j < side->address_count; j++)
			side->addresses[j].public = side->addresses[j].local;
	}
}

static struct config *make(const char *path, const struct conffile *file,
			   const struct conffile_key *keys, char *error,
			   size_t error_size)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config)
		config->path = strdup(path);
	if (!config || !config->path || !set_defaults(config)) {
		snprintf(error, error_size, "%s: out of memory", path);
		goto fail;
	}
	if (!set_values(config, file, keys, false, error, error_size) ||
	    !set_values(config, file, keys, true, error, error_size))
		goto fail;
	complete_public(config);
	if (!config_check(config, file, error, error_size))
		goto fail;
	config_note_lines(config, file);
	return config;
fail:
	config_free(config);
	return NULL;
}

/* The grammar wants its keys next to each other. */
static struct conffile_key *grammar_keys(void)
{
	struct conffile_key *keys = calloc(config_schema_count, sizeof(*keys));

	for (size_t i = 0; keys && i < config_schema_count; i++)
		keys[i] = config_schema[i].file;
	return keys;
}

/* text NULL: from the file. */
static struct config *read_config(const char *path, const char *text, size_t len,
				  char *error, size_t error_size)
{
	struct conffile_key *keys = grammar_keys();
	struct config *config = NULL;
	struct conffile *file = NULL;

	if (!keys) {
		snprintf(error, error_size, "%s: out of memory", path);
		return NULL;
	}

	const struct conffile_grammar grammar = {
		.keys = keys,
		.key_count = config_schema_count,
		.sections = config_sections,
		.section_count = config_section_count,
	};

	file = text ? conffile_parse(path, text, len, &grammar, error, error_size)
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

void config_free(struct config *config)
{
	struct config_walk walk = {0};

	if (!config)
		return;
	while (config_walk(&walk))
		config_value_free(walk.key, config_base(config, walk.side));
	free(config->path);
	free(config);
}

void config_print_keys(FILE *out)
{
	config_keys_print(config_schema, config_schema_count, out);
}
