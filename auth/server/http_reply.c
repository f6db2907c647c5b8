/*
 * http_reply.c - see http_reply.h.
 */
#include "auth/server/http_reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "auth/credential/opaque_string.h"
#include "auth/credential/timestamp.h"
#include "auth/mras/text.h"
#include "base/control/control_common.h"
#include "base/http_status.h"

enum {
	TOKEN_VERSION = 2,
	TTL_ASKED_MAX_S = 1000000000, /* beyond any limit, so that it is clamped */
	MINUTE_S = 60,
	TLS_PORT = 5349,
};

/* The document is taken over; NULL: out of memory. */
static void finish(struct http_reply *reply, unsigned status, json_t *document)
{
	assert(reply->body == NULL); /* one answer to a request */
	reply->status = status;
	reply->content_type = status == 200 ? "application/json"
					    : "application/problem+json";
	reply->body = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
}

static void __attribute__((format(printf, 3, 4)))
problem(struct http_reply *reply, unsigned status, const char *format, ...)
{
	char *detail = reply->detail;
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(reply->detail), format, args);
	va_end(args);
	/* It may quote half a character of the request; JSON needs whole ones. */
	for (char *p = detail; *p; p++) {
		if (*p & 0x80)
			*p = '?';
	}
	finish(reply, status,
	       json_pack("{s:s, s:i, s:s}", "title", http_status_title(status), "status",
			 (int)status, "detail", detail));
}

/* --- answers ----------------------------------------------------------------------------------- */

/* In a URI an IPv6 address is in brackets (RFC 7065 section 3.1). */
static json_t *uri(const char *scheme, const struct service_relay *relay, uint16_t port,
		   const char *transport)
{
	bool is_ipv6 = strchr(relay->host, ':') != NULL;

	return json_sprintf("%s:%s%s%s:%u?transport=%s", scheme, is_ipv6 ? "[" : "",
			    relay->host, is_ipv6 ? "]" : "", port, transport);
}

/*
 * A TCP port is named for plain TCP and, with TLS, for TLS. Port 5349 is assigned to TURN over TLS
 * (RFC 8656 section 4.1), so that clients and firewalls expect nothing else there.
 */
static void add_tcp_uris(json_t *uris, const struct service_relay *relay, uint16_t port)
{
	if (!relay->tls || port != TLS_PORT)
		json_array_append_new(uris, uri("turn", relay, port, "tcp"));
	if (relay->tls)
		json_array_append_new(uris, uri("turns", relay, port, "tcp"));
}

static json_t *relay_uris(const struct service *service, enum service_location location)
{
	json_t *uris = json_array();

	for (size_t i = 0; i < service->relay_count; i++) {
		const struct service_relay *relay = &service->relays[i];

		if (!service_offers(relay, location))
			continue;
		for (size_t j = 0; j < relay->udp_port_count; j++)
			json_array_append_new(uris, uri("turn", relay,
							relay->udp_ports[j], "udp"));
		for (size_t j = 0; j < relay->tcp_port_count; j++)
			add_tcp_uris(uris, relay, relay->tcp_ports[j]);
	}
	return uris;
}

/* For RTCPeerConnection, which refuses empty urls. */
static json_t *ice_servers(const struct service *service, enum service_location location,
			   const struct credential_pair *pair)
{
	json_t *uris = relay_uris(service, location);

	if (json_array_size(uris) == 0) {
		json_decref(uris);
		return json_array();
	}
	return json_pack("[{s:o, s:s, s:s}]", "urls", uris, "username", pair->username,
			 "credential", pair->password);
}

static void grant(const struct service *service, enum service_location location,
		  const struct service_answer *answer, struct http_reply *reply)
{
	char expires[TIMESTAMP_SIZE];

	if (!timestamp_format(answer->pair.expires_s, expires)) {
		problem(reply, 500, "the clock of mrasd is wrong");
		return;
	}
	finish(reply, 200,
	       json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "username",
			 answer->pair.username, "password", answer->pair.password, "ttl",
			 (json_int_t)answer->ttl_s, "expires", expires, "realm",
			 service->realm, "iceServers",
			 ice_servers(service, location, &answer->pair)));
}

