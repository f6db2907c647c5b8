/*
 * ctl_credential.c - avedgectl credential: issue a user name and password for a client.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth/credential.h"
#include "auth/keyfile.h"
#include "auth/timestamp.h"
#include "tools/ctl.h"

enum {
	SERVERS_MAX = 16,
	HOST_MAX = 256,
	TOKEN_VERSION = 2,
};

static const int64_t ttl_default_s = 8 * 3600;
/* What Microsoft's issuer allows: one minute to half a year. */
static const int64_t ttl_min_s = 60;
static const int64_t ttl_max_s = 180 * 86400;

struct credential_options {
	const char *user;
	const char *path;
	const char *realm;
	const char *servers[SERVERS_MAX];
	size_t server_count;
	int64_t ttl_s;
	bool mras;
	bool json;
};

static const struct option long_options[] = {
	{"user", required_argument, NULL, 'u'},
	{"ttl", required_argument, NULL, 't'},
	{"form", required_argument, NULL, 'f'},
	{"keys", required_argument, NULL, 'k'},
	{"realm", required_argument, NULL, 'r'},
	{"server", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char help_text[] =
	"Usage: avedgectl credential --user NAME [--ttl 8h] [--form rest|mras] [--keys FILE]\n"
	"                            [--json [--realm REALM] [--server HOST]...]\n"
	"\n"
	"  --user NAME    whom it is for; counts for the quota\n"
	"  --ttl TIME     how long a client may begin calls with it (8h), at most 180d\n"
	"  --form FORM    rest: for any TURN client (default)\n"
	"                 mras: for clients of Lync and Skype for Business; others send the\n"
	"                 same strings as they are printed\n"
	"  --keys FILE    the keyring (" CTL_KEYS_PATH ")\n"
	"  --json         print JSON with a ready iceServers\n"
	"  --realm REALM  named in the JSON\n"
	"  --server HOST  name or address of the relay, for iceServers; may be repeated\n";

/* NAME as a URI of RFC 7065 has it: IPv6 addresses in brackets. False if it cannot be one. */
static bool uri_host(const char *name, char *buf, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	struct in6_addr address;
	bool is_ipv6 = inet_pton(AF_INET6, name, &address) == 1;

	if (!is_ipv6 && (*name == '\0' || name[strspn(name, allowed)] != '\0'))
		return false;
	return snprintf(buf, size, "%s%s%s", is_ipv6 ? "[" : "", name,
			is_ipv6 ? "]" : "") < (int)size;
}

static json_t *server_urls(const struct credential_options *options)
{
	json_t *urls = json_array();
	char host[HOST_MAX];

	for (size_t i = 0; i < options->server_count; i++) {
		uri_host(options->servers[i], host, sizeof(host));
		json_array_append_new(urls,
				      json_sprintf("turn:%s:3478?transport=udp", host));
		json_array_append_new(urls,
				      json_sprintf("turn:%s:443?transport=tcp", host));
		json_array_append_new(urls,
				      json_sprintf("turns:%s:443?transport=tcp", host));
	}
	return urls;
}

/* What RTCPeerConnection takes; an empty list where no server is known. */
static json_t *ice_servers(const struct credential_options *options,
			   const struct credential_pair *pair)
{
	if (options->server_count == 0)
		return json_array();
	return json_pack("[{s:o, s:s, s:s}]", "urls", server_urls(options), "username",
			 pair->username, "credential", pair->password);
}

static int print_json(const struct credential_options *options,
		      const struct credential_pair *pair, int64_t ttl_s,
		      const char *expires)
{
	json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:s?, s:o}", "username",
				 pair->username, "password", pair->password, "ttl",
				 (json_int_t)ttl_s, "expires", expires, "realm",
				 options->realm, "iceServers",
				 ice_servers(options, pair));
	int status = CTL_OK;

	if (!json)
		return ctl_fail("out of memory, or --realm is not UTF-8.");
	if (json_dumpf(json, stdout, JSON_INDENT(2)) != 0)
		status = ctl_fail("cannot write the output.");
	putchar('\n');
	json_decref(json);
	return status;
}

static int print_pair(const struct credential_options *options,
		      const struct credential_pair *pair, int64_t now_s)
{
	char expires[TIMESTAMP_SIZE];

	if (!timestamp_format(pair->expires_s, expires))
		return ctl_fail("the credential expires after the year 9999.");
	if (options->json)
		return print_json(options, pair, pair->expires_s - now_s, expires);
	printf("username  %s\npassword  %s\nexpires   %s\n", pair->username,
	       pair->password, expires);
	return CTL_OK;
}

