/*
 * ctl_key.c - avedgectl key: create, rotate and list the keys that relay and issuer share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "auth/credential/keyfile.h"
#include "auth/credential/keyring.h"
#include "auth/credential/timestamp.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"

/* As long as the longest credential, so that the last one the old key signed stays valid. */
static const int64_t overlap_default_s = 8 * 3600;
/* Until then every daemon has read the new file, so that none meets a key it does not know. */
static const int64_t delay_default_s = 30;
/* How long an expired key is still listed; then the next rotation removes it. */
static const int64_t expired_kept_s = 7 * 86400;

struct key_options {
	const char *path;
	const char *id;
	int64_t valid_s; /* 0: unlimited */
	int64_t overlap_s;
	int64_t delay_s; /* negative: not given */
	enum key_rest rest;
	bool json;
	bool secret;
};

enum key_state { KEY_SIGNS, KEY_VERIFIES, KEY_FUTURE, KEY_EXPIRED };

static const char *const state_names[] = {
	[KEY_SIGNS] = "signs",
	[KEY_VERIFIES] = "verifies",
	[KEY_FUTURE] = "future",
	[KEY_EXPIRED] = "expired",
};

static const char *key_state(const struct keyring *ring, const struct key *key,
			     int64_t now_s)
{
	if (now_s >= key->not_after_s)
		return state_names[KEY_EXPIRED];
	if (now_s < key->not_before_s)
		return state_names[KEY_FUTURE];
	return state_names[key == keyring_signer(ring, now_s) ? KEY_SIGNS : KEY_VERIFIES];
}

/* A bound of a key's life, or "-" for none. */
static const char *bound_text(int64_t unix_s, char text[TIMESTAMP_SIZE])
{
	if (unix_s == INT64_MIN || unix_s == INT64_MAX || !timestamp_format(unix_s, text))
		strcpy(text, "-");
	return text;
}

static json_t *bound_json(int64_t unix_s)
{
	char text[TIMESTAMP_SIZE];

	return strcmp(bound_text(unix_s, text), "-") == 0 ? json_null()
							  : json_string(text);
}

static json_t *key_json(const struct keyring *ring, const struct key *key, int64_t now_s)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:s}", "id", key->id, "state",
			 key_state(ring, key, now_s), "not_before",
			 bound_json(key->not_before_s), "not_after",
			 bound_json(key->not_after_s), "rest", key_rest_name(key->rest));
}

static struct keyring *load(const struct key_options *options)
{
	char error[CTL_ERROR_SIZE];
	struct keyring *ring = keyfile_load(options->path, error, sizeof(error));

	if (!ring)
		ctl_fail("%s", error);
	return ring;
}

static bool save(const struct key_options *options, const struct keyring *ring)
{
	char error[CTL_ERROR_SIZE];

	if (keyfile_save(options->path, ring, error, sizeof(error)) == 0)
		return true;
	ctl_fail("%s", error);
	return false;
}

/* The key the options describe, valid after delay_s. */
static bool make_key(const struct key_options *options, const struct keyring *ring,
		     int64_t now_s, int64_t delay_s, struct key *key)
{
	if (options->id && keyring_find(ring, options->id)) {
		ctl_fail("%s: key '%s' already exists; choose another --id",
			 options->path, options->id);
		return false;
	}
	if (key_generate(key, options->id) < 0) {
		ctl_fail("cannot get random numbers from the system");
		return false;
	}
	if (keyring_find(ring, key->id)) {
		ctl_fail("%s: key '%s' already exists; try again", options->path,
			 key->id);
		return false;
	}
	if (delay_s > 0)
		key->not_before_s = now_s + delay_s;
	if (options->valid_s > 0)
		key->not_after_s = now_s + delay_s + options->valid_s;
	key->rest = options->rest;
	return true;
}

static int report_key(const struct key_options *options, const struct keyring *ring,
		      const struct key *key, int64_t now_s)
{
	char from[TIMESTAMP_SIZE];

	if (options->json)
		return ctl_print_json(key_json(ring, key, now_s));
	printf("%s: key %s added ", options->path, key->id);
	if (now_s < key->not_before_s)
		printf("(signs from %s)\n", bound_text(key->not_before_s, from));
	else
		printf("(%s)\n", key_state(ring, key, now_s));
	return CTL_OK;
}

