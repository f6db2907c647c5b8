/*
 * config_compare.c - what differs between two configurations, and what one of them has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/server/config_schema.h"

enum { NAME_SIZE = 320 };

struct comparison {
	config_difference_fn *report;
	void *arg;
	size_t differences;
};

static void differ(struct comparison *comparison, const char *name, const char *before,
		   const char *after, enum reload_effect effect)
{
	comparison->differences++;
	comparison->report(comparison->arg, name, before, after, effect);
}

/* prefix: of the names, "server.fe01.lab.example."; NULL: that of each key's section. */
static void compare_block(struct comparison *comparison, enum config_block block,
			  const char *prefix, const void *before, const void *after)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		if (config_key_block(key) != block)
			continue;

		const char *section = prefix ? prefix : key->file.section;
		char *was = config_value_format(key, before);
		char *is = config_value_format(key, after);

		snprintf(name, sizeof(name), "%s%s%s", section, *section ? "." : "",
			 key->file.name);
		/* Out of memory: better one difference too many than one unseen. */
		if (!was || !is || strcmp(was, is) != 0)
			differ(comparison, name, was ? was : "?", is ? is : "?",
			       key->reloads ? RELOAD_EFFECT_APPLIED
					    : RELOAD_EFFECT_RESTART);
		free(was);
		free(is);
	}
}

static const struct config_server *find_server(const struct config *config,
					       const char *name)
{
	for (size_t i = 0; i < config->server_count; i++) {
		if (strcmp(config->servers[i].name, name) == 0)
			return &config->servers[i];
	}
	return NULL;
}

static void compare_servers(struct comparison *comparison, const struct config *before,
			    const struct config *after)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < before->server_count; i++) {
		const struct config_server *was = &before->servers[i];
		const struct config_server *is = find_server(after, was->name);

		snprintf(name, sizeof(name), "server.%s", was->name);
		if (is)
			compare_block(comparison, BLOCK_SERVER, name, was, is);
		else
			differ(comparison, name, "trusted", "not trusted",
			       RELOAD_EFFECT_APPLIED);
	}
	for (size_t i = 0; i < after->server_count; i++) {
		if (find_server(before, after->servers[i].name))
			continue;
		snprintf(name, sizeof(name), "server.%s", after->servers[i].name);
		differ(comparison, name, "not trusted", "trusted", RELOAD_EFFECT_APPLIED);
	}
}

/* Relays have no names of their own: they pair by position, counted from one. */
static void compare_relays(struct comparison *comparison, const struct config *before,
			   const struct config *after)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < before->relay_count || i < after->relay_count; i++) {
		snprintf(name, sizeof(name), "relay.%zu", i + 1);
		if (i >= after->relay_count)
			differ(comparison, name, before->relays[i].host, "none",
			       RELOAD_EFFECT_APPLIED);
		else if (i >= before->relay_count)
			differ(comparison, name, "none", after->relays[i].host,
			       RELOAD_EFFECT_APPLIED);
		else
			compare_block(comparison, BLOCK_RELAY, name, &before->relays[i],
				      &after->relays[i]);
	}
}

size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg)
{
	struct comparison comparison = {.report = report, .arg = arg};

	compare_block(&comparison, BLOCK_TOP, NULL, before, after);
	compare_servers(&comparison, before, after);
	compare_relays(&comparison, before, after);
	return comparison.differences;
}

struct listing {
	config_entry_fn *report;
	void *arg;
	bool complete;
};

static void list_block(struct listing *listing, enum config_block block,
		       const char *prefix, const void *base)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < config_schema_count; i++) {
		const struct config_key *key = &config_schema[i];

		if (config_key_block(key) != block)
			continue;

		const char *section = prefix ? prefix : key->file.section;
		char *value = config_value_format(key, base);

		snprintf(name, sizeof(name), "%s%s%s", section, *section ? "." : "",
			 key->file.name);
		if (value)
			listing->report(listing->arg,
					&(struct config_entry){
						.key = name,
						.value = value,
						.fallback = key->fallback,
						.reloads = key->reloads != CONFIG_RESTART,
						.doc = key->doc,
					});
		else
			listing->complete = false;
		free(value);
	}
}

bool config_in_force(const struct config *config, config_entry_fn *report, void *arg)
{
	struct listing listing = {report, arg, true};
	char name[NAME_SIZE];

	list_block(&listing, BLOCK_TOP, NULL, config);
	for (size_t i = 0; i < config->server_count; i++) {
		snprintf(name, sizeof(name), "server.%s", config->servers[i].name);
		list_block(&listing, BLOCK_SERVER, name, &config->servers[i]);
	}
	for (size_t i = 0; i < config->relay_count; i++) {
		snprintf(name, sizeof(name), "relay.%zu", i + 1);
		list_block(&listing, BLOCK_RELAY, name, &config->relays[i]);
	}
	return listing.complete;
}
