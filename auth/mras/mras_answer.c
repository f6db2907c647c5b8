/*
 * mras_answer.c - the response of [MS-AVEDGEA].
 */
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/mras_xml.h"

#include "auth/mras/text.h"
#include <assert.h>

#define SERVER_VERSION "3.0"

enum {
	S_PER_MINUTE = 60,
	VERSION_WITH_IPV6 =
		3, /* the first whose directIPAddress may be an IPv6 address */
};

/*
 * Escape for an attribute value or text: both quotes, and white space that a parser would
 * normalise.
 */
static void add_escaped(struct text *out, const char *string)
{
	static const char special[] = "<>&\"'\t\n\r";
	static const char *const written[] = {"&lt;",   "&gt;", "&amp;", "&quot;",
					      "&apos;", "&#9;", "&#10;", "&#13;"};

	while (*string) {
		size_t plain = strcspn(string, special);

		text_add(out, string, plain);
		string += plain;
		if (*string)
			text_add_string(out,
					written[strchr(special, *string++) - special]);
	}
}

static void add_attribute(struct text *out, const char *name, const char *value)
{
	text_format(out, " %s=\"", name);
	add_escaped(out, value);
	text_add_string(out, "\"");
}

static void add_element(struct text *out, const char *name, const char *value)
{
	text_format(out, "<%s>", name);
	add_escaped(out, value);
	text_format(out, "</%s>", name);
}

/*
 * Where the relay is. The schema has a name or an address, never both, and SIPE reads
 * only names. SIPE never asks for addresses, so a client that does gets one if there is
 * one.
 */
static void add_relay_host(struct text *out, const struct service_relay *relay,
			   const struct mras_request *request)
{
	struct ip_addr direct = relay->direct;
	char address[ENDPOINT_TEXT_LEN];

	if (direct.family == IP_NONE && !ip_addr_parse(relay->host, &direct))
		direct.family = IP_NONE;
	if (request->direct_ip &&
	    (direct.family == IP_V4 ||
	     (direct.family == IP_V6 && request->version >= VERSION_WITH_IPV6)))
		add_element(out, "directIPAddress",
			    ip_addr_format(&direct, address, sizeof(address)));
	else
		add_element(out, "hostName", relay->host);
}

static void add_relays(struct text *out, const struct service *service,
		       const struct mras_request *request, enum service_location location)
{
	text_add_string(out, "<mediaRelayList>");
	for (size_t i = 0; i < service->relay_count; i++) {
		const struct service_relay *relay = &service->relays[i];

		if (!service_offers(relay, location))
			continue;
		text_add_string(out, "<mediaRelay>");
		add_element(out, "location",
			    relay->location == LOCATION_INTRANET ? "intranet"
								 : "internet");
		add_relay_host(out, relay, request);
		/*
		 * A mediaRelay has room for one port of each. A second one with the same
		 * host would be a second relay to clients, and get an allocation too.
		 */
		if (relay->udp_port_count > 0)
			text_format(out, "<udpPort>%u</udpPort>", relay->udp_ports[0]);
		if (relay->tcp_port_count > 0)
			text_format(out, "<tcpPort>%u</tcpPort>", relay->tcp_ports[0]);
		text_add_string(out, "</mediaRelay>");
	}
	text_add_string(out, "</mediaRelayList>");
}

static bool has_relay(const struct service *service, enum service_location location)
{
	for (size_t i = 0; i < service->relay_count; i++) {
		if (service_offers(&service->relays[i], location))
			return true;
	}
	return false;
}

static enum mras_reason reason_of(enum service_fault fault)
{
	switch (fault) {
	case SERVICE_OK:
		return MRAS_OK;
	case SERVICE_BAD_IDENTITY:
		return MRAS_MALFORMED;
	case SERVICE_FORBIDDEN:
		return MRAS_FORBIDDEN;
	case SERVICE_BUSY:
		return MRAS_BUSY;
	case SERVICE_NO_KEY:
	case SERVICE_NO_RELAY:
		return MRAS_NOT_SUPPORTED;
	case SERVICE_FAILED:
		return MRAS_INTERNAL_ERROR;
	case SERVICE_NOT_UNDERSTOOD:
	case SERVICE_FAULT_COUNT:
		break;
	}
	return MRAS_OTHER_FAILURE;
}

/* A key may end within a minute, but 0 is not a valid duration. */
static int64_t whole_minutes(int64_t ttl_s)
{
	assert(ttl_s > 0);
	return ttl_s < S_PER_MINUTE ? 1 : ttl_s / S_PER_MINUTE;
}

