/*
 * test_config.c - mediarelayd.conf: the values read, and the message for each error.
 */
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/config/config_value.h"
#include "tests/unit/lib/config_docs.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/source_file.h"
#include "tests/unit/lib/unit.h"

#define INSIDE "side inside { addresses = {10.0.0.5} }\n"
#define OUTSIDE "side outside { addresses = {192.0.2.10} }\n"
#define SIDES INSIDE OUTSIDE

static struct relay_config *parse(const char *text, char *error, size_t size)
{
	error[0] = '\0';
	return relay_config_parse("F", text, strlen(text), error, size);
}

static struct relay_config *must_parse(const char *text)
{
	char error[512];
	struct relay_config *config = parse(text, error, sizeof(error));

	ck_assert_msg(config != NULL, "%s", error);
	return config;
}

/* Text and error message. Line numbers matter: the sides are the first two lines. */
static const struct {
	const char *text;
	const char *want;
} errors[] = {
	/* the language */
	{SIDES "relm = x\n", "F:3:1: unknown key \"relm\"; did you mean \"realm\"?"},
	{SIDES "limits {\n\n  lifetime_mx = 1h }",
	 "F:5:3: unknown key \"lifetime_mx\" in section \"limits\"; did you mean \"lifetime_max\"?"},
	{SIDES "limit { }", "F:3:1: unknown section \"limit\"; did you mean \"limits\"?"},
	{SIDES "limit\n{ }",
	 "F:3:1: unknown section \"limit\"; did you mean \"limits\"?"},
	{"sid inside { }", "F:1:1: unknown section \"sid\"; did you mean \"side\"?"},
	{"sied \"inside\" { }",
	 "F:1:1: unknown section \"sied\"; did you mean \"side\"?"},
	{"limits { idle = 1m\npeer { allow = {} }",
	 "F:2:1: unknown section \"peer\"; did you mean \"peers\"?"},
	{"http { }",
	 "F:1:1: unknown section \"http\"; it may be one of: tls, side, ms, third_party_authorization, relay, dscp, user_group, peers, limits, pass_through, offload, log, control, metrics, take_over"},
	{"limit = 3", "F:1:1: unknown key \"limit\"; did you mean \"limits\"?"},
	{SIDES "idle = 3s",
	 "F:3:1: unknown key \"idle\"; it belongs in section \"limits\""},
	{SIDES "limits { realm = x }",
	 "F:3:10: unknown key \"realm\" in section \"limits\"; it belongs outside of all sections"},
	{"side inside { addresses = {10.0.0.5}\nside outside { }",
	 "F:2:1: \"side\" begins while section \"side\" is open; close that with \"}\""},
	{SIDES "tls {\nlimits { idle = 1m }",
	 "F:4:1: \"limits\" begins while section \"tls\" is open; close that with \"}\""},
	{SIDES "completely_different = 1",
	 "F:3:1: unknown key \"completely_different\"; remove it (the manual page lists all keys)"},
	{"# one\n// two\n/* three\n four */ relm = 1",
	 "F:4:10: unknown key \"relm\"; did you mean \"realm\"?"},
	{SIDES "realm = a\nrealm = b",
	 "F:4:1: \"realm\" is given a second time, first in line 3; keep one of them"},
	{SIDES "peers { allow = {10.1.0.0/16}\nallow = {10.2.0.0/16} }",
	 "F:4:1: \"allow\" is given a second time, first in line 3; keep one of them"},
	{SIDES "limits { idle = 1m\n",
	 "F:3:1: section \"limits\" is still open at the end of the file; close it with \"}\""},
	{SIDES "realm = \"abc\n", "F:3:9: quote is not closed on its line; close it"},
	{SIDES "realm = \"abc\nsoftware = \"x\"\n",
	 "F:3:9: quote is not closed on its line; close it"},
	{SIDES "limits { connections = 5 }\nlimits {\n",
	 "F:4:1: section \"limits\" is still open at the end of the file; close it with \"}\""},
	{SIDES "realm =", "F:3:1: \"realm\" has no value; write one, or remove the key"},
	{SIDES "/* never closed", "F:3:1: comment is never closed; close it with \"*/\""},
	{"side middle { }",
	 "F:1:6: unknown side \"middle\"; it may be one of: \"inside\", \"outside\""},
	{"side insde { udp_ports = 1 }",
	 "F:1:6: unknown side \"insde\"; did you mean \"inside\"?"},
	{SIDES INSIDE,
	 "F:3:1: side \"inside\" is given a second time, first in line 1; keep one of them"},
	{"side { }",
	 "F:1:1: section \"side\" has no title; write it between the word and the brace"},

	{"realm += a", "F:1:1: \"realm\" is not a list; write = instead of +="},
	{"realm = {a}", "F:1:9: \"realm\" is not a list; remove the braces"},
	{"realm a", "F:1:1: \"realm\" has no value; write realm = value"},
	{"realm =\nkeys = /k",
	 "F:1:1: \"realm\" has no value; write one, or remove the key"},
	{"peers { allow }",
	 "F:1:9: \"allow\" has no value; write allow = {value, value}"},
	{"peers {\n  allow = {10.0.0.0/8,",
	 "F:2:11: list \"allow\" is still open at the end of the file; close it with \"}\""},
	{"peers { allow = {10.0.0.0/8 11.0.0.0/8} }",
	 "F:1:29: no comma before \"11.0.0.0/8\"; write {value, value}"},
	{"peers { allow = {\"10.0.0.0/8\" \"11.0.0.0/8\"} }",
	 "F:1:31: no comma before \"11.0.0.0/8\"; write {value, value}"},
	{"peers {\n allow = {10.0.0.0/8, 11.0.0.0/8\n deny = {12.0.0.0/8}\n}",
	 "F:2:10: list \"allow\" is still open before \"deny\" in line 3; close it with \"}\""},
	{"peers {\n allow = {10.0.0.0/8,\n deny = {12.0.0.0/8}\n}",
	 "F:2:10: list \"allow\" is still open before \"deny\" in line 3; close it with \"}\""},
	{"side inside {\n addresses = {10.0.0.5\nside outside { addresses = {192.0.2.10} }",
	 "F:2:14: list \"addresses\" is still open before \"side\" in line 3; close it with \"}\""},
	{"side inside {\n addresses = {10.0.0.5,\ntls { }",
	 "F:2:14: list \"addresses\" is still open before \"tls\" in line 3; close it with \"}\""},
	{"side inside { addresses = [\"10.0.0.5\"] }",
	 "F:1:27: unexpected \"[\"; write a list in braces, {value, value}"},
	{"side inside { addresses = [10.0.0.5] }",
	 "F:1:27: unexpected \"[\"; write a list in braces, {value, value}"},
	{"realm = [\"a\"]",
	 "F:1:10: unexpected \"a\"; write key = value, key = {value, value} or section { ... }"},
	{"peers { allow = {=} }",
	 "F:1:18: unexpected \"=\"; write key = value, key = {value, value} or section { ... }"},
	{"= x",
	 "F:1:1: unexpected \"=\"; write key = value, key = {value, value} or section { ... }"},
	{"/* a */ }",
	 "F:1:9: \"}\" closes nothing; remove it, or open the section or list"},
	{SIDES "limits { idle = 1m }\n}\nrealm = a",
	 "F:4:1: \"}\" closes nothing; remove it, or open the section or list"},
	{"realm = a;",
	 "F:1:10: unexpected \";\"; remove it, because a value needs no mark at its end, or put the value in quotes"},
	{"realm = \"a\";",
	 "F:1:12: unexpected \";\"; remove it, because a value needs no mark at its end, or put the value in quotes"},
	{"limits { idle = 5m; }",
	 "F:1:19: unexpected \";\"; remove it, because a value needs no mark at its end, or put the value in quotes"},
	{"\xEF\xBB\xBFrelm = a", "F:1:1: unknown key \"relm\"; did you mean \"realm\"?"},
	{"realm = a\n\xEF\xBB\xBFrealm = a",
	 "F:2:1: unknown key \"\xEF\xBB\xBFrealm\"; remove it (the manual page lists all keys)"},
	{"realm = ${AVEDGE_NEVER_SET}\n",
	 "F:1:9: environment variable AVEDGE_NEVER_SET is not set; set it, or write ${AVEDGE_NEVER_SET:-DEFAULT}"},
	{"realm = \"lab-${AVEDGE_NEVER_SET}\"\n",
	 "F:1:14: environment variable AVEDGE_NEVER_SET is not set; set it, or write ${AVEDGE_NEVER_SET:-DEFAULT}"},
	{"keys = \"/k\n\n\nrelm = a", "F:1:8: quote is not closed on its line; close it"},
	{SIDES "\n\nrealm = 'abc\n\nrelm = a",
	 "F:5:9: quote is not closed on its line; close it"},
	{SIDES "\n\nrealm = abc\"\n\nrelm = a",
	 "F:5:12: quote is not closed on its line; close it"},
	{SIDES "\n\nside inside { addresses = {\"10.0.0.5} }\n\nrelm = \"a\"",
	 "F:5:1: side \"inside\" is given a second time, first in line 1; keep one of them"},
	{"\n\n\n\npeers { allow = {\"10.0.0.0/8} }\n\nrelm = \"a\"",
	 "F:5:18: quote is not closed on its line; close it"},

	/* a blank in a value */
	{"limits { idle = 30 seconds }",
	 "F:1:17: limits.idle: \"30 seconds\" is not a duration; write a number and s, m, h, d or w, such as 30s"},
	{"limits { idle = 5 m }", "F:1:17: limits.idle: \"5 m\" has a blank; write 5m"},
	{"limits { bandwidth_total = 10 Mbit\n}",
	 "F:1:28: limits.bandwidth_total: \"10 Mbit\" has a blank; write 10Mbit"},
	{"limits { send_queue = \"256\" K }",
	 "F:1:23: limits.send_queue: \"256 K\" has a blank; write 256K"},
	{"limits { connections = 20 000 }",
	 "F:1:24: limits.connections: \"20 000\" has a blank; write 20000"},
	{"realm = Example Corporation",
	 "F:1:9: realm: \"Example Corporation\" has a blank; put it in quotes"},
	{"log { level = very loud }",
	 "F:1:15: log.level: \"very loud\" is not a level; write error, warning, notice, info or debug"},
	{"log { level = debug please }",
	 "F:1:15: log.level: \"debug please\" is not a level; write error, warning, notice, info or debug"},
	{"peers { allow = 10.0.0.0/8 11.0.0.0/8 }",
	 "F:1:17: peers.allow: more than one value; write {10.0.0.0/8, 11.0.0.0/8}"},
	/* but not where the next word is a statement, right or wrong */
	{"limits { idle = 5m\n seconds }",
	 "F:2:2: unknown key \"seconds\" in section \"limits\"; remove it (the manual page lists all keys)"},
	{"limits { idle = 5m connectoins = 3 }",
	 "F:1:20: unknown key \"connectoins\" in section \"limits\"; did you mean \"connections\"?"},
	{"keys = /k realm", "F:1:11: \"realm\" has no value; write realm = value"},
	{"realm = a(b)", "F:1:10: unexpected \"(\"; put the value in quotes"},
	{"realm = \"a\\qb\"",
	 "F:1:11: unknown escape \"\\q\"; write \"\\\\\" for \"\\\""},
	{"realm = \"a\\\\b\"",
	 "F:1:9: realm: contains a quote, a backslash or non-printable ASCII; remove it"},
	{"keys = ${HOME\n", "F:1:8: \"${\" has no end; close it with \"}\""},
	{"keys = ${A-B}\n",
	 "F:1:8: \"${A-B}\" is not a variable; write ${NAME} or ${NAME:-DEFAULT}"},
	{"tls x { }", "F:1:5: section \"tls\" has no brace; write tls { ... }"},
	{"tls\nrealm = a", "F:2:1: section \"tls\" has no brace; write tls { ... }"},
	{"software = \"a\\\nb\n c\"\nrelm = 1",
	 "F:1:12: quote is not closed on its line; close it"},

	/* values */
	{"realm = \"\"", "F:1:9: realm: empty; write a value, or remove the key"},
	{"realm = 'a\"b'",
	 "F:1:9: realm: contains a quote, a backslash or non-printable ASCII; remove it"},
	{"realm = \"a\\nb\"",
	 "F:1:9: realm: contains a quote, a backslash or non-printable ASCII; remove it"},
	{"keys = \"/a\\tb\"", "F:1:8: keys: contains a control character; remove it"},
	{"realm = "
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "F:1:9: realm: longer than 127 bytes; shorten it"},
	{"metrics { address = \"192.0.2.1:9478\" }",
	 "F:1:21: metrics.address: 192.0.2.1:9478 is not a loopback address; write one such as 127.0.0.1, because anyone may ask there"},
	{"metrics { address = \"0.0.0.0:9478\" }",
	 "F:1:21: metrics.address: 0.0.0.0:9478 is not a loopback address; write one such as 127.0.0.1, because anyone may ask there"},
	{"metrics { address = \"127.0.0.1\" }",
	 "F:1:21: metrics.address: \"127.0.0.1\" is not an address and port; write one such as 127.0.0.1:9478"},
	{"metrics { address = 127.0.0.1:70000 }",
	 "F:1:21: metrics.address: \"127.0.0.1:70000\" has no valid port; write one from 1 to 65535"},
	{"metrics { address = [::1]:65536 }",
	 "F:1:21: metrics.address: \"[::1]:65536\" has no valid port; write one from 1 to 65535"},
	{"relay { ports = 50000-70000 }",
	 "F:1:17: relay.ports: \"50000-70000\" goes beyond the last port; end it at 65535 or below"},
	{"relay { ports = 65536-65537 }",
	 "F:1:17: relay.ports: \"65536-65537\" goes beyond the last port; end it at 65535 or below"},
	{"limits { send_queue = 256KB }",
	 "F:1:23: limits.send_queue: \"256KB\" is not a size; write a number and B, K, M or G (of 1024), or kB, MB or GB, such as 256K"},
	{"metrics { address = \"localhost:9478\" }",
	 "F:1:21: metrics.address: \"localhost:9478\" is not an address and port; write one such as 127.0.0.1:9478"},
	{"metrics { address = \"[::1]:0\" }",
	 "F:1:21: metrics.address: \"[::1]:0\" is not an address and port; write one such as 127.0.0.1:9478"},
	{"workers = many",
	 "F:1:11: workers: \"many\" is not a number; write digits only"},
	{"workers = 2K", "F:1:11: workers: \"2K\" is not a number; write digits only"},
	{"workers = -1", "F:1:11: workers: \"-1\" is not a number; write digits only"},
	{"workers = 257",
	 "F:1:11: workers: 257 is out of range; write a number from 0 to 256"},
	{"workers = 99999999999999999999",
	 "F:1:11: workers: \"99999999999999999999\" is not a number; write digits only"},
	{"limits {\n idle = soon\n}",
	 "F:2:9: limits.idle: \"soon\" is not a duration; write a number and s, m, h, d or w, such as 30s"},
	{"limits { idle = 30min }",
	 "F:1:17: limits.idle: \"30min\" is not a duration; write a number and s, m, h, d or w, such as 30s"},
	{"limits { greeting = 0 }",
	 "F:1:21: limits.greeting: 0 is out of range; write a duration from 1s to 1d"},
	{"limits { lifetime_max = 2d }",
	 "F:1:25: limits.lifetime_max: 2d is out of range; write a duration from 1m to 1d"},
	{"limits { send_queue = 256k }",
	 "F:1:23: limits.send_queue: \"256k\" is not a size; write a number and B, K, M or G (of 1024), or kB, MB or GB, such as 256K"},
	{"limits { send_queue = 1 }",
	 "F:1:23: limits.send_queue: 1 is out of range; write a size from 65540 to 1G"},
	{"limits { permissions = 0 }",
	 "F:1:24: limits.permissions: 0 is out of range; write a number from 1 to 256"},
	{"ms { version = 5 }",
	 "F:1:16: ms.version: 5 is out of range; write a number from 1 to 4"},
	{"ms { realm = '\"rtcmedia\"' }",
	 "F:1:14: ms.realm: contains a quote, a backslash or non-printable ASCII; remove it"},
	{SIDES "ms {\n ipv6 = true\n}",
	 "F:4:9: ms.ipv6: version 2 has no IPv6; write version = 4, or ipv6 = false"},
	{SIDES "ms {\n ipv6 = true\n version = 3\n}",
	 "F:5:12: ms.version: version 3 has no IPv6; write version = 4, or ipv6 = false"},
	{"log { records = maybe }",
	 "F:1:17: log.records: \"maybe\" is neither true nor false; write one of them"},
	{"log { level = loud }",
	 "F:1:15: log.level: \"loud\" is not a level; write error, warning, notice, info or debug"},
	{"relay { ports = 50000 }",
	 "F:1:17: relay.ports: \"50000\" is not a port range; write FIRST-LAST, such as 50000-59999"},
	{"relay { ports = 6000-5000 }",
	 "F:1:17: relay.ports: 6000-5000 begins after its end; write 5000-6000"},
	{"relay { ports = 1023-5000 }", /* T-243 */
	 "F:1:17: relay.ports: 1023-5000 includes ports below 1024, where system services live; begin at 1024 or above"},

	/* addresses */
	{"side inside { addresses = {10.0.0.5,\nhost.example} }",
	 "F:2:1: side.inside.addresses: \"host.example\" is not an IP address; write one such as 192.0.2.1 or 2001:db8::1"},
	{"side inside { addresses = {0.0.0.0} }",
	 "F:1:28: side.inside.addresses: 0.0.0.0 stands for all addresses; list each address"},
	{"side outside { addresses = {\"::\"} }",
	 "F:1:29: side.outside.addresses: :: stands for all addresses; list each address"},
	{"side inside { addresses = {\"::ffff:10.0.0.5\"} }",
	 "F:1:28: side.inside.addresses: ::ffff:10.0.0.5 is IPv4 written as IPv6; write 10.0.0.5"},
	{"side inside { addresses = {224.0.0.1} }",
	 "F:1:28: side.inside.addresses: 224.0.0.1 is not the address of one host; write a unicast address"},
	{"side inside { addresses = {ff02::1} }",
	 "F:1:28: side.inside.addresses: ff02::1 is not the address of one host; write a unicast address"},
	{"side inside { addresses = {fe80::1} }",
	 "F:1:28: side.inside.addresses: fe80::1 is link-local and ambiguous without its interface; write a global or unique local address"},
	{"side inside { addresses = {10.0.0.5, 10.0.0.5} }",
	 "F:1:38: side.inside.addresses: \"10.0.0.5\" is listed twice; remove one"},
	{INSIDE "side outside { addresses = {192.0.2.1,\n10.0.0.5} }",
	 "F:3:1: side.outside.addresses: 10.0.0.5 is also an inside address; give each side addresses of its own"},
	{INSIDE, "F: side.outside.addresses: missing; write side outside { addresses = "
		 "{\"192.0.2.10\"} } with the addresses of this host on that side"},
	{OUTSIDE, "F: side.inside.addresses: missing; write side inside { addresses = "
		  "{\"10.0.0.5\"} } with the addresses of this host on that side"},
	{"",
	 "F: side.inside.addresses: missing; write side inside { addresses = {\"10.0.0.5\"} } "
	 "with the addresses of this host on that side"},

	/* public addresses */
	{INSIDE
	 "side outside { addresses = {192.0.2.1}\npublic = {203.0.113.1,\n203.0.113.2} }",
	 "F:4:1: side.outside.public: 203.0.113.2 is one too many: 2 public addresses for 1 \"addresses\"; write one for each of them"},
	{INSIDE
	 "side outside { addresses = {192.0.2.1, 192.0.2.2}\npublic = {203.0.113.1} }",
	 "F:3:10: side.outside.public: none for 192.0.2.2; write one public address for each of \"addresses\", or none at all"},
	{INSIDE "side outside { addresses = {192.0.2.1}\npublic = {2001:db8::1} }",
	 "F:3:11: side.outside.public: 2001:db8::1 is paired with 192.0.2.1 of the other family; write both lists in the same order"},
	{INSIDE "side outside { addresses = {192.0.2.1, 192.0.2.2}\n"
		"public = {203.0.113.1, 203.0.113.1} }",
	 "F:3:24: side.outside.public: \"203.0.113.1\" is listed twice; remove one"},
	{INSIDE "side outside { addresses = {192.0.2.1, 192.0.2.2}\n"
		"public = {192.0.2.2, 203.0.113.1} }",
	 "F:3:11: side.outside.public: 192.0.2.2, the public address of 192.0.2.1, is itself one of \"addresses\"; write the address that the Internet sees"},
	{INSIDE "side outside { addresses = {192.0.2.1}\npublic = {10.0.0.5} }",
	 "F:3:11: side.outside.public: 10.0.0.5 is an inside address; write the address that the Internet sees"},
	{"side inside { addresses = {10.0.0.5}\npublic = {203.0.113.1} }",
	 "F:2:1: \"public\" has no meaning in side inside; move it to side outside"},
	{INSIDE "side outside { addresses = {192.0.2.1}\nnetworks = {10.0.0.0/8} }",
	 "F:3:1: \"networks\" has no meaning in side outside; move it to side inside"},

	/* prefixes */
	{"side inside { networks = {10.0.0.1/8} }",
	 "F:1:27: side.inside.networks: 10.0.0.1/8 has host bits set; write 10.0.0.0/8"},
	{"peers { allow = {2001:db8::1/32} }",
	 "F:1:18: peers.allow: 2001:db8::1/32 has host bits set; write 2001:db8::/32"},
	{"peers { allow = {192.0.2.255/25} }",
	 "F:1:18: peers.allow: 192.0.2.255/25 has host bits set; write 192.0.2.128/25"},
	{"peers { allow = {10.0.0.0/33} }",
	 "F:1:18: peers.allow: \"10.0.0.0/33\" has no valid length; write a number from 0 to 32 after the slash"},
	{"peers { allow = {10.0.0.0/} }",
	 "F:1:18: peers.allow: \"10.0.0.0/\" has no valid length; write a number from 0 to 32 after the slash"},
	{"peers { deny = {10.0.0/8} }",
	 "F:1:17: peers.deny: \"10.0.0/8\" is not a prefix; write one such as 10.0.0.0/8 or 2001:db8::/32"},
	{"peers { deny = {\"10.0.0.1-10.0.0.9\"} }",
	 "F:1:17: peers.deny: \"10.0.0.1-10.0.0.9\" is not a prefix; write one such as 10.0.0.0/8 or 2001:db8::/32"},
	{"peers { allow = {\"::ffff:10.0.0.0/104\"} }",
	 "F:1:18: peers.allow: ::ffff:10.0.0.0/104 is IPv4 written as IPv6; write 10.0.0.0/8"},
	{"peers { allow = {10.0.0.0/8, 10.0.0.0/8} }",
	 "F:1:30: peers.allow: \"10.0.0.0/8\" is listed twice; remove one"},
	{SIDES
	 "peers { allow = {10.0.0.0/8,\n10.1.1.1}\ndeny = {11.0.0.0/8,\n10.1.1.1/32} }",
	 "F:6:1: peers.deny: 10.1.1.1/32 is in peers.allow too (line 4); remove one"},

	/* keys that depend on each other */
	{SIDES "tls { certificate = /c }",
	 "F:3:21: tls.certificate: has no key; set tls.private_key too"},
	{SIDES "tls {\n private_key = /k }",
	 "F:4:16: tls.private_key: has no certificate; set tls.certificate too"},
	{SIDES "third_party_authorization { keys = /k }",
	 "F:3:36: third_party_authorization.keys: has no server_name; set third_party_authorization.server_name too"},
	{SIDES "third_party_authorization { server_name = turn.example.org }",
	 "F:3:43: third_party_authorization.server_name: has no keys; set third_party_authorization.keys too"},
	{SIDES "relay { ports = 3000-4000 }",
	 "F:3:17: relay.ports: 3000-4000 contains 3478 of side.outside.udp_ports; move one of them"},
	{INSIDE "side outside { addresses = {192.0.2.1}\n tcp_ports = 50443 }",
	 "F:3:14: side.outside.tcp_ports: 50443 lies in relay.ports, 50000-59999; move one of them"},
	{SIDES "limits { lifetime_max = 5m }",
	 "F:3:25: limits.lifetime_max: 5m is less than lifetime_default, 10m; change one of them"},
	{SIDES "limits { lifetime_max = 1m }",
	 "F:3:25: limits.lifetime_max: 1m is less than lifetime_default, 10m; change one of them"},
	{SIDES "limits { lifetime_default = 90m }",
	 "F:3:29: limits.lifetime_default: 90m is more than lifetime_max, 1h; change one of them"},
	{SIDES "limits { allocations_total = 100\nallocations_reserved = 100 }",
	 "F:4:24: limits.allocations_reserved: 100 is not less than limits.allocations_total, 100; change one of them"},
	{SIDES "limits { bandwidth_total = 63999 }",
	 "F:3:28: limits.bandwidth_total: 63999 is out of range; write 0 for no limit, or a rate from 64kbit to 1000Gbit"},
	{SIDES "limits { bandwidth_per_user = 10MB }",
	 "F:3:31: limits.bandwidth_per_user: \"10MB\" is not a bit rate; write a number and kbit, Mbit or Gbit, such as 10Mbit"},
	{INSIDE
	 "side outside { addresses = {192.0.2.1}\nalternate_servers = {192.0.2.1} }",
	 "F:3:22: side.outside.alternate_servers: 192.0.2.1 is an address of this relay; name another one, or none"},
	{INSIDE "side outside { addresses = {192.0.2.1}\n"
		"alternate_servers = {192.0.2.8,\n192.0.2.9} }",
	 "F:4:1: side.outside.alternate_servers: 192.0.2.9 is the second of its family; clients are told one of each, remove one"},
	{INSIDE
	 "side outside { addresses = {192.0.2.1}\nalternate_domain = \"b\303\274ro.de\" }",
	 "F:3:20: side.outside.alternate_domain: \"b\303\274ro.de\" is not a DNS name in ASCII; write letters, digits, dots and hyphens"},
	{INSIDE "side outside { addresses = {192.0.2.1}\nudp_ports = {3478, 3479} "
		"nat_discovery = true }",
	 "F:3:42: side.outside.nat_discovery: needs two addresses of one family; list another in addresses, or remove nat_discovery"},
	{INSIDE "side outside { addresses = {192.0.2.1, \"2001:db8::1\"}\n"
		"udp_ports = {3478, 3479} nat_discovery = true }",
	 "F:3:42: side.outside.nat_discovery: needs two addresses of one family; list another in addresses, or remove nat_discovery"},
	{INSIDE
	 "side outside { addresses = {192.0.2.1, 192.0.2.2}\nnat_discovery = true }",
	 "F:3:17: side.outside.nat_discovery: needs two UDP ports on each address; list another in udp_ports, or remove nat_discovery"},
	{"side inside { addresses = {10.0.0.5} udp_ports = 0 tcp_ports = {} }\n"
	 "side outside { addresses = {192.0.2.1} udp_port = 0 tcp_port = 0 }\n",
	 "F:1:50: side.inside.udp_ports: both sides are without ports, so no client can connect; list some in udp_ports or tcp_ports"},

	/* groups of users */
	{SIDES "user_group none { dscp_peers = ef }",
	 "F:3:1: user_group \"none\": would have everybody; list users, networks or keys, or write it in section dscp"},
	{SIDES "user_group w { users = {b, \"a*b\"} }",
	 "F:3:28: user_group.users: \"a*b\" is not a name of a user as records show it; write * only at its end, and a blank as \\x20"},
	{SIDES "user_group w { keys = {k} }\nuser_group W { keys = {l} }",
	 "F:4:1: user_group \"W\" is given a second time, first in line 3; keep one of them"},
	{SIDES "user_group w { keys = {k} dscp_audio = 64 }",
	 "F:3:40: user_group.dscp_audio: \"64\" is not a DSCP that goes here; write copy, a name such as ef or af41, or a number from 0 to 63"},

	/* lists of ports */
	{"side inside { udp_ports = {3478,\n0} }",
	 "F:2:1: side.inside.udp_ports: 0 is not a port; remove it, or write {} for none"},
	{"side inside { udp_ports = 65536 }",
	 "F:1:27: side.inside.udp_ports: \"65536\" is not a port; write a number from 1 to 65535"},
	{"side inside { udp_ports = {3478-3480} }",
	 "F:1:28: side.inside.udp_ports: \"3478-3480\" is not a port; write a number from 1 to 65535"},
	{"side inside { udp_ports = {-1} }",
	 "F:1:28: side.inside.udp_ports: \"-1\" is not a port; write a number from 1 to 65535"},
	{"side inside { tcp_ports = {443, 3478, 0443} }",
	 "F:1:39: side.inside.tcp_ports: \"0443\" is listed twice; remove one"},
	{"side inside { tcp_ports += 443 }",
	 "F:1:28: side.inside.tcp_ports: \"443\" is listed twice; remove one"},
	{"side inside { tcp_ports = {1, 2, 3, 4, 5, 6, 7, 8,\n9} }",
	 "F:2:1: side.inside.tcp_ports: more than 8 ports; list fewer"},
	{"side inside { udp_ports = 3478\nudp_port = 3479 }",
	 "F:2:1: \"udp_ports\" is given a second time, first in line 1; keep one of them"},
	{INSIDE "side outside { addresses = {192.0.2.1}\n udp_ports = {3478,\n50000} }",
	 "F:4:1: side.outside.udp_ports: 50000 lies in relay.ports, 50000-59999; move one of them"},
	{"side inside { addresses = {10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8}\n"
	 "udp_ports = {1, 2, 3, 4, 5, 6, 7, 8} tcp_ports = {1, 2, 3, 4, 5, 6, 7, 8} }\n"
	 "side outside { addresses = {192.0.2.1} udp_ports = {3478}\n"
	 "tcp_ports = {} }\n",
	 "F:3:28: side.outside.addresses: 258 fronts on both sides together, at most 256; list fewer addresses or ports"},
};

