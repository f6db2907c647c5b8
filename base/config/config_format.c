/*
 * config_format.c - one value of the configuration as text, and what it held given back.
 */
#include "base/config/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

static const void *field_of(const struct config_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

static const void *pointer_of(const struct config_key *key, const void *base)
{
	const void *pointer;

	memcpy(&pointer, field_of(key, base), sizeof(pointer));
	return pointer;
}

static size_t count_of(const struct config_key *key, const void *base)
{
	size_t count;

	memcpy(&count, (const char *)base + key->count_offset, sizeof(count));
	return count;
}

static uint64_t fetch(const struct config_key *key, const void *field)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (key->size == sizeof(u16)) {
		memcpy(&u16, field, sizeof(u16));
		return u16;
	}
	if (key->size == sizeof(u32)) {
		memcpy(&u32, field, sizeof(u32));
		return u32;
	}
	memcpy(&u64, field, sizeof(u64));
	return u64;
}

static void print_addresses(FILE *out, const struct config_key *key, const void *base)
{
	const struct config_address *addresses = pointer_of(key, base);
	const char *comma = "";
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < count_of(key, base); i++) {
		const struct ip_addr *ip = key->type == CONFIG_PUBLIC
						   ? &addresses[i].public
						   : &addresses[i].local;

		fprintf(out, "%s%s", comma, ip_addr_format(ip, text, sizeof(text)));
		comma = ", ";
	}
}

static void print_texts(FILE *out, const struct config_key *key, const void *base)
{
	char *const *texts = pointer_of(key, base);

	for (size_t i = 0; i < count_of(key, base); i++)
		fprintf(out, "%s%s", i ? ", " : "", texts[i]);
}

static void print_address(FILE *out, const struct config_key *key, const void *base)
{
	struct ip_addr ip;
	char text[ENDPOINT_TEXT_LEN];

	memcpy(&ip, field_of(key, base), sizeof(ip));
	if (ip.family != IP_NONE)
		fputs(ip_addr_format(&ip, text, sizeof(text)), out);
}

static void print_loopback(FILE *out, const struct config_key *key, const void *base)
{
	struct endpoint ep;
	char text[ENDPOINT_TEXT_LEN];

	memcpy(&ep, field_of(key, base), sizeof(ep));
	if (ep.ip.family != IP_NONE)
		fputs(endpoint_format(&ep, text, sizeof(text)), out);
}

static void print_prefixes(FILE *out, const struct config_key *key, const void *base)
{
	const struct ip_prefix *prefixes = pointer_of(key, base);
	const char *comma = "";
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < count_of(key, base); i++) {
		fprintf(out, "%s%s/%u", comma,
			ip_addr_format(&prefixes[i].ip, text, sizeof(text)),
			prefixes[i].len);
		comma = ", ";
	}
}

static void print_duration(FILE *out, const struct config_key *key, const void *base)
{
	uint64_t value = fetch(key, field_of(key, base));
	char text[UNITS_TEXT_MAX];

	if (key->type == CONFIG_MILLISECONDS)
		value /= 1000;
	/* As the manual writes it: 0 mostly means that there is no such limit. */
	fputs(value == 0 ? "0" : units_duration_text((int64_t)value, text), out);
}

static void print_bytes(FILE *out, const struct config_key *key, const void *base)
{
	char text[UNITS_TEXT_MAX];

	fputs(units_bytes_text(fetch(key, field_of(key, base)), text), out);
}

static void print_bitrate(FILE *out, const struct config_key *key, const void *base)
{
	char text[UNITS_TEXT_MAX];

	fputs(units_bitrate_text(fetch(key, field_of(key, base)), text), out);
}

static void print_text(FILE *out, const struct config_key *key, const void *base)
{
	const char *text = pointer_of(key, base);

	fputs(text ? text : "", out);
}

static void print_range(FILE *out, const struct config_key *key, const void *base)
{
	uint16_t range[2];

	memcpy(range, field_of(key, base), sizeof(range));
	fprintf(out, "%u-%u", range[0], range[1]);
}

static void print_bool(FILE *out, const struct config_key *key, const void *base)
{
	bool value;

	memcpy(&value, field_of(key, base), sizeof(value));
	fputs(value ? "true" : "false", out);
}