static void add_credentials(struct text *out, const struct service *service,
			    const struct service_answer *answer)
{
	text_add_string(out, "<credentials>");
	add_element(out, "username", answer->pair.username);
	add_element(out, "password", answer->pair.password);
	text_format(out, "<duration>%" PRId64 "</duration>",
		    whole_minutes(answer->ttl_s));
	if (service->realm && *service->realm)
		add_element(out, "realm", service->realm);
	text_add_string(out, "</credentials>");
}

/* One credentialsResponse, or the reason why there is none. */
static enum mras_reason add_part(struct text *out, const struct service *service,
				 struct service_memory *memory,
				 const struct service_server *server,
				 const struct mras_request *request, size_t index,
				 uint64_t now_ms, int64_t unix_s)
{
	const struct mras_credentials_request *part = &request->requests[index];
	const struct service_request asked = {
		.server = server,
		.identity = {(const uint8_t *)part->identity, strlen(part->identity)},
		.location = part->location,
		.ttl_s = part->duration_min * S_PER_MINUTE,
		.form = CREDENTIAL_MRAS_TEXT,
		.token_version = request->version == 1 ? 1 : 2,
		.language = SERVICE_SIP,
	};
	struct service_answer answer;
	enum service_fault fault;

	assert(index < request->count && part->identity != NULL);
	/* The schema has no empty list: that location has no relay to give. */
	if (!has_relay(service, part->location)) {
		service_refused(service, server, &asked, SERVICE_NO_RELAY);
		return reason_of(SERVICE_NO_RELAY);
	}
	fault = service_issue(service, memory, &asked, now_ms, unix_s, &answer);
	if (fault == SERVICE_OK) {
		text_add_string(out, "<credentialsResponse");
		add_attribute(out, "credentialsRequestID", part->id);
		text_add_string(out, ">");
		add_credentials(out, service, &answer);
		add_relays(out, service, request, part->location);
		text_add_string(out, "</credentialsResponse>");
	}
	OPENSSL_cleanse(&answer, sizeof(answer));
	return reason_of(fault);
}

/* The version of the request if we speak it, else ours. */
static const char *answered_version(const struct mras_request *request)
{
	static const char *const versions[] = {SERVER_VERSION, "1.0", "2.0", "3.0"};

	return request && request->version >= 1 && request->version <= 3
		       ? versions[request->version]
		       : versions[0];
}

static void add_head(struct text *out, const struct mras_request *request,
		     enum mras_reason reason)
{
	text_add_string(out, "<?xml version=\"1.0\"?>\r\n"
			     "<response xmlns=\"http://schemas.microsoft.com/2006/09/sip/"
			     "mrasp\"");
	if (request)
		add_attribute(out, "requestID", request->request_id);
	add_attribute(out, "version", answered_version(request));
	add_attribute(out, "serverVersion", SERVER_VERSION);
	if (request) {
		add_attribute(out, "to", request->to);
		add_attribute(out, "from", request->from);
	}
	add_attribute(out, "reasonPhrase", mras_reason_phrase(reason));
}

char *mras_respond(const struct service *service, struct service_memory *memory,
		   const struct service_server *server,
		   const struct mras_request *request, enum mras_reason reason,
		   uint64_t now_ms, int64_t unix_s, size_t *len)
{
	struct text out = {.limit = 0};
	struct text parts = {.limit = 0};

	if (!request && reason == MRAS_OK)
		reason = MRAS_INTERNAL_ERROR;
	/* A request over its rate is already recorded. */
	if (reason != MRAS_OK && reason != MRAS_BUSY)
		service_not_understood(service, server, mras_reason_phrase(reason));
	if (reason == MRAS_OK) {
		for (size_t i = 0; i < request->count && reason == MRAS_OK; i++)
			reason = add_part(&parts, service, memory, server, request, i,
					  now_ms, unix_s);
	}
	if (reason == MRAS_OK && parts.failed)
		reason = MRAS_INTERNAL_ERROR;
	/* An identity that only the service can judge is malformed too. */
	add_head(&out, reason == MRAS_MALFORMED ? NULL : request, reason);
	if (reason == MRAS_OK) {
		text_add_string(&out, ">");
		text_add(&out, parts.data, parts.len);
		text_add_string(&out, "</response>");
	} else {
		text_add_string(&out, "/>");
	}
	if (parts.data)
		OPENSSL_cleanse(parts.data, parts.len);
	text_free(&parts);
	return text_finish(&out, len);
}