START_TEST(config_errors_have_place_fault_and_remedy)
{
	char error[512];
	struct relay_config *config = parse(errors[_i].text, error, sizeof(error));

	ck_assert_msg(config == NULL, "accepted, wanted %s", errors[_i].want);
	ck_assert_str_eq(error, errors[_i].want);
}
END_TEST

/* What is written in side inside; each list as it is read, and how many warnings there are. */
static const struct {
	const char *text;
	uint16_t udp[4], tcp[4]; /* up to 0 */
	const char *warning;     /* NULL: none */
} ports[] = {
	{"", {3478}, {443}, NULL},
	{"udp_ports = {3478, 443} tcp_ports = {443, 3478, 5349}",
	 {3478, 443},
	 {443, 3478, 5349},
	 NULL},
	{"udp_ports = 443 tcp_ports = \"3478\"", {443}, {3478}, NULL},
	{"udp_ports = {}", {0}, {443}, NULL},
	{"udp_ports = 0", {0}, {443}, NULL},
	{"udp_ports += {443} tcp_ports += 5349", {3478, 443}, {443, 5349}, NULL},
	{"udp_ports = {443} udp_ports += {3478}", {443, 3478}, {443}, NULL},
	{"udp_port = 3479",
	 {3479},
	 {443},
	 "F:1:38: \"udp_port\" in section \"side\" has a new name; write \"udp_ports\""},
	{"tcp_port = 0",
	 {3478},
	 {0},
	 "F:1:38: \"tcp_port\" in section \"side\" has a new name; write \"tcp_ports\""},
};

