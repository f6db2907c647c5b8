/*
 * ctl_command.c - the table of commands. The texts are plain: paragraphs separated by an empty
 * line, which --help folds and the manual page includes. Two spaces end a sentence.
 */
#include "tools/ctl/ctl_command.h"

#include <assert.h>
#include <string.h>

#include "tools/ctl/ctl_run.h"

#define DAEMON OPTION_SOCKET, OPTION_JSON
#define ISSUER OPTION_MRAS_OWN_SOCKET, OPTION_JSON

/* A command that shows one document of a daemon. */
#define SHOWS(path_, print_) .run = ctl_document, .path = path_, .print = print_

#define CONFIGURATION_TEXT                                                             \
	"A key that the file does not set and that follows others, as public follows " \
	"addresses, counts as default."

const struct ctl_command ctl_commands[] = {
	{.name = "status",
	 .purpose = "show the state and load of the relay",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_ALL_LIMITS, DAEMON},
	 .path = "/v1/status",
	 .print = ctl_print_status,
	 .run = ctl_status},
	{.name = "ports",
	 .purpose = "list open addresses and ports and their purpose",
	 .text = "One line per port: side, address, protocol, port, direction, service, purpose.  "
		 "Behind NAT, also the public address that clients are told.  The direction is "
		 "that of the firewall, seen from the relay.  The range of relayed addresses is "
		 "listed as a whole, and then those in use.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_EXPLAIN, OPTION_PORTS_CONFIG, DAEMON},
	 .run = ctl_ports},
	{.name = "allocations",
	 .purpose = "list allocations",
	 .text = "One line per allocation: id, user, side, transport and address of the client, "
		 "relayed address and its transport, age, time to expiry, number of permissions "
		 "and channels, bytes in each direction.  With several filters, an allocation "
		 "must match all of them.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_USER, OPTION_SIDE, OPTION_DIALECT, OPTION_TRANSPORT,
		     OPTION_RELAY_TRANSPORT, OPTION_CLIENT, OPTION_PEER, OPTION_KEY,
		     OPTION_SORT, OPTION_LIMIT, OPTION_WATCH, DAEMON},
	 .run = ctl_allocations},
	{.name = "show",
	 .usage = "ID",
	 .purpose = "show one allocation in detail",
	 .text = "ID may be shortened to a unique prefix.",
	 .daemon = CTL_RELAY,
	 .options = {DAEMON},
	 .operands = {CTL_ALLOCATION},
	 .operands_min = 1,
	 .run = ctl_show},
	{.name = "kill",
	 .usage = "ID | --user USER | --key ID",
	 .purpose = "end allocations",
	 .text = "Prints how many ended.  Clients are not notified: the relay just stops "
		 "answering, and they may come back unless their key has left the keyring.  ID "
		 "may be shortened to a unique prefix.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_KILL_USER, OPTION_KILL_KEY, DAEMON},
	 .operands = {CTL_ALLOCATION},
	 .run = ctl_kill},
	{.name = "drain",
	 .purpose = "refuse new allocations and let calls finish",
	 .text = "A second drain replaces the deadline of the first.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_DEADLINE, OPTION_WAIT, OPTION_DRAIN_MRAS, OPTION_FORCE,
		     OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_drain},
	{.name = "undrain",
	 .purpose = "accept new allocations again",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_UNDRAIN_MRAS, OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_undrain},
	{.name = "reload",
	 .purpose = "reload configuration, keys and certificates",
	 .text = "Waits for the result.  A reload is applied as a whole, and every changed key is "
		 "listed with its effect; or it is rejected as a whole, with the file and line "
		 "of the error and exit status 1.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_RELOAD_MRAS, OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_reload},
	{.name = "upgrade",
	 .usage = "--check",
	 .purpose = "say what a restart or an upgrade would lose",
	 .text = "Calls go on when mediarelayd is restarted or upgraded.  This asks the relay which would "
		 "not, before it happens: clients over TLS without mobility, data connections over TLS, "
		 "allocations that could not be saved, and those whose address, port or dialect the "
		 "configuration file, as it is now, does not have any more, or whose user or key the "
		 "files of revoked users and keys have not left valid.  It tries whether new ports and addresses can be "
		 "bound.  As root, and for the default socket or with --config, it runs mediarelayd --check, too: of "
		 "files that only root may read the relay has copies, made when it started.  Changes nothing.\n\n"
		 "Exit status 0: nothing would be lost; 1: something would, or no process could start "
		 "with these files.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_CHECK, OPTION_UPGRADE_CONFIG, DAEMON},
	 .run = ctl_upgrade},
	{.name = "offload",
	 .usage = "[on | off]",
	 .purpose = "show the kernel plane, or turn it on or off",
	 .text = "Media over UDP that has a bound channel, or an active destination of the Microsoft "
		 "dialect, is relayed by the kernel where avedge-offload could attach a program to the "
		 "device.  Shows whether it is so, or why not and what to do; each device with its "
		 "kind of program: xdp, tcx or clsact, the last two of TC; how many flows are in force, "
		 "each a direction of a channel; packets forwarded in the kernel; and packets of relay "
		 "ports that came up to the sockets, by reason.\n\n"
		 "off lasts until on, or until the relay restarts: all flows end, their programs are "
		 "detached, and media goes on over sockets, without loss.",
	 .daemon = CTL_RELAY,
	 .options = {DAEMON},
	 .operands = {CTL_SWITCH},
	 .run = ctl_offload},
	{.name = "limits",
	 .purpose = "show the limits in force and their usage",
	 .text = "The top users and address prefixes follow.",
	 .daemon = CTL_RELAY,
	 .options = {DAEMON},
	 SHOWS("/v1/limits", ctl_print_limits)},
	{.name = "log-level",
	 .usage = "[SUBSYSTEM LEVEL]",
	 .purpose = "show or set log levels",
	 .text = "LEVEL is error, warning, notice, info or debug; or default, to follow the "
		 "default level again.  The subsystem default is the level that all others "
		 "follow.  A level set here lasts until the daemon restarts.",
	 .daemon = CTL_RELAY,
	 .options = {DAEMON},
	 .operands = {CTL_SUBSYSTEM, CTL_LEVEL},
	 .run = ctl_log_level},
	{.name = "top",
	 .purpose = "live view of traffic, drops, ports and top allocations",
	 .text = "Keys: q quits, h or ? shows all keys, s changes the sort order, arrow and page "
		 "keys scroll, space refreshes.  Three keys filter the allocations: u asks for a "
		 "user, a for an address or prefix of clients, d goes through the dialects; c "
		 "clears all filters.  While one asks, Enter applies what was typed, nothing "
		 "typed clears the filter, Escape leaves it as it was.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_USER, OPTION_CLIENT, OPTION_DIALECT, OPTION_SORT,
		     OPTION_INTERVAL, OPTION_ONCE, DAEMON},
	 .run = ctl_top},
	{.name = "records",
	 .purpose = "show records of ended allocations",
	 .text = "One line per allocation: when it ended, id, user, side, transport and dialect, "
		 "content of an MS client (audio if it announced none), client, relayed address, "
		 "why it ended, duration, bytes in each direction.  The relay keeps the newest 4096, oldest "
		 "first.  With several filters, a record must match all of them.\n\n"
		 "With --json, prints one object per line, as the relay writes it.  A reader that "
		 "falls behind loses records and is told how many; the relay never waits.",
	 .daemon = CTL_RELAY,
	 .options = {OPTION_FOLLOW, OPTION_RECORDS_USER, OPTION_SINCE,
		     OPTION_RECORDS_LIMIT, DAEMON},
	 .run = ctl_records},
	{.name = "counters",
	 .purpose = "show event counters since the start",
	 .daemon = CTL_RELAY,
	 .text = "With --watch, prints at each interval what the counters have grown by, and how "
		 "much that is per second; with --json, one object per line.",
	 .options = {OPTION_ALL_COUNTERS, OPTION_WATCH_COUNTERS, DAEMON},
	 .run = ctl_counters},
	{.name = "configuration",
	 .purpose = "show configuration keys that differ from their default",
	 .text = CONFIGURATION_TEXT,
	 .daemon = CTL_RELAY,
	 .options = {OPTION_ALL_KEYS, DAEMON},
	 SHOWS("/v1/configuration", ctl_print_configuration)},
	{.name = "mras status",
	 .purpose = "show the state of mrasd and what it has issued",
	 .daemon = CTL_MRAS,
	 .options = {ISSUER},
	 SHOWS("/v1/status", ctl_print_mras_status)},
	{.name = "mras relays",
	 .purpose = "list the relays of mrasd and their state",
	 .text = "mrasd sends clients to relays that are active, not to those that drain.",
	 .daemon = CTL_MRAS,
	 .options = {ISSUER},
	 SHOWS("/v1/relays", ctl_print_relays)},
	{.name = "mras drain",
	 .usage = "ADDRESS",
	 .purpose = "stop sending clients to a relay",
	 .text = "ADDRESS is the address or host name of a relay in mrasd.conf.  Credentials "
		 "already issued stay valid.",
	 .daemon = CTL_MRAS,
	 .options = {OPTION_FORCE, ISSUER},
	 .operands = {CTL_MRAS_RELAY},
	 .operands_min = 1,
	 .run = ctl_mras_drain},
	{.name = "mras undrain",
	 .usage = "ADDRESS",
	 .purpose = "send clients to a relay again",
	 .daemon = CTL_MRAS,
	 .options = {ISSUER},
	 .operands = {CTL_MRAS_RELAY},
	 .operands_min = 1,
	 .run = ctl_mras_undrain},
	{.name = "mras reload",
	 .purpose = "reload mrasd's configuration, keys and certificates",
	 .daemon = CTL_MRAS,
	 .options = {ISSUER},
	 .run = ctl_reload},
	{.name = "mras log-level",
	 .usage = "[SUBSYSTEM LEVEL]",
	 .purpose = "show or set log levels of mrasd",
	 .daemon = CTL_MRAS,
	 .options = {ISSUER},
	 .operands = {CTL_SUBSYSTEM, CTL_LEVEL},
	 .run = ctl_log_level},
	{.name = "mras configuration",
	 .purpose = "show keys of mrasd.conf that differ from their default",
	 .text = CONFIGURATION_TEXT,
	 .daemon = CTL_MRAS,
	 .options = {OPTION_ALL_KEYS, ISSUER},
	 SHOWS("/v1/configuration", ctl_print_configuration)},
	{.name = "key new",
	 .purpose = "create a key and append it to the keyring",
	 .text = "Creates the keyring, mode 0640, if it does not exist.\n\n"
		 "The relay and mrasd share a keyring of up to 16 keys.  The first valid key "
		 "signs credentials; every valid key verifies them.  Running daemons notice a "
		 "changed keyring by themselves.\n\n"
		 "The keyring's directory is locked during a change, so concurrent commands lose "
		 "nothing.  The file is replaced as a whole and keeps its owner, group and mode.  "
		 "Comments in it are lost.",
	 .options = {OPTION_KEYS, OPTION_ID, OPTION_VALID, OPTION_REST, OPTION_JSON},
	 .run = ctl_key_new},
	{.name = "key rotate",
	 .purpose = "create a key to sign with from now on",
	 .text = "The new key goes first in the keyring, so it signs as soon as it is valid.  "
		 "Keys valid by then expire after the overlap, or earlier if they already had an "
		 "end; so does the key of an earlier rotation whose delay is not over, which "
		 "never signs.  Other keys valid only later are left alone.  Keys that expired "
		 "more than a week ago are removed.",
	 .options = {OPTION_KEYS, OPTION_ID, OPTION_VALID, OPTION_REST, OPTION_OVERLAP,
		     OPTION_DELAY, OPTION_JSON},
	 .run = ctl_key_rotate},
	{.name = "key list",
	 .purpose = "list the keys, without secrets",
	 .text = "The state of a key is signs, verifies, future or expired.",
	 .options = {OPTION_KEYS, OPTION_JSON},
	 .run = ctl_key_list},
	{.name = "key show",
	 .usage = "ID",
	 .purpose = "show one key",
	 .options = {OPTION_KEYS, OPTION_SECRET, OPTION_JSON},
	 .operands = {CTL_TEXT},
	 .operands_min = 1,
	 .run = ctl_key_show},
	{.name = "credential",
	 .usage = "--user NAME",
	 .purpose = "issue a user name and password for a client",
	 .text = "Stores nothing: anyone who can read the keyring can issue.  With --server, "
		 "asks the relay for its ports and prints a turn: or turns: URI for each.\n\n"
		 "With --json, prints an object with username, password, ttl (in seconds), "
		 "expires (RFC 3339), realm and iceServers, ready for RTCPeerConnection.",
	 .options = {OPTION_FOR_USER, OPTION_TTL, OPTION_FORM, OPTION_KEYS, OPTION_REALM,
		     OPTION_SERVER, OPTION_SOCKET, OPTION_JSON},
	 .run = ctl_credential},
	{.name = "access-token",
	 .usage = "--keys FILE --server-name NAME",
	 .purpose = "make an access token, to try third-party authorization",
	 .text = "Does what an authorization server does for a client (RFC 7635): makes a session "
		 "key and encloses it in a token that only the relay can open.  A client sends the "
		 "kid as its user name and the token in Allocate and Refresh, and signs all requests "
		 "with the session key.\n\n"
		 "A new long-term key is a line 'KID BASE64 A256GCM' in the file; 'openssl rand "
		 "-base64 32' makes the middle of it.\n\n"
		 "avedge-load takes the output as --user, --password and --access-token.  With --json, "
		 "prints an object with kid, key, access_token, server_name, expires_in (in seconds) "
		 "and expires (RFC 3339).",
	 .options = {OPTION_TOKEN_KEYS, OPTION_SERVER_NAME, OPTION_KID, OPTION_TOKEN_TTL,
		     OPTION_SHA256, OPTION_JSON},
	 .run = ctl_access_token},
	{.name = "probe",
	 .usage = "HOST",
	 .purpose = "test what a TURN server serves, as a client",
	 .text = "Runs on any host, against any TURN server.  Over UDP, DTLS, TCP and TLS two "
		 "clients allocate, and a packet travels from one relayed address to the other "
		 "and back.  Then tells whether the server relays TCP connections, lets an "
		 "allocation move with its client, grants DONT-FRAGMENT, and gives addresses of "
		 "both families; what address it sees; and, if it offers NAT discovery, how a NAT "
		 "on the way maps and filters.  Each step is a line; a transport that fails says "
		 "why and what to do about it.\n\n"
		 "Without --user and --password or --keys, nothing is relayed: a server that asks "
		 "for a credential is all there is to see.  Other users of this host can see the "
		 "password in the process list.",
	 .options = {OPTION_TURN_USER, OPTION_TURN_PASSWORD, OPTION_TURN_KEYS,
		     OPTION_TURN_TRANSPORT, OPTION_TURN_UDP_PORT, OPTION_TURN_DTLS_PORT,
		     OPTION_TURN_TCP_PORT, OPTION_TURN_TLS_PORT, OPTION_TURN_CA,
		     OPTION_TURN_NAME, OPTION_TURN_INSECURE, OPTION_JSON},
	 .operands = {CTL_TEXT},
	 .operands_min = 1,
	 .run = ctl_probe_turn},
	{.name = "mras-probe",
	 .usage = "HOST[:PORT]",
	 .purpose = "test mrasd and its relays as a trusted server would",
	 .text = "Runs on any host: connects to mrasd, completes the TLS handshake, requests a "
		 "credential, and with it an allocation over UDP, TCP and TLS from each relay in "
		 "the answer, which it releases at once.  With an MRAS token, as Lync clients "
		 "use, also tries MS-TURN over UDP, TCP and pseudo-TLS.  Each step is a line; a "
		 "failed step says why and what to do about it.  Shows the certificates of both "
		 "ends with their names and the days left.\n\n"
		 "The user name and password in the output are valid.  With --json, prints an "
		 "object with ok, steps and credential.",
	 .options = {OPTION_PROBE_CERT, OPTION_PROBE_KEY, OPTION_PROBE_CA,
		     OPTION_PROBE_RELAY_CA, OPTION_PROBE_NAME, OPTION_PROBE_IDENTITY,
		     OPTION_PROBE_TTL, OPTION_PROBE_SIP, OPTION_PROBE_HTTP,
		     OPTION_PROBE_FORM, OPTION_JSON},
	 .operands = {CTL_TEXT},
	 .operands_min = 1,
	 .run = ctl_probe},
	{.name = "import",
	 .usage = "turnserver.conf",
	 .purpose = "convert a coturn configuration",
	 .text = "Writes a commented configuration for mediarelayd.  Lists every setting that it "
		 "cannot convert on standard error, with its line, its name and the reason.  Run "
		 "mediarelayd --check on the result.",
	 .options = {OPTION_OUTPUT, OPTION_INSIDE, OPTION_IMPORT_KEYS, OPTION_JSON},
	 .operands = {CTL_FILE},
	 .operands_min = 1,
	 .run = ctl_import},
};

const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);

const char *ctl_command_in(const struct ctl_command *command, const char *group)
{
	size_t len = strlen(group);

	return strncmp(command->name, group, len) == 0 && command->name[len] == ' '
		       ? command->name + len + 1
		       : NULL;
}

bool ctl_command_is_group(const char *word)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		if (ctl_command_in(&ctl_commands[i], word))
			return true;
	}
	return false;
}

const struct ctl_command *ctl_command_find(int count, char **words, int *used)
{
	for (size_t i = 0; count > 0 && i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];
		const char *second = ctl_command_in(command, words[0]);

		assert(command->run &&
		       (command->path != NULL) == (command->print != NULL));
		*used = second ? 2 : 1;
		if (second ? count > 1 && strcmp(second, words[1]) == 0
			   : strcmp(command->name, words[0]) == 0)
			return command;
	}
	return NULL;
}
