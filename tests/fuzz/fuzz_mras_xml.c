/*
 * fuzz_mras_xml.c - bytes become the body of a SERVICE request. A parsed request keeps to
 * the limits, and the answer is XML that a strict reader accepts, in the form SIPE
 * expects.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/mras/mras_xml.h"
#include "tests/fuzz/fuzz.h"

#define NOW_S 1767225600

static struct service_server server = {.name = "fe01.lab.example"};
static const uint16_t ports[] = {3478, 443};
static const struct service_relay relays[] = {
	{.location = LOCATION_INTERNET,
	 .host = "av.lab.example",
	 .udp_ports = ports,
	 .udp_port_count = 2},
	{.location = LOCATION_INTRANET,
	 .host = "192.0.2.1",
	 .tcp_ports = ports,
	 .tcp_port_count = 2},
};
static struct service service = {
	.servers = &server,
	.server_count = 1,
	.relays = relays,
	.relay_count = 2,
	.realm = "lab.example",
	.ttl_default_s = 28800,
	.ttl_max_s = 28800,
};
static struct service_memory *memory;

static void make_service(void)
{
	static const char key[] = "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
	struct keyring_error error;

	if (memory)
		return;
	service.keyring = keyring_parse(key, sizeof(key) - 1, &error);
	memory = service_memory_new();
	FUZZ_CHECK(service.keyring && memory);
}

static void check_request(const struct mras_request *request, enum mras_reason reason)
{
	FUZZ_CHECK(request->request_id && request->to && request->from);
	FUZZ_CHECK(strncasecmp(request->to, "sip", 3) == 0);
	FUZZ_CHECK(request->version >= 0 && request->version <= 3);
	FUZZ_CHECK(request->count <= MRAS_REQUESTS_MAX);
	if (reason != MRAS_OK)
		return;
	FUZZ_CHECK(request->version > 0 && request->count > 0);
	for (size_t i = 0; i < request->count; i++) {
		const struct mras_credentials_request *part = &request->requests[i];

		FUZZ_CHECK(part->id && strlen(part->id) <= 4 * MRAS_ID_MAX);
		FUZZ_CHECK(part->identity && *part->identity &&
			   strlen(part->identity) <= SERVICE_IDENTITY_MAX);
		FUZZ_CHECK(part->duration_min >= 0);
	}
}

struct seen {
	const struct mras_request *request;
	const char *phrase;
	size_t parts, relays;
};

static void XMLCALL on_start(void *user, const XML_Char *name,
			     const XML_Char **attributes)
{
	struct seen *seen = user;

	seen->parts += strcmp(name, "credentialsResponse") == 0;
	seen->relays += strcmp(name, "mediaRelay") == 0;
	if (strcmp(name, "response") != 0)
		return;
	for (; *attributes; attributes += 2) {
		if (strcmp(attributes[0], "reasonPhrase") == 0)
			seen->phrase = strcmp(attributes[1], "OK") == 0 ? "OK" : "other";
		/* The answer returns what was sent, whatever its content. */
		if (strcmp(attributes[0], "requestID") == 0)
			FUZZ_CHECK(seen->request &&
				   strcmp(attributes[1], seen->request->request_id) == 0);
		if (strcmp(attributes[0], "to") == 0)
			FUZZ_CHECK(strcmp(attributes[1], seen->request->to) == 0);
	}
}

static void check_answer(const char *answer, size_t len,
			 const struct mras_request *request)
{
	struct seen seen = {.request = request};
	XML_Parser parser = XML_ParserCreate(NULL);

	FUZZ_CHECK(parser && strlen(answer) == len);
	XML_SetUserData(parser, &seen);
	XML_SetStartElementHandler(parser, on_start);
	FUZZ_CHECK(XML_Parse(parser, answer, (int)len, XML_TRUE) == XML_STATUS_OK);
	XML_ParserFree(parser);
	FUZZ_CHECK(seen.phrase != NULL);
	if (strcmp(seen.phrase, "OK") == 0)
		FUZZ_CHECK(request && seen.parts == request->count &&
			   seen.relays >= seen.parts);
	else
		FUZZ_CHECK(seen.parts == 0 && seen.relays == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum mras_reason reason = MRAS_OTHER_FAILURE;
	struct mras_request *request;
	char *answer;
	size_t len;

	make_service();
	request = mras_request_parse((struct slice){data, size}, &reason);
	if (request)
		check_request(request, reason);
	else
		FUZZ_CHECK(reason == MRAS_MALFORMED || reason == MRAS_TOO_LARGE ||
			   reason == MRAS_INTERNAL_ERROR);
	answer = mras_respond(&service, memory, &server, request, reason, 1000, NOW_S,
			      &len);
	FUZZ_CHECK(answer != NULL);
	check_answer(answer, len, request);
	free(answer);
	mras_request_free(request);
	return 0;
}
