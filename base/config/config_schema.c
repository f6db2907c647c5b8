/*
 * config_schema.c - see config_schema.h.
 */
#include "base/config/config_schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

size_t config_element_count(const struct config *config,
			    const struct config_section *section)
{
	size_t count = 0;

	switch (section->form) {
	case CONFIG_ONCE:
		return 1;
	case CONFIG_TITLED:
		while (section->titles[count])
			count++;
		return count;
	case CONFIG_NAMED:
	case CONFIG_MANY:
		break;
	}
	return *(const size_t *)config_member(config, section->count_offset);
}

void *config_element(const struct config *config, const struct config_section *section,
		     size_t element)
{
	char *field = config_member(config, section->offset);

	assert(element < config_element_count(config, section));
	switch (section->form) {
	case CONFIG_ONCE:
		return config_member(config, 0);
	case CONFIG_TITLED:
		return field + element * section->size;
	case CONFIG_NAMED:
	case CONFIG_MANY:
		break;
	}
	field = *(char **)config_member(config, section->offset);
	assert(field != NULL);
	return field + element * section->size;
}

bool config_has_key(const struct config_section *section, const struct config_key *key,
		    size_t element)
{
	return strcmp(key->section, section->name) == 0 &&
	       (key->titles == 0 || (key->titles & 1u << element));
}

bool config_walk(const struct config *config, struct config_walk *walk)
{
	const struct config_schema *schema = config->schema;

	for (; walk->next_section < schema->section_count; walk->next_section++) {
		walk->section = &schema->sections[walk->next_section];
		for (; walk->next_element < config_element_count(config, walk->section);
		     walk->next_element++) {
			walk->element = walk->next_element;
			walk->base = config_element(config, walk->section, walk->element);
			while (walk->next_key < schema->key_count) {
				walk->key = &schema->keys[walk->next_key++];
				if (config_has_key(walk->section, walk->key,
						   walk->element))
					return true;
			}
			walk->next_key = 0;
		}
		walk->next_element = 0;
	}
	return false;
}

void config_element_name(const struct config_section *section, const void *base,
			 size_t element, char name[CONFIG_NAME_SIZE])
{
	switch (section->form) {
	case CONFIG_ONCE:
		snprintf(name, CONFIG_NAME_SIZE, "%s", section->name);
		break;
	case CONFIG_TITLED:
		snprintf(name, CONFIG_NAME_SIZE, "%s.%s", section->name,
			 section->titles[element]);
		break;
	case CONFIG_NAMED:
		snprintf(name, CONFIG_NAME_SIZE, "%s.%s", section->name,
			 *(char *const *)base);
		break;
	case CONFIG_MANY:
		snprintf(name, CONFIG_NAME_SIZE, "%s.%zu", section->name, element + 1);
		break;
	}
}

void config_key_name(const struct config_section *section, const struct config_key *key,
		     const void *base, size_t element, char name[CONFIG_NAME_SIZE])
{
	bool once = section->form == CONFIG_ONCE || section->form == CONFIG_TITLED;

	if (once || base)
		config_element_name(section, base, element, name);
	else
		snprintf(name, CONFIG_NAME_SIZE, "%s", section->name);

	size_t len = strlen(name);
	snprintf(name + len, CONFIG_NAME_SIZE - len, "%s%s", len > 0 ? "." : "",
		 key->name);
}