static json_t *relay_document(const struct service_relay *relay)
{
	char address[ENDPOINT_TEXT_LEN];
	json_t *document =
		json_pack("{s:s, s:s}", "location",
			  relay->location == LOCATION_INTRANET ? "intranet" : "internet",
			  "host", relay->host);

	if (relay->direct.family != IP_NONE)
		json_object_set_new(document, "address",
				    json_string(ip_addr_format(&relay->direct, address,
							       sizeof(address))));
	json_object_set_new(document, "udpPorts",
			    control_port_list(relay->udp_ports, relay->udp_port_count));
	json_object_set_new(document, "tcpPorts",
			    control_port_list(relay->tcp_ports, relay->tcp_port_count));
	json_object_set_new(document, "tls", json_boolean(relay->tls));
	return document;
}

static void list_relays(const struct service *service, struct http_reply *reply)
{
	json_t *relays = json_array();

	for (size_t i = 0; i < service->relay_count; i++) {
		if (service_offers(&service->relays[i], LOCATION_ANY))
			json_array_append_new(relays,
					      relay_document(&service->relays[i]));
	}
	finish(reply, 200,
	       json_pack("{s:s, s:o}", "realm", service->realm, "relays", relays));
}

/* --- a request for a credential ------------------------------------------------------------------ */

/* Compare a media type, ignoring parameters (RFC 9110 section 8.3.1). */
static bool is_json(const char *content_type)
{
	static const char type[] = "application/json";
	size_t len;

	if (content_type == NULL)
		return false;
	len = strcspn(content_type, "; \t");
	return len == sizeof(type) - 1 && strncasecmp(content_type, type, len) == 0;
}

/* A text member that is one of two words; absent: *out stays. */
static bool read_word(const json_t *value, const char *name, const char *const words[2],
		      const int values[2], int *out, struct http_reply *reply)
{
	for (int i = 0; value != NULL && i < 2; i++) {
		if (json_is_string(value) &&
		    strcmp(json_string_value(value), words[i]) == 0) {
			*out = values[i];
			return true;
		}
	}
	if (value == NULL)
		return true;
	problem(reply, 400, "\"%s\" must be \"%s\" or \"%s\"", name, words[0], words[1]);
	return false;
}

/* Do not silently ignore a misspelt member. */
static bool knows_members(json_t *document, struct http_reply *reply)
{
	static const char *const known[] = {"user", "ttl", "location", "form"};
	const char *name;
	json_t *value;

	json_object_foreach(document, name, value)
	{
		bool is_known = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strcmp(name, known[i]) == 0;
		if (!is_known) {
			problem(reply, 400,
				"unknown member \"%.32s\"; valid are user, ttl, location and form",
				name);
			return false;
		}
	}
	return true;
}

static bool read_ttl(const json_t *value, int64_t *ttl_s, struct http_reply *reply)
{
	json_int_t asked = json_integer_value(value);

	*ttl_s = 0;
	if (value == NULL)
		return true;
	if (!json_is_integer(value) || asked < 1) {
		problem(reply, 400, "\"ttl\" must be a number of seconds, at least 1");
		return false;
	}
	*ttl_s = asked < TTL_ASKED_MAX_S ? asked : TTL_ASKED_MAX_S;
	return true;
}

/* The document lives as long as the request borrows from it. */
static bool read_request(json_t *document, struct service_request *request,
			 struct http_reply *reply)
{
	static const char *const forms[] = {"rest", "mras"};
	static const int form_values[] = {CREDENTIAL_REST, CREDENTIAL_MRAS_TEXT};
	static const char *const locations[] = {"intranet", "internet"};
	static const int location_values[] = {LOCATION_INTRANET, LOCATION_INTERNET};
	const json_t *user = json_object_get(document, "user");
	int form = CREDENTIAL_REST, location = LOCATION_ANY;

