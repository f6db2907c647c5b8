/*
 * test_service.c - credentials granted, shortened and refused.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "auth/mras/service.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

static struct mras_fixture fixture;
static struct service_answer answer;

static void make(void)
{
	mras_fixture_make(&fixture);
}

static void end(void)
{
	mras_fixture_free(&fixture);
}

/* alice@lab.example, MRAS, requested by the server that may ask for any identity. */
static struct service_request request_for(const char *identity)
{
	return (struct service_request){
		.server = &fixture.servers[OPEN_SERVER],
		.identity = slice_of(identity),
		.form = CREDENTIAL_MRAS_TEXT,
		.token_version = 2,
	};
}

static enum service_fault issue_at(const struct service_request *request, uint64_t now_ms)
{
	return service_issue(&fixture.service, fixture.memory, request, now_ms, NOW_S,
			     &answer);
}

static enum service_fault issue(const struct service_request *request)
{
	return issue_at(request, NOW_MS);
}

enum { DAY_S = 86400, NO_KEY_END = 0 };

static const struct {
	const char *name;
	int64_t asked_s, default_s, service_max_s, server_max_s;
	int64_t key_left_s;
	int64_t want_s;
} times[] = {
	{"the default when nothing is asked", 0, 28800, DAY_S, 0, NO_KEY_END, 28800},
	{"as asked", 1800, 28800, DAY_S, 0, NO_KEY_END, 1800},
	{"exactly the maximum", DAY_S, 28800, DAY_S, 0, NO_KEY_END, DAY_S},
	{"more than the maximum", DAY_S + 1, 28800, DAY_S, 0, NO_KEY_END, DAY_S},
	{"ten years (attack 43)", 315360000, 28800, DAY_S, 0, NO_KEY_END, DAY_S},
	{"the server's own maximum", 7200, 28800, DAY_S, 3600, NO_KEY_END, 3600},
	{"the server's cannot exceed the service's", 2 * DAY_S, 28800, DAY_S, 3 * DAY_S,
	 NO_KEY_END, DAY_S},
	{"the default is clamped too", 0, 28800, 3600, 0, NO_KEY_END, 3600},
	{"one second", 1, 28800, DAY_S, 0, NO_KEY_END, 60},
	{"negative", -5, 28800, DAY_S, 0, NO_KEY_END, 60},
	{"the smallest number", INT64_MIN, 28800, DAY_S, 0, NO_KEY_END, 60},
	{"the largest number", INT64_MAX, 28800, DAY_S, 0, NO_KEY_END, DAY_S},
	{"never more than 180 days", INT64_MAX, 28800, INT64_MAX, 0, NO_KEY_END,
	 INT64_C(180) * DAY_S},
	{"no longer than its key", 1800, 28800, DAY_S, 0, 600, 600},
	{"even for less than a minute", 1800, 28800, DAY_S, 0, 20, 20},
	{"the key lasts longer", 1800, 28800, DAY_S, 0, 1801, 1800},
};

START_TEST(service_time_to_live)
{
	struct service_request request = request_for("sip:alice@lab.example");

	request.ttl_s = times[_i].asked_s;
	fixture.service.ttl_default_s = times[_i].default_s;
	fixture.service.ttl_max_s = times[_i].service_max_s;
	fixture.servers[OPEN_SERVER].ttl_max_s = times[_i].server_max_s;
	if (times[_i].key_left_s != NO_KEY_END)
		fixture.keyring->keys[0].not_after_s = NOW_S + times[_i].key_left_s;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_msg(answer.ttl_s == times[_i].want_s, "%s: got %lld s", times[_i].name,
		      (long long)answer.ttl_s);
	ck_assert_int_eq(answer.pair.expires_s, NOW_S + answer.ttl_s);

	/* The expiry in the answer is the one that is enforced. */
	const char *username = answer.pair.username;
	const char *password = answer.pair.password;
	int64_t expires_s = NOW_S + answer.ttl_s;
	ck_assert(mras_fixture_accepts(&fixture, username, password, NOW_S));
	ck_assert(mras_fixture_accepts(&fixture, username, password, expires_s - 1));
	ck_assert(!mras_fixture_accepts(&fixture, username, password, expires_s));
}
END_TEST

