/*
 * mras_fixture.c - mrasd of one edge, for unit tests.
 */
#include "tests/unit/auth/mras_fixture.h"

#include <check.h>
#include <string.h>

#include "auth/credential/credential.h"
#include "auth/mras/mras_xml.h"

static const char keys[] = "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
static const uint16_t ports[] = {3478, 443, 3479, 444};
static const char *const lab_identities[] = {"@lab.example"};

void mras_fixture_make(struct mras_fixture *fixture)
{
	struct keyring_error error;

	*fixture = (struct mras_fixture){
		.servers = {{.name = "fe01.lab.example"},
			    {.name = "web01.lab.example",
			     .identities = lab_identities,
			     .identity_count = 1,
			     .ttl_max_s = 3600,
			     .requests_per_s = 10}},
		.relays = {{.location = LOCATION_INTERNET,
			    .host = "av.lab.example",
			    .udp_ports = ports,
			    .udp_port_count = 1,
			    .tcp_ports = ports + 1,
			    .tcp_port_count = 1},
			   {.location = LOCATION_INTRANET,
			    .host = "edge-in.lab.example",
			    .udp_ports = ports + 2,
			    .udp_port_count = 1,
			    .tcp_ports = ports + 3,
			    .tcp_port_count = 1}},
	};
	fixture->keyring = keyring_parse(keys, sizeof(keys) - 1, &error);
	fixture->memory = service_memory_new();
	ck_assert_ptr_nonnull(fixture->keyring);
	ck_assert_ptr_nonnull(fixture->memory);
	fixture->service = (struct service){
		.servers = fixture->servers,
		.server_count = SERVER_COUNT,
		.relays = fixture->relays,
		.relay_count = 2,
		.ttl_default_s = 8 * 3600,
		.ttl_max_s = 24 * 3600,
		.keyring = fixture->keyring,
	};
}

void mras_fixture_free(struct mras_fixture *fixture)
{
	keyring_free(fixture->keyring);
	service_memory_free(fixture->memory);
}

struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

bool mras_fixture_accepts(const struct mras_fixture *fixture, const char *username,
			  const char *password, int64_t unix_s)
{
	const struct credential_clock clock = {unix_s, fixture->service.clock_skew_s};
	struct credential cred;
	struct credential_password right;
	size_t position = 0;
	int64_t off_s;

	if (credential_parse(slice_of(username), false, &cred) != CREDENTIAL_OK ||
	    credential_check_time(&cred, &clock, 0, &off_s) != CREDENTIAL_OK)
		return false;
	while (credential_next_password(&cred, fixture->keyring, &clock, &position,
					&right)) {
		if (right.len == strlen(password) &&
		    memcmp(right.bytes, password, right.len) == 0)
			return true;
	}
	return false;
}

char *mras_fixture_respond(const struct mras_fixture *fixture, const char *body,
			   size_t *len)
{
	enum mras_reason reason;
	struct mras_request *request = mras_request_parse(slice_of(body), &reason);
	char *answer = mras_respond(&fixture->service, fixture->memory,
				    &fixture->servers[OPEN_SERVER], request, reason,
				    NOW_MS, NOW_S, len);

	ck_assert_ptr_nonnull(answer);
	ck_assert_uint_eq(strlen(answer), *len);
	mras_request_free(request);
	return answer;
}

size_t count_of(const char *haystack, const char *needle)
{
	size_t count = 0;

	while ((haystack = strstr(haystack, needle))) {
		count++;
		haystack += strlen(needle);
	}
	return count;
}
