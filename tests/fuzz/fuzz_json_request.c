/*
 * fuzz_json_request.c - any body of POST /v1/credentials gets one answer: JSON, with a
 * known status, and a credential only if the body names a user.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "auth/server/http_reply.h"
#include "tests/fuzz/fuzz.h"

static const char keys[] = "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";

static bool is_known(unsigned status)
{
	return status == 200 || status == 400 || status == 403 || status == 500;
}

static void check_credential(const json_t *document, const uint8_t *data, size_t size)
{
	json_int_t ttl = json_integer_value(json_object_get(document, "ttl"));

	FUZZ_CHECK(memmem(data, size, "user", 4) != NULL ||
		   memmem(data, size, "\\u", 2) != NULL);
	FUZZ_CHECK(json_is_string(json_object_get(document, "username")));
	FUZZ_CHECK(json_is_string(json_object_get(document, "password")));
	FUZZ_CHECK(ttl >= SERVICE_TTL_MIN_S && ttl <= 3600);
	FUZZ_CHECK(json_array_size(json_object_get(document, "iceServers")) <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct service_server server = {.name = "fe01.lab.example"};
	static const uint16_t ports[] = {3478, 443};
	static const struct service_relay relay = {.location = LOCATION_INTERNET,
						   .host = "av.lab.example",
						   .udp_ports = ports,
						   .udp_port_count = 2,
						   .tcp_ports = ports,
						   .tcp_port_count = 2};
	static struct service_memory *memory;
	static struct keyring *keyring;
	struct keyring_error error;

	if (memory == NULL) {
		memory = service_memory_new();
		keyring = keyring_parse(keys, sizeof(keys) - 1, &error);
		FUZZ_CHECK(memory != NULL && keyring != NULL);
	}

	const struct service service = {
		.servers = &server,
		.server_count = 1,
		.relays = &relay,
		.relay_count = 1,
		.realm = "avedge",
		.ttl_default_s = 3600,
		.ttl_max_s = 3600,
		.keyring = keyring,
	};
	const struct http_request request = {
		.method = "POST",
		.path = "/v1/credentials",
		.content_type = "application/json",
		.body = {data, size},
	};
	struct http_reply reply;
	http_reply(&service, memory, &server, &request, 1000, 1767225600, &reply);
	FUZZ_CHECK(reply.body != NULL && is_known(reply.status));

	json_t *document = json_loads(reply.body, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_CHECK(document != NULL);
	if (reply.status == 200)
		check_credential(document, data, size);
	else
		FUZZ_CHECK(json_is_string(json_object_get(document, "detail")));
	json_decref(document);
	free(reply.body);
	return 0;
}
