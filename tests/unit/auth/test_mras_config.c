/*
 * test_mras_config.c - mrasd.conf: the values read, and the message for each error. The
 * syntax itself is tested in relay/test_config.c.
 */
#include "auth/server/mras_config.h"

#include <stdio.h>
#include <string.h>

#include "base/config/config_value.h"
#include "tests/unit/lib/config_docs.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/source_file.h"
#include "tests/unit/lib/unit.h"

#define ADDRESS "addresses = {10.0.0.5}\n"
#define TLS "tls { certificate = /c private_key = /k ca = /a }\n"
#define SERVER "server fe01.lab.example { }\n"
#define RELAY "relay { location = outside host = av.lab.example }\n"
#define GOOD ADDRESS TLS SERVER RELAY /* four lines */

static struct mras_config *parse(const char *text, char *error, size_t size)
{
	error[0] = '\0';
	return mras_config_parse("F", text, strlen(text), error, size);
}

static struct mras_config *must_parse(const char *text)
{
	char error[512];
	struct mras_config *config = parse(text, error, sizeof(error));

	ck_assert_msg(config != NULL, "%s", error);
	return config;
}

static const struct {
	const char *text;
	const char *want;
} errors[] = {
	/* syntax: sections that may be repeated */
	{GOOD "prot = 5", "F:5:1: unknown key \"prot\"; did you mean \"port\"?"},
	{ADDRESS TLS RELAY "server a.example {\n network = {10.0.0.0/8} }",
	 "F:5:2: unknown key \"network\" in section \"server\"; did you mean \"networks\"?"},
	{ADDRESS TLS SERVER "relay {\n location = inside\n hots = a }",
	 "F:6:2: unknown key \"hots\" in section \"relay\"; did you mean \"host\"?"},
	{GOOD "server { }",
	 "F:5:1: section \"server\" has no title; write it between the word and the brace"},
	{GOOD SERVER "F:6",
	 "F:5:1: server \"fe01.lab.example\" is given a second time, first in line 3; keep one of them"},
	{ADDRESS TLS SERVER "relay { location = inside host = a\n location = outside }",
	 "F:5:2: \"location\" is given a second time, first in line 4; keep one of them"},
	{GOOD "server \"a.example\" { max_duration = 5m\n",
	 "F:5:1: section \"server\" is still open at the end of the file; close it with \"}\""},
	{GOOD "identities = {a}",
	 "F:5:1: unknown key \"identities\"; it belongs in section \"server\""},

	/* what must be there */
	{TLS SERVER RELAY,
	 "F: addresses: missing; write addresses = {\"10.0.0.5\"} with the "
	 "inside addresses of this host"},
	{ADDRESS SERVER RELAY,
	 "F: tls.certificate: missing; write tls { certificate = \"...\" private_key = "
	 "\"...\" ca = \"...\" } with PEM files"},
	{ADDRESS "tls { certificate = /c private_key = /k }" SERVER RELAY,
	 "F:2:1: tls.ca: missing; write tls { certificate = \"...\" private_key = \"...\" ca = \"...\" } with PEM files"},
	{ADDRESS TLS RELAY,
	 "F: server: missing; write server \"fe01.lab.example\" { } for "
	 "each server that may ask"},
	{ADDRESS TLS SERVER,
	 "F: relay: missing; write relay { location = outside host = av.lab.example } for "
	 "each that clients may use"},

	/* addresses */
	{"outside_addresses = {192.0.2.9,\n192.0.2.10}\naddresses = {10.0.0.5,\n192.0.2.10}\n",
	 "F:4:1: addresses: 192.0.2.10 is an outside address (line 2); credentials are issued inside only, name an inside address"},
	{"addresses = {0.0.0.0}",
	 "F:1:14: addresses: 0.0.0.0 stands for all addresses; list each address"},
	{"addresses = {1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,"
	 "1.0.0.9,1.0.0.10,1.0.0.11,1.0.0.12,1.0.0.13,1.0.0.14,1.0.0.15,1.0.0.16,\n"
	 "1.0.0.17}",
	 "F:2:1: addresses: more than 16; name fewer"},
	{"port = 0", "F:1:8: port: 0 is out of range; write a number from 1 to 65535"},

	/* servers */
	{ADDRESS TLS RELAY "server \"*.lab.example\" { }",
	 "F:4:1: server \"*.lab.example\": is not a full host name; write the name in the server's certificate, such as fe01.lab.example"},
	{ADDRESS TLS RELAY "server 10.0.0.7 {\n}",
	 "F:4:1: server \"10.0.0.7\": is not a full host name; write the name in the server's certificate, such as fe01.lab.example"},
	{ADDRESS TLS RELAY "server fe01.lab.example { }\nserver FE01.lab.example { }",
	 "F:5:1: server \"FE01.lab.example\" is given a second time, first in line 4; keep one of them"},
	{ADDRESS TLS RELAY "server a.example { networks = {10.0.0.1/8} }",
	 "F:4:32: server.networks: 10.0.0.1/8 has host bits set; write 10.0.0.0/8"},
	{ADDRESS TLS RELAY "server a.example { identities = {\"@a\", \"@a\"} }",
	 "F:4:40: server.identities: \"@a\" is listed twice; remove one"},
	{ADDRESS TLS RELAY "server a.example { identities = {\"\"} }",
	 "F:4:34: server.identities: empty; write a value, or remove the key"},
	{ADDRESS TLS RELAY "server a.example {\n max_duration = 30s }",
	 "F:5:17: server.max_duration: 30s is less than a minute; write 1m or more, or 0 for duration.max"},
	{ADDRESS TLS RELAY
	 "server b.example { }\nserver a.example {\n max_duration = 9h }",
	 "F:6:17: server.max_duration: 9h is more than duration.max, 8h; change one of them"},
	{ADDRESS TLS RELAY "server a.example { max_duration = 181d }",
	 "F:4:35: server.max_duration: 181d is out of range; write a duration from 0 to 180d"},
	{ADDRESS TLS RELAY "server a.example {\n legacy_tls = true }",
	 "F:5:15: server.legacy_tls: needs networks, because a handshake begins before the server is known; write networks = {\"10.0.0.7/32\"} with its addresses"},

	/* relays */
	{ADDRESS TLS SERVER "relay { host = a }",
	 "F:4:1: relay.location: missing; write location = inside or location = outside"},
	{ADDRESS TLS SERVER "relay { location = outsid host = a }",
	 "F:4:20: relay.location: \"outsid\" is unknown; write inside or outside"},
	{ADDRESS TLS SERVER "relay {\n location = inside }",
	 "F:4:1: relay.host: missing; write the name or address that clients connect to"},
	{ADDRESS TLS SERVER "relay { location = inside\n host = \"a b\" }",
	 "F:5:9: relay.host: \"a b\" is neither a host name nor an address; write one such as av.lab.example"},
	{ADDRESS TLS SERVER "relay { location = inside\n host = "
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }",
	 "F:5:9: relay.host: longer than 64 bytes; shorten it"},
	{ADDRESS TLS SERVER
	 "relay { location = inside host = a }\nrelay { location = inside host = b\n"
	 "udp_ports = 0 tcp_ports = 0 }",
	 "F:6:13: relay.udp_ports: empty, as is tcp_ports, so no client can connect; set one of them"},
	{ADDRESS TLS SERVER "relay { location = inside host = a address = b }",
	 "F:4:46: relay.address: \"b\" is not an IP address; write one such as 192.0.2.1 or 2001:db8::1"},

	/* durations and limits */
	{GOOD "duration { max = 1h }",
	 "F:5:18: duration.max: 1h is less than duration.default, 8h; change one of them"},
	{GOOD "duration { default = 9h }",
	 "F:5:22: duration.default: 9h is more than duration.max, 8h; change one of them"},
	{GOOD "duration { max = 181d }",
	 "F:5:18: duration.max: 181d is out of range; write a duration from 1m to 180d"},
	{GOOD "duration { default = 59s }",
	 "F:5:22: duration.default: 59s is out of range; write a duration from 1m to 180d"},
	{GOOD "limits { body = 9M }",
	 "F:5:17: limits.body: 9M is out of range; write a size from 1K to 8M"},
};

