/*
 * ctl_credential.c - avedgectl credential and access-token: what a client proves itself with.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth/credential/access_token.h"
#include "auth/credential/base64.h"
#include "auth/credential/credential.h"
#include "auth/credential/keyfile.h"
#include "auth/credential/opaque_string.h"
#include "auth/credential/timestamp.h"
#include "auth/credential/token_keyfile.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_uris.h"

enum { TOKEN_VERSION = 2, TTL_DEFAULT_S = 8 * 3600, TOKEN_TTL_DEFAULT_S = 3600 };

/* For RTCPeerConnection; an empty list without --server. uris is taken over. */
static json_t *ice_servers(json_t *uris, const struct credential_pair *pair)
{
	if (json_array_size(uris) == 0)
		return uris;
	return json_pack("[{s:o, s:s, s:s}]", "urls", uris, "username", pair->username,
			 "credential", pair->password);
}

static void print_text(const struct credential_pair *pair, const char *expires,
		       const json_t *uris)
{
	const json_t *uri;
	size_t i;

	printf("username  %s\npassword  %s\nexpires   %s\n", pair->username,
	       pair->password, expires);
	json_array_foreach(uris, i, uri) printf("uri       %s\n", json_string_value(uri));
}

static int print_pair(const struct ctl_args *args, const struct credential_pair *pair,
		      int64_t now_s)
{
	char expires[TIMESTAMP_SIZE];
	json_t *json, *uris;

	if (!timestamp_format(pair->expires_s, expires))
		return ctl_fail("the credential expires after the year 9999");
	uris = ctl_uris(args);
	if (!ctl_has(args, OPTION_JSON)) {
		print_text(pair, expires, uris);
		json_decref(uris);
		return CTL_OK;
	}
	json = json_pack("{s:s, s:s, s:I, s:s, s:s?, s:o}", "username", pair->username,
			 "password", pair->password, "ttl",
			 (json_int_t)(pair->expires_s - now_s), "expires", expires,
			 "realm", ctl_value(args, OPTION_REALM, NULL), "iceServers",
			 ice_servers(uris, pair));
	return json ? ctl_print_json(json)
		    : ctl_fail("out of memory, or --realm is not UTF-8");
}

static bool is_mras(const struct ctl_args *args)
{
	return strcmp(ctl_value(args, OPTION_FORM, "rest"), "mras") == 0;
}

static bool issue_mras(const struct key *key, const char *user, int64_t expires_s,
		       struct credential_pair *pair)
{
	struct slice identity = {(const uint8_t *)user, strlen(user)};
	uint64_t serial;

	/* Others may issue in this second; a random serial keeps tokens distinct. */
	return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	       credential_issue_mras(key, TOKEN_VERSION, identity, expires_s, NULL,
				     &serial, pair);
}

static int64_t wanted_expiry(const struct ctl_args *args, int64_t now_s)
{
	return now_s + ctl_number(args, OPTION_TTL, TTL_DEFAULT_S);
}

/*
 * The name of --user as REST credentials have it, into bytes of *name. False if it cannot be part
 * of a user name of STUN; why says so.
 */
static bool read_rest_name(const struct ctl_args *args, int64_t now_s,
			   uint8_t bytes[CREDENTIAL_ISSUED_MAX], struct slice *name,
			   char why[CTL_ERROR_SIZE])
{
	const char *user = ctl_value(args, OPTION_FOR_USER, NULL);
	const struct slice text = {(const uint8_t *)user, strlen(user)};
	const size_t room = credential_rest_room(wanted_expiry(args, now_s), NULL);
	struct opaque_string_error error;

	*name = (struct slice){bytes, 0};
	if (opaque_string_enforce(text, bytes, room, &name->len, &error))
		return true;
	if (error.fault == OPAQUE_STRING_TOO_LONG)
		snprintf(why, CTL_ERROR_SIZE, "is longer than %zu bytes", room);
	else
		opaque_string_explain(&error, why, CTL_ERROR_SIZE);
	return false;
}

static bool issue_rest(const struct ctl_args *args, const struct key *key, int64_t now_s,
		       int64_t expires_s, struct credential_pair *pair)
{
	uint8_t bytes[CREDENTIAL_ISSUED_MAX];
	char why[CTL_ERROR_SIZE];
	struct slice name;

	return read_rest_name(args, now_s, bytes, &name, why) &&
	       credential_issue_rest(key, name, expires_s, NULL, pair);
}