static void check_ports(const uint16_t want[4], const uint16_t *got, size_t count,
			const char *text)
{
	size_t wanted = 0;

	while (wanted < 4 && want[wanted] != 0)
		wanted++;
	ck_assert_msg(count == wanted && (count == 0 ||
					  memcmp(got, want, count * sizeof(*got)) == 0),
		      "%s: %zu ports", text, count);
}

/* The only one, but for what else is remarked; NULL: none about a name. */
static void check_warning(const struct relay_config *config, const char *want)
{
	char got[512] = "";

	for (size_t i = 0; i < config->common.remark_count; i++) {
		const struct config_remark *remark = &config->common.remarks[i];

		if (strstr(remark->sentence, "new name"))
			snprintf(got, sizeof(got), "%s:%u:%u: %s", config->common.path,
				 remark->line, remark->column, remark->sentence);
	}
	ck_assert_str_eq(got, want ? want : "");
}

START_TEST(config_reads_lists_of_ports)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "side inside { addresses = {10.0.0.5} %s }\n" OUTSIDE, ports[_i].text);

	struct relay_config *c = must_parse(text);
	const struct relay_config_side *inside = &c->sides[SIDE_INSIDE];

	check_ports(ports[_i].udp, inside->udp_ports, inside->udp_port_count, text);
	check_ports(ports[_i].tcp, inside->tcp_ports, inside->tcp_port_count, text);
	check_warning(c, ports[_i].warning);
	relay_config_free(c);
}
END_TEST

