/*
 * test_load_options.c - the command line of avedge-load: values and errors.
 */
#include "tools/load/load_options.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

enum { WORDS_MAX = 40 };

static struct load_options options;
static char error[LOAD_ERROR_MAX];
static char line[1000];

/* Words are separated by one space; the program's name is prepended. */
static bool parse(const char *text)
{
	char *argv[WORDS_MAX + 1] = {(char[]){"avedge-load"}};
	int argc = 1;
	char *rest = line;

	ck_assert_uint_lt(strlen(text), sizeof(line));
	strcpy(line, text);
	for (char *word; (word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX;) {
		if (*word != '\0')
			argv[argc++] = word;
	}
	return load_options_parse(argc, argv, &options, error);
}

#define WHO " --user u --password p"

static const struct {
	const char *text;
	enum client_transport transport;
	const char *host;
	uint16_t port;
} servers[] = {
	{"udp:192.0.2.1:3478", CLIENT_UDP, "192.0.2.1", 3478},
	{"tcp:turn.example:443", CLIENT_TCP, "turn.example", 443},
	{"tls:[2001:db8::1]:5349", CLIENT_TLS, "2001:db8::1", 5349},
	{"udp:192.0.2.1", CLIENT_UDP, "192.0.2.1", 3478},
	{"tcp:[::1]", CLIENT_TCP, "::1", 3478},
	{"tls:turn.example", CLIENT_TLS, "turn.example", 5349},
	{"dtls:turn.example", CLIENT_DTLS, "turn.example", 5349},
	{"dtls:[2001:db8::1]:443", CLIENT_DTLS, "2001:db8::1", 443},
	{"udp:h:65535", CLIENT_UDP, "h", 65535},
};

START_TEST(server_is_read)
{
	char text[200];

	snprintf(text, sizeof(text), "--server %s" WHO, servers[_i].text);
	ck_assert_msg(parse(text), "%s: %s", servers[_i].text, error);
	ck_assert_int_eq(options.transport, servers[_i].transport);
	ck_assert_str_eq(options.host, servers[_i].host);
	ck_assert_uint_eq(options.port, servers[_i].port);
	ck_assert_str_eq(options.tls_name, servers[_i].host);
}
END_TEST

START_TEST(defaults)
{
	ck_assert(parse("--server udp:h:1" WHO));
	ck_assert_str_eq(options.username, "u");
	ck_assert_str_eq(options.password, "p");
	ck_assert_int_eq(options.task, LOAD_MEDIA);
	ck_assert_uint_eq(options.clients, 1);
	ck_assert_uint_eq(options.setup_rate, 1000);
	ck_assert_uint_eq(options.peers, 1);
	ck_assert_uint_eq(options.packet_size, 160);
	ck_assert_uint_eq(options.rate, 50);
	ck_assert_uint_eq(options.total_rate, 0);
	ck_assert_uint_eq(options.burst, 1);
	ck_assert_int_eq(options.duration_s, 5);
	ck_assert(options.direction[LOAD_UP] && options.direction[LOAD_DOWN]);
	ck_assert_int_eq(options.family, IP_NONE);
	ck_assert_int_eq(options.peer_address.family, IP_NONE);
	ck_assert(!options.send_mode && !options.between_clients && !options.insecure);
	ck_assert(!options.json && !options.quiet && !options.dialect_ms);
	ck_assert(options.max_loss_percent < 0 && options.max_delay_ms < 0 &&
		  options.max_setup_ms < 0);
}
END_TEST

START_TEST(everything_at_once)
{
	ck_assert_msg(
		parse("--server tls:h:1 --user=u --password p --clients 9000 --setup-rate 500 "
		      "--mode send --family 6 --peer-address ::1 --peers 4 --packet-size 1200 "
		      "--total-rate 100000 --duration 2m --direction down --burst 8 --ca f "
		      "--tls-name n --max-loss 0.5 --max-delay 20 --max-setup 100 --json --quiet"),
		"%s", error);
	ck_assert_uint_eq(options.clients, 9000);
	ck_assert_uint_eq(options.setup_rate, 500);
	ck_assert(options.send_mode);
	ck_assert_int_eq(options.family, IP_V6);
	ck_assert_int_eq(options.peer_address.family, IP_V6);
	ck_assert_uint_eq(options.peers, 4);
	ck_assert_uint_eq(options.packet_size, 1200);
	ck_assert_uint_eq(options.total_rate, 100000);
	ck_assert_int_eq(options.duration_s, 120);
	ck_assert(!options.direction[LOAD_UP] && options.direction[LOAD_DOWN]);
	ck_assert_uint_eq(options.burst, 8);
	ck_assert_str_eq(options.ca_file, "f");
	ck_assert_str_eq(options.tls_name, "n");
	ck_assert(options.max_loss_percent == 0.5);
	ck_assert(options.max_delay_ms == 20);
	ck_assert(options.max_setup_ms == 100);
	ck_assert(options.json && options.quiet);
}
END_TEST

START_TEST(pairs_are_two_clients)
{
	ck_assert(parse("--server udp:h" WHO " --between-clients"));
	ck_assert_uint_eq(options.clients, 2);
	ck_assert(parse("--server udp:h" WHO " --between-clients --clients 6"));
	ck_assert_uint_eq(options.clients, 6);
	ck_assert(!parse("--server udp:h" WHO " --between-clients --clients 1"));
}
END_TEST

START_TEST(progress_goes_with_json)
{
	ck_assert(parse("--server udp:h" WHO));
	ck_assert(!options.progress);
	ck_assert(parse("--server udp:h" WHO " --progress --json"));
	ck_assert(options.progress && options.json);
}
END_TEST

START_TEST(tasks)
{
	ck_assert(parse("--server udp:h" WHO " --hold --duration 1s"));
	ck_assert_int_eq(options.task, LOAD_HOLD);
	ck_assert(parse("--server udp:h" WHO " --cycles 100000"));
	ck_assert_int_eq(options.task, LOAD_CYCLES);
	ck_assert_uint_eq(options.cycles, 100000);
	ck_assert(parse("--server udp:h" WHO " --clients 2 --between-clients"));
	ck_assert(options.between_clients);
	ck_assert(parse("--server udp:h" WHO " --clients 500"));
	ck_assert_uint_eq(options.peers, 16);
}
END_TEST

START_TEST(dialects)
{
	ck_assert_msg(parse("--dialect ms --server udp:h --user AQI= --password AwQF"),
		      "%s", error);
	ck_assert(options.dialect_ms);
	ck_assert_str_eq(options.username, "AQI=");
	ck_assert_uint_eq(options.port, 3478);
	ck_assert(parse("--dialect ms --server ptls:h --user AQI= --password AwQF"));
	ck_assert_int_eq(options.transport, CLIENT_PTLS);
	ck_assert_uint_eq(options.port, 443);
	ck_assert(parse("--server tcp:h --dialect ms --user AQI= --password AwQF"));
	ck_assert_uint_eq(options.port, 443);
	ck_assert(parse("--server tcp:h:80 --dialect ms --user AQI= --password AwQF"));
	ck_assert_uint_eq(options.port, 80);
	ck_assert(parse("--dialect ietf --server tcp:h" WHO));
	ck_assert_uint_eq(options.port, 3478);
	ck_assert(!options.dialect_ms);
}
END_TEST

START_TEST(modes_of_other_standards)
{
	static const uint8_t token[] = {1, 2, 3}, key[] = {3, 4, 5};

	ck_assert_msg(parse("--server tls:h" WHO
			    " --tcp-relay --clients 2 --between-clients"),
		      "%s", error);
	ck_assert(options.tcp_relay && load_peers_are_streams(&options));
	ck_assert(parse("--server dtls:h" WHO
			" --mobility 2s --mode send --dont-fragment"));
	ck_assert_int_eq(options.move_every_s, 2);
	ck_assert(options.dont_fragment && !load_peers_are_streams(&options));
	ck_assert(load_has_certificate(&options));
	ck_assert(parse("--server udp:h" WHO " --proxy-protocol 2001:db8::1"));
	ck_assert_int_eq(options.proxied.family, IP_V6);
	ck_assert(!load_has_certificate(&options));
	ck_assert(parse("--server udp:h --user kid --password AwQF --access-token AQID"));
	ck_assert_uint_eq(options.token_len, sizeof(token));
	ck_assert_mem_eq(options.token, token, sizeof(token));
	ck_assert_uint_eq(options.session_key_len, sizeof(key));
	ck_assert_mem_eq(options.session_key, key, sizeof(key));
}
END_TEST

START_TEST(help_needs_nothing_else)
{
	ck_assert(parse("--help"));
	ck_assert(options.help);
	ck_assert(parse("--clients 2 --version"));
	ck_assert(options.version);
}
END_TEST

/* Each is refused with a message that contains the word. */
static const struct {
	const char *text;
	const char *word;
} bad[] = {
	{"", "--server"},
	{"--user u --password p", "--server"},
	{"--server udp:h --password p", "--user"},
	{"--server udp:h --user u", "--password"},
	{"--server udp:h --user= --password p", "--user"},
	{"--server h:3478" WHO, "udp:"},
	{"--server sctp:h:3478" WHO, "dtls:"},
	{"--server dtls:h --user AQI= --password AwQF --dialect ms", "udp:"},
	{"--server udp:h" WHO " --tcp-relay", "tcp: or tls:"},
	{"--server dtls:h" WHO " --tcp-relay", "tcp: or tls:"},
	{"--server tcp:h" WHO " --tcp-relay --mode send", "omit --mode send"},
	{"--server tcp:h" WHO " --tcp-relay --dont-fragment", "cannot be combined"},
	{"--server tcp:h --user AQI= --password AwQF --dialect ms --tcp-relay",
	 "RFC 6062"},
	{"--server tcp:h" WHO " --tcp-realy", "did you mean --tcp-relay?"},
	{"--server udp:h --user AQI= --password AwQF --dialect ms --mobility 1s",
	 "RFC 8016"},
	{"--server udp:h" WHO " --mobility", "--mobility"},
	{"--server udp:h" WHO " --mobility 0s", "between 1s and 30d"},
	{"--server udp:h" WHO " --mobility 2x", "not a duration"},
	{"--server udp:h" WHO " --mobility 5s", "no client would move"},
	{"--server udp:h" WHO " --mobility 1s --hold", "omit --hold"},
	{"--server udp:h" WHO " --mobility 1s --cycles 2", "omit --cycles"},
	{"--server udp:h" WHO " --mobilty 1s", "did you mean --mobility?"},
	{"--server tls:h" WHO " --reconnect", "--reconnect"},
	{"--server tls:h" WHO " --reconnect again", "must be allocate or ticket"},
	{"--server udp:h" WHO " --reconnect ticket", "for tcp:, tls: and dtls: servers"},
	{"--server dtls:h" WHO " --reconnect allocate", "with --reconnect ticket"},
	{"--server tls:h" WHO " --reconnect ticket --cycles 2", "cannot be combined"},
	{"--server tls:h" WHO " --reconnect ticket --tcp-relay", "cannot be combined"},
	{"--server tls:h" WHO " --reconnect allocate --between-clients",
	 "would not know the new relayed address"},
	{"--server tcp:h --user AQI= --password AwQF --dialect ms --reconnect ticket",
	 "omit --dialect ms"},
	{"--server udp:h" WHO " --proxy-protocol h", "not an IP address"},
	{"--server udp:192.0.2.1" WHO " --proxy-protocol ::1", "family"},
	{"--server udp:h --user AQI= --password AwQF --dialect ms --dont-fragment",
	 "RFC 8656"},
	{"--server udp:h --user kid --password AwQF --access-token x", "not base64"},
	{"--server udp:h --user kid --password x --access-token AwQF", "session key"},
	{"--server udp:h --user kid --access-token AwQF", "--password"},
	{"--server udp:h --user AQI= --password AwQF --dialect ms --access-token AwQF",
	 "RFC 7635"},
	{"--server udp" WHO, "udp:"},
	{"--server udp:" WHO, "HOST"},
	{"--server udp::3478" WHO, "HOST"},
	{"--server udp:[]:1" WHO, "HOST"},
	{"--server udp:[::1" WHO, "HOST"},
	{"--server udp:[::1]3478" WHO, "HOST"},
	{"--server udp:::1:3478" WHO, "brackets"},
	{"--server udp:h:0" WHO, "port"},
	{"--server udp:h:65536" WHO, "port"},
	{"--server udp:h:" WHO, "port"},
	{"--server udp:h:3478x" WHO, "port"},
	{"--server udp:h" WHO " --cleints 2", "did you mean --clients?"},
	{"--server udp:h" WHO " --clients 0", "--clients"},
	{"--server udp:h" WHO " --clients -1", "--clients"},
	{"--server udp:h" WHO " --clients 1000001", "--clients"},
	{"--server udp:h" WHO " --clients 18446744073709551617", "--clients"},
	{"--server udp:h" WHO " --packet-size 31", "--packet-size"},
	{"--server udp:h" WHO " --packet-size 65536", "--packet-size"},
	{"--server udp:h" WHO " --progress --quiet", "--quiet cannot be combined"},
	{"--server udp:h" WHO " --rate 0", "--rate"},
	{"--server udp:h" WHO " --rate 1.5", "--rate"},
	{"--server udp:h" WHO " --burst 0", "--burst"},
	{"--server udp:h" WHO " --cycles 0", "--cycles"},
	{"--server udp:h" WHO " --duration 0s", "--duration"},
	{"--server udp:h" WHO " --duration 5x", "--duration"},
	{"--server udp:h" WHO " --duration 31d", "--duration"},
	{"--server udp:h" WHO " --mode data", "--mode"},
	{"--server udp:h" WHO " --family 5", "--family"},
	{"--server udp:h" WHO " --dialect lync", "--dialect"},
	{"--server tls:h --user AQI= --password AwQF --dialect ms", "ptls:"},
	{"--server ptls:h" WHO, "--dialect ms"},
	{"--server udp:h --user 1:u --password AwQF --dialect ms", "mras"},
	{"--server udp:h --user AQI= --password AwQ --dialect ms", "mras"},
	{"--server udp:h" WHO " --direction left", "--direction"},
	{"--server udp:h" WHO " --peer-address h", "--peer-address"},
	{"--server udp:h" WHO " --family 6 --peer-address 127.0.0.1", "families"},
	{"--server udp:192.0.2.1" WHO " --family 6", "requires a --peer-address"},
	{"--server udp:[::1]" WHO " --family 4", "requires a --peer-address"},
	{"--server udp:h" WHO " --clients 3 --between-clients", "even"},
	{"--server udp:h" WHO " --clients 2 --between-clients --peer-address ::1",
	 "no peers"},
	{"--server udp:h" WHO " --clients 2 --between-clients --peers 2", "no peers"},
	{"--server udp:h" WHO " --hold --cycles 5", "--hold"},
	{"--server udp:h" WHO " --rate 5 --total-rate 5", "--total-rate"},
	{"--server udp:h" WHO " --max-loss 101", "--max-loss"},
	{"--server udp:h" WHO " --max-loss -1", "--max-loss"},
	{"--server udp:h" WHO " --max-loss nan", "--max-loss"},
	{"--server udp:h" WHO " --max-loss .", "--max-loss"},
	{"--server udp:h" WHO " --max-loss 1.2.3", "--max-loss"},
	{"--server udp:h" WHO " --max-delay 0x10", "--max-delay"},
	{"--server udp:h" WHO " --max-delay 1e3", "--max-delay"},
	{"--server udp:h" WHO " --insecure --ca f", "--insecure"},
	{"--server udp:h" WHO " --wrong", "--wrong"},
	{"--server udp:h" WHO " --json=yes", "--json"},
	{"--server udp:h" WHO " -x", "-x"},
	{"--server udp:h" WHO " --rate", "--rate"},
	{"--server udp:h" WHO " word", "word"},
};

START_TEST(refuses)
{
	ck_assert_msg(!parse(bad[_i].text), "taken: %s", bad[_i].text);
	ck_assert_msg(strstr(error, bad[_i].word) != NULL, "%s: %s", bad[_i].text, error);
}
END_TEST

/*
 * Every option of the help is known, and requires a value if and only if the help shows
 * one.
 */
START_TEST(help_tells_the_truth)
{
	char word[64];
	int found = 0;

	for (const char *at = load_help; (at = strstr(at, "  --")) != NULL; at++) {
		size_t len = strcspn(at + 2, " \n,");
		bool shows_value = at[2 + len] == ' ' && at[3 + len] != ' ';

		ck_assert_uint_lt(len, sizeof(word));
		memcpy(word, at + 2, len);
		word[len] = '\0';
		parse(word);
		ck_assert_msg(strstr(error, "unknown option") == NULL, "%s", error);
		ck_assert_msg((strstr(error, "requires a value") != NULL) == shows_value,
			      "%s: %s", word, error);
		found++;
	}
	ck_assert_int_ge(found, 20);
}
END_TEST

static void options_suite(Suite *suite)
{
	TCase *tc = tcase_create("options");
	tcase_add_loop_test(tc, server_is_read, 0, ROWS(servers));
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, everything_at_once);
	tcase_add_test(tc, pairs_are_two_clients);
	tcase_add_test(tc, progress_goes_with_json);
	tcase_add_test(tc, tasks);
	tcase_add_test(tc, dialects);
	tcase_add_test(tc, modes_of_other_standards);
	tcase_add_test(tc, help_needs_nothing_else);
	tcase_add_loop_test(tc, refuses, 0, ROWS(bad));
	tcase_add_test(tc, help_tells_the_truth);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("load options", options_suite)
