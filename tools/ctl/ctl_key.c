/*
 * ctl_key.c - avedgectl key: create, rotate and list the keys that relay and issuer share.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "auth/credential/keyfile.h"
#include "auth/credential/keyring.h"
#include "auth/credential/timestamp.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

enum {
	/* As long as the longest credential, so that the last one the old key signed stays valid. */
	OVERLAP_DEFAULT_S = 8 * 3600,
	/* Until then every daemon has read the new file, so that none meets an unknown key. */
	DELAY_DEFAULT_S = 30,
	/* How long an expired key is still listed; then the next rotation removes it. */
	EXPIRED_KEPT_S = 7 * 86400,
};

static const char *path_of(const struct ctl_args *args)
{
	return ctl_value(args, OPTION_KEYS, CTL_KEYS_PATH);
}

static const char *key_state(const struct keyring *ring, const struct key *key,
			     int64_t now_s)
{
	if (now_s >= key->not_after_s)
		return "expired";
	if (now_s < key->not_before_s)
		return "future";
	return key == keyring_signer(ring, now_s) ? "signs" : "verifies";
}

/* A bound of a key's life; null for none. */
static json_t *bound_json(int64_t unix_s)
{
	char text[TIMESTAMP_SIZE];

	if (unix_s == INT64_MIN || unix_s == INT64_MAX || !timestamp_format(unix_s, text))
		return json_null();
	return json_string(text);
}

static json_t *key_json(const struct keyring *ring, const struct key *key, int64_t now_s)
{
	assert(key >= ring->keys && key < ring->keys + ring->count);
	return json_pack("{s:s, s:s, s:o, s:o, s:s}", "id", key->id, "state",
			 key_state(ring, key, now_s), "not_before",
			 bound_json(key->not_before_s), "not_after",
			 bound_json(key->not_after_s), "rest", key_rest_name(key->rest));
}

/* NULL after a message. */
static struct keyring *load(const struct ctl_args *args, bool may_be_empty)
{
	char error[CTL_ERROR_SIZE];
	struct keyring *ring = (may_be_empty ? keyfile_load_any : keyfile_load)(
		path_of(args), error, sizeof(error));

	if (!ring)
		ctl_fail("%s", error);
	return ring;
}

static int check_id(const struct ctl_args *args, const char *id)
{
	if (!id || key_id_is_valid(id, strlen(id)))
		return CTL_OK;
	return ctl_usage(
		args->name,
		"'%s' is not an id: expected 1 to %d letters, digits, '.', '_', '-'", id,
		KEY_ID_MAX);
}

/* --- new and rotate -------------------------------------------------------------------------- */

/* The key that the options describe, valid after delay_s; unlike those of ring. An exit code. */
static int make_key(const struct ctl_args *args, const struct keyring *ring,
		    int64_t now_s, int64_t delay_s, struct key *key)
{
	const char *id = ctl_value(args, OPTION_ID, NULL);
	const char *rest = ctl_value(args, OPTION_REST, "sha1");
	int64_t valid_s = ctl_number(args, OPTION_VALID, 0);

	if (key_generate(key, id) < 0)
		return ctl_fail("cannot get random numbers from the system");
	if (keyring_find(ring, key->id))
		return ctl_fail("%s: key '%s' already exists; %s", path_of(args), key->id,
				id ? "choose another --id" : "try again");
	if (delay_s > 0)
		key->not_before_s = now_s + delay_s;
	if (valid_s > 0)
		key->not_after_s = now_s + delay_s + valid_s;
	key_rest_parse(rest, strlen(rest), &key->rest);
	return CTL_OK;
}