START_TEST(config_reads_former_names)
{
	struct relay_config *c =
		must_parse(SIDES "metrics {\r\n\tlisten = \"127.0.0.1:9478\" }");

	ck_assert_uint_eq(c->common.metrics.address.port, 9478);
	check_warning(c, "F:4:2: \"listen\" in section \"metrics\" has a new name; write "
			 "\"address\"");
	relay_config_free(c);
}
END_TEST

START_TEST(config_has_defaults)
{
	struct relay_config *c = must_parse(SIDES);

	ck_assert_str_eq(c->common.path, "F");
	ck_assert_str_eq(c->realm, "edge");
	ck_assert_str_eq(c->common.keys, "/etc/avedge/keys");
	ck_assert_str_eq(c->software, "avedge");
	ck_assert_uint_eq(c->workers, 0);
	ck_assert_ptr_null(c->common.user);
	ck_assert_ptr_null(c->common.group);
	ck_assert_ptr_null(c->tls.certificate);
	ck_assert(c->ms.enabled && !c->ms.bandwidth_management && !c->ms.ipv6);
	ck_assert_str_eq(c->ms.realm, "rtcmedia");
	ck_assert_uint_eq(c->ms.version, 2);
	ck_assert_uint_eq(c->relay.ports.first, 50000);
	ck_assert_uint_eq(c->relay.ports.last, 59999);
	ck_assert_uint_eq(c->relay.rest_ms, 30000);
	ck_assert_uint_eq(c->limits.lifetime_default_s, 600); /* T-245 */
	ck_assert_uint_eq(c->limits.lifetime_max_s, 3600);    /* T-246 */
	ck_assert_uint_eq(c->nonce_lifetime_s, 1800);         /* T-114 */
	/* What one person may have follows the dialect. */
	ck_assert_uint_eq(c->limits.allocations_per_user[DIALECT_IETF], 0);
	ck_assert_uint_eq(c->limits.bandwidth.per_allocation[DIALECT_IETF], 0);
	ck_assert_uint_eq(c->limits.bandwidth.per_user[DIALECT_IETF], 0);
	ck_assert_uint_eq(c->limits.allocations_per_user[DIALECT_MS], 64);
	ck_assert_uint_eq(c->limits.bandwidth.per_allocation[DIALECT_MS], 3000000);
	ck_assert_uint_eq(c->limits.bandwidth.per_user[DIALECT_MS], 10000000);
	ck_assert_uint_eq(c->limits.allocations_per_prefix, 2048);
	ck_assert_uint_eq(c->limits.allocation_rate_per_user, 100);
	ck_assert_uint_eq(c->limits.allocation_burst_per_user, 5000);
	ck_assert_uint_eq(c->limits.bandwidth.total, 0);
	ck_assert_uint_eq(c->limits.bandwidth.burst_ms, 5000);
	ck_assert_uint_eq(c->limits.bandwidth.peak_percent, 200);
	ck_assert(!c->limits.enforce_credential_expiry);
	ck_assert_uint_eq(c->limits.stranger_rate, 10);
	ck_assert_uint_eq(c->limits.stranger_burst, 5000);
	ck_assert_uint_eq(c->stream.send_queue, 256 * 1024);
	ck_assert_uint_eq(c->stream.greeting_ms, 30000);
	ck_assert_uint_eq(c->stream.greeting_min_ms, 5000);
	ck_assert_uint_eq(c->stream.authentication_ms, 60000);
	ck_assert_uint_eq(c->stream.authentication_min_ms, 10000);
	ck_assert(c->common.log.records);
	ck_assert_str_eq(c->common.log.level, "info");
	ck_assert_str_eq(c->common.control.socket, "/run/mediarelayd/control.sock");
	ck_assert_ptr_null(c->common.control.group);
	ck_assert_uint_eq(c->common.metrics.address.ip.family, IP_NONE);
	for (int i = 0; i < SIDE_COUNT; i++) {
		ck_assert_uint_eq(c->sides[i].address_count, 1);
		ck_assert_uint_eq(c->sides[i].udp_port_count, 1);
		ck_assert_uint_eq(c->sides[i].udp_ports[0], 3478);
		ck_assert_uint_eq(c->sides[i].tcp_port_count, 1);
		ck_assert_uint_eq(c->sides[i].tcp_ports[0], 443);
	}
	ck_assert(ip_addr_equal(&c->sides[SIDE_OUTSIDE].addresses[0],
				&c->sides[SIDE_OUTSIDE].public[0]));
	relay_config_free(c);
}
END_TEST

