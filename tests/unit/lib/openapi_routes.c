/*
 * openapi_routes.c - see openapi_routes.h.
 */
#include "tests/unit/lib/openapi_routes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/unit/lib/json_schema.h"
#include "tests/unit/lib/source_file.h"
#include "tests/unit/lib/unit.h"

static json_t *load(const char *file)
{
	char path[200];
	char *text;
	json_t *root;

	snprintf(path, sizeof(path), "docs/%s", file);
	text = source_file(path);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	ck_assert_msg(root != NULL, "%s is not JSON", path);
	return root;
}

/* The node itself, or the one it refers to, in this file or another. A new reference. */
static json_t *follow(json_t *root, json_t *node)
{
	const char *reference = json_string_value(json_object_get(node, "$ref"));
	const char *pointer = reference ? strchr(reference, '#') : NULL;
	json_t *other, *found;
	char file[200];

	if (!reference)
		return json_incref(node);
	ck_assert_ptr_nonnull(pointer);
	if (pointer == reference)
		return json_incref(json_schema_find(root, pointer));
	snprintf(file, sizeof(file), "%.*s", (int)(pointer - reference), reference);
	other = load(file);
	found = json_incref(json_schema_find(other, pointer));
	json_decref(other);
	return found;
}

/* "/v1/relays/{address}/drain" as "/v1/relays/{}/drain". */
static void forget_names(const char *template, char *path, size_t size)
{
	size_t len = 0;

	for (; *template && len + 1 < size; template ++) {
		path[len++] = *template;
		if (*template == '{')
			template = strchr(template, '}') - 1;
	}
	path[len] = '\0';
}

static const struct control_route *find(const struct control_route *routes, size_t count,
					const char *method, const char *template)
{
	char path[200];

	forget_names(template, path, sizeof(path));
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(routes[i].method, method) == 0 &&
		    strcmp(routes[i].path, path) == 0)
			return &routes[i];
	}
	return NULL;
}

/*
 * Are the names on both sides the same? documented: an object whose members have these
 * names.
 */
static void same_names(const struct control_route *route, const char *const *names,
		       json_t *documented, const char *what)
{
	size_t count = 0;

	for (; count < CONTROL_NAMES_MAX && names[count]; count++)
		ck_assert_msg(json_object_get(documented, names[count]) != NULL,
			      "%s %s takes the %s %s, which docs/ does not mention",
			      route->method, route->path, what, names[count]);
	ck_assert_msg(json_object_size(documented) == count,
		      "%s %s: docs/ mentions a %s that does not exist", route->method,
		      route->path, what);
}

static void check_arguments(const struct control_route *route, json_t *operation)
{
	json_t *parameters = json_object_get(operation, "parameters");
	json_t *names = json_object(), *parameter;
	size_t i;

	json_array_foreach(parameters, i, parameter)
	{
		ck_assert_str_eq(json_string_value(json_object_get(parameter, "in")),
				 "query");
		json_object_set(names,
				json_string_value(json_object_get(parameter, "name")),
				parameter);
	}
	same_names(route, route->arguments, names, "argument");
	json_decref(names);
}

static void check_members(const struct control_route *route, json_t *root,
			  json_t *operation)
{
	json_t *body = json_object_get(operation, "requestBody");
	json_t *there = body ? follow(root, body) : json_object();
	json_t *json =
		json_object_get(json_object_get(there, "content"), "application/json");
	json_t *schema = json_object_get(json, "schema");

	if (body)
		ck_assert_ptr_nonnull(schema);
	same_names(route, route->members, json_object_get(schema, "properties"),
		   "member");
	json_decref(there);
}

void openapi_routes_check(const struct control_route *routes, size_t count,
			  const char *file)
{
	static const char *const methods[] = {"get", "put", "post", "delete"};
	json_t *root = load(file), *item;
	size_t documented = 0;
	const char *template;

	json_object_foreach(json_object_get(root, "paths"), template, item)
	{
		for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
			json_t *operation = json_object_get(item, methods[i]);
			const struct control_route *route;

			if (!operation)
				continue;
			route = find(routes, count, methods[i], template);
			ck_assert_msg(route != NULL, "%s has %s %s, which is not served",
				      file, methods[i], template);
			check_arguments(route, operation);
			check_members(route, root, operation);
			documented++;
		}
	}
	ck_assert_msg(documented == count, "%s has %zu of %zu requests", file, documented,
		      count);
	json_decref(root);
}