static const struct {
	const char *name;
	const char *identity;
	int server;
	enum credential_form form;
	enum service_fault want;
} faults[] = {
	{"empty", "", OPEN_SERVER, CREDENTIAL_MRAS_TEXT, SERVICE_BAD_IDENTITY},
	{"not UTF-8", "\xFF\xFE", OPEN_SERVER, CREDENTIAL_MRAS_TEXT,
	 SERVICE_BAD_IDENTITY},
	{"UTF-8", "sip:jos\xC3\xA9@lab.example", OPEN_SERVER, CREDENTIAL_MRAS_TEXT,
	 SERVICE_OK},
	{"UTF-8 in a REST name", "jos\xC3\xA9", OPEN_SERVER, CREDENTIAL_REST, SERVICE_OK},
	{"quotes, colons and blanks in one", "\"a b\":c", OPEN_SERVER, CREDENTIAL_REST,
	 SERVICE_OK},
	{"a zero width space in one", "a\xE2\x80\x8B", OPEN_SERVER, CREDENTIAL_REST,
	 SERVICE_BAD_IDENTITY},
	{"the same in a token", "a\xE2\x80\x8B", OPEN_SERVER, CREDENTIAL_MRAS_TEXT,
	 SERVICE_OK},
	{"a control character (C1)", "a\xC2\x85", OPEN_SERVER, CREDENTIAL_REST,
	 SERVICE_BAD_IDENTITY},
	{"a domain that is not ours until NFC", "a@lab.exampl\xCC\x81", LAB_SERVER,
	 CREDENTIAL_REST, SERVICE_FORBIDDEN},
	{"REST", "alice", OPEN_SERVER, CREDENTIAL_REST, SERVICE_OK},
	{"of its domain", "sip:alice@lab.example", LAB_SERVER, CREDENTIAL_MRAS_TEXT,
	 SERVICE_OK},
	{"of its domain, REST", "alice@lab.example", LAB_SERVER, CREDENTIAL_REST,
	 SERVICE_OK},
	{"of another domain", "sip:alice@other.example", LAB_SERVER, CREDENTIAL_MRAS_TEXT,
	 SERVICE_FORBIDDEN},
	{"of another domain, REST", "alice@other.example", LAB_SERVER, CREDENTIAL_REST,
	 SERVICE_FORBIDDEN},
	{"of no domain", "alice", LAB_SERVER, CREDENTIAL_REST, SERVICE_FORBIDDEN},
};

START_TEST(service_faults)
{
	struct service_request request = request_for(faults[_i].identity);

	request.server = &fixture.servers[faults[_i].server];
	request.form = faults[_i].form;
	enum service_fault got = issue(&request);
	ck_assert_msg(got == faults[_i].want, "%s: got %s", faults[_i].name,
		      service_fault_name(got));
	ck_assert_int_eq(answer.pair.username[0] != '\0', got == SERVICE_OK);
	ck_assert_int_eq(answer.pair.password[0] != '\0', got == SERVICE_OK);
}
END_TEST

START_TEST(service_length_of_identities)
{
	static char identity[SERVICE_IDENTITY_MAX + 2];
	struct service_request request;

	memset(identity, 'a', SERVICE_IDENTITY_MAX);
	request = request_for(identity);
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	identity[SERVICE_IDENTITY_MAX] = 'a';
	request = request_for(identity);
	ck_assert_int_eq(issue(&request), SERVICE_BAD_IDENTITY);

	const size_t room = credential_rest_room(NOW_S, NULL);
	identity[room] = '\0';
	request = request_for(identity);
	request.form = CREDENTIAL_REST;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_uint_eq(strlen(answer.pair.username), CREDENTIAL_ISSUED_MAX);
	identity[room] = 'a';
	identity[room + 1] = '\0';
	request = request_for(identity);
	request.form = CREDENTIAL_REST;
	ck_assert_int_eq(issue(&request), SERVICE_BAD_IDENTITY);
}
END_TEST

/* The name in the answer is the one to use: as clients that follow RFC 8265 send it. */
START_TEST(service_issues_rest_names_in_their_profile)
{
	struct service_request request = request_for("jose\xCC\x81\xC2\xA0x");

	request.form = CREDENTIAL_REST;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_str_eq(strchr(answer.pair.username, ':'), ":jos\xC3\xA9 x");
	ck_assert(mras_fixture_accepts(&fixture, answer.pair.username,
				       answer.pair.password, NOW_S));
}
END_TEST