START_TEST(mras_config_errors_have_place_fault_and_remedy)
{
	char error[512];
	struct mras_config *config = parse(errors[_i].text, error, sizeof(error));

	ck_assert_msg(config == NULL, "accepted, wanted %s", errors[_i].want);
	ck_assert_str_eq(error, errors[_i].want);
}
END_TEST

START_TEST(mras_config_has_defaults)
{
	struct mras_config *c = must_parse(GOOD);

	ck_assert_str_eq(c->common.path, "F");
	ck_assert_uint_eq(c->port, 5062);
	ck_assert_uint_eq(c->address_count, 1);
	ck_assert_uint_eq(c->outside_count, 0);
	ck_assert_str_eq(c->common.keys, "/etc/avedge/keys");
	ck_assert_str_eq(c->realm, "edge");
	ck_assert_ptr_null(c->common.user);
	ck_assert_ptr_null(c->tls.crl);
	ck_assert_uint_eq(c->server_count, 1);
	ck_assert_str_eq(c->servers[0].name, "fe01.lab.example");
	ck_assert_uint_eq(c->servers[0].network_count, 0);
	ck_assert_uint_eq(c->servers[0].identity_count, 0);
	ck_assert_uint_eq(c->servers[0].ttl_max_s, 0);
	ck_assert_uint_eq(c->servers[0].requests_per_s, 200);
	ck_assert_uint_eq(c->relay_count, 1);
	ck_assert_uint_eq(c->relays[0].location, LOCATION_INTERNET);
	ck_assert_uint_eq(c->relays[0].udp_port_count, 1);
	ck_assert_uint_eq(c->relays[0].udp_ports[0], 3478);
	ck_assert_uint_eq(c->relays[0].tcp_port_count, 1);
	ck_assert_uint_eq(c->relays[0].tcp_ports[0], 443);
	ck_assert_uint_eq(c->relays[0].direct.family, IP_NONE);
	ck_assert(c->relays[0].tls);
	ck_assert_uint_eq(c->duration.default_s, 8 * 3600);
	ck_assert_uint_eq(c->duration.max_s, 8 * 3600);
	ck_assert_uint_eq(c->limits.handshake_ms, 5000);
	ck_assert_uint_eq(c->limits.body, 1 << 20);
	ck_assert(c->log_identities);
	mras_config_free(c);
}
END_TEST