static void print(FILE *out, const struct config_key *key, const void *base)
{
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_OPTIONAL:
	case CONFIG_LEVEL:
		print_text(out, key, base);
		return;
	case CONFIG_BOOL:
		print_bool(out, key, base);
		return;
	case CONFIG_NUMBER:
		fprintf(out, "%" PRIu64, fetch(key, field_of(key, base)));
		return;
	case CONFIG_BYTES:
		print_bytes(out, key, base);
		return;
	case CONFIG_SECONDS:
	case CONFIG_MILLISECONDS:
		print_duration(out, key, base);
		return;
	case CONFIG_BITRATE:
		print_bitrate(out, key, base);
		return;
	case CONFIG_RANGE:
		print_range(out, key, base);
		return;
	case CONFIG_WORD:
		fputs(key->words[fetch(key, field_of(key, base))], out);
		return;
	case CONFIG_ADDRESS:
		print_address(out, key, base);
		return;
	case CONFIG_LOOPBACK:
		print_loopback(out, key, base);
		return;
	case CONFIG_TEXTS:
		fputc('{', out);
		print_texts(out, key, base);
		fputc('}', out);
		return;
	case CONFIG_ADDRESSES:
	case CONFIG_PUBLIC:
		fputc('{', out);
		print_addresses(out, key, base);
		fputc('}', out);
		return;
	case CONFIG_PREFIXES:
		fputc('{', out);
		print_prefixes(out, key, base);
		fputc('}', out);
		return;
	}
}

static const char *type_name(enum config_type type)
{
	switch (type) {
	case CONFIG_TEXT:
	case CONFIG_OPTIONAL:
		return "text";
	case CONFIG_PATH:
		return "path";
	case CONFIG_BOOL:
		return "true or false";
	case CONFIG_NUMBER:
		return "number";
	case CONFIG_SECONDS:
	case CONFIG_MILLISECONDS:
		return "duration";
	case CONFIG_BYTES:
		return "size";
	case CONFIG_BITRATE:
		return "bit rate";
	case CONFIG_RANGE:
		return "port range";
	case CONFIG_LEVEL:
		return "level";
	case CONFIG_WORD:
		return "word";
	case CONFIG_ADDRESS:
		return "address";
	case CONFIG_LOOPBACK:
		return "loopback address and port";
	case CONFIG_TEXTS:
		return "texts";
	case CONFIG_ADDRESSES:
	case CONFIG_PUBLIC:
		return "addresses";
	case CONFIG_PREFIXES:
		return "prefixes";
	}
	return "";
}

void config_keys_print(const struct config_key *keys, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_key *key = &keys[i];

		fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", key->file.section,
			key->file.name, type_name(key->type),
			key->fallback ? key->fallback : "required",
			key->reloads ? "reload" : "restart", key->doc);
	}
}

char *config_value_format(const struct config_key *key, const void *base)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print(out, key, base);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* A list of texts owns each of them. */
static void free_texts(const struct config_key *key, void *base)
{
	char **texts;
	size_t none = 0;

	memcpy(&texts, field_of(key, base), sizeof(texts));
	for (size_t i = 0; i < count_of(key, base); i++)
		free(texts[i]);
	memcpy((char *)base + key->count_offset, &none, sizeof(none));
}

void config_value_free(const struct config_key *key, void *base)
{
	static const void *const nothing;
	void *pointer;

	switch (key->type) {
	case CONFIG_TEXTS:
		free_texts(key, base);
		/* fall through */
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_OPTIONAL:
	case CONFIG_LEVEL:
	case CONFIG_ADDRESSES:
	case CONFIG_PREFIXES:
		memcpy(&pointer, field_of(key, base), sizeof(pointer));
		free(pointer);
		memcpy((char *)base + key->offset, &nothing, sizeof(nothing));
		return;
	case CONFIG_BOOL:
	case CONFIG_NUMBER:
	case CONFIG_SECONDS:
	case CONFIG_MILLISECONDS:
	case CONFIG_BYTES:
	case CONFIG_BITRATE:
	case CONFIG_RANGE:
	case CONFIG_WORD:
	case CONFIG_ADDRESS:
	case CONFIG_LOOPBACK:
	case CONFIG_PUBLIC:
		return;
	}
}