/* A limit per identity counts both spellings as one. */
START_TEST(service_counts_a_rest_name_as_issued)
{
	struct service_request composed = request_for("\xC3\xA9");
	struct service_request decomposed = request_for("e\xCC\x81");

	composed.form = decomposed.form = CREDENTIAL_REST;
	fixture.service.identity_per_minute = 1;
	ck_assert_int_eq(issue(&composed), SERVICE_OK);
	ck_assert_int_eq(issue(&decomposed), SERVICE_BUSY);
}
END_TEST

START_TEST(service_needs_a_key)
{
	struct service_request request = request_for("alice");

	fixture.keyring->keys[0].rest = KEY_REST_NONE;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	request.form = CREDENTIAL_REST;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
	fixture.keyring->keys[0].rest = KEY_REST_SHA1;
	ck_assert_int_eq(issue(&request), SERVICE_OK);

	fixture.keyring->keys[0].not_after_s = NOW_S;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
	fixture.keyring->keys[0].not_after_s = INT64_MAX;
	fixture.keyring->keys[0].not_before_s = NOW_S + 1;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
	fixture.service.keyring = NULL;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
}
END_TEST

/* The keyring was made on a host whose clock is ahead. */
START_TEST(service_signs_with_a_key_that_begins_within_the_skew)
{
	struct service_request request = request_for("alice");
	struct key *key = &fixture.keyring->keys[0];

	fixture.service.clock_skew_s = 60;
	key->not_before_s = NOW_S + 61;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
	key->not_before_s = NOW_S + 60;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert(mras_fixture_accepts(&fixture, answer.pair.username,
				       answer.pair.password, NOW_S));
	/* Nothing outlives its key. */
	key->not_after_s = NOW_S + 61;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_int_eq(answer.ttl_s, 61);
	key->not_before_s = INT64_MIN;
	key->not_after_s = NOW_S;
	ck_assert_int_eq(issue(&request), SERVICE_NO_KEY);
	key->not_after_s = NOW_S + 1;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_int_eq(answer.ttl_s, 1);
}
END_TEST

START_TEST(service_prefers_a_key_that_is_valid_now)
{
	struct service_request request = request_for("alice");
	struct key *soon = &fixture.keyring->keys[0], *now = &fixture.keyring->keys[1];

	fixture.service.clock_skew_s = 60;
	fixture.keyring->count = 2;
	*now = *soon;
	strcpy(now->id, "now");
	soon->not_before_s = NOW_S + 1;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_str_eq(answer.key_id, "now");
}
END_TEST

/* A gateway asks for one identity all the time, and gets a quota for it in every form. */
START_TEST(service_gives_a_gateway_its_quota)
{
	struct service_request request = request_for("sip:gateway@lab.example");
	struct credential cred;

	fixture.servers[OPEN_SERVER].quota = (struct credential_quota){500, 50000000};
	fixture.service.identity_per_minute = 1;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(issue(&request), SERVICE_OK);
	for (int form = 0; form < 2; form++) {
		request.form = form == 0 ? CREDENTIAL_MRAS_TEXT : CREDENTIAL_REST;
		ck_assert_int_eq(issue(&request), SERVICE_OK);
		ck_assert_int_eq(credential_parse(slice_of(answer.pair.username), false,
						  &cred),
				 CREDENTIAL_OK);
		ck_assert_uint_eq(cred.quota.allocations, 500);
		ck_assert_uint_eq(cred.quota.bandwidth_bps, 50000000);
		ck_assert(mras_fixture_accepts(&fixture, answer.pair.username,
					       answer.pair.password, NOW_S));
	}
	/* Another server, the same identity. */
	request.server = &fixture.servers[LAB_SERVER];
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_int_eq(issue(&request), SERVICE_BUSY);
}
END_TEST