START_TEST(mras_config_keeps_sections_apart)
{
	struct mras_config *c = must_parse(
		ADDRESS TLS
		"relay { host = \"2001:db8::1\" location = inside tls = no udp_ports = 0 }\n"
		"server A.example { identities = {\"@a.example\", x} max_duration = 1h }\n"
		"relay { location = outside host = b address = 192.0.2.7 udp_ports = {3478, 443} }\n"
		"server \"b.example\" { }\n"
		"server c.example { networks = {10.0.0.0/8}\n"
		"                   networks += {192.0.2.1} requests_per_second = 0 }\n");

	ck_assert_uint_eq(c->server_count, 3);
	ck_assert_str_eq(c->servers[0].name, "a.example");
	ck_assert_uint_eq(c->servers[0].identity_count, 2);
	ck_assert_str_eq(c->servers[0].identities[1], "x");
	ck_assert_uint_eq(c->servers[0].ttl_max_s, 3600);
	ck_assert_str_eq(c->servers[1].name, "b.example");
	ck_assert_uint_eq(c->servers[1].identity_count, 0);
	ck_assert_uint_eq(c->servers[2].network_count, 2);
	ck_assert_uint_eq(c->servers[2].requests_per_s, 0);
	ck_assert_uint_eq(c->relay_count, 2);
	ck_assert_uint_eq(c->relays[0].location, LOCATION_INTRANET);
	ck_assert_str_eq(c->relays[0].host, "2001:db8::1");
	ck_assert(!c->relays[0].tls);
	ck_assert_uint_eq(c->relays[0].udp_port_count, 0);
	ck_assert_uint_eq(c->relays[1].udp_port_count, 2);
	ck_assert_uint_eq(c->relays[1].udp_ports[1], 443);
	ck_assert_uint_eq(c->relays[1].direct.family, IP_V4);
	mras_config_free(c);
}
END_TEST

struct seen {
	char text[2048];
};

static void note(void *arg, const char *key, const char *before, const char *after,
		 enum reload_effect effect)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s: %s -> %s%s\n", key,
		 before, after, effect == RELOAD_EFFECT_RESTART ? " (restart)" : "");
}

