/*
 * mras_counters.c - see mras_counters.h.
 */
#include "auth/mras/mras_counters.h"

#include <assert.h>

enum { FORM_MRAS, FORM_REST, NS_PER_S = 1000000000 };

const double latency_bounds[LATENCY_BOUNDS] = {
	0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1,
};

const char *mras_refusal_name(enum mras_refusal refusal)
{
	static const char *const names[MRAS_REFUSAL_COUNT] = {
		[MRAS_REFUSAL_BAD_IDENTITY] = "bad_identity",
		[MRAS_REFUSAL_FORBIDDEN] = "forbidden",
		[MRAS_REFUSAL_SERVER_RATE] = "server_rate",
		[MRAS_REFUSAL_IDENTITY_RATE] = "identity_rate",
		[MRAS_REFUSAL_NO_KEY] = "no_key",
		[MRAS_REFUSAL_NO_RELAY] = "no_relay",
		[MRAS_REFUSAL_FAILED] = "failed",
		[MRAS_REFUSAL_NOT_UNDERSTOOD] = "not_understood",
	};

	return names[refusal];
}

const char *handshake_fault_name(enum handshake_fault fault)
{
	static const char *const names[HANDSHAKE_FAULT_COUNT] = {
		[HANDSHAKE_NO_CERTIFICATE] = "no_certificate",
		[HANDSHAKE_UNKNOWN_CA] = "unknown_ca",
		[HANDSHAKE_EXPIRED] = "expired",
		[HANDSHAKE_NOT_YET_VALID] = "not_yet_valid",
		[HANDSHAKE_REVOKED] = "revoked",
		[HANDSHAKE_NO_CURRENT_CRL] = "no_current_crl",
		[HANDSHAKE_PURPOSE] = "purpose",
		[HANDSHAKE_NAME] = "name",
		[HANDSHAKE_NETWORK] = "network",
		[HANDSHAKE_CERTIFICATE_SIZE] = "certificate_size",
		[HANDSHAKE_CERTIFICATE] = "certificate",
		[HANDSHAKE_VERSION_OR_CIPHER] = "version_or_cipher",
		[HANDSHAKE_TLS] = "tls",
		[HANDSHAKE_TIMED_OUT] = "timed_out",
		[HANDSHAKE_GAVE_WAY] = "gave_way",
	};

	return names[fault];
}

const char *mras_counters_form_name(unsigned form)
{
	return form == FORM_REST ? "rest" : "mras";
}

const char *mras_counters_language_name(enum service_language language)
{
	return language == SERVICE_SIP ? "sip" : "https";
}

static enum mras_refusal refusal_of(const struct service_request *request,
				    enum service_fault fault)
{
	switch (fault) {
	case SERVICE_BAD_IDENTITY:
		return MRAS_REFUSAL_BAD_IDENTITY;
	case SERVICE_FORBIDDEN:
		return MRAS_REFUSAL_FORBIDDEN;
	case SERVICE_BUSY:
		return request ? MRAS_REFUSAL_IDENTITY_RATE : MRAS_REFUSAL_SERVER_RATE;
	case SERVICE_NO_KEY:
		return MRAS_REFUSAL_NO_KEY;
	case SERVICE_NO_RELAY:
		return MRAS_REFUSAL_NO_RELAY;
	case SERVICE_NOT_UNDERSTOOD:
		return MRAS_REFUSAL_NOT_UNDERSTOOD;
	case SERVICE_OK:
	case SERVICE_FAILED:
	case SERVICE_FAULT_COUNT:
		break;
	}
	return MRAS_REFUSAL_FAILED;
}

void mras_counters_decision(struct mras_counters *counters,
			    const struct service_request *request,
			    enum service_fault fault)
{
	if (fault != SERVICE_OK) {
		counters->refused[refusal_of(request, fault)]++;
		return;
	}
	unsigned form = request->form == CREDENTIAL_REST ? FORM_REST : FORM_MRAS;

	assert(request->language < SERVICE_LANGUAGE_COUNT);
	counters->issued[form][request->language]++;
}

void mras_counters_latency(struct mras_counters *counters, enum service_language language,
			   uint64_t ns)
{
	struct latency *latency = &counters->latency[language];
	size_t i = 0;

	assert(language < SERVICE_LANGUAGE_COUNT);
	while (i < LATENCY_BOUNDS && (double)ns > latency_bounds[i] * NS_PER_S)
		i++;
	latency->counts[i]++;
	latency->sum_ns += ns;
}

uint64_t mras_counters_issued(const struct mras_counters *counters)
{
	uint64_t sum = 0;

	for (unsigned form = 0; form < MRAS_COUNTERS_FORMS; form++) {
		for (int i = 0; i < SERVICE_LANGUAGE_COUNT; i++)
			sum += counters->issued[form][i];
	}
	return sum;
}

uint64_t mras_counters_refused(const struct mras_counters *counters)
{
	uint64_t sum = 0;

	for (int i = 0; i < MRAS_REFUSAL_COUNT; i++)
		sum += counters->refused[i];
	return sum;
}