START_TEST(service_token_versions)
{
	struct service_request request = request_for("sip:alice@lab.example");

	request.token_version = 1;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_uint_eq(answer.pair.token_len, 52);
	ck_assert_int_eq(strncmp(answer.pair.username, "AQAAI", 5), 0);
	request.token_version = 2;
	ck_assert_int_eq(issue(&request), SERVICE_OK);
	ck_assert_uint_eq(answer.pair.token_len, 56);
	ck_assert_int_eq(strncmp(answer.pair.username, "AgAAJ", 5), 0);
	request.token_version = 3;
	ck_assert_int_eq(issue(&request), SERVICE_FAILED);
}
END_TEST

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

enum { THREADS = 4, TOKENS_PER_THREAD = 1000, TOKENS = THREADS * TOKENS_PER_THREAD };
static char tokens[TOKENS][96];

static void *issue_many(void *first)
{
	char(*mine)[96] = first;
	struct service_request request = request_for("sip:alice@lab.example");
	struct service_answer own;

	for (int i = 0; i < TOKENS_PER_THREAD; i++) {
		if (service_issue(&fixture.service, fixture.memory, &request, NOW_MS,
				  NOW_S, &own) == SERVICE_OK)
			strcpy(mine[i], own.pair.username);
	}
	return NULL;
}

/* One identity within one second, from several threads. */
START_TEST(service_tokens_are_distinct)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, issue_many,
						tokens[i * TOKENS_PER_THREAD]),
				 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	qsort(tokens, TOKENS, sizeof(tokens[0]), by_text);
	ck_assert_uint_gt(strlen(tokens[0]), 0);
	for (int i = 1; i < TOKENS; i++)
		ck_assert_str_ne(tokens[i - 1], tokens[i]);
}
END_TEST

static unsigned admitted(const struct service *service,
			 const struct service_server *server, unsigned tries,
			 uint64_t now_ms)
{
	unsigned count = 0;

	while (tries-- > 0)
		count += service_admits(service, fixture.memory, server, now_ms);
	return count;
}

START_TEST(service_rate_of_servers)
{
	const struct service_server *lab = &fixture.servers[LAB_SERVER];
	struct service reloaded = fixture.service;
	struct service_server same[1] = {*lab};

	ck_assert_uint_eq(admitted(&fixture.service, lab, 100, NOW_MS), 10);
	ck_assert_uint_eq(admitted(&fixture.service, lab, 1, NOW_MS + 99), 0);
	ck_assert_uint_eq(admitted(&fixture.service, lab, 100, NOW_MS + 100), 1);
	ck_assert_uint_eq(admitted(&fixture.service, lab, 100, NOW_MS + 500), 4);

	/* A reload keeps the rates, and each server has its own. */
	reloaded.servers = same;
	reloaded.server_count = 1;
	ck_assert_uint_eq(admitted(&reloaded, &same[0], 100, NOW_MS + 500), 0);
	same[0].name = "web02.lab.example";
	ck_assert_uint_eq(admitted(&reloaded, &same[0], 100, NOW_MS + 500), 10);

	ck_assert_uint_eq(admitted(&fixture.service, lab, 100, NOW_MS + 5000), 10);
	ck_assert_uint_eq(admitted(&fixture.service, &fixture.servers[OPEN_SERVER], 10000,
				   NOW_MS),
			  10000);
}
END_TEST

static unsigned issued(const char *identity, unsigned tries, uint64_t now_ms)
{
	struct service_request request = request_for(identity);
	unsigned count = 0;

	while (tries-- > 0) {
		enum service_fault fault = issue_at(&request, now_ms);

		ck_assert(fault == SERVICE_OK || fault == SERVICE_BUSY);
		count += fault == SERVICE_OK;
	}
	return count;
}

START_TEST(service_rate_of_identities)
{
	struct service_request forbidden = request_for("sip:carol@other.example");

	fixture.service.identity_per_minute = 6;
	ck_assert_uint_eq(issued("sip:alice@lab.example", 10, NOW_MS), 6);
	ck_assert_uint_eq(issued("sip:Alice@LAB.example;x=1", 10, NOW_MS), 0);
	ck_assert_uint_eq(issued("alice@lab.example", 10, NOW_MS + 9999), 0);
	ck_assert_uint_eq(issued("alice@lab.example", 10, NOW_MS + 10000), 1);
	ck_assert_uint_eq(issued("sip:bob@lab.example", 10, NOW_MS), 6);

	/* A request refused for another reason is not charged. */
	forbidden.server = &fixture.servers[LAB_SERVER];
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(issue(&forbidden), SERVICE_FORBIDDEN);
	ck_assert_uint_eq(issued("sip:carol@other.example", 10, NOW_MS), 6);

	fixture.service.identity_per_minute = 0;
	ck_assert_uint_eq(issued("sip:alice@lab.example", 1000, NOW_MS), 1000);
}
END_TEST

