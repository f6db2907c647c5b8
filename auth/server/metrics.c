/*
 * metrics.c - see metrics.h.
 */
#include "auth/server/metrics.h"

#include <math.h>

#include "auth/credential/keyring.h"
#include "auth/mras/mras_counters.h"
#include "auth/mras/mras_drain.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_connections.h"
#include "auth/server/mras_files.h"
#include "auth/server/mras_reload.h"
#include "auth/server/mras_settings.h"

enum { NS_PER_S = 1000000000 };

static void credentials(const struct mras_counters *counters, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_credentials_issued", NULL,
			   "Credentials issued.");
	for (unsigned form = 0; form < MRAS_COUNTERS_FORMS; form++) {
		for (int i = 0; i < SERVICE_LANGUAGE_COUNT; i++)
			openmetrics_count(
				om, counters->issued[form][i], "form",
				mras_counters_form_name(form), "transport",
				mras_counters_language_name((enum service_language)i),
				NULL);
	}
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_credentials_refused", NULL,
			   "Requests for credentials that were refused.");
	for (int i = 0; i < MRAS_REFUSAL_COUNT; i++)
		openmetrics_count(om, counters->refused[i], "reason",
				  mras_refusal_name((enum mras_refusal)i), NULL);
}

static void requests(const struct issuer *issuer, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_HISTOGRAM, "avedge_mras_request_duration_seconds",
			   "seconds", "Time from a complete request to its answer.");
	for (int i = 0; i < SERVICE_LANGUAGE_COUNT; i++) {
		const struct latency *latency = &issuer->mras_counters.latency[i];
		const struct openmetrics_histogram histogram = {
			.bounds = latency_bounds,
			.counts = latency->counts,
			.bound_count = LATENCY_BOUNDS,
			.sum = (double)latency->sum_ns / NS_PER_S,
		};

		openmetrics_histogram(
			om, &histogram, "transport",
			mras_counters_language_name((enum service_language)i), NULL);
	}
}

static void handshakes(const struct issuer *issuer, struct openmetrics *om)
{
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_handshakes_trusted", NULL,
			   "TLS handshakes of trusted servers.");
	openmetrics_count(om, issuer->counters[COUNT_TRUSTED], NULL);
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_handshakes_refused", NULL,
			   "TLS handshakes that failed.");
	for (int i = 0; i < HANDSHAKE_FAULT_COUNT; i++)
		openmetrics_count(om, issuer->mras_counters.handshakes[i], "reason",
				  handshake_fault_name((enum handshake_fault)i), NULL);
}

/* Why connections ended, apart from their handshakes. */
static const struct {
	enum issuer_counter counter;
	const char *reason;
} ends[] = {
	{COUNT_REFUSED_SOURCE, "source"},       {COUNT_REFUSED_FULL, "full"},
	{COUNT_GAVE_WAY, "gave_way"},           {COUNT_TIMED_OUT, "timed_out"},
	{COUNT_NO_LONGER, "no_longer_trusted"}, {COUNT_NO_LANGUAGE, "no_language"},
	{COUNT_SIP_BROKEN, "sip_broken"},       {COUNT_HTTP_BROKEN, "http_broken"},
};

static void connections(const struct issuer *issuer, struct openmetrics *om)
{
	size_t half_open = mras_connections_half_open(issuer->connections);

	openmetrics_family(om, METRIC_GAUGE, "avedge_mras_connections", NULL,
			   "Connections now.");
	openmetrics_count(om, half_open, "state", "handshake", NULL);
	openmetrics_count(om, mras_connections_count(issuer->connections) - half_open,
			  "state", "open", NULL);
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_connections_accepted", NULL,
			   "Connections accepted.");
	openmetrics_count(om, issuer->counters[COUNT_ACCEPTED], NULL);
	openmetrics_family(om, METRIC_COUNTER, "avedge_mras_connections_ended", NULL,
			   "Connections that mrasd ended or refused.");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		openmetrics_count(om, issuer->counters[ends[i].counter], "reason",
				  ends[i].reason, NULL);
}