START_TEST(config_accepts_values_quoted_or_not)
{
	struct relay_config *c =
		must_parse("relay { ports = 40000-40099 rest = \"2m\" } # one\n"
			   "workers='2' // two\n"
			   "keys = /etc//keys\n"
			   "software = \"\" control { socket = \"\" }\n"
			   "log { records = No level = DEBUG }\n"
			   "limits { send_queue = 1M idle = 0 }\n"
			   "peers { allow = {0.0.0.0/0, \"::/0\"} deny = {}\n"
			   "        allow += {10.0.0.1} }\n" SIDES);

	ck_assert_uint_eq(c->relay.ports.first, 40000);
	ck_assert_uint_eq(c->relay.ports.last, 40099);
	ck_assert_uint_eq(c->relay.rest_ms, 120000);
	ck_assert_uint_eq(c->workers, 2);
	ck_assert_str_eq(c->common.keys, "/etc//keys");
	ck_assert_str_eq(c->software, "");
	ck_assert_ptr_null(c->common.control.socket);
	ck_assert(!c->common.log.records);
	ck_assert_uint_eq(c->stream.send_queue, 1 << 20);
	ck_assert_uint_eq(c->stream.idle_ms, 0);
	ck_assert_uint_eq(c->peers.allow_count, 3);
	ck_assert_uint_eq(c->peers.allow[1].len, 0);
	ck_assert_uint_eq(c->peers.allow[2].len, 32);
	relay_config_free(c);
}
END_TEST