/* Save a ring and show its new key. */
static int save(const struct ctl_args *args, const struct keyring *ring,
		const struct key *key, int64_t now_s)
{
	char error[CTL_ERROR_SIZE];
	json_t *json;

	assert(ring->count > 0 && ring->count <= KEYRING_MAX);
	if (keyfile_save(path_of(args), ring, error, sizeof(error)) < 0)
		return ctl_fail("%s", error);
	json = key_json(ring, key, now_s);
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(json);
	printf("%s: ", path_of(args));
	ctl_print(json, now_s < key->not_before_s
				? "key {id} added (signs from {not_before})\n"
				: "key {id} added ({state})\n");
	json_decref(json);
	return CTL_OK;
}

static int append(const struct ctl_args *args, struct keyring *ring, int64_t now_s)
{
	struct key *key = &ring->keys[ring->count];

	if (ring->count == KEYRING_MAX)
		return ctl_fail(
			"%s: full with %d keys; 'avedgectl key rotate' removes expired "
			"ones",
			path_of(args), KEYRING_MAX);
	if (make_key(args, ring, now_s, 0, key) != CTL_OK)
		return CTL_FAILED;
	ring->count++;
	return save(args, ring, key, now_s);
}

/* When a new key is valid, and how long those that it replaces verify after that. */
struct rotation {
	int64_t now_s, start_s, overlap_s;
};

/*
 * Whether the new key replaces one of ring: it is valid once the new one is, or it is of an earlier
 * rotation whose delay is not over, and so stands before the key that signs meanwhile. A key that
 * stands behind it and is valid only later is planned; it is left alone.
 */
static bool is_replaced(const struct rotation *rotation, const struct keyring *ring,
			const struct key *key)
{
	const struct key *signer = keyring_signer(ring, rotation->now_s);

	return key->not_before_s <= rotation->start_s || (signer && key < signer);
}

/* When a key that is replaced ends. One that is not valid yet gets its overlap, too. */
static int64_t end_of(const struct rotation *rotation, const struct key *key)
{
	int64_t from_s = key->not_before_s > rotation->start_s ? key->not_before_s
							       : rotation->start_s;
	int64_t end_s = from_s + rotation->overlap_s;

	return end_s < key->not_after_s ? end_s : key->not_after_s;
}

/* Append the old keys, without those that expired before oldest_s. False: they do not fit. */
static bool keep_old_keys(struct keyring *to, const struct keyring *from,
			  const struct rotation *rotation, int64_t oldest_s)
{
	for (size_t i = 0; i < from->count; i++) {
		struct key key = from->keys[i];

		if (key.not_after_s <= oldest_s)
			continue;
		if (is_replaced(rotation, from, &from->keys[i]))
			key.not_after_s = end_of(rotation, &key);
		/* Without overlap, one that is not valid yet never would be. */
		if (key.not_before_s >= key.not_after_s)
			continue;
		if (to->count == KEYRING_MAX)
			return false;
		to->keys[to->count++] = key;
	}
	return true;
}

/* Make ring from a new key and those of old. */
static int rotate_to(const struct ctl_args *args, struct keyring *ring,
		     const struct keyring *old, int64_t now_s)
{
	/* Without a key to sign meanwhile there is nothing to wait for. */
	int64_t delay_s = ctl_number(args, OPTION_DELAY,
				     keyring_signer(old, now_s) ? DELAY_DEFAULT_S : 0);
	const struct rotation rotation = {
		.now_s = now_s,
		.start_s = now_s + delay_s,
		.overlap_s = ctl_number(args, OPTION_OVERLAP, OVERLAP_DEFAULT_S),
	};

	if (make_key(args, old, now_s, delay_s, &ring->keys[0]) != CTL_OK)
		return CTL_FAILED;
	ring->count = 1;
	assert(rotation.start_s >= now_s && rotation.overlap_s >= 0);
	if (!keep_old_keys(ring, old, &rotation, now_s - EXPIRED_KEPT_S)) {
		/* No room for expired keys: keep only the valid ones. */
		ring->count = 1;
		if (!keep_old_keys(ring, old, &rotation, now_s))
			return ctl_fail(
				"%s: full with %d keys, none expired; wait until one "
				"expires",
				path_of(args), KEYRING_MAX);
	}
	return save(args, ring, &ring->keys[0], now_s);
}