/*
 * More names than the table has cells: limited names stay limited, new ones are served.
 */
START_TEST(service_rate_in_a_flood_of_identities)
{
	char identity[64];

	fixture.service.identity_per_minute = 3;
	ck_assert_uint_eq(issued("sip:alice@lab.example", 3, NOW_MS), 3);
	for (int i = 0; i < 70000; i++) {
		snprintf(identity, sizeof(identity), "sip:%d@flood.example", i);
		issued(identity, 1, NOW_MS);
	}
	ck_assert_uint_eq(issued("sip:alice@lab.example", 3, NOW_MS), 0);
	ck_assert_uint_ge(issued("sip:bob@lab.example", 3, NOW_MS), 1);
}
END_TEST

static const struct {
	const char *what;
	const char *name; /* in the certificate */
	int want;         /* -1: no server */
} certificates[] = {
	{"its name", "fe01.lab.example", 0},
	{"another", "web01.lab.example", 1},
	{"case does not count", "FE01.Lab.Example", 0},
	{"a trailing dot does not count", "fe01.lab.example.", 0},
	{"two trailing dots do", "fe01.lab.example..", -1},
	{"a stranger", "fe02.lab.example", -1},
	{"the parent domain", "lab.example", -1},
	{"a longer name", "fe01.lab.example.evil.example", -1},
	{"a wildcard names no server", "*.lab.example", -1},
	{"an empty name", "", -1},
	{"the root", ".", -1},
};

START_TEST(service_server_by_certificate)
{
	const struct ip_addr source = {.family = IP_V4, .bytes = {10, 1, 2, 3}};
	const struct service_server *want =
		certificates[_i].want >= 0 ? &fixture.servers[certificates[_i].want]
					   : NULL;
	const struct service_server *got;
	enum service_trust trust = service_server_find(
		&fixture.service, slice_of(certificates[_i].name), &source, false, &got);

	ck_assert_msg(got == want, "%s: got %s", certificates[_i].what,
		      got ? got->name : "no server");
	ck_assert_int_eq(trust, want ? SERVICE_TRUSTED : SERVICE_NO_NAME);
}
END_TEST

/* Names in a certificate may contain NUL. */
START_TEST(service_server_name_has_no_nul)
{
	static const char name[] = "fe01.lab.example\0.evil.example";
	const struct ip_addr source = {.family = IP_V4, .bytes = {10, 1, 2, 3}};
	const struct service_server *got;

	for (size_t len = 0; len < sizeof(name); len++) {
		const struct slice text = {(const uint8_t *)name, len};

		ck_assert_int_eq(service_server_find(&fixture.service, text, &source,
						     false, &got),
				 len == strlen(name) ? SERVICE_TRUSTED : SERVICE_NO_NAME);
	}
}
END_TEST

static enum service_trust trust(int server, const struct ip_addr *source, bool legacy_tls)
{
	const struct service_server *found;
	enum service_trust trust = service_server_find(
		&fixture.service, slice_of(fixture.servers[server].name), source,
		legacy_tls, &found);

	ck_assert_ptr_eq(found, &fixture.servers[server]);
	return trust;
}

static const struct ip_prefix networks[] = {
	{.ip = {.family = IP_V4, .bytes = {10, 1}}, .len = 16}};
static const struct ip_addr from_inside = {.family = IP_V4, .bytes = {10, 1, 2, 3}};
static const struct ip_addr from_elsewhere = {.family = IP_V4, .bytes = {10, 2, 2, 3}};