static int issue(const struct ctl_args *args, const char *path,
		 const struct keyring *ring, int64_t now_s, struct credential_pair *pair)
{
	const struct key *key = keyring_signer(ring, now_s);
	int64_t expires_s = wanted_expiry(args, now_s);

	if (!key)
		return ctl_fail(
			"%s: no valid key; create one with 'avedgectl key rotate --keys %s'",
			path, path);
	if (!is_mras(args) && key->rest == KEY_REST_NONE)
		return ctl_fail("%s: key '%s' signs no REST credentials (rest=none); use "
				"--form mras",
				path, key->id);
	if (expires_s > key->not_after_s) {
		/* The relay would refuse it from then on; do not promise more. */
		expires_s = key->not_after_s;
		fprintf(stderr,
			"avedgectl: credential shortened: key '%s' expires first\n",
			key->id);
	}
	assert(expires_s > now_s);
	if (is_mras(args) ? !issue_mras(key, ctl_value(args, OPTION_FOR_USER, NULL),
					expires_s, pair)
			  : !issue_rest(args, key, now_s, expires_s, pair))
		return ctl_fail("cannot sign: the crypto library failed");
	return CTL_OK;
}

static int check(const struct ctl_args *args, int64_t now_s)
{
	uint8_t bytes[CREDENTIAL_ISSUED_MAX];
	char why[CTL_ERROR_SIZE];
	struct slice name;

	if (!ctl_has(args, OPTION_FOR_USER))
		return ctl_usage(args->name, "--user is required");
	if (*ctl_value(args, OPTION_FOR_USER, NULL) == '\0')
		return ctl_usage(args->name, "--user is empty: expected a name, to which "
					     "limits per user and records refer");
	if (!is_mras(args) && !read_rest_name(args, now_s, bytes, &name, why))
		return ctl_usage(args->name, "--user %s; --form mras takes any text",
				 why);
	if (!ctl_has(args, OPTION_JSON) && ctl_has(args, OPTION_REALM))
		return ctl_usage(args->name, "--realm requires --json");
	for (size_t i = 0; i < args->many_count; i++) {
		if (!ctl_uris_fits(args->many[i]))
			return ctl_usage(
				args->name,
				"--server %s: expected a host name or address and, if "
				"needed, a port: HOST:PORT or [IPV6]:PORT",
				args->many[i]);
	}
	return CTL_OK;
}

int ctl_credential(const struct ctl_args *args)
{
	const char *path = ctl_value(args, OPTION_KEYS, CTL_KEYS_PATH);
	char error[CTL_ERROR_SIZE];
	int64_t now_s = time(NULL);
	struct credential_pair pair;
	struct keyring *ring;
	int status = check(args, now_s);

	if (status != CTL_OK)
		return status;
	ring = keyfile_load(path, error, sizeof(error));
	if (!ring)
		return ctl_fail("%s", error);
	status = issue(args, path, ring, now_s, &pair);
	if (status == CTL_OK)
		status = print_pair(args, &pair, now_s);
	OPENSSL_cleanse(&pair, sizeof(pair));
	keyring_free(ring);
	return status;
}

/* --- access-token ------------------------------------------------------------------------------ */

/* What a client is told besides the kid, as text. */
struct issued {
	char token[BASE64_SIZE(ACCESS_TOKEN_MAX)];
	char mac_key[BASE64_SIZE(ACCESS_TOKEN_MAC_KEY_LONG)];
	char expires[TIMESTAMP_SIZE];
};

static int print_issued(const struct ctl_args *args, const struct token_key *key,
			const struct issued *issued, int64_t ttl_s)
{
	const char *name = ctl_value(args, OPTION_SERVER_NAME, NULL);
	json_t *json;

	if (!ctl_has(args, OPTION_JSON)) {
		printf("kid           %s\nmac_key       %s\naccess_token  %s\n"
		       "expires       %s\n",
		       key->kid, issued->mac_key, issued->token, issued->expires);
		return CTL_OK;
	}
	/* The names of RFC 7635 Appendix B, and those of a TURN client's options. */
	json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "kid", key->kid, "key",
			 issued->mac_key, "access_token", issued->token, "server_name",
			 name, "expires_in", (json_int_t)ttl_s, "expires",
			 issued->expires);
	return json ? ctl_print_json(json)
		    : ctl_fail("out of memory, or --server-name is not UTF-8");
}

