/*
 * fuzz_sip_message.c - bytes become a SIP message from a trusted server. A response is a
 * complete SIP message, and the same request gets the same To tag.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "auth/mras/sip_head.h"
#include "tests/fuzz/fuzz.h"

#define NOW_S 1767225600

static struct service_server server = {.name = "fe01.lab.example"};
static const uint16_t ports[] = {3478, 443};
static const struct service_relay relay = {.location = LOCATION_INTERNET,
					   .host = "av.lab.example",
					   .udp_ports = ports,
					   .udp_port_count = 2};
static struct service service = {
	.servers = &server,
	.server_count = 1,
	.relays = &relay,
	.relay_count = 1,
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

static size_t count_headers(const struct sip_head *head, enum sip_header_id id)
{
	struct slice value;
	size_t count;

	sip_header_only(head, id, &value, &count);
	return count;
}

/* Its framing matches its headers, and it has every Via of the request. */
static void check_response(const char *response, size_t len, struct slice request)
{
	struct slice bytes = {(const uint8_t *)response, len};
	struct sip_head asked;
	struct sip_head answered;
	size_t frame_len;
	size_t head_len;

	FUZZ_CHECK(len > 8 && memcmp(response, "SIP/2.0 ", 8) == 0 &&
		   response[len] == '\0');
	FUZZ_CHECK(sip_head_parse(request, &asked) == SIP_HEAD_COMPLETE);
	FUZZ_CHECK(sip_head_parse(bytes, &answered) == SIP_HEAD_COMPLETE);
	FUZZ_CHECK(count_headers(&answered, SIP_CONTENT_LENGTH) == 1);
	FUZZ_CHECK(count_headers(&answered, SIP_VIA) == count_headers(&asked, SIP_VIA));
	FUZZ_CHECK(count_headers(&answered, SIP_TO) ==
		   (count_headers(&asked, SIP_TO) > 0));
	if (len <= SIP_HEADERS_MAX)
		FUZZ_CHECK(sip_framing_next(bytes, &frame_len, &head_len) ==
				   SIP_MESSAGE &&
			   frame_len == len);
}

static void try_respond(struct slice message)
{
	char *responses[2];
	size_t len[2];
	bool closes[2];

	for (int i = 0; i < 2; i++)
		responses[i] = sip_respond(&service, memory, &server, message, 1000,
					   NOW_S, &len[i], &closes[i]);
	FUZZ_CHECK(!responses[0] == !responses[1] && closes[0] == closes[1]);
	FUZZ_CHECK(len[0] == len[1]);
	if (responses[0]) {
		check_response(responses[0], len[0], message);
		/* Only the XML body, which has a new token, may differ. */
		const char *body = strstr(responses[0], "<?xml");
		size_t same = body ? (size_t)(body - responses[0]) : len[0];
		FUZZ_CHECK(memcmp(responses[0], responses[1], same) == 0);
	} else {
		FUZZ_CHECK(len[0] == 0);
	}
	free(responses[0]);
	free(responses[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {data, size};
	char *response;
	size_t len;

	make_service();
	try_respond(bytes);
	response = sip_refuse(SIP_BROKEN, bytes, &len);
	if (response)
		check_response(response, len, bytes);
	free(response);
	return 0;
}
