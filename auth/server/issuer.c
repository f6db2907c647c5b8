/*
 * issuer.c - see issuer.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_AUTH
#include "auth/server/issuer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/credential/credential.h"
#include "auth/credential/timestamp.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

enum {
	RECORD_FIELDS_MAX = 12,
	REFUSALS_PER_S = 20,       /* that have a record each */
	RECORD_IDENTITY_MAX = 256, /* bytes of an identity that a record shows */
};

static const char *issuer_counter_name(enum issuer_counter counter)
{
	static const char *const names[COUNTER_COUNT] = {
		[COUNT_ACCEPTED] = "ACCEPTED",
		[COUNT_REFUSED_SOURCE] = "REFUSED_SOURCE",
		[COUNT_REFUSED_FULL] = "REFUSED_FULL",
		[COUNT_GAVE_WAY] = "GAVE_WAY",
		[COUNT_UNTRUSTED] = "UNTRUSTED",
		[COUNT_HANDSHAKE_ERROR] = "HANDSHAKE_ERROR",
		[COUNT_TRUSTED] = "TRUSTED",
		[COUNT_NO_LONGER] = "NO_LONGER_TRUSTED",
		[COUNT_TIMED_OUT] = "TIMED_OUT",
		[COUNT_NO_LANGUAGE] = "NO_LANGUAGE",
		[COUNT_SIP_MESSAGES] = "SIP_MESSAGES",
		[COUNT_SIP_BROKEN] = "SIP_BROKEN",
		[COUNT_HTTP_REQUESTS] = "HTTP_REQUESTS",
		[COUNT_HTTP_BROKEN] = "HTTP_BROKEN",
		[COUNT_CREDENTIALS] = "CREDENTIALS",
		[COUNT_REFUSED_REQUESTS] = "REFUSED_REQUESTS",
	};

	assert(counter < COUNTER_COUNT);
	return names[counter];
}

void issuer_tick(struct issuer *issuer)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	issuer->now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	issuer->unix_s = time(NULL);
}

uint64_t issuer_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void issuer_begin(struct issuer *issuer)
{
	issuer_tick(issuer);
	issuer->started_s = issuer->unix_s;
	issuer->started_ms = issuer->now_ms;
}

/* A record under construction. Texts are borrowed until it is written. */
struct record {
	size_t count;
	struct log_field fields[RECORD_FIELDS_MAX];
};

static void add(struct record *record, const char *key, const char *value)
{
	assert(record->count < RECORD_FIELDS_MAX);
	record->fields[record->count++] = (struct log_field){.key = key, .value = value};
}

static void add_who(struct record *record, const struct mras_settings *settings,
		    const struct service_request *request,
		    char identity[RECORD_IDENTITY_MAX + 1])
{
	size_t len = request->identity.len < RECORD_IDENTITY_MAX ? request->identity.len
								 : RECORD_IDENTITY_MAX;

	if (!settings->config->log_identities)
		return;
	memcpy(identity, request->identity.data, len);
	identity[len] = '\0';
	add(record, "IDENTITY", identity);
}

static const char *location_name(enum service_location location)
{
	switch (location) {
	case LOCATION_INTRANET:
		return "intranet";
	case LOCATION_INTERNET:
		return "internet";
	case LOCATION_ANY:
		break;
	}
	return "any";
}

/* As one word of ASCII: it comes from outside, and must not break the line of the log. */
static const char *shown_identity(const struct service_request *request,
				  char shown[CREDENTIAL_USER_MAX + 1])
{
	credential_show_user(request->identity, shown);
	return shown;
}

/*
 * Requests over a rate, and gibberish, come in floods: log a line now and then, the
 * metrics count all. True if the decision was such a one.
 */
static bool only_a_line(const struct service_server *server,
			const struct service_request *request, enum service_fault fault,
			const char *why, bool names_identity)
{
	static struct log_limit over_rate, not_understood;
	char shown[CREDENTIAL_USER_MAX + 1];

	if (fault == SERVICE_NOT_UNDERSTOOD && why != NULL)
		log_limited(&not_understood, LOG_LEVEL_NOTICE, "%s: request refused: %s",
			    server->name, why);
	else if (fault == SERVICE_NOT_UNDERSTOOD)
		return true;
	else if (request == NULL)
		log_limited(&over_rate, LOG_LEVEL_WARNING,
			    "%s exceeds its requests_per_second", server->name);
	else if (fault == SERVICE_BUSY)
		log_limited(&over_rate, LOG_LEVEL_WARNING,
			    "%s exceeds limits.identity_per_minute%s%s", server->name,
			    names_identity ? " for " : "",
			    names_identity ? shown_identity(request, shown) : "");
	else
		return false;
	return true;
}

