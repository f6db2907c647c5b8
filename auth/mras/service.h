/*
 * service.h - the decision behind both languages of mrasd: may this trusted server have a
 * credential for that identity, for how long, and which relays are named with it. Pure:
 * no sockets, no clock, no files.
 *
 * Owner    made from the configuration by main, replaced whole on reload; the memory of rates
 *          and of issued expiries lives in struct service_memory, which outlives reloads.
 * Threads  service_issue() may be called from any thread: the memory has a mutex.
 */
#ifndef AUTH_MRAS_SERVICE_H
#define AUTH_MRAS_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/credential.h"
#include "auth/credential/keyring.h"
#include "stun/ip_prefix.h"
#include "stun/wire.h"

enum {
	SERVICE_NAME_MAX = 253,       /* bytes of a DNS name */
	SERVICE_HOST_MAX = 64,        /* of a relay: hostName, [MS-AVEDGEA] 2.2.3.1.3.2 */
	SERVICE_IDENTITY_MAX = 65536, /* bytes, [MS-AVEDGEA] 2.2.3.1.2 */
	SERVICE_TTL_MIN_S = 60,
	SERVICE_TTL_MAX_S = 180 * 86400,
};

enum service_location {
	LOCATION_ANY,      /* absent: relays of both sides */
	LOCATION_INTRANET, /* inside */
	LOCATION_INTERNET, /* outside */
};

/* A relay as answers name it. */
struct service_relay {
	enum service_location location; /* INTRANET or INTERNET */
	const char *host;               /* name, or address as text */
	struct ip_addr direct; /* for route "directip"; family IP_NONE if not given */
	/* In the order of preference; empty: not offered. */
	const uint16_t *udp_ports, *tcp_ports;
	size_t udp_port_count, tcp_port_count;
	bool tls;      /* real TLS on the TCP ports: turns: URIs */
	bool draining; /* answers do not name it; see mras_drain.h */
};

/* A trusted server. */
struct service_server {
	const char *name; /* FQDN that its certificate must show, lower case */
	const char *const
		*identities; /* suffixes it may ask for ("@lab.example"); none: any */
	size_t identity_count;
	const struct ip_prefix *networks; /* it may come from; none: any */
	size_t network_count;
	int64_t ttl_max_s;       /* 0: that of the service */
	uint32_t requests_per_s; /* 0: no limit */
	/*
	 * Of each user it asks for, carried by the credential to the relay. A server with one
	 * is a gateway, whose few identities are not subject to identity_per_minute.
	 */
	struct credential_quota quota;
	bool legacy_tls; /* it may connect with old TLS, see tls_is_legacy(); has networks */
};

/* What a name in a certificate is worth, in ascending order. */
enum service_trust {
	SERVICE_NO_NAME,       /* no server has it */
	SERVICE_OTHER_NETWORK, /* a server has it that comes from other networks */
	SERVICE_LEGACY_TLS,    /* or that may not connect with old TLS */
	SERVICE_TRUSTED,
};

enum service_fault {
	SERVICE_OK,
	SERVICE_BAD_IDENTITY,   /* empty, too long, no text; REST: not a user name */
	SERVICE_FORBIDDEN,      /* this server may not ask for this identity */
	SERVICE_BUSY,           /* a rate is exceeded */
	SERVICE_NO_KEY,         /* no key signs now, or none for that form */
	SERVICE_NO_RELAY,       /* none to name for that location */
	SERVICE_FAILED,         /* out of memory */
	SERVICE_NOT_UNDERSTOOD, /* no request for a credential could be read from it */
	SERVICE_FAULT_COUNT
};

/* The language of the request. */
enum service_language { SERVICE_HTTP, SERVICE_SIP, SERVICE_LANGUAGE_COUNT };

struct service_request;
struct service_answer;

/*
 * Called with every decision, in the thread that asked for it. request NULL: a request as
 * a whole was not admitted. answer: what was issued, NULL with a fault other than
 * SERVICE_OK. why: of SERVICE_NOT_UNDERSTOOD, a sentence that may quote the request; NULL if
 * it is logged already.
 */
typedef void service_decided_fn(void *arg, const struct service_server *server,
				const struct service_request *request,
				enum service_fault fault, const char *why,
				const struct service_answer *answer);

struct service {
	const struct service_server *servers;
	size_t server_count;
	const struct service_relay *relays;
	size_t relay_count;
	const char *realm; /* of the relay */
	int64_t ttl_default_s, ttl_max_s;
	int64_t clock_skew_s;          /* of whoever dated the keys against us */
	uint32_t identity_per_minute;  /* credentials for one identity; 0: no limit */
	const struct keyring *keyring; /* NULL or no valid key: not supported */
	service_decided_fn *decided;   /* NULL: nobody is told */
	void *decided_arg;
};

struct service_memory;
struct service_memory *service_memory_new(void); /* NULL: out of memory or no randomness */
void service_memory_free(struct service_memory *memory); /* NULL is allowed */

const char *service_fault_name(enum service_fault fault); /* "forbidden", for records */

struct service_request {
	const struct service_server *server; /* from its certificate */
	struct slice identity;
	enum service_location location;
	int64_t ttl_s;             /* requested; 0: the default. Is clamped */
	enum credential_form form; /* REST or MRAS_TEXT */
	int token_version;         /* MRAS: 1 or 2 */
	enum service_language language;
};

struct service_answer {
	struct credential_pair pair;
	int64_t ttl_s;      /* granted */
	const char *key_id; /* of the key that signed, borrowed from the keyring */
};

/*
 * The first key that is valid now and signs this form; if there is none, the first that will be
 * by a clock that is ahead of ours within the skew: its keyring is fresh, and relays take it with
 * the same patience. A key that has ended does not sign: nothing may outlive it. Borrowed, or NULL.
 */
const struct key *service_signer(const struct service *service, enum credential_form form,
				 int64_t unix_s);

/* One request of a server, of either language, against requests_per_s. */
bool service_admits(const struct service *service, struct service_memory *memory,
		    const struct service_server *server, uint64_t now_ms);

/* One credential. */
enum service_fault service_issue(const struct service *service,
				 struct service_memory *memory,
				 const struct service_request *request, uint64_t now_ms,
				 int64_t unix_s, struct service_answer *answer);

/* Report a request for a credential that never reached service_issue(). */
void service_refused(const struct service *service, const struct service_server *server,
		     const struct service_request *request, enum service_fault fault);

/* Report a request that is none for a credential; why as in service_decided_fn. */
void service_not_understood(const struct service *service,
			    const struct service_server *server, const char *why);

/* Does the relay belong in an answer for that location, and is it not draining? */
bool service_offers(const struct service_relay *relay, enum service_location location);

/*
 * The server with this name, as a certificate states it, that connects from source;
 * legacy_tls: with old TLS. *server is NULL if SERVICE_NO_NAME.
 */
enum service_trust service_server_find(const struct service *service, struct slice name,
				       const struct ip_addr *source, bool legacy_tls,
				       const struct service_server **server);

/* May a server that connects from there use old TLS? Who it is shows at the end of a handshake. */
bool service_permits_legacy_tls(const struct service *service,
				const struct ip_addr *source);

/* May any trusted server come from there? */
bool service_source_allowed(const struct service *service, const struct ip_addr *source);

#endif