START_TEST(mras_config_compare_says_what_a_reload_applies)
{
	struct mras_config *a =
		must_parse(GOOD "server gone.example { } server stays.example { }");
	struct mras_config *b = must_parse(
		"addresses = {10.0.0.6} port = 5063 realm = x user = mras\n" TLS
		"server stays.example { networks = {10.0.0.0/8} identities = {\"@x\"} }\n"
		"server new.example { }\n" SERVER
		"relay { location = inside host = av.lab.example address = 10.0.0.9 }\n"
		"relay { location = outside host = b }\n");
	struct seen seen = {""};

	ck_assert_uint_eq(config_compare(&a->common, &a->common, note, &seen), 0);
	ck_assert_uint_eq(config_compare(&a->common, &b->common, note, &seen), 11);
	ck_assert_str_eq(seen.text, "addresses: {10.0.0.5} -> {10.0.0.6}\n"
				    "port: 5062 -> 5063\n"
				    "realm: edge -> x\n"
				    "user:  -> mras (restart)\n"
				    "server.gone.example: trusted -> not trusted\n"
				    "server.stays.example.networks: {} -> {10.0.0.0/8}\n"
				    "server.stays.example.identities: {} -> {@x}\n"
				    "server.new.example: not trusted -> trusted\n"
				    "relay.1.location: outside -> inside\n"
				    "relay.1.address:  -> 10.0.0.9\n"
				    "relay.2: none -> b\n");
	mras_config_free(a);
	mras_config_free(b);
}
END_TEST

START_TEST(mras_config_keeps_what_needs_a_restart)
{
	struct mras_config *a = must_parse(GOOD "user = a control { socket = /a }");
	struct mras_config *b = must_parse(GOOD
					   "user = b realm = x control { group = g }\n"
					   "metrics { address = \"[::1]:9\" }");
	struct mras_config *kept =
		must_parse(GOOD "user = a realm = x control { socket = /a }");
	struct seen seen = {""};

	ck_assert(config_keep_fixed(&a->common, &b->common));
	ck_assert_uint_eq(config_compare(&kept->common, &b->common, note, &seen), 0);
	ck_assert_str_eq(b->common.user, "a");
	ck_assert_str_eq(a->common.user, "a");
	mras_config_free(a);
	mras_config_free(b);
	mras_config_free(kept);
}
END_TEST

/* config_keep_fixed() copies only single values at the top level. */
START_TEST(mras_config_only_single_values_need_a_restart)
{
	const struct config_key *key = &mras_config_schema.keys[_i];

	ck_assert(key->effect != RELOAD_EFFECT_RESTART ||
		  (strcmp(key->section, "server") != 0 &&
		   strcmp(key->section, "relay") != 0 &&
		   config_element_size(key->type) == 0));
}
END_TEST

static void note_entry(void *arg, const struct config_entry *entry)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	ck_assert_uint_gt(strlen(entry->doc), 0);
	if (strncmp(entry->key, "server", 6) == 0 || strncmp(entry->key, "relay", 5) == 0)
		snprintf(seen->text + len, sizeof(seen->text) - len, "%s = %s\n",
			 entry->key, entry->value);
}

START_TEST(mras_config_in_force_names_sections)
{
	struct mras_config *c = must_parse(ADDRESS TLS
					   "server b.example { max_duration = 1h }\n"
					   "relay { location = inside host = r }\n");
	struct seen seen = {""};

	ck_assert(config_list(&c->common, note_entry, &seen));
	ck_assert_str_eq(seen.text, "server.b.example.networks = {}\n"
				    "server.b.example.identities = {}\n"
				    "server.b.example.max_duration = 1h\n"
				    "server.b.example.requests_per_second = 200\n"
				    "server.b.example.legacy_tls = false\n"
				    "server.b.example.allocations = 0\n"
				    "server.b.example.bandwidth = 0\n"
				    "relay.1.location = inside\n"
				    "relay.1.host = r\n"
				    "relay.1.address = \n"
				    "relay.1.udp_ports = {3478}\n"
				    "relay.1.tcp_ports = {443}\n"
				    "relay.1.tls = true\n");
	mras_config_free(c);
}
END_TEST

START_TEST(mras_config_errors_name_the_place_of_a_field)
{
	struct mras_config *c = must_parse(ADDRESS "keys = /k\n" TLS SERVER RELAY);
	char error[512] = "/k: no such file; create it.";
	struct config_file file;

	config_locate(&c->common, &c->common.keys, error, sizeof(error));
	ck_assert_str_eq(error, "F:2:8: keys: /k: no such file; create it");
	config_error(&c->common, &c->tls.crl, error, sizeof(error), "%d", 1);
	ck_assert_str_eq(error, "F:3:1: tls.crl: 1");
	config_error(&c->common, &c->common.user, error, sizeof(error), "x");
	ck_assert_str_eq(error, "F: user: x");
	config_error(&c->common, &c->servers[0].name, error, sizeof(error), "x");
	ck_assert_str_eq(error, "F:4:1: server \"fe01.lab.example\": x");
	config_error(&c->common, &c->relays[0].host, error, sizeof(error), "x");
	ck_assert_str_eq(error, "F:5:35: relay.host: x");

	snprintf(error, sizeof(error), "/a: bad");
	config_locate_file(&c->common, c->tls.ca, error, sizeof(error));
	ck_assert_str_eq(error, "F:3:46: tls.ca: /a: bad");
	snprintf(error, sizeof(error), "TLS: bad");
	config_locate_file(&c->common, NULL, error, sizeof(error));
	ck_assert_str_eq(error, "TLS: bad");

	ck_assert(config_watched(&c->common, MRAS_FILE_CRL, &file));
	ck_assert_str_eq(file.key, "tls.crl");
	ck_assert(!config_watched(&c->common, MRAS_FILE_COUNT, &file));
	mras_config_free(c);
}
END_TEST