	if (!json_is_object(document)) {
		problem(reply, 400, "the body must be a JSON object");
		return false;
	}
	if (!knows_members(document, reply) ||
	    !read_ttl(json_object_get(document, "ttl"), &request->ttl_s, reply) ||
	    !read_word(json_object_get(document, "form"), "form", forms, form_values,
		       &form, reply) ||
	    !read_word(json_object_get(document, "location"), "location", locations,
		       location_values, &location, reply))
		return false;
	if (!json_is_string(user)) {
		problem(reply, 400,
			"\"user\" is required: the name that the credential is for");
		return false;
	}
	request->identity = (struct slice){(const uint8_t *)json_string_value(user),
					   json_string_length(user)};
	request->form = (enum credential_form)form;
	request->location = (enum service_location)location;
	return true;
}

/* What is wrong with the identity of a request. */
static void refuse_identity(const struct service_request *asked, struct http_reply *reply)
{
	uint8_t name[CREDENTIAL_ISSUED_MAX];
	struct opaque_string_error error;
	char why[128];
	size_t len;

	if (asked->form != CREDENTIAL_REST) {
		problem(reply, 400, "\"user\" is empty, too long or not text");
		return;
	}
	if (opaque_string_enforce(asked->identity, name, sizeof(name), &len, &error) ||
	    error.fault == OPAQUE_STRING_TOO_LONG)
		snprintf(why, sizeof(why), "and its expiry are longer than %d bytes",
			 CREDENTIAL_ISSUED_MAX);
	else
		opaque_string_explain(&error, why, sizeof(why));
	problem(reply, 400, "\"user\" %s; form \"mras\" takes any text", why);
}

static void refuse(enum service_fault fault, const struct service *service,
		   const struct service_request *asked, struct http_reply *reply)
{
	switch (fault) {
	case SERVICE_BAD_IDENTITY:
		refuse_identity(asked, reply);
		return;
	case SERVICE_FORBIDDEN:
		problem(reply, 403,
			"this server may not request credentials for that user");
		return;
	case SERVICE_BUSY:
		problem(reply, 429, "too many credentials for that user");
		reply->retry_after_s = 1 + MINUTE_S / (service->identity_per_minute + 1);
		return;
	case SERVICE_NO_KEY:
		problem(reply, 503, "no valid key for that form");
		reply->retry_after_s = MINUTE_S;
		return;
	case SERVICE_OK:
	case SERVICE_NO_RELAY:
	case SERVICE_FAILED:
	case SERVICE_NOT_UNDERSTOOD:
	case SERVICE_FAULT_COUNT:
		break;
	}
	problem(reply, 500, "internal error; see the log of mrasd");
}