START_TEST(config_accepts_values_from_the_environment)
{
	setenv("AVEDGE_TEST", "/a b", 1);
	unsetenv("AVEDGE_NONE");
	struct relay_config *c = must_parse(
		"keys = ${AVEDGE_TEST}/keys realm = \"x${AVEDGE_NONE:-y}${AVEDGE_NONE:-}z\"\n"
		"revoked_users = '${AVEDGE_TEST}\\n\\\\'\n" SIDES);

	ck_assert_str_eq(c->common.keys, "/a b/keys");
	ck_assert_str_eq(c->realm, "xyz");
	ck_assert_str_eq(c->revoked_users, "${AVEDGE_TEST}\\n\\");
	relay_config_free(c);
}
END_TEST

START_TEST(config_pairs_public_addresses_by_position)
{
	struct relay_config *c =
		must_parse(INSIDE "side outside { public = {203.0.113.1, 2001:db8:1::1}\n"
				  "addresses = {192.0.2.1, 2001:db8::1} }\n");
	char text[ENDPOINT_TEXT_LEN];
	const struct ip_addr *a = c->sides[SIDE_OUTSIDE].addresses;
	const struct ip_addr *public = c->sides[SIDE_OUTSIDE].public;

	ck_assert_str_eq(ip_addr_format(&a[0], text, sizeof(text)), "192.0.2.1");
	ck_assert_str_eq(ip_addr_format(&public[0], text, sizeof(text)), "203.0.113.1");
	ck_assert_str_eq(ip_addr_format(&a[1], text, sizeof(text)), "2001:db8::1");
	ck_assert_str_eq(ip_addr_format(&public[1], text, sizeof(text)), "2001:db8:1::1");
	relay_config_free(c);
}
END_TEST