static void relays(const struct mras_settings *settings, struct openmetrics *om)
{
	static const enum service_location locations[] = {LOCATION_INTRANET,
							  LOCATION_INTERNET};
	static const char *const names[] = {"inside", "outside"};

	openmetrics_family(om, METRIC_GAUGE, "avedge_mras_relays", NULL,
			   "Configured relays, named in answers or draining.");
	for (int i = 0; i < 2; i++) {
		uint64_t named = 0, draining = 0;

		for (size_t j = 0; j < settings->service.relay_count; j++) {
			const struct service_relay *relay = &settings->relays[j];

			if (relay->location != locations[i])
				continue;
			draining += relay->draining;
			named += !relay->draining;
		}
		openmetrics_count(om, named, "side", names[i], "state", "named", NULL);
		openmetrics_count(om, draining, "side", names[i], "state", "draining",
				  NULL);
	}
}

/* The first key that is valid now; 0: there is none. */
static double signing_key_ends(const struct mras_settings *settings, int64_t now_s)
{
	const struct key *key =
		service_signer(&settings->service, CREDENTIAL_MRAS_TEXT, now_s);

	if (key == NULL)
		return 0;
	return key->not_after_s == INT64_MAX ? HUGE_VAL : (double)key->not_after_s;
}

static double last_key_ends(const struct mras_settings *settings)
{
	int64_t last_s = INT64_MIN;

	for (size_t i = 0; i < settings->keyring->count; i++) {
		const struct key *key = &settings->keyring->keys[i];

		if (key->not_after_s > last_s)
			last_s = key->not_after_s;
	}
	return last_s == INT64_MAX ? HUGE_VAL : (double)last_s;
}

/* Names shared with the relay: the scraper's labels tell the daemons apart. */
static void ends_of_files(const struct issuer *issuer, struct openmetrics *om)
{
	const struct mras_settings *settings = issuer->settings;
	const struct mras_file_facts *crl = &settings->files[MRAS_FILE_CRL];

	openmetrics_family(om, METRIC_GAUGE,
			   "avedge_certificate_expiry_timestamp_seconds", "seconds",
			   "When the certificate for TLS expires, Unix time.");
	openmetrics_real(om, (double)settings->files[MRAS_FILE_CERTIFICATE].expires_s,
			 NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_key_expiry_timestamp_seconds", "seconds",
		"When keys expire, Unix time: the one that signs now (0: none) and the last of all.");
	openmetrics_real(om, signing_key_ends(settings, issuer->unix_s), "key", "signing",
			 NULL);
	openmetrics_real(om, last_key_ends(settings), "key", "last", NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_mras_ca_expiry_timestamp_seconds",
			   "seconds",
			   "When the first CA of trusted servers expires, Unix time.");
	openmetrics_real(om, (double)settings->files[MRAS_FILE_CA].expires_s, NULL);
	openmetrics_family(
		om, METRIC_GAUGE, "avedge_mras_crl_expiry_timestamp_seconds", "seconds",
		"When the first revocation list expires, Unix time; absent without lists.");
	if (crl->count > 0)
		openmetrics_real(om,
				 crl->expires_s == INT64_MAX ? HUGE_VAL
							     : (double)crl->expires_s,
				 NULL);
}

static void reloads(const struct issuer *issuer, struct reload *reload,
		    struct openmetrics *om)
{
	struct reload_last last = reload_last(reload);

	openmetrics_family(
		om, METRIC_GAUGE, "avedge_reload_successful", NULL,
		"Whether the last reload succeeded: 1, or 0 if it was rejected.");
	openmetrics_count(om, last.result != RELOAD_REJECTED, NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_reload_timestamp_seconds", "seconds",
			   "Time of the last reload, Unix time.");
	openmetrics_real(om, (double)(last.at_s != 0 ? last.at_s : issuer->started_s),
			 NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_restart_pending", NULL,
			   "Whether a changed key of the configuration waits for a "
			   "restart: 1, or 0.");
	openmetrics_count(om, last.restart_pending[0] != '\0', NULL);
	openmetrics_family(om, METRIC_GAUGE, "avedge_configuration_generation", NULL,
			   "Incremented by every applied change.");
	openmetrics_count(om, last.generation, NULL);
}

void issuer_metrics(const struct issuer *issuer, struct reload *reload,
		    struct openmetrics *om)
{
	credentials(&issuer->mras_counters, om);
	requests(issuer, om);
	handshakes(issuer, om);
	connections(issuer, om);
	relays(issuer->settings, om);
	ends_of_files(issuer, om);
	reloads(issuer, reload, om);
}
