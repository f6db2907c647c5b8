/*
 * probe_sip.c - a credential over SIP, as a front end of Lync asks ([MS-AVEDGEA]).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>
#include <openssl/rand.h>

#include "tools/probe/probe.h"

enum {
	BODY_SIZE = 4096,
	REQUEST_SIZE = 8192,
	VALUE_SIZE = PROBE_TEXT_MAX,
	MINUTE_S = 60,
};

/* State of the XML parser. */
struct reader {
	struct probe_answer *answer;
	char reason[64];
	char value[VALUE_SIZE]; /* text of the element that is open */
	size_t len;
};

/* Elements are identified by local name: the sender chooses the prefix. */
static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *reader = arg;
	struct probe_answer *answer = reader->answer;

	reader->len = 0;
	reader->value[0] = '\0';
	if (strcmp(local_name(name), "response") == 0) {
		for (size_t i = 0; attributes[i] != NULL; i += 2) {
			if (strcmp(attributes[i], "reasonPhrase") == 0)
				snprintf(reader->reason, sizeof(reader->reason), "%s",
					 attributes[i + 1]);
		}
	} else if (strcmp(local_name(name), "mediaRelay") == 0 &&
		   answer->relay_count < PROBE_RELAYS_MAX) {
		answer->relays[answer->relay_count++] =
			(struct probe_relay){.tls_unknown = true};
	}
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct reader *reader = arg;
	size_t room = sizeof(reader->value) - 1 - reader->len;
	size_t taken = (size_t)len < room ? (size_t)len : room;

	assert(reader->len < sizeof(reader->value) && taken <= room);
	memcpy(reader->value + reader->len, text, taken);
	reader->len += taken;
	reader->value[reader->len] = '\0';
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reader *reader = arg;
	struct probe_answer *answer = reader->answer;
	assert(answer->relay_count <= PROBE_RELAYS_MAX);
	struct probe_relay outside, /* of any relay */
		*relay = answer->relay_count > 0
				 ? &answer->relays[answer->relay_count - 1]
				 : &outside;
	const struct {
		const char *name;
		char *field;
		size_t size;
	} texts[] = {
		{"username", answer->username, sizeof(answer->username)},
		{"password", answer->password, sizeof(answer->password)},
		{"realm", answer->realm, sizeof(answer->realm)},
		{"location", relay->location, sizeof(relay->location)},
		{"hostName", relay->host, sizeof(relay->host)},
		{"directIPAddress", relay->host, sizeof(relay->host)},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(local_name(name), texts[i].name) == 0)
			snprintf(texts[i].field, texts[i].size, "%.*s",
				 (int)texts[i].size - 1, reader->value);
	}
	if (strcmp(local_name(name), "duration") == 0)
		answer->ttl_s = strtol(reader->value, NULL, 10) * MINUTE_S;
	else if (strcmp(local_name(name), "udpPort") == 0)
		relay->udp_ports[0] = (uint16_t)strtoul(reader->value, NULL, 10);
	else if (strcmp(local_name(name), "tcpPort") == 0)
		relay->tcp_ports[0] = (uint16_t)strtoul(reader->value, NULL, 10);
}

/* The HTTP status that says the same as a reasonPhrase. */
static int status_of(const char *reason)
{
	return strcmp(reason, "Forbidden") == 0       ? 403
	       : strcmp(reason, "Not Supported") == 0 ? 503
	       : strcmp(reason, "Server Busy") == 0   ? 429
						      : 0;
}

static bool read_answer(const struct probe_response *response,
			struct probe_report *report, struct probe_answer *answer)
{
	struct reader reader = {.answer = answer};
	XML_Parser parser = XML_ParserCreate(NULL);
	bool parsed;

	if (response->status != 200)
		return probe_fail(report, "answer", "see the log of mrasd", "%.*s",
				  (int)strcspn(response->text, "\r"), response->text);
	if (parser == NULL)
		return probe_fail(report, "answer", "free memory", "out of memory");
	XML_SetUserData(parser, &reader);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	parsed = XML_Parse(parser, response->body, (int)response->body_len, 1) ==
		 XML_STATUS_OK;
	XML_ParserFree(parser);
	if (!parsed)
		return probe_fail(report, "answer", "is that mrasd?",
				  "200 OK without XML");
	if (strcmp(reader.reason, "OK") != 0)
		return probe_fail(report, "answer",
				  probe_refusal_advice(status_of(reader.reason)),
				  "200 OK, but reasonPhrase is \"%s\"", reader.reason);
	return true;
}

/* Text for XML; false if it does not fit, or has characters that XML cannot have. */
static bool escape(const char *text, char *buf, size_t size)
{
	size_t used = 0;

	for (; *text != '\0'; text++) {
		const char one[2] = {*text, '\0'};
		const char *out = *text == '<'   ? "&lt;"
				  : *text == '&' ? "&amp;"
				  : *text == '"' ? "&quot;"
						 : one;

		if ((unsigned char)*text < ' ' || used + strlen(out) >= size)
			return false;
		used += (size_t)snprintf(buf + used, size - used, "%s", out);
	}
	buf[used] = '\0';
	return true;
}

bool probe_sip(struct probe_tls *tls, const struct probe_options *options,
	       struct probe_report *report, struct probe_answer *answer)
{
	char identity[BODY_SIZE / 2], body[BODY_SIZE], request[REQUEST_SIZE];
	unsigned id = 0;
	struct probe_response response;

	if (RAND_bytes((unsigned char *)&id, sizeof(id)) != 1 ||
	    !escape(options->identity, identity, sizeof(identity)))
		return probe_fail(report, "request",
				  "use an --identity that is text, and shorter",
				  "the identity is too long, or has control characters");

	int body_len = snprintf(
		body, sizeof(body),
		"<request requestID=\"%u\" version=\"2.0\" to=\"sip:mras@%s\" "
		"from=\"sip:avedgectl@%s\" "
		"xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\">"
		"<credentialsRequest credentialsRequestID=\"%u\"><identity>%s</identity>"
		"<duration>%lld</duration></credentialsRequest></request>",
		id, options->name, options->name, id, identity,
		(long long)((options->ttl_s + MINUTE_S - 1) / MINUTE_S));
	int len = snprintf(request, sizeof(request),
			   "SERVICE sip:%s:%s SIP/2.0\r\n"
			   "Via: SIP/2.0/TLS probe.invalid;branch=z9hG4bK%08x\r\n"
			   "Max-Forwards: 70\r\n"
			   "From: <sip:avedgectl@%s>;tag=%08x\r\n"
			   "To: <sip:mras@%s>\r\n"
			   "Call-ID: %08x@probe.invalid\r\n"
			   "CSeq: 1 SERVICE\r\n"
			   "Content-Type: application/msrtc-media-relay-auth+xml\r\n"
			   "Content-Length: %d\r\n\r\n%s",
			   options->name, options->port, id, options->name, id,
			   options->name, id, body_len, body);

	if (body_len >= (int)sizeof(body) || len >= (int)sizeof(request))
		return probe_fail(report, "request", "use a shorter --identity",
				  "the identity is too long");
	bool ok = probe_tls_ask(tls, report, request, (size_t)len, &response);
	if (ok) {
		probe_ok(report, "request", "SERVICE, [MS-AVEDGEA] 2.0, for %s",
			 options->identity);
		ok = read_answer(&response, report, answer);
	}
	free(response.text);
	return ok;
}