/* A printed value can be written into a file and means the same. */
START_TEST(config_schema_defaults_survive_a_round_trip)
{
	const struct config_key *key = &relay_config_schema.keys[_i];
	struct relay_config a = {.workers = 0}, b = {.workers = 0};
	char why[CONFIG_WHY_MAX] = "";

	if (config_element_size(key->type) == 0) {
		ck_assert_ptr_nonnull(key->fallback);
		ck_assert_msg(config_value_parse(key, key->fallback, &a, why),
			      "%s.%s: %s", key->section, key->name, why);

		char *text = config_value_format(key, &a);
		ck_assert(config_value_parse(key, text, &b, why));

		char *again = config_value_format(key, &b);
		ck_assert_str_eq(text, again);
		free(text);
		free(again);
		config_value_free(key, &a);
		config_value_free(key, &b);
	}
	ck_assert_uint_gt(strlen(key->doc), 0);
	ck_assert_ptr_null(strpbrk(key->doc, "\n\t"));
}
END_TEST

/* Values that wait for a restart are copied as text from the configuration at start. */
START_TEST(config_only_single_values_need_a_restart)
{
	const struct config_key *key = &relay_config_schema.keys[_i];

	ck_assert(key->effect != RELOAD_EFFECT_RESTART ||
		  (config_element_size(key->type) == 0 &&
		   strcmp(key->section, "side") != 0));
}
END_TEST