static int add_last(const struct key_options *options, struct keyring *ring,
		    int64_t now_s)
{
	struct key *key = &ring->keys[ring->count];

	if (ring->count == KEYRING_MAX)
		return ctl_fail(
			"%s: full with %d keys; 'avedgectl key rotate' removes expired "
			"ones",
			options->path, KEYRING_MAX);
	if (!make_key(options, ring, now_s, 0, key))
		return CTL_FAILED;
	ring->count++;
	if (!save(options, ring))
		return CTL_FAILED;
	return report_key(options, ring, key, now_s);
}

static int run_new(const struct key_options *options, int64_t now_s)
{
	bool exists = access(options->path, F_OK) == 0;
	struct keyring *ring = exists ? load(options) : calloc(1, sizeof(*ring));
	int status;

	if (!ring)
		return exists ? CTL_FAILED : ctl_fail("out of memory");
	status = add_last(options, ring, now_s);
	keyring_free(ring);
	return status;
}

/* Append the old keys, ending at ends_s, without those that expired before oldest_s. */
static bool keep_old_keys(struct keyring *to, const struct keyring *from, int64_t now_s,
			  int64_t ends_s, int64_t oldest_s)
{
	for (size_t i = 0; i < from->count; i++) {
		struct key *key = &to->keys[to->count];

		if (from->keys[i].not_after_s <= oldest_s)
			continue;
		if (to->count == KEYRING_MAX)
			return false;
		*key = from->keys[i];
		to->count++;
		/* A key not yet valid is planned; leave it alone. */
		if (key->not_before_s <= now_s && key->not_after_s > ends_s)
			key->not_after_s = ends_s;
	}
	return true;
}

/* Without a key to sign meanwhile there is nothing to wait for. */
static int64_t rotation_delay(const struct key_options *options,
			      const struct keyring *old, int64_t now_s)
{
	if (options->delay_s >= 0)
		return options->delay_s;
	return keyring_signer(old, now_s) ? delay_default_s : 0;
}

static int rotate(const struct key_options *options, const struct keyring *old,
		  struct keyring *ring, int64_t now_s)
{
	int64_t delay_s = rotation_delay(options, old, now_s);
	int64_t ends_s = now_s + delay_s + options->overlap_s;

	if (!make_key(options, old, now_s, delay_s, &ring->keys[0]))
		return CTL_FAILED;
	ring->count = 1;
	if (!keep_old_keys(ring, old, now_s, ends_s, now_s - expired_kept_s)) {
		/* No room for expired keys: keep only the valid ones. */
		ring->count = 1;
		if (!keep_old_keys(ring, old, now_s, ends_s, now_s))
			return ctl_fail(
				"%s: full with %d keys, none expired; wait until one "
				"expires",
				options->path, KEYRING_MAX);
	}
	if (!save(options, ring))
		return CTL_FAILED;
	return report_key(options, ring, &ring->keys[0], now_s);
}

static int run_rotate(const struct key_options *options, int64_t now_s)
{
	struct keyring *old = load(options);
	struct keyring *ring = calloc(1, sizeof(*ring));
	int status = CTL_FAILED;

	if (!ring)
		ctl_fail("out of memory");
	else if (old)
		status = rotate(options, old, ring, now_s);
	keyring_free(ring);
	keyring_free(old);
	return status;
}

static int list_json(const struct keyring *ring, int64_t now_s)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < ring->count; i++)
		json_array_append_new(keys, key_json(ring, &ring->keys[i], now_s));
	return ctl_print_json(keys);
}

static int run_list(const struct key_options *options, int64_t now_s)
{
	struct keyring *ring = load(options);
	char from[TIMESTAMP_SIZE];
	char until[TIMESTAMP_SIZE];
	int status = CTL_OK;

	if (!ring)
		return CTL_FAILED;
	if (options->json) {
		status = list_json(ring, now_s);
	} else {
		printf("%-16s %-9s %-20s %-20s %s\n", "ID", "STATE", "FROM", "UNTIL",
		       "REST");
		for (size_t i = 0; i < ring->count; i++) {
			const struct key *key = &ring->keys[i];

			printf("%-16s %-9s %-20s %-20s %s\n", key->id,
			       key_state(ring, key, now_s),
			       bound_text(key->not_before_s, from),
			       bound_text(key->not_after_s, until),
			       key_rest_name(key->rest));
		}
	}
	keyring_free(ring);
	return status;
}