static int rotate(const struct ctl_args *args, struct keyring *old, int64_t now_s)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	int status = ring ? rotate_to(args, ring, old, now_s) : ctl_fail("out of memory");

	keyring_free(ring);
	return status;
}

/* Read and replace the file under one lock. */
static int run_locked(const struct ctl_args *args, bool may_create,
		      int (*change)(const struct ctl_args *args, struct keyring *ring,
				    int64_t now_s))
{
	char error[CTL_ERROR_SIZE];
	struct keyring *ring;
	int lock, status = check_id(args, ctl_value(args, OPTION_ID, NULL));

	if (status != CTL_OK)
		return status;
	lock = keyfile_lock(path_of(args), error, sizeof(error));
	if (lock < 0)
		return ctl_fail("%s", error);
	if (!may_create || access(path_of(args), F_OK) == 0)
		ring = load(args, may_create);
	else if (!(ring = calloc(1, sizeof(*ring))))
		ctl_fail("out of memory");
	status = ring ? change(args, ring, time(NULL)) : CTL_FAILED;
	keyring_free(ring);
	close(lock);
	return status;
}

int ctl_key_new(const struct ctl_args *args)
{
	return run_locked(args, true, append);
}

int ctl_key_rotate(const struct ctl_args *args)
{
	return run_locked(args, false, rotate);
}

/* --- list and show --------------------------------------------------------------------------- */

int ctl_key_list(const struct ctl_args *args)
{
	static const struct ctl_column columns[] = {
		{"<ID", "id"},           {"<STATE", "state"}, {"<FROM", "not_before"},
		{"<UNTIL", "not_after"}, {"<REST", "rest"},   {NULL, NULL}};
	struct keyring *ring = load(args, false);
	json_t *keys = json_array();
	int64_t now_s = time(NULL);

	for (size_t i = 0; ring && i < ring->count; i++)
		json_array_append_new(keys, key_json(ring, &ring->keys[i], now_s));
	keyring_free(ring);
	if (ring && ctl_has(args, OPTION_JSON))
		return ctl_print_json(keys);
	if (ring)
		ctl_print_table(columns, keys);
	json_decref(keys);
	return ring ? CTL_OK : CTL_FAILED;
}

/* The secret as text; a binary one cannot be pasted anywhere. */
static int print_secret(const struct ctl_args *args, const struct key *key)
{
	for (size_t i = 0; i < key->secret_len; i++) {
		if (key->secret[i] <= ' ' || key->secret[i] > '~')
			return ctl_fail("%s: the secret of key '%s' is binary; the "
					"second word of its line is its base64",
					path_of(args), key->id);
	}
	printf("%.*s\n", (int)key->secret_len, (const char *)key->secret);
	return CTL_OK;
}

static int show(const struct ctl_args *args, const struct keyring *ring,
		const struct key *key)
{
	json_t *json;

	if (!key) {
		ctl_fail("%s: no key '%s'; see 'avedgectl key list'", path_of(args),
			 args->operands[0]);
		return CTL_NOT_FOUND;
	}
	if (ctl_has(args, OPTION_SECRET))
		return print_secret(args, key);
	json = key_json(ring, key, time(NULL));
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(json);
	ctl_print(json, "id     {id}\nstate  {state}\nfrom   {not_before}\n"
			"until  {not_after}\nrest   {rest}\n");
	json_decref(json);
	return CTL_OK;
}

int ctl_key_show(const struct ctl_args *args)
{
	int status = check_id(args, args->operands[0]);
	struct keyring *ring = status == CTL_OK ? load(args, false) : NULL;

	if (!ring)
		return status == CTL_OK ? CTL_FAILED : status;
	status = show(args, ring, keyring_find(ring, args->operands[0]));
	keyring_free(ring);
	return status;
}