static bool issue_mras(const struct key *key, const char *user, int64_t expires_s,
		       struct credential_pair *pair)
{
	struct slice identity = {(const uint8_t *)user, strlen(user)};
	uint64_t serial;

	/* Other issuers may be at work in this second; a random start keeps us apart. */
	return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	       credential_issue_mras(key, TOKEN_VERSION, identity, expires_s, &serial,
				     pair);
}

static int issue(const struct credential_options *options, const struct keyring *ring,
		 int64_t now_s, struct credential_pair *pair)
{
	const struct key *key = keyring_signer(ring, now_s);
	int64_t expires_s = now_s + options->ttl_s;

	if (!key)
		return ctl_fail(
			"%s: no key is valid now: 'avedgectl key rotate' makes one.",
			options->path);
	if (!options->mras && key->rest == KEY_REST_NONE)
		return ctl_fail("%s: key '%s' signs no REST credentials (rest=none): use "
				"--form mras.",
				options->path, key->id);
	if (expires_s > key->not_after_s) {
		/* The relay would stop believing it then anyway; do not promise more. */
		expires_s = key->not_after_s;
		fprintf(stderr, "avedgectl: shortened: key '%s' ends before that.\n",
			key->id);
	}
	if (options->mras ? !issue_mras(key, options->user, expires_s, pair)
			  : !credential_issue_rest(key, options->user, expires_s, pair))
		return ctl_fail("the crypto library refuses to sign.");
	return CTL_OK;
}

static int run(const struct credential_options *options)
{
	char error[CTL_ERROR_SIZE];
	int64_t now_s = time(NULL);
	struct keyring *ring = keyfile_load(options->path, error, sizeof(error));
	struct credential_pair pair;
	int status;

	if (!ring)
		return ctl_fail("%s", error);
	status = issue(options, ring, now_s, &pair);
	if (status == CTL_OK)
		status = print_pair(options, &pair, now_s);
	OPENSSL_cleanse(&pair, sizeof(pair));
	keyring_free(ring);
	return status;
}

static bool take_server(const char *command, const char *name,
			struct credential_options *options)
{
	char host[HOST_MAX];

	if (!uri_host(name, host, sizeof(host))) {
		ctl_usage(command, "--server %s: a host name or address, without port.",
			  name);
		return false;
	}
	if (options->server_count == SERVERS_MAX) {
		ctl_usage(command, "--server: at most %d.", SERVERS_MAX);
		return false;
	}
	options->servers[options->server_count++] = name;
	return true;
}

/* False after a complaint. */
static bool take_option(const char *command, int letter,
			struct credential_options *options)
{
	switch (letter) {
	case 'u':
		options->user = optarg;
		return true;
	case 't':
		return ctl_duration(command, "--ttl", optarg, ttl_min_s, ttl_max_s,
				    &options->ttl_s);
	case 'f':
		options->mras = strcmp(optarg, "mras") == 0;
		if (options->mras || strcmp(optarg, "rest") == 0)
			return true;
		ctl_usage(command, "--form %s: rest or mras.", optarg);
		return false;
	case 'k':
		options->path = optarg;
		return true;
	case 'r':
		options->realm = optarg;
		return true;
	case 's':
		return take_server(command, optarg, options);
	case 'j':
		options->json = true;
		return true;
	default:
		fprintf(stderr, "Try '%s --help'.\n", command);
		return false;
	}
}

/* T-560 leaves the name open; a REST name goes over the wire as it is, so it stays plain. */
static bool fits_rest(const char *user)
{
	size_t len = 0;

	while (user[len] >= ' ' && user[len] <= '~')
		len++;
	return user[len] == '\0' && len <= CREDENTIAL_USER_MAX;
}

int ctl_credential(int argc, char **argv)
{
	const char *command = argv[0];
	struct credential_options options = {.path = CTL_KEYS_PATH,
					     .ttl_s = ttl_default_s};
	int letter;

	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help_text, stdout);
			return CTL_OK;
		}
		if (!take_option(command, letter, &options))
			return CTL_USAGE;
	}
	if (optind < argc)
		return ctl_usage(command, "'%s' is one word too many.", argv[optind]);
	if (!options.user)
		return ctl_usage(command, "--user is missing: whom is it for?");
	if (!options.mras && !fits_rest(options.user))
		return ctl_usage(command,
				 "--user: at most %d printable ASCII characters with "
				 "--form rest.",
				 CREDENTIAL_USER_MAX);
	if (!options.json && (options.realm || options.server_count > 0))
		return ctl_usage(command, "--realm and --server go with --json.");
	return run(&options);
}