/* The secret as text; a binary one cannot be pasted anywhere. */
static int print_secret(const struct key_options *options, const struct key *key)
{
	for (size_t i = 0; i < key->secret_len; i++) {
		if (key->secret[i] <= ' ' || key->secret[i] > '~')
			return ctl_fail(
				"%s: the secret of key '%s' is binary; the second word "
				"of its line is its base64",
				options->path, key->id);
	}
	printf("%.*s\n", (int)key->secret_len, (const char *)key->secret);
	return CTL_OK;
}

static int show_key(const struct key_options *options, const struct keyring *ring,
		    const struct key *key, int64_t now_s)
{
	char from[TIMESTAMP_SIZE];
	char until[TIMESTAMP_SIZE];

	if (options->secret)
		return print_secret(options, key);
	if (options->json)
		return ctl_print_json(key_json(ring, key, now_s));
	printf("id     %s\nstate  %s\nfrom   %s\nuntil  %s\nrest   %s\n", key->id,
	       key_state(ring, key, now_s), bound_text(key->not_before_s, from),
	       bound_text(key->not_after_s, until), key_rest_name(key->rest));
	return CTL_OK;
}

static int run_show(const struct key_options *options, int64_t now_s)
{
	struct keyring *ring = load(options);
	const struct key *key;
	int status;

	if (!ring)
		return CTL_FAILED;
	key = keyring_find(ring, options->id);
	if (key) {
		status = show_key(options, ring, key, now_s);
	} else {
		ctl_fail("%s: no key '%s'; see 'avedgectl key list'", options->path,
			 options->id);
		status = CTL_NOT_FOUND;
	}
	keyring_free(ring);
	return status;
}

/* False after a complaint. */
static bool take_options(const struct ctl_args *args, struct key_options *options)
{
	const char *rest = ctl_value(args, OPTION_REST, "sha1");

	*options = (struct key_options){
		.path = ctl_value(args, OPTION_KEYS, CTL_KEYS_PATH),
		.id = ctl_value(args, OPTION_ID, args->operands[0]),
		.valid_s = ctl_number(args, OPTION_VALID, 0),
		.overlap_s = ctl_number(args, OPTION_OVERLAP, overlap_default_s),
		.delay_s = ctl_number(args, OPTION_DELAY, -1),
		.json = ctl_has(args, OPTION_JSON),
		.secret = ctl_has(args, OPTION_SECRET),
	};
	key_rest_parse(rest, strlen(rest), &options->rest);
	if (options->id && !key_id_is_valid(options->id, strlen(options->id))) {
		ctl_usage(
			args->name,
			"'%s' is not an id: expected 1 to %d letters, digits, '.', '_', "
			"'-'",
			options->id, KEY_ID_MAX);
		return false;
	}
	return true;
}

/* Read and replace the file under one lock. */
static int run_locked(const struct ctl_args *args,
		      int (*run)(const struct key_options *options, int64_t now_s))
{
	struct key_options options;
	char error[CTL_ERROR_SIZE];
	int lock, status;

	if (!take_options(args, &options))
		return CTL_USAGE;
	lock = keyfile_lock(options.path, error, sizeof(error));
	if (lock < 0)
		return ctl_fail("%s", error);
	status = run(&options, time(NULL));
	close(lock);
	return status;
}

int ctl_key_new(const struct ctl_args *args)
{
	return run_locked(args, run_new);
}

int ctl_key_rotate(const struct ctl_args *args)
{
	return run_locked(args, run_rotate);
}

int ctl_key_list(const struct ctl_args *args)
{
	struct key_options options;

	return take_options(args, &options) ? run_list(&options, time(NULL)) : CTL_USAGE;
}

int ctl_key_show(const struct ctl_args *args)
{
	struct key_options options;

	return take_options(args, &options) ? run_show(&options, time(NULL)) : CTL_USAGE;
}