/* A server configured with a wrong identity repeats its request endlessly. */
static bool refusal_has_room(struct issuer *issuer)
{
	struct refusal_records *records = &issuer->refusals;

	if (records->second_s != issuer->unix_s) {
		if (records->left_out > 0)
			log_notice("%u more refusals within a second; not recorded",
				   records->left_out);
		*records = (struct refusal_records){.second_s = issuer->unix_s};
	}
	if (records->written < REFUSALS_PER_S) {
		records->written++;
		return true;
	}
	records->left_out++;
	return false;
}

/* As the relay shows it: of an MRAS token the keyed identity. */
static void add_user(struct record *record, const struct mras_settings *settings,
		     const struct credential_pair *pair, struct credential *credential)
{
	const struct slice username = {(const uint8_t *)pair->username,
				       strlen(pair->username)};

	if (!settings->config->log_identities ||
	    credential_parse(username, false, credential) != CREDENTIAL_OK)
		return;
	add(record, "USER", credential->user);
	record->fields[record->count - 1].escaped = true;
}

static void write_issued(struct record *record, const struct mras_settings *settings,
			 const struct credential_quota *quota,
			 const struct service_answer *answer)
{
	struct credential credential;
	char ttl[24], expires[TIMESTAMP_SIZE], allocations[24], bandwidth[24];

	add_user(record, settings, &answer->pair, &credential);
	snprintf(ttl, sizeof(ttl), "%" PRId64, answer->ttl_s);
	add(record, "TTL_S", ttl);
	if (timestamp_format(answer->pair.expires_s, expires))
		add(record, "EXPIRES", expires);
	add(record, "KEY_ID", answer->key_id);
	if (quota->allocations != 0) {
		snprintf(allocations, sizeof(allocations), "%" PRIu32,
			 quota->allocations);
		add(record, "QUOTA_ALLOCATIONS", allocations);
	}
	if (quota->bandwidth_bps != 0) {
		snprintf(bandwidth, sizeof(bandwidth), "%" PRIu64, quota->bandwidth_bps);
		add(record, "QUOTA_BANDWIDTH_BPS", bandwidth);
	}
	log_record("credential issued", record->fields, record->count);
}

void issuer_decided(void *arg, const struct service_server *server,
		    const struct service_request *request, enum service_fault fault,
		    const char *why, const struct service_answer *answer)
{
	struct issuer *issuer = arg;
	char identity[RECORD_IDENTITY_MAX + 1];
	struct record record = {.count = 0};

	assert((fault == SERVICE_OK) == (answer != NULL));
	assert(request != NULL || fault == SERVICE_BUSY ||
	       fault == SERVICE_NOT_UNDERSTOOD);
	issuer_count(issuer,
		     fault == SERVICE_OK ? COUNT_CREDENTIALS : COUNT_REFUSED_REQUESTS);
	mras_counters_decision(&issuer->mras_counters, request, fault);
	if (!issuer->settings->config->common.log.records ||
	    only_a_line(server, request, fault, why,
			issuer->settings->config->log_identities) ||
	    (fault != SERVICE_OK && !refusal_has_room(issuer)))
		return;
	add(&record, "SERVER", server->name);
	add_who(&record, issuer->settings, request, identity);
	add(&record, "FORM", request->form == CREDENTIAL_REST ? "rest" : "mras");
	add(&record, "TRANSPORT", mras_counters_language_name(request->language));
	add(&record, "LOCATION", location_name(request->location));
	if (fault == SERVICE_OK) {
		write_issued(&record, issuer->settings, &server->quota, answer);
		return;
	}
	add(&record, "REASON", service_fault_name(fault));
	log_record("credential refused", record.fields, record.count);
}

void issuer_log_counters(const struct issuer *issuer)
{
	struct log_field fields[COUNTER_COUNT];
	char text[COUNTER_COUNT][24];

	for (int i = 0; i < COUNTER_COUNT; i++) {
		snprintf(text[i], sizeof(text[i]), "%" PRIu64, issuer->counters[i]);
		fields[i] = (struct log_field){
			.key = issuer_counter_name((enum issuer_counter)i),
			.value = text[i],
		};
	}
	log_record("counters", fields, COUNTER_COUNT);
}