START_TEST(service_server_from_its_networks_only)
{
	fixture.servers[0].networks = networks;
	fixture.servers[0].network_count = ARRAY_LEN(networks);
	ck_assert_int_eq(trust(0, &from_inside, false), SERVICE_TRUSTED);
	ck_assert_int_eq(trust(0, &from_elsewhere, false), SERVICE_OTHER_NETWORK);
	/* This one may connect from anywhere. */
	ck_assert_int_eq(trust(1, &from_elsewhere, false), SERVICE_TRUSTED);
	ck_assert(service_source_allowed(&fixture.service, &from_elsewhere));
	for (size_t i = 0; i < fixture.service.server_count; i++) {
		fixture.servers[i].networks = networks;
		fixture.servers[i].network_count = ARRAY_LEN(networks);
	}
	ck_assert(service_source_allowed(&fixture.service, &from_inside));
	ck_assert(!service_source_allowed(&fixture.service, &from_elsewhere));
}
END_TEST

START_TEST(service_legacy_tls_is_for_one_server_and_its_networks)
{
	ck_assert(!service_permits_legacy_tls(&fixture.service, &from_inside));
	fixture.servers[0].networks = networks;
	fixture.servers[0].network_count = ARRAY_LEN(networks);
	fixture.servers[0].legacy_tls = true;
	ck_assert(service_permits_legacy_tls(&fixture.service, &from_inside));
	ck_assert(!service_permits_legacy_tls(&fixture.service, &from_elsewhere));
	ck_assert_int_eq(trust(0, &from_inside, true), SERVICE_TRUSTED);
	ck_assert_int_eq(trust(0, &from_inside, false), SERVICE_TRUSTED);
	ck_assert_int_eq(trust(0, &from_elsewhere, true), SERVICE_OTHER_NETWORK);
	/* Another server at the same address. */
	ck_assert_int_eq(trust(1, &from_inside, true), SERVICE_LEGACY_TLS);
	ck_assert_int_eq(trust(1, &from_inside, false), SERVICE_TRUSTED);
}
END_TEST

START_TEST(service_relays_of_location)
{
	const struct service_relay *outside = &fixture.relays[0];
	const struct service_relay *inside = &fixture.relays[1];

	ck_assert(service_offers(outside, LOCATION_ANY));
	ck_assert(service_offers(inside, LOCATION_ANY));
	ck_assert(service_offers(outside, LOCATION_INTERNET));
	ck_assert(!service_offers(outside, LOCATION_INTRANET));
	ck_assert(service_offers(inside, LOCATION_INTRANET));
	ck_assert(!service_offers(inside, LOCATION_INTERNET));
}
END_TEST

START_TEST(service_fault_names)
{
	for (int i = 0; i < SERVICE_FAULT_COUNT; i++) {
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(service_fault_name((enum service_fault)i),
					 service_fault_name((enum service_fault)j));
	}
}
END_TEST

static void service_suite(Suite *suite)
{
	TCase *cases = tcase_create("service");

	tcase_add_checked_fixture(cases, make, end);
	tcase_add_loop_test(cases, service_time_to_live, 0, ROWS(times));
	tcase_add_loop_test(cases, service_faults, 0, ROWS(faults));
	tcase_add_test(cases, service_length_of_identities);
	tcase_add_test(cases, service_issues_rest_names_in_their_profile);
	tcase_add_test(cases, service_counts_a_rest_name_as_issued);
	tcase_add_test(cases, service_gives_a_gateway_its_quota);
	tcase_add_test(cases, service_needs_a_key);
	tcase_add_test(cases, service_signs_with_a_key_that_begins_within_the_skew);
	tcase_add_test(cases, service_prefers_a_key_that_is_valid_now);
	tcase_add_test(cases, service_token_versions);
	tcase_add_test(cases, service_tokens_are_distinct);
	tcase_add_test(cases, service_rate_of_servers);
	tcase_add_test(cases, service_rate_of_identities);
	tcase_add_test(cases, service_rate_in_a_flood_of_identities);
	tcase_add_loop_test(cases, service_server_by_certificate, 0, ROWS(certificates));
	tcase_add_test(cases, service_server_name_has_no_nul);
	tcase_add_test(cases, service_server_from_its_networks_only);
	tcase_add_test(cases, service_legacy_tls_is_for_one_server_and_its_networks);
	tcase_add_test(cases, service_relays_of_location);
	tcase_add_test(cases, service_fault_names);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("service", service_suite)
