/*
 * json_schema.c - does a document fit a schema of our OpenAPI file?
 */
#include "tests/unit/lib/json_schema.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

struct fit {
	json_t *root;
	char *why;
	size_t why_size;
};

static bool no(const struct fit *fit, const char *what, const char *name)
{
	snprintf(fit->why, fit->why_size, "%s: %s", what, name);
	return false;
}

json_t *json_schema_find(json_t *root, const char *reference)
{
	json_t *at = root;
	char copy[200], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", reference);
	strsep(&rest, "/"); /* the hash */
	while (at && (name = strsep(&rest, "/")))
		at = json_object_get(at, name);
	return at;
}

static bool is_of_type(json_t *value, const char *type)
{
	return strcmp(type, "object") == 0    ? json_is_object(value)
	       : strcmp(type, "array") == 0   ? json_is_array(value)
	       : strcmp(type, "string") == 0  ? json_is_string(value)
	       : strcmp(type, "integer") == 0 ? json_is_integer(value)
	       : strcmp(type, "boolean") == 0 ? json_is_boolean(value)
					      : false;
}

static bool fits(const struct fit *fit, json_t *schema, json_t *value, const char *where);

static bool fits_object(const struct fit *fit, json_t *schema, json_t *value)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *required = json_object_get(schema, "required");
	const char *name;
	json_t *member;

	for (size_t i = 0; i < json_array_size(required); i++) {
		name = json_string_value(json_array_get(required, i));
		if (!json_object_get(value, name))
			return no(fit, "missing", name);
	}
	json_object_foreach(value, name, member)
	{
		json_t *rule = json_object_get(properties, name);

		if (!rule)
			return no(fit, "not in the schema", name);
		if (!fits(fit, rule, member, name))
			return false;
	}
	return true;
}

static bool is_one_of(json_t *words, json_t *value)
{
	for (size_t i = 0; i < json_array_size(words); i++) {
		if (json_equal(json_array_get(words, i), value))
			return true;
	}
	return false;
}

static bool fits(const struct fit *fit, json_t *schema, json_t *value, const char *where)
{
	static const char *const known[] = {
		"type",        "required", "properties", "additionalProperties",
		"enum",        "items",    "minimum",    "maximum",
		"minItems",    "format",   "default",    "$ref",
		"description", "summary"};
	json_t *rule, *reference = json_object_get(schema, "$ref");
	const char *name;
	json_t *keyword;

	if (reference)
		return fits(fit,
			    json_schema_find(fit->root, json_string_value(reference)),
			    value, where);
	ck_assert_msg(json_is_object(schema), "no schema for %s", where);
	json_object_foreach(schema, name, keyword)
	{
		bool is_known = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			is_known |= strcmp(known[i], name) == 0;
		ck_assert_msg(is_known, "keyword %s", name);
	}
	if (!is_of_type(value, json_string_value(json_object_get(schema, "type"))))
		return no(fit, "wrong type", where);
	if ((rule = json_object_get(schema, "enum")) && !is_one_of(rule, value))
		return no(fit, "not one of the enum's values", where);
	if ((rule = json_object_get(schema, "minimum")) &&
	    json_integer_value(value) < json_integer_value(rule))
		return no(fit, "too small", where);
	if ((rule = json_object_get(schema, "maximum")) &&
	    json_integer_value(value) > json_integer_value(rule))
		return no(fit, "too large", where);
	if ((rule = json_object_get(schema, "minItems")) &&
	    (json_int_t)json_array_size(value) < json_integer_value(rule))
		return no(fit, "too few", where);
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!fits(fit, json_object_get(schema, "items"), json_array_get(value, i),
			  where))
			return false;
	}
	return !json_is_object(value) || fits_object(fit, schema, value);
}

bool json_schema_fits(json_t *root, json_t *schema, json_t *value, char *why,
		      size_t why_size)
{
	const struct fit fit = {.root = root, .why = why, .why_size = why_size};

	why[0] = '\0';
	return fits(&fit, schema, value, "document");
}
