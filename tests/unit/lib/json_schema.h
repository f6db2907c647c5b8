/*
 * json_schema.h - does a document fit a schema of our OpenAPI file? As much of JSON
 * Schema as that file uses; an unknown keyword fails the test.
 */
#ifndef TESTS_UNIT_LIB_JSON_SCHEMA_H
#define TESTS_UNIT_LIB_JSON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/*
 * root: the document that "$ref" refers to. On false, why has the place and the reason.
 */
bool json_schema_fits(json_t *root, json_t *schema, json_t *value, char *why,
		      size_t why_size);

/* "#/components/schemas/Relay", or NULL. */
json_t *json_schema_find(json_t *root, const char *reference);

#endif
