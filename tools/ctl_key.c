/*
 * ctl_key.c - avedgectl key: make, rotate and list the keys that relay and issuer share.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "auth/keyfile.h"
#include "auth/keyring.h"
#include "auth/timestamp.h"
#include "tools/ctl.h"

/* As long as the longest credential, so that what the old key signed last stays good. */
static const int64_t overlap_default_s = 8 * 3600;
/* Until then every daemon has read the new file, so that none meets a key it does not know. */
static const int64_t delay_default_s = 30;
/* An expired key is still listed this long, then the next rotation drops it. */
static const int64_t expired_kept_s = 7 * 86400;
static const int64_t longest_s = 36500LL * 86400;

struct key_options {
	const char *path;
	const char *id;
	int64_t valid_s; /* 0: for ever */
	int64_t overlap_s;
	int64_t delay_s; /* negative: not given */
	enum key_rest rest;
	bool json;
	bool secret;
};

static const struct option long_options[] = {
	{"keys", required_argument, NULL, 'k'},
	{"id", required_argument, NULL, 'i'},
	{"valid", required_argument, NULL, 'v'},
	{"overlap", required_argument, NULL, 'o'},
	{"delay", required_argument, NULL, 'd'},
	{"rest", required_argument, NULL, 'r'},
	{"secret", no_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char help_text[] =
	"Usage: avedgectl key new    [--keys FILE] [--id ID] [--valid 90d] [--rest HASH] [--json]\n"
	"       avedgectl key rotate [--keys FILE] [--id ID] [--valid 90d] [--rest HASH] [--json]\n"
	"                            [--overlap 8h] [--delay 30s]\n"
	"       avedgectl key list   [--keys FILE] [--json]\n"
	"       avedgectl key show   [--keys FILE] ID [--secret | --json]\n"
	"\n"
	"  new           make a key and put it last; make the file if there is none\n"
	"  rotate        make a key that signs from now on; the others end after the overlap\n"
	"  list          the keys, never their secrets\n"
	"  show          one key; with --secret only its secret, for a TURN REST issuer\n"
	"\n"
	"  --keys FILE   the keyring (" CTL_KEYS_PATH ")\n"
	"  --id ID       the key's name; else made from the date\n"
	"  --valid TIME  the new key ends after this time; else never\n"
	"  --rest HASH   sha1 (default), sha256, or none: signs no TURN REST credentials\n"
	"  --overlap TIME  how long old keys still verify; not below the longest credential (8h)\n"
	"  --delay TIME  the new key begins later, when all daemons know the file (30s)\n"
	"  --json        print JSON\n"
	"\n"
	"Running daemons notice the new file by themselves.\n";

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

static int print_json(json_t *json)
{
	int status = CTL_OK;

	if (!json)
		return ctl_fail("out of memory.");
	if (json_dumpf(json, stdout, JSON_INDENT(2)) != 0)
		status = ctl_fail("cannot write the output.");
	putchar('\n');
	json_decref(json);
	return status;
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
		ctl_fail("%s: there is already a key '%s'; choose another --id.",
			 options->path, options->id);
		return false;
	}
	if (key_generate(key, options->id) < 0) {
		ctl_fail("the system gives no random numbers.");
		return false;
	}
	if (keyring_find(ring, key->id)) {
		ctl_fail("%s: there is already a key '%s'; try again.", options->path,
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
		return print_json(key_json(ring, key, now_s));
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
			"%s: full with %d keys; 'avedgectl key rotate' drops expired "
			"ones.",
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
		return exists ? CTL_FAILED : ctl_fail("out of memory.");
	status = add_last(options, ring, now_s);
	keyring_free(ring);
	return status;
}

/* Behind the new key: the old ones, ending at ends_s; what expired before oldest_s is dropped. */
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
		/* A key that has not begun is somebody's plan; leave it alone. */
		if (key->not_before_s <= now_s && key->not_after_s > ends_s)
			key->not_after_s = ends_s;
	}
	return true;
}

/* Without a key that signs meanwhile there is nothing to wait for. */
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
		/* No room for the history: then only what still works. */
		ring->count = 1;
		if (!keep_old_keys(ring, old, now_s, ends_s, now_s))
			return ctl_fail(
				"%s: full with %d keys that all still count; wait "
				"until one expires.",
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
		ctl_fail("out of memory.");
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
	return print_json(keys);
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

/* The secret as text; a secret that is no text cannot be pasted anywhere. */
static int print_secret(const struct key_options *options, const struct key *key)
{
	for (size_t i = 0; i < key->secret_len; i++) {
		if (key->secret[i] <= ' ' || key->secret[i] > '~')
			return ctl_fail(
				"%s: the secret of key '%s' is binary and has no text; "
				"the second word of its line is its base64.",
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
		return print_json(key_json(ring, key, now_s));
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
	status =
		key ? show_key(options, ring, key, now_s)
		    : ctl_fail(
			      "%s: there is no key '%s'; 'avedgectl key list' shows them.",
			      options->path, options->id);
	keyring_free(ring);
	return status;
}

static const struct verb {
	const char *name;
	const char *options; /* the short names of those it takes */
	bool changes_file;
	int (*run)(const struct key_options *options, int64_t now_s);
} verbs[] = {
	{"new", "kivrj", true, run_new},
	{"rotate", "kivrodj", true, run_rotate},
	{"list", "kj", false, run_list},
	{"show", "kisj", false, run_show},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* False after a complaint. */
static bool take_option(const char *command, int letter, struct key_options *options)
{
	switch (letter) {
	case 'k':
		options->path = optarg;
		return true;
	case 'i':
		options->id = optarg;
		return true;
	case 'v':
		return ctl_duration(command, "--valid", optarg, 60, longest_s,
				    &options->valid_s);
	case 'o':
		return ctl_duration(command, "--overlap", optarg, 0, longest_s,
				    &options->overlap_s);
	case 'd':
		return ctl_duration(command, "--delay", optarg, 0, longest_s,
				    &options->delay_s);
	case 'r':
		if (key_rest_parse(optarg, strlen(optarg), &options->rest))
			return true;
		ctl_usage(command, "--rest %s: sha1, sha256 or none.", optarg);
		return false;
	case 's':
		options->secret = true;
		return true;
	case 'j':
		options->json = true;
		return true;
	default:
		fprintf(stderr, "Try '%s --help'.\n", command);
		return false;
	}
}

static int run_locked(const struct verb *verb, const struct key_options *options)
{
	char error[CTL_ERROR_SIZE];
	int lock = -1;
	int status;

	if (verb->changes_file) {
		lock = keyfile_lock(options->path, error, sizeof(error));
		if (lock < 0)
			return ctl_fail("%s", error);
	}
	status = verb->run(options, time(NULL));
	if (lock >= 0)
		close(lock);
	return status;
}

/* CTL_OK if the words behind the options make sense with them. */
static int check_words(const char *command, const struct verb *verb, unsigned given,
		       int argc, char **argv, struct key_options *options)
{
	bool is_show = verb->run == run_show;

	if (is_show && optind < argc && !options->id)
		options->id = argv[optind++];
	if (optind < argc)
		return ctl_usage(command, "'%s' is one word too many.", argv[optind]);
	if (is_show && !options->id)
		return ctl_usage(command,
				 "show which key? 'avedgectl key list' shows the ids.");
	if (options->id && !key_id_is_valid(options->id, strlen(options->id)))
		return ctl_usage(command,
				 "an id is 1 to %d letters, digits, '.', '_', '-'.",
				 KEY_ID_MAX);
	for (const struct option *option = long_options; option->name; option++) {
		if ((given & 1u << (option->val - 'a')) &&
		    !strchr(verb->options, option->val))
			return ctl_usage(command, "%s takes no --%s.", verb->name,
					 option->name);
	}
	return CTL_OK;
}

int ctl_key(int argc, char **argv)
{
	const char *command = argv[0];
	struct key_options options = {
		.path = CTL_KEYS_PATH,
		.overlap_s = overlap_default_s,
		.delay_s = -1,
		.rest = KEY_REST_SHA1,
	};
	const struct verb *verb;
	unsigned given = 0; /* one bit for each letter */
	int letter;

	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help_text, stdout);
			return CTL_OK;
		}
		if (!take_option(command, letter, &options))
			return CTL_USAGE;
		given |= 1u << (letter - 'a');
	}
	if (optind == argc)
		return ctl_usage(command, "new, rotate, list or show?");
	verb = find_verb(argv[optind]);
	if (!verb)
		return ctl_usage(command, "new, rotate, list or show, not '%s'.",
				 argv[optind]);
	optind++;
	if (check_words(command, verb, given, argc, argv, &options) != CTL_OK)
		return CTL_USAGE;
	return run_locked(verb, &options);
}