/* Which of them is wrong is not to be guessed from the path. */
START_TEST(mras_config_tells_two_keys_of_one_file_apart)
{
	struct mras_config *c = must_parse(
		ADDRESS
		"tls { certificate = /x\nprivate_key = /x\nca = /x }\n" SERVER RELAY);
	char error[512] = "/x: bad";

	config_locate_file(&c->common, c->tls.private_key, error, sizeof(error));
	ck_assert_str_eq(error, "F:3:15: tls.private_key: /x: bad");
	snprintf(error, sizeof(error), "/x: bad");
	config_locate_file(&c->common, c->tls.ca, error, sizeof(error));
	ck_assert_str_eq(error, "F:4:6: tls.ca: /x: bad");
	mras_config_free(c);
}
END_TEST

/* The manual page and the default file must agree with the table. */
START_TEST(mras_config_manual_page_agrees)
{
	config_docs_check_key("docs/mrasd.conf.5", &mras_config_schema.keys[_i]);
}
END_TEST

START_TEST(mras_config_default_file_shows_the_defaults)
{
	char *text = source_file("conf/mrasd.conf");
	struct mras_config *shipped = must_parse(text);
	struct seen seen = {""};

	size_t shown = config_docs_uncomment(text);

	struct mras_config *written = must_parse(text);
	ck_assert_uint_eq(shown, mras_config_schema.key_count);
	config_compare(&shipped->common, &written->common, note, &seen);
	ck_assert_str_eq(seen.text, "");
	mras_config_free(written);
	mras_config_free(shipped);
	free(text);
}
END_TEST

START_TEST(mras_config_docs_are_one_line)
{
	const struct config_key *key = &mras_config_schema.keys[_i];

	ck_assert_uint_gt(strlen(key->doc), 0);
	ck_assert_ptr_null(strpbrk(key->doc, "\n\t"));
}
END_TEST

START_TEST(mras_config_remarks_on_a_realm_with_padding)
{
	struct mras_config *c = must_parse(GOOD);

	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_INFO), 0);
	mras_config_free(c);
	c = must_parse(GOOD "realm = lab\n");
	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_INFO), 1);
	ck_assert_str_eq(
		c->common.remarks[0].sentence,
		"realm: a few old clients cannot log in to a realm of 3 characters; for them "
		"use 4, a multiple of four");
	mras_config_free(c);
}
END_TEST

static void config_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_config");

	tcase_add_loop_test(tc, mras_config_errors_have_place_fault_and_remedy, 0,
			    ROWS(errors));
	tcase_add_test(tc, mras_config_tells_two_keys_of_one_file_apart);
	tcase_add_test(tc, mras_config_has_defaults);
	tcase_add_test(tc, mras_config_remarks_on_a_realm_with_padding);
	tcase_add_test(tc, mras_config_keeps_sections_apart);
	tcase_add_test(tc, mras_config_compare_says_what_a_reload_applies);
	tcase_add_test(tc, mras_config_keeps_what_needs_a_restart);
	tcase_add_loop_test(tc, mras_config_only_single_values_need_a_restart, 0,
			    (int)mras_config_schema.key_count);
	tcase_add_test(tc, mras_config_in_force_names_sections);
	tcase_add_test(tc, mras_config_errors_name_the_place_of_a_field);
	tcase_add_loop_test(tc, mras_config_manual_page_agrees, 0,
			    (int)mras_config_schema.key_count);
	tcase_add_loop_test(tc, mras_config_docs_are_one_line, 0,
			    (int)mras_config_schema.key_count);
	tcase_add_test(tc, mras_config_default_file_shows_the_defaults);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_config", config_suite)