/* The document in a request's body; NULL, with the reply, if there is none. */
static json_t *read_body(const struct http_request *request, struct http_reply *reply)
{
	json_error_t error;

	if (!is_json(request->content_type)) {
		problem(reply, 415, "the body must be application/json");
		return NULL;
	}
	json_t *document = json_loadb((const char *)request->body.data, request->body.len,
				      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (document == NULL)
		problem(reply, 400, "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
	return document;
}

/* False, with the reply, if it is not understood. */
static bool issue(const struct service *service, struct service_memory *memory,
		  const struct service_server *server, const struct http_request *request,
		  uint64_t now_ms, int64_t unix_s, struct http_reply *reply)
{
	struct service_request asked = {.server = server,
					.token_version = TOKEN_VERSION,
					.language = SERVICE_HTTP};
	struct service_answer answer;
	json_t *document = read_body(request, reply);
	bool understood = document != NULL && read_request(document, &asked, reply);

	if (understood) {
		enum service_fault fault =
			service_issue(service, memory, &asked, now_ms, unix_s, &answer);

		assert(fault != SERVICE_OK || answer.ttl_s > 0);
		if (fault == SERVICE_OK)
			grant(service, asked.location, &answer, reply);
		else
			refuse(fault, service, &asked, reply);
	}
	json_decref(document);
	return understood;
}

static void report(const struct service *service, const struct service_server *server,
		   const struct http_request *request, const struct http_reply *reply)
{
	char why[sizeof(reply->detail) + 160];

	snprintf(why, sizeof(why), "%.16s %.64s: %u %s: %s", request->method,
		 request->path, reply->status, http_status_title(reply->status),
		 reply->detail);
	service_not_understood(service, server, why);
}

/* --- everything -------------------------------------------------------------------------------- */

void http_reply(const struct service *service, struct service_memory *memory,
		const struct service_server *server, const struct http_request *request,
		uint64_t now_ms, int64_t unix_s, struct http_reply *reply)
{
	bool credentials = strcmp(request->path, "/v1/credentials") == 0;
	bool relays = strcmp(request->path, "/v1/relays") == 0;
	bool is_get = strcmp(request->method, "GET") == 0 ||
		      strcmp(request->method, "HEAD") == 0;
	bool understood = false;

	assert(request->method != NULL && request->path[0] == '/');
	*reply = (struct http_reply){.status = 0};
	if (!service_admits(service, memory, server, now_ms)) {
		problem(reply, 429, "too many requests from this server");
		reply->retry_after_s = 1;
		return;
	}
	if (!credentials && !relays) {
		problem(reply, 404, "not found; try /v1/credentials or /v1/relays");
	} else if (relays && !is_get) {
		reply->allow = "GET, HEAD";
		problem(reply, 405, "only GET");
	} else if (credentials && strcmp(request->method, "POST") != 0) {
		reply->allow = "POST";
		problem(reply, 405, "only POST");
	} else if (relays) {
		list_relays(service, reply);
		understood = true;
	} else {
		understood =
			issue(service, memory, server, request, now_ms, unix_s, reply);
	}
	if (!understood)
		report(service, server, request, reply);
}

static void add_date(struct text *response, int64_t unix_s)
{
	const time_t now = (time_t)unix_s;
	char date[64];
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL &&
	    strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm) > 0)
		text_add_string(response, date);
}

char *http_reply_write(struct http_reply *reply, const struct http_request *request,
		       int64_t unix_s, size_t *len)
{
	struct text response = {.limit = 0};

	*len = 0;
	if (reply->body == NULL)
		return NULL;
	assert(reply->status >= 200 && reply->content_type != NULL);
	text_format(&response, "HTTP/1.1 %u %s\r\n", reply->status,
		    http_status_title(reply->status));
	add_date(&response, unix_s);
	/* A credential must not be cached. */
	text_format(&response,
		    "Content-Type: %s\r\nCache-Control: no-store\r\nConnection: %s\r\n",
		    reply->content_type, request->close ? "close" : "keep-alive");
	if (reply->allow != NULL)
		text_format(&response, "Allow: %s\r\n", reply->allow);
	if (reply->retry_after_s != 0)
		text_format(&response, "Retry-After: %u\r\n", reply->retry_after_s);
	text_format(&response, "Content-Length: %zu\r\n\r\n", strlen(reply->body));
	if (strcmp(request->method, "HEAD") != 0)
		text_add_string(&response, reply->body);
	free(reply->body);
	reply->body = NULL;
	return text_finish(&response, len);
}

char *http_reply_refuse(const struct http_refusal *refusal, int64_t unix_s, size_t *len)
{
	static const struct http_request unknown = {.method = "", .close = true};
	struct http_reply reply = {.status = 0};

	problem(&reply, refusal->status, "%s", refusal->sentence);
	return http_reply_write(&reply, &unknown, unix_s, len);
}
