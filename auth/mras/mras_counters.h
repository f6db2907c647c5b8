/*
 * mras_counters.h - what mrasd has done since it started, counted by closed sets of words: credentials,
 * refusals, handshakes, and how long requests took. Pure.
 *
 * Owner    the issuer. Counters never decrease.
 */
#ifndef AUTH_MRAS_MRAS_COUNTERS_H
#define AUTH_MRAS_MRAS_COUNTERS_H

#include <stdint.h>

#include "auth/mras/service.h"

/* Why there is no credential. */
enum mras_refusal {
	MRAS_REFUSAL_BAD_IDENTITY,
	MRAS_REFUSAL_FORBIDDEN,
	MRAS_REFUSAL_SERVER_RATE,   /* requests_per_second of a server */
	MRAS_REFUSAL_IDENTITY_RATE, /* limits.identity_per_minute */
	MRAS_REFUSAL_NO_KEY,
	MRAS_REFUSAL_NO_RELAY,
	MRAS_REFUSAL_FAILED,
	MRAS_REFUSAL_NOT_UNDERSTOOD,
	MRAS_REFUSAL_COUNT
};

/* Why a handshake failed. */
enum handshake_fault {
	HANDSHAKE_NO_CERTIFICATE,
	HANDSHAKE_UNKNOWN_CA,
	HANDSHAKE_EXPIRED,
	HANDSHAKE_NOT_YET_VALID,
	HANDSHAKE_REVOKED,
	HANDSHAKE_NO_CURRENT_CRL, /* of its CA: missing or expired */
	HANDSHAKE_PURPOSE,        /* a certificate that is not for TLS */
	HANDSHAKE_NAME,           /* no trusted server has it */
	HANDSHAKE_NETWORK,        /* a trusted server, from outside its networks */
	HANDSHAKE_CERTIFICATE_SIZE,
	HANDSHAKE_CERTIFICATE,       /* anything else that is wrong with it */
	HANDSHAKE_VERSION_OR_CIPHER, /* too old for this server; see legacy_tls */
	HANDSHAKE_TLS,               /* anything else, or no TLS at all */
	HANDSHAKE_TIMED_OUT,
	HANDSHAKE_GAVE_WAY, /* to a newer one */
	HANDSHAKE_FAULT_COUNT
};

enum {
	MRAS_COUNTERS_FORMS = 2, /* "mras" and "rest" */
	LATENCY_BOUNDS = 10,     /* of latency */
};

/* The time from a complete request to its answer. */
struct latency {
	uint64_t counts[LATENCY_BOUNDS + 1]; /* the last: longer than every bound */
	uint64_t sum_ns;
};

struct mras_counters {
	uint64_t issued[MRAS_COUNTERS_FORMS][SERVICE_LANGUAGE_COUNT];
	uint64_t refused[MRAS_REFUSAL_COUNT];
	uint64_t handshakes[HANDSHAKE_FAULT_COUNT];
	struct latency latency[SERVICE_LANGUAGE_COUNT];
};

/* Words for metrics and the control interface: lower case, underscores. */
const char *mras_refusal_name(enum mras_refusal refusal);
const char *handshake_fault_name(enum handshake_fault fault);
const char *mras_counters_form_name(unsigned form);
const char *mras_counters_language_name(
	enum service_language language); /* "https", "sip" */

/* Seconds, ascending. */
extern const double latency_bounds[LATENCY_BOUNDS];

/* Arguments as in service_decided_fn. */
void mras_counters_decision(struct mras_counters *counters,
			    const struct service_request *request,
			    enum service_fault fault);
void mras_counters_latency(struct mras_counters *counters, enum service_language language,
			   uint64_t ns);

uint64_t mras_counters_issued(const struct mras_counters *counters);
uint64_t mras_counters_refused(const struct mras_counters *counters);

#endif
