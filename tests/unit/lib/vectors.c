/*
 * vectors.c - reading test vectors.
 */
#include "tests/unit/lib/vectors.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *vectors_load(const char *name)
{
	const char *top = getenv("TOP_SRCDIR");
	char path[PATH_MAX];
	json_error_t error;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top ? top : ".", name);
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
		exit(EXIT_FAILURE);
	}
	return root;
}

const char *vectors_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	ck_assert_msg(text != NULL, "no text \"%s\"", key);
	return text;
}

unsigned vectors_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		return (unsigned)json_integer_value(value);

	char *end;
	unsigned long number = strtoul(vectors_text(object, key), &end, 16);
	ck_assert_msg(*end == '\0', "\"%s\" is not a number", key);
	return (unsigned)number;
}

struct vectors_bytes vectors_hex(const json_t *object, const char *key)
{
	const char *hex = vectors_text(object, key);
	struct vectors_bytes bytes = {.len = strlen(hex) / 2};

	ck_assert_msg(strlen(hex) % 2 == 0, "\"%s\" has an odd number of digits", key);
	bytes.data = malloc(bytes.len);
	ck_assert_ptr_nonnull(bytes.data);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned byte;
		ck_assert_msg(sscanf(hex + 2 * i, "%2x", &byte) == 1, "\"%s\" is not hex",
			      key);
		bytes.data[i] = (uint8_t)byte;
	}
	return bytes;
}

struct slice vectors_slice(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}