START_TEST(config_file_that_does_not_exist)
{
	char error[512];

	ck_assert_ptr_null(config_load(&relay_config_schema, "/nonexistent/x.conf", error,
				       sizeof(error)));
	ck_assert_str_eq(error,
			 "/nonexistent/x.conf: No such file or directory; give the "
			 "configuration file with -c");
	ck_assert_ptr_null(config_load(&relay_config_schema, "/", error, sizeof(error)));
	ck_assert_str_eq(error, "/: Is a directory; give the configuration file with -c");
}
END_TEST

START_TEST(config_file_that_is_not_text)
{
	char error[512];

	ck_assert_ptr_null(relay_config_parse("F", "a\0b", 3, error, sizeof(error)));
	ck_assert_str_eq(error, "F: not a text file; give a configuration file");
}
END_TEST

START_TEST(config_metrics_are_on_loopback)
{
	static const char *const texts[] = {"127.0.0.1:9478", "127.9.9.9:1",
					    "[::1]:65535"};
	char text[256], error[256];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct endpoint want;

		snprintf(text, sizeof(text), "%smetrics { address = \"%s\" }", SIDES,
			 texts[i]);
		struct relay_config *c =
			relay_config_parse("F", text, strlen(text), error, sizeof(error));
		ck_assert_msg(c != NULL, "%s", error);
		ck_assert(endpoint_parse(texts[i], 0, &want));
		ck_assert(endpoint_equal(&c->common.metrics.address, &want));
		relay_config_free(c);
	}
}
END_TEST

/*
 * The manual page and the default file must agree with the table: every key, its default,
 * and whether a reload applies it.
 */
START_TEST(config_manual_page_agrees)
{
	config_docs_check_key("docs/mediarelayd.conf.5", &relay_config_schema.keys[_i]);
}
END_TEST

static void refuse_difference(void *arg, const char *key, const char *before,
			      const char *after, enum reload_effect effect)
{
	(void)arg;
	(void)effect;
	ck_abort_msg("%s: %s, but %s as shipped", key, before, after);
}

static void count_entry(void *arg, const struct config_entry *entry)
{
	(void)entry;
	++*(size_t *)arg;
}

START_TEST(config_default_file_shows_the_defaults)
{
	char *text = source_file("conf/mediarelayd.conf");
	struct relay_config *defaults = must_parse(SIDES);

	relay_config_free(must_parse(text)); /* as it is shipped */

	size_t shown = config_docs_uncomment(text);

	struct relay_config *written = must_parse(text);
	size_t keys = 0;
	config_list(&written->common, count_entry, &keys);
	ck_assert_uint_eq(shown, keys);
	config_compare(&defaults->common, &written->common, refuse_difference, NULL);
	relay_config_free(written);
	relay_config_free(defaults);
	free(text);
}
END_TEST

START_TEST(config_drain_answer_is_one_of_three)
{
	static const struct {
		const char *text;
		enum drain_answer answer;
		size_t warnings;
	} rows[] = {
		{SIDES, DRAIN_REDIRECT, 0},
		{INSIDE
		 "side outside { addresses = {192.0.2.1} drain_answer = redirect }",
		 DRAIN_REDIRECT, 1},
		{INSIDE "side outside { addresses = {192.0.2.1} drain_answer = redirect\n"
			"alternate_servers = {192.0.2.8} }",
		 DRAIN_REDIRECT, 0},
		{INSIDE "side outside { addresses = {192.0.2.1} drain_answer = refuse }",
		 DRAIN_REFUSE, 0},
		{INSIDE
		 "side outside { addresses = {192.0.2.1} drain_answer = \"ignore\" }",
		 DRAIN_IGNORE, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct relay_config *c = must_parse(rows[i].text);
		bool warned = false;

		ck_assert_uint_eq(c->sides[SIDE_OUTSIDE].drain_answer,
				  rows[i].answer + 1);
		for (size_t j = 0; j < c->common.remark_count; j++)
			warned |= strstr(c->common.remarks[j].sentence,
					 "nowhere to redirect") != NULL;
		ck_assert_uint_eq(warned, rows[i].warnings);
		relay_config_free(c);
	}
}
END_TEST

START_TEST(config_remarks_on_a_realm_with_padding)
{
	struct relay_config *c = must_parse(SIDES);

	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_INFO), 0);
	relay_config_free(c);
	c = must_parse(SIDES "realm = example.com\n");
	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_INFO), 1);
	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_WARNING), 0);
	ck_assert_str_eq(
		c->common.remarks[0].sentence,
		"realm: a few old clients cannot log in to a realm of 11 characters; for them "
		"use 12, a multiple of four");
	relay_config_free(c);
	c = must_parse(SIDES "realm = turn.example.com\n");
	ck_assert_uint_eq(config_remark_count(&c->common, CONFIG_INFO), 0);
	relay_config_free(c);
}
END_TEST

static void config_suite(Suite *suite)
{
	TCase *tc = tcase_create("config");

	tcase_add_loop_test(tc, config_errors_have_place_fault_and_remedy, 0,
			    ROWS(errors));
	tcase_add_loop_test(tc, config_reads_lists_of_ports, 0, ROWS(ports));
	tcase_add_test(tc, config_reads_former_names);
	tcase_add_test(tc, config_has_defaults);
	tcase_add_test(tc, config_accepts_values_quoted_or_not);
	tcase_add_test(tc, config_accepts_values_from_the_environment);
	tcase_add_test(tc, config_pairs_public_addresses_by_position);
	tcase_add_loop_test(tc, config_schema_defaults_survive_a_round_trip, 0,
			    (int)relay_config_schema.key_count);
	tcase_add_loop_test(tc, config_only_single_values_need_a_restart, 0,
			    (int)relay_config_schema.key_count);
	tcase_add_test(tc, config_metrics_are_on_loopback);
	tcase_add_loop_test(tc, config_manual_page_agrees, 0,
			    (int)relay_config_schema.key_count);
	tcase_add_test(tc, config_default_file_shows_the_defaults);
	tcase_add_test(tc, config_drain_answer_is_one_of_three);
	tcase_add_test(tc, config_remarks_on_a_realm_with_padding);
	tcase_add_test(tc, config_file_that_does_not_exist);
	tcase_add_test(tc, config_file_that_is_not_text);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("config", config_suite)
