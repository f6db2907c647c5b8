/*
 * ctl_import.c - avedgectl import: convert coturn's configuration.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/credential/keyfile.h"
#include "auth/credential/keyring.h"
#include "stun/endpoint.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_text.h"
#include "tools/import/import_conf.h"
#include "tools/import/import_write.h"

enum { OUTPUT_MODE = 0644 };

/* Every --inside must be a listening-ip: a typing error would open the inside. */
static int check_inside(const struct ctl_args *args, const struct import_conf *conf)
{
	for (size_t i = 0; i < args->many_count; i++) {
		struct ip_addr inside;

		if (!ip_addr_parse(args->many[i], &inside))
			return ctl_usage(args->name, "--inside %s: not an address",
					 args->many[i]);
		if (!import_has_listening(conf, &inside))
			return ctl_fail("%s: no listening-ip is %s", conf->path,
					args->many[i]);
	}
	return CTL_OK;
}

/* A file none of whose lines is an option of coturn is not its configuration. */
static bool is_foreign(const struct import_conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->settings[i].option)
			return false;
	}
	return conf->count > 0;
}

/* Secrets as keys, in order: the first signs, all verify. */
static size_t fill_ring(struct import_conf *conf, struct keyring *ring)
{
	const struct import_setting *setting;
	size_t index = 0;

	while ((setting = import_next(conf, "static-auth-secret", &index))) {
		struct key *key = &ring->keys[ring->count];
		size_t len = strlen(setting->value);
		const char *weakness =
			key_secret_weakness((const uint8_t *)setting->value, len);

		if (weakness) {
			import_note(conf, setting, NULL,
				    "%s Add a key with 'avedgectl key new'.", weakness);
			continue;
		}
		if (ring->count == KEYRING_MAX) {
			import_note(conf, setting, NULL,
				    "the keyring is full with 16 keys");
			continue;
		}
		assert(ring->count < KEYRING_MAX && len <= KEY_SECRET_MAX);
		*key = (struct key){.secret_len = len,
				    .not_before_s = INT64_MIN,
				    .not_after_s = INT64_MAX,
				    .rest = KEY_REST_SHA1};
		snprintf(key->id, sizeof(key->id), "coturn-%zu", ++ring->count);
		memcpy(key->secret, setting->value, len);
	}
	return ring->count;
}

/* Write the keyring, if --keys is given and there is a secret; sets *written. */
static int write_keys(struct import_conf *conf, const char *path, bool *written)
{
	const struct import_setting *secret = import_find(conf, "static-auth-secret");
	char error[CTL_ERROR_SIZE];
	struct keyring *ring;
	int status = CTL_OK;

	if (!path && secret)
		import_note(
			conf, secret, NULL,
			"not written anywhere; use --keys FILE to put it into a keyring");
	if (!path || !secret)
		return CTL_OK;
	if (access(path, F_OK) == 0)
		return ctl_fail("%s: already exists; not overwritten", path);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return ctl_fail("out of memory");
	*written = fill_ring(conf, ring) > 0;
	if (*written && keyfile_save(path, ring, error, sizeof(error)) < 0)
		status = ctl_fail("%s", error);
	keyring_free(ring);
	return status;
}

/* Standard output, or a new file. */
static FILE *open_output(const char *path)
{
	int fd;

	if (!path)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, OUTPUT_MODE);
	if (fd < 0) {
		ctl_fail("%s: %s", path,
			 errno == EEXIST ? "already exists; not overwritten"
					 : strerror(errno));
		return NULL;
	}
	return fdopen(fd, "w");
}

static void print_notes(const struct import_conf *conf)
{
	char path[CTL_CELL_MAX], key[CTL_CELL_MAX], reason[CTL_CELL_MAX];
	const json_t *note;
	size_t i;

	json_array_foreach(conf->notes, i, note)
	{
		const json_t *line = json_object_get(note, "line");

		fprintf(stderr, "%s:", ctl_clean(conf->path, path, sizeof(path)));
		if (json_is_integer(line))
			fprintf(stderr, "%" JSON_INTEGER_FORMAT ":",
				json_integer_value(line));
		fprintf(stderr, " %s: %s\n", ctl_member(note, "key", key),
			ctl_member(note, "reason", reason));
	}
}

/* With --json the configuration is a string in the document. */
static int write_json(struct import_conf *conf, const struct import_plan *plan)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *document = NULL;

	if (out) {
		import_write(conf, plan, out);
		fclose(out);
		document = json_pack("{s:s, s:O}", "configuration", text ? text : "",
				     "not_carried", conf->notes);
	}
	free(text);
	return ctl_print_json(document);
}

static int write_file(struct import_conf *conf, const struct import_plan *plan,
		      const char *path)
{
	FILE *out = open_output(path);

	if (!out)
		return CTL_FAILED;
	import_write(conf, plan, out);
	print_notes(conf);
	if (out == stdout)
		return CTL_OK; /* main() checks for errors */
	return fclose(out) == 0 ? CTL_OK : ctl_fail("%s: %s", path, strerror(errno));
}

int ctl_import(const struct ctl_args *args)
{
	const char *keys = ctl_value(args, OPTION_IMPORT_KEYS, NULL);
	const char *output = ctl_value(args, OPTION_OUTPUT, NULL);
	struct import_plan plan = {.inside = args->many,
				   .inside_count = args->many_count};
	struct import_conf *conf;
	char absolute[PATH_MAX]; /* the daemon has a working directory of its own */
	bool written = false;
	int status;

	if (output && ctl_has(args, OPTION_JSON))
		return ctl_usage(args->name, "--output and --json cannot be combined");
	if (output && access(output, F_OK) == 0)
		return ctl_fail("%s: already exists; not overwritten", output);
	conf = import_conf_load(args->operands[0]);
	if (!conf)
		return CTL_FAILED;
	status = is_foreign(conf) ? ctl_fail("%s: no line is an option of coturn's "
					     "turnserver.conf",
					     conf->path)
				  : check_inside(args, conf);
	if (status == CTL_OK)
		status = write_keys(conf, keys, &written);
	if (status == CTL_OK && written) {
		plan.keys = realpath(keys, absolute);
		if (!plan.keys)
			status = ctl_fail("%s: %s", keys, strerror(errno));
	}
	if (status == CTL_OK)
		status = ctl_has(args, OPTION_JSON) ? write_json(conf, &plan)
						    : write_file(conf, &plan, output);
	import_conf_free(conf);
	return status;
}
