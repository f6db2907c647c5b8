/*
 * ctl_credential.c - avedgectl credential: issue a user name and password for a client.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth/credential/credential.h"
#include "auth/credential/keyfile.h"
#include "auth/credential/timestamp.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"

enum {
	HOST_MAX = 256,
	TOKEN_VERSION = 2,
};

static const int64_t ttl_default_s = 8 * 3600;

struct credential_options {
	const char *user;
	const char *path;
	const char *realm;
	const char *const *servers;
	size_t server_count;
	int64_t ttl_s;
	bool mras;
	bool json;
};

/* The host of a turn URI (RFC 7065 section 3.1), IPv6 in brackets. False if it cannot be one. */
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

/* For RTCPeerConnection; an empty list without --server. */
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

	if (!json)
		return ctl_fail("out of memory, or --realm is not UTF-8");
	return ctl_print_json(json);
}

static int print_pair(const struct credential_options *options,
		      const struct credential_pair *pair, int64_t now_s)
{
	char expires[TIMESTAMP_SIZE];

	if (!timestamp_format(pair->expires_s, expires))
		return ctl_fail("the credential expires after the year 9999");
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

	/* Others may issue in this second; a random serial keeps tokens distinct. */
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
			"%s: no valid key; create one with 'avedgectl key rotate'",
			options->path);
	if (!options->mras && key->rest == KEY_REST_NONE)
		return ctl_fail("%s: key '%s' signs no REST credentials (rest=none); use "
				"--form mras",
				options->path, key->id);
	if (expires_s > key->not_after_s) {
		/* The relay would refuse it from then on; do not promise more. */
		expires_s = key->not_after_s;
		fprintf(stderr,
			"avedgectl: credential shortened: key '%s' expires first\n",
			key->id);
	}
	if (options->mras ? !issue_mras(key, options->user, expires_s, pair)
			  : !credential_issue_rest(key, options->user, expires_s, pair))
		return ctl_fail("cannot sign: the crypto library failed");
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

/* A REST user name goes over the wire as it is, so it stays plain. */
static bool fits_rest(const char *user)
{
	size_t len = 0;

	while (user[len] >= ' ' && user[len] <= '~')
		len++;
	return user[len] == '\0' && len <= CREDENTIAL_USER_MAX;
}

int ctl_credential(const struct ctl_args *args)
{
	const char *command = args->name;
	struct credential_options options = {
		.user = ctl_value(args, OPTION_FOR_USER, NULL),
		.path = ctl_value(args, OPTION_KEYS, CTL_KEYS_PATH),
		.realm = ctl_value(args, OPTION_REALM, NULL),
		.servers = args->many,
		.server_count = args->many_count,
		.ttl_s = ctl_number(args, OPTION_TTL, ttl_default_s),
		.mras = strcmp(ctl_value(args, OPTION_FORM, "rest"), "mras") == 0,
		.json = ctl_has(args, OPTION_JSON),
	};
	char host[HOST_MAX];

	if (!options.user)
		return ctl_usage(command, "--user is required");
	if (!options.mras && !fits_rest(options.user))
		return ctl_usage(command,
				 "--user: expected at most %d printable ASCII characters "
				 "with --form rest",
				 CREDENTIAL_USER_MAX);
	if (!options.json && (options.realm || options.server_count > 0))
		return ctl_usage(command, "--realm and --server require --json");
	for (size_t i = 0; i < options.server_count; i++) {
		if (!uri_host(options.servers[i], host, sizeof(host)))
			return ctl_usage(
				command,
				"--server %s: expected a host name or address, without port",
				options.servers[i]);
	}
	return run(&options);
}