/* The key of --kid, or the first that is valid; NULL after a message, with the exit code. */
static const struct token_key *choose_token_key(const struct ctl_args *args,
						const char *path,
						const struct token_keyring *ring,
						int64_t now_s, int *status)
{
	const char *kid = ctl_value(args, OPTION_KID, NULL);
	const struct token_key *key = NULL;

	*status = CTL_FAILED;
	if (kid != NULL) {
		key = token_keyring_find(ring, (struct slice){(const uint8_t *)kid,
							      strlen(kid)});
		if (key == NULL) {
			ctl_fail("%s: no key '%s'", path, kid);
			*status = CTL_NOT_FOUND;
			return NULL;
		}
		if (token_key_is_valid(key, now_s, 0))
			return key;
		ctl_fail("%s: key '%s' is not valid now", path, kid);
		return NULL;
	}
	for (size_t i = 0; i < ring->count; i++) {
		if (token_key_is_valid(&ring->keys[i], now_s, 0))
			return &ring->keys[i];
	}
	ctl_fail("%s: no valid key", path);
	return NULL;
}

static bool make_token(const struct ctl_args *args, const struct token_key *key,
		       int64_t now_s, struct issued *issued)
{
	const char *name = ctl_value(args, OPTION_SERVER_NAME, NULL);
	int64_t ttl_s = ctl_number(args, OPTION_TOKEN_TTL, TOKEN_TTL_DEFAULT_S);
	struct access_token token = {
		.mac_key_len = ctl_has(args, OPTION_SHA256) ? ACCESS_TOKEN_MAC_KEY_LONG
							    : ACCESS_TOKEN_MAC_KEY_SHORT,
		.issued_s = (uint64_t)now_s,
		.lifetime_s = (uint32_t)ttl_s,
	};
	uint8_t nonce[ACCESS_TOKEN_NONCE_LEN], bytes[ACCESS_TOKEN_MAX];
	size_t len = 0;

	assert(now_s >= 0 && ttl_s > 0 && ttl_s <= UINT32_MAX);
	if (RAND_bytes(nonce, sizeof(nonce)) == 1 &&
	    RAND_bytes(token.mac_key, (int)token.mac_key_len) == 1)
		len = access_token_make(
			&token, key, (struct slice){(const uint8_t *)name, strlen(name)},
			nonce, bytes);
	if (len > 0) {
		base64_encode(bytes, len, issued->token);
		base64_encode(token.mac_key, token.mac_key_len, issued->mac_key);
	}
	OPENSSL_cleanse(&token, sizeof(token));
	return len > 0 && timestamp_format(now_s + ttl_s, issued->expires);
}

static int check_token(const struct ctl_args *args)
{
	const char *name = ctl_value(args, OPTION_SERVER_NAME, NULL);

	if (!ctl_has(args, OPTION_TOKEN_KEYS))
		return ctl_usage(args->name, "--keys is required");
	if (name == NULL || *name == '\0')
		return ctl_usage(args->name,
				 "--server-name is required: that of "
				 "third_party_authorization in mediarelayd.conf");
	if (strlen(name) > ACCESS_TOKEN_SERVER_NAME_MAX)
		return ctl_usage(args->name, "--server-name is longer than %d bytes",
				 ACCESS_TOKEN_SERVER_NAME_MAX);
	return CTL_OK;
}

int ctl_access_token(const struct ctl_args *args)
{
	const char *path = ctl_value(args, OPTION_TOKEN_KEYS, NULL);
	char error[CTL_ERROR_SIZE];
	int64_t now_s = time(NULL);
	struct issued issued;
	int status = check_token(args);

	if (status != CTL_OK)
		return status;

	struct token_keyring *ring = token_keyfile_load(path, error, sizeof(error));
	if (ring == NULL)
		return ctl_fail("%s", error);

	const struct token_key *key = choose_token_key(args, path, ring, now_s, &status);
	if (key != NULL && !make_token(args, key, now_s, &issued))
		status = ctl_fail("cannot make a token: the crypto library failed");
	else if (key != NULL)
		status = print_issued(args, key, &issued,
				      ctl_number(args, OPTION_TOKEN_TTL,
						 TOKEN_TTL_DEFAULT_S));
	OPENSSL_cleanse(&issued, sizeof(issued));
	token_keyring_free(ring);
	return status;
}
