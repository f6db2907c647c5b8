/*
 * service.c - see service.h.
 */
#include "auth/mras/service.h"

#include <assert.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/credential/opaque_string.h"
#include "auth/mras/identity.h"
#include "auth/mras/rate.h"

enum {
	SERVER_CELLS = 1024,
	IDENTITY_CELLS = 65536, /* two rows of 8 bytes: 1 MiB */
	MS_PER_S = 1000,
	MS_PER_MINUTE = 60000,
};

struct service_memory {
	pthread_mutex_t lock; /* over everything below */
	struct rate_table *servers;
	struct rate_table *identities;
	uint64_t serial; /* of credential_issue_mras(), so that no two tokens are equal */
};

struct service_memory *service_memory_new(void)
{
	struct service_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	if (pthread_mutex_init(&memory->lock, NULL) != 0) {
		free(memory);
		return NULL;
	}
	memory->servers = rate_table_new(SERVER_CELLS);
	memory->identities = rate_table_new(IDENTITY_CELLS);
	if (!memory->servers || !memory->identities ||
	    RAND_bytes((uint8_t *)&memory->serial, sizeof(memory->serial)) != 1) {
		service_memory_free(memory);
		return NULL;
	}
	return memory;
}

void service_memory_free(struct service_memory *memory)
{
	if (!memory)
		return;
	rate_table_free(memory->servers);
	rate_table_free(memory->identities);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

const char *service_fault_name(enum service_fault fault)
{
	switch (fault) {
	case SERVICE_OK:
		return "ok";
	case SERVICE_BAD_IDENTITY:
		return "bad identity";
	case SERVICE_FORBIDDEN:
		return "forbidden";
	case SERVICE_BUSY:
		return "busy";
	case SERVICE_NO_KEY:
		return "no key";
	case SERVICE_NO_RELAY:
		return "no relay";
	case SERVICE_FAILED:
		return "failed";
	case SERVICE_NOT_UNDERSTOOD:
		return "not understood";
	case SERVICE_FAULT_COUNT:
		break;
	}
	return "unknown";
}

void service_refused(const struct service *service, const struct service_server *server,
		     const struct service_request *request, enum service_fault fault)
{
	assert(fault != SERVICE_OK && fault < SERVICE_FAULT_COUNT);
	if (service->decided)
		service->decided(service->decided_arg, server, request, fault, NULL,
				 NULL);
}

void service_not_understood(const struct service *service,
			    const struct service_server *server, const char *why)
{
	if (service->decided)
		service->decided(service->decided_arg, server, NULL,
				 SERVICE_NOT_UNDERSTOOD, why, NULL);
}

bool service_admits(const struct service *service, struct service_memory *memory,
		    const struct service_server *server, uint64_t now_ms)
{
	struct slice name = {(const uint8_t *)server->name, strlen(server->name)};
	bool admits;

	pthread_mutex_lock(&memory->lock);
	admits = rate_allows(memory->servers, name, server->requests_per_s, MS_PER_S,
			     now_ms);
	pthread_mutex_unlock(&memory->lock);
	if (!admits)
		service_refused(service, server, NULL, SERVICE_BUSY);
	return admits;
}

static bool may_ask_for(const struct service_server *server, struct slice identity)
{
	if (server->identity_count == 0)
		return true;
	for (size_t i = 0; i < server->identity_count; i++) {
		if (identity_has_suffix(identity, server->identities[i]))
			return true;
	}
	return false;
}

static bool signs(const struct key *key, enum credential_form form)
{
	return form != CREDENTIAL_REST || key->rest != KEY_REST_NONE;
}

const struct key *service_signer(const struct service *service, enum credential_form form,
				 int64_t unix_s)
{
	const struct keyring *ring = service->keyring;
	const struct key *soon = NULL;

	for (size_t i = 0; ring && i < ring->count; i++) {
		const struct key *key = &ring->keys[i];

		if (!signs(key, form) || unix_s >= key->not_after_s)
			continue;
		if (unix_s >= key->not_before_s)
			return key;
		if (!soon && key_verifies(key, unix_s, service->clock_skew_s))
			soon = key;
	}
	return soon;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/*
 * The time to live granted. A credential ends with its key at the latest, and the answer
 * says so, even if that is less than SERVICE_TTL_MIN_S.
 */
static int64_t granted_ttl(const struct service *service,
			   const struct service_request *request, const struct key *key,
			   int64_t unix_s)
{
	int64_t most = clamp(service->ttl_max_s, SERVICE_TTL_MIN_S, SERVICE_TTL_MAX_S);
	int64_t ttl_s = request->ttl_s != 0 ? request->ttl_s : service->ttl_default_s;
	int64_t key_left_s;

	if (request->server->ttl_max_s > 0)
		most = clamp(request->server->ttl_max_s, SERVICE_TTL_MIN_S, most);
	ttl_s = clamp(ttl_s, SERVICE_TTL_MIN_S, most);
	if (!__builtin_sub_overflow(key->not_after_s, unix_s, &key_left_s) &&
	    key_left_s < ttl_s)
		ttl_s = key_left_s;
	assert(ttl_s > 0 && ttl_s <= SERVICE_TTL_MAX_S);
	return ttl_s;
}

/*
 * The identity as it is issued. Form REST: it becomes part of a user name of STUN, so it must
 * have the profile of one (RFC 8489 section 14.3), and fit in. Everything is decided about what
 * comes out. Form MRAS: any text; it enters a MAC.
 */
static bool read_identity(const struct service_request *request,
			  uint8_t name[CREDENTIAL_ISSUED_MAX], struct slice *identity)
{
	struct opaque_string_error error;

	*identity = request->identity;
	if (identity->len > SERVICE_IDENTITY_MAX || !identity_is_text(*identity))
		return false;
	if (request->form != CREDENTIAL_REST)
		return true;
	identity->data = name;
	return opaque_string_enforce(request->identity, name, CREDENTIAL_ISSUED_MAX,
				     &identity->len, &error);
}

static bool issue(struct service_memory *memory, const struct service_request *request,
		  const struct key *key, struct slice identity, int64_t expires_s,
		  struct credential_pair *pair)
{
	bool issued;

	const struct credential_quota *quota = &request->server->quota;

	if (request->form == CREDENTIAL_REST)
		return credential_issue_rest(key, identity, expires_s, quota, pair);
	pthread_mutex_lock(&memory->lock);
	issued = credential_issue_mras(key, request->token_version, identity, expires_s,
				       quota, &memory->serial, pair);
	pthread_mutex_unlock(&memory->lock);
	return issued;
}

/* One more credential for this identity, from any server and in any spelling. */
static enum service_fault charge_identity(const struct service *service,
					  struct service_memory *memory,
					  struct slice identity, uint64_t now_ms)
{
	uint8_t *name;
	struct slice key;
	bool allowed;

	if (service->identity_per_minute == 0)
		return SERVICE_OK;
	name = malloc(identity.len);
	if (!name)
		return SERVICE_FAILED;
	key = (struct slice){name, identity_key(identity, name)};
	assert(key.len <= identity.len);
	pthread_mutex_lock(&memory->lock);
	allowed = rate_allows(memory->identities, key, service->identity_per_minute,
			      MS_PER_MINUTE, now_ms);
	pthread_mutex_unlock(&memory->lock);
	free(name);
	return allowed ? SERVICE_OK : SERVICE_BUSY;
}

static enum service_fault decide(const struct service *service,
				 struct service_memory *memory,
				 const struct service_request *request, uint64_t now_ms,
				 int64_t unix_s, struct service_answer *answer)
{
	uint8_t name[CREDENTIAL_ISSUED_MAX];
	struct slice identity;
	const struct key *key;
	enum service_fault fault;

	*answer = (struct service_answer){.ttl_s = 0};
	if (!read_identity(request, name, &identity))
		return SERVICE_BAD_IDENTITY;
	if (!may_ask_for(request->server, identity))
		return SERVICE_FORBIDDEN;
	key = service_signer(service, request->form, unix_s);
	if (!key)
		return SERVICE_NO_KEY;
	assert(key_verifies(key, unix_s, service->clock_skew_s));
	answer->ttl_s = granted_ttl(service, request, key, unix_s);
	if (request->form == CREDENTIAL_REST &&
	    identity.len >
		    credential_rest_room(unix_s + answer->ttl_s, &request->server->quota))
		return SERVICE_BAD_IDENTITY;
	fault = credential_quota_is_set(&request->server->quota)
			? SERVICE_OK
			: charge_identity(service, memory, identity, now_ms);
	if (fault != SERVICE_OK)
		return fault;

	answer->key_id = key->id;
	if (!issue(memory, request, key, identity, unix_s + answer->ttl_s, &answer->pair))
		return SERVICE_FAILED;
	return SERVICE_OK;
}

enum service_fault service_issue(const struct service *service,
				 struct service_memory *memory,
				 const struct service_request *request, uint64_t now_ms,
				 int64_t unix_s, struct service_answer *answer)
{
	enum service_fault fault =
		decide(service, memory, request, now_ms, unix_s, answer);

	assert(fault < SERVICE_FAULT_COUNT);
	if (service->decided)
		service->decided(service->decided_arg, request->server, request, fault,
				 NULL, fault == SERVICE_OK ? answer : NULL);
	return fault;
}

bool service_offers(const struct service_relay *relay, enum service_location location)
{
	assert(relay->location != LOCATION_ANY);
	return !relay->draining &&
	       (location == LOCATION_ANY || relay->location == location);
}

/* A name in a certificate may end with the dot of the root. */
static bool names_server(struct slice name, const char *server)
{
	size_t len = name.len;

	if (len > 0 && name.data[len - 1] == '.')
		len--;
	return len > 0 && strlen(server) == len &&
	       strncasecmp((const char *)name.data, server, len) == 0;
}

static bool comes_from(const struct service_server *server, const struct ip_addr *source)
{
	return server->network_count == 0 ||
	       ip_prefixes_contain(server->networks, server->network_count, source);
}

enum service_trust service_server_find(const struct service *service, struct slice name,
				       const struct ip_addr *source, bool legacy_tls,
				       const struct service_server **server)
{
	*server = NULL;
	for (size_t i = 0; i < service->server_count; i++) {
		const struct service_server *one = &service->servers[i];

		if (!names_server(name, one->name))
			continue;
		*server = one;
		if (!comes_from(one, source))
			return SERVICE_OTHER_NETWORK;
		return legacy_tls && !one->legacy_tls ? SERVICE_LEGACY_TLS
						      : SERVICE_TRUSTED;
	}
	return SERVICE_NO_NAME;
}

bool service_permits_legacy_tls(const struct service *service,
				const struct ip_addr *source)
{
	for (size_t i = 0; i < service->server_count; i++) {
		const struct service_server *server = &service->servers[i];

		assert(!server->legacy_tls || server->network_count > 0);
		if (server->legacy_tls && comes_from(server, source))
			return true;
	}
	return false;
}

bool service_source_allowed(const struct service *service, const struct ip_addr *source)
{
	for (size_t i = 0; i < service->server_count; i++) {
		if (comes_from(&service->servers[i], source))
			return true;
	}
	return false;
}
