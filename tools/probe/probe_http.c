/*
 * probe_http.c - a credential over HTTP, as a web application asks.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/probe/probe.h"

enum { REQUEST_SIZE = 4096 };

static void copy(char *buf, size_t size, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	snprintf(buf, size, "%s", text != NULL ? text : "");
}

static bool ask(struct probe_tls *tls, struct probe_report *report, const char *request,
		size_t len, json_t **document)
{
	struct probe_response response;
	bool ok = probe_tls_ask(tls, report, request, len, &response);

	if (ok) {
		*document = json_loadb(response.body, response.body_len, 0, NULL);
		if (*document == NULL) {
			ok = probe_fail(report, "answer", "is that mrasd?",
					"status %d without JSON", response.status);
		} else if (response.status != 200) {
			const char *detail =
				json_string_value(json_object_get(*document, "detail"));

			ok = probe_fail(report, "answer",
					probe_refusal_advice(response.status),
					"status %d: %s", response.status,
					detail != NULL ? detail : "no reason given");
			json_decref(*document);
		}
	}
	free(response.text);
	return ok;
}

static void read_ports(const json_t *list, uint16_t ports[PROBE_PORTS_MAX])
{
	memset(ports, 0, PROBE_PORTS_MAX * sizeof(*ports));
	for (size_t i = 0; i < json_array_size(list) && i < PROBE_PORTS_MAX; i++)
		ports[i] = (uint16_t)json_integer_value(json_array_get(list, i));
}

static void read_relays(const json_t *relays, struct probe_answer *answer)
{
	answer->relay_count = 0;
	for (size_t i = 0; i < json_array_size(relays) && i < PROBE_RELAYS_MAX; i++) {
		const json_t *from = json_array_get(relays, i);
		struct probe_relay *to = &answer->relays[answer->relay_count++];

		copy(to->location, sizeof(to->location), from, "location");
		copy(to->host, sizeof(to->host), from, "host");
		read_ports(json_object_get(from, "udpPorts"), to->udp_ports);
		read_ports(json_object_get(from, "tcpPorts"), to->tcp_ports);
		to->tls = json_is_true(json_object_get(from, "tls"));
		to->tls_unknown = false;
	}
}

static bool ask_relays(struct probe_tls *tls, const struct probe_options *options,
		       struct probe_report *report, struct probe_answer *answer)
{
	char request[REQUEST_SIZE];
	json_t *document;
	int len = snprintf(request, sizeof(request),
			   "GET /v1/relays HTTP/1.1\r\nHost: %s\r\n\r\n", options->name);

	/* The longer POST with the same name did fit. */
	assert(len > 0 && len < (int)sizeof(request));
	if (!ask(tls, report, request, (size_t)len, &document))
		return false;
	read_relays(json_object_get(document, "relays"), answer);
	json_decref(document);
	return true;
}

bool probe_http(struct probe_tls *tls, const struct probe_options *options,
		struct probe_report *report, struct probe_answer *answer)
{
	json_t *asked = json_pack("{s:s, s:I, s:s}", "user", options->identity, "ttl",
				  (json_int_t)options->ttl_s, "form",
				  options->mras ? "mras" : "rest");
	char *body = asked != NULL ? json_dumps(asked, JSON_COMPACT) : NULL;
	char request[REQUEST_SIZE];
	json_t *document;
	int len;

	json_decref(asked);
	if (body == NULL)
		return probe_fail(report, "request", "use another --identity",
				  "'%s' is not UTF-8", options->identity);
	len = snprintf(request, sizeof(request),
		       "POST /v1/credentials HTTP/1.1\r\nHost: %s\r\n"
		       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		       options->name, strlen(body), body);
	free(body);
	if (len >= (int)sizeof(request))
		return probe_fail(report, "request", "use a shorter --identity",
				  "the identity is too long");
	if (!ask(tls, report, request, (size_t)len, &document))
		return false;
	probe_ok(report, "request", "POST /v1/credentials, form %s, for %s",
		 options->mras ? "mras" : "rest", options->identity);
	copy(answer->username, sizeof(answer->username), document, "username");
	copy(answer->password, sizeof(answer->password), document, "password");
	copy(answer->expires, sizeof(answer->expires), document, "expires");
	copy(answer->realm, sizeof(answer->realm), document, "realm");
	answer->ttl_s = json_integer_value(json_object_get(document, "ttl"));
	json_decref(document);
	return ask_relays(tls, options, report, answer);
}
