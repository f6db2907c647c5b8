/*
 * ctl_commands.c - the table of commands. The texts are plain: paragraphs with an empty line
 * between them, which --help folds and the manual page takes over. Two spaces end a sentence.
 */
#include "tools/ctl/ctl_command.h"

#include "tools/ctl/ctl_run.h"

#define DAEMON OPTION_SOCKET, OPTION_JSON
#define ISSUER OPTION_MRAS_OWN_SOCKET, OPTION_JSON

const struct ctl_command ctl_commands[] = {
	{.name = "status",
	 .purpose = "what the running relay is and how full",
	 .options = {OPTION_ALL_LIMITS, DAEMON},
	 .run = ctl_status},
	{.name = "ports",
	 .purpose = "every address and port it has open, and what for",
	 .text = "One line each: side, address, protocol, port, service, purpose.  Where NAT "
		 "is in front of the relay, the address that clients are told as well.",
	 .options = {OPTION_EXPLAIN, DAEMON},
	 .run = ctl_ports},
	{.name = "allocations",
	 .purpose = "every allocation: who, from where, how much",
	 .text = "One line for each: its id, the user, the client and its side and transport, "
		 "the relayed address and its transport, age and time to expiry, how many "
		 "permissions and channels, and the bytes both ways.  Several filters together "
		 "mean what passes all of them.",
	 .options = {OPTION_USER, OPTION_SIDE, OPTION_DIALECT, OPTION_TRANSPORT,
		     OPTION_RELAY_TRANSPORT, OPTION_CLIENT, OPTION_PEER, OPTION_KEY,
		     OPTION_SORT, OPTION_LIMIT, OPTION_WATCH, DAEMON},
	 .run = ctl_allocations},
	{.name = "show",
	 .usage = "ID",
	 .purpose = "all there is to know about one allocation",
	 .text = "The first digits of an id do, if no other allocation begins with them.",
	 .options = {DAEMON},
	 .operands = {CTL_ALLOCATION},
	 .operands_min = 1,
	 .run = ctl_show},
	{.name = "kill",
	 .usage = "ID | --user USER | --key ID",
	 .purpose = "end allocations",
	 .text = "Says how many were ended.  Their clients learn it from the relay's silence, "
		 "and may come back unless their key is gone from the keyring.  The first "
		 "digits of an id do, if no other allocation begins with them.",
	 .options = {OPTION_KILL_USER, OPTION_KILL_KEY, DAEMON},
	 .operands = {CTL_ALLOCATION},
	 .run = ctl_kill},
	{.name = "drain",
	 .purpose = "refuse new allocations, let calls end",
	 .text = "A second drain replaces the deadline of the first.",
	 .options = {OPTION_DEADLINE, OPTION_WAIT, OPTION_DRAIN_MRAS, OPTION_FORCE,
		     OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_drain},
	{.name = "undrain",
	 .purpose = "serve new allocations again",
	 .options = {OPTION_DRAIN_MRAS, OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_undrain},
	{.name = "reload",
	 .purpose = "read configuration, keys and certificates again",
	 .text = "Waits for the result: applied as a whole, with each key that changed and what "
		 "that did, or not at all, with file and line of what is wrong and exit status "
		 "1.",
	 .options = {OPTION_RELOAD_MRAS, OPTION_MRAS_SOCKET, DAEMON},
	 .run = ctl_reload},
	{.name = "limits",
	 .purpose = "the limits in force and how much of them is used",
	 .text = "The busiest users and prefixes of addresses are listed below.",
	 .options = {DAEMON},
	 .run = ctl_limits},
	{.name = "log-level",
	 .usage = "[SUBSYSTEM LEVEL]",
	 .purpose = "show or set how much is logged",
	 .text = "LEVEL is error, warning, notice, info or debug, or default for a subsystem "
		 "that is to follow the default again.  The subsystem default is what all "
		 "others follow.  A level set so lasts until the next start.",
	 .options = {DAEMON},
	 .operands = {CTL_SUBSYSTEM, CTL_LEVEL},
	 .run = ctl_log_level},
	{.name = "top",
	 .purpose = "a live view: totals, pool, drops, busiest allocations",
	 .text = "Keys: q ends, s chooses the next order, arrows and the page keys move, space "
		 "asks at once.",
	 .options = {OPTION_SORT, OPTION_INTERVAL, OPTION_ONCE, DAEMON},
	 .run = ctl_top},
	{.name = "records",
	 .purpose = "what allocations came to that have ended",
	 .text = "With --json one object a line, as the relay writes it.  Who reads too slowly "
		 "loses records and is told how many; the relay never waits.",
	 .options = {OPTION_FOLLOW, DAEMON},
	 .run = ctl_records},
	{.name = "counters",
	 .purpose = "what happened since its start",
	 .options = {OPTION_ALL_COUNTERS, DAEMON},
	 .run = ctl_counters},
	{.name = "configuration",
	 .purpose = "the keys in force that differ from their default",
	 .options = {OPTION_ALL_KEYS, DAEMON},
	 .run = ctl_configuration},
	{.name = "mras status",
	 .purpose = "what the running issuer is and what it issued",
	 .options = {ISSUER},
	 .run = ctl_mras_status},
	{.name = "mras relays",
	 .purpose = "the relays it knows, and which of them it names",
	 .options = {ISSUER},
	 .run = ctl_mras_relays},
	{.name = "mras drain",
	 .usage = "ADDRESS",
	 .purpose = "name a relay no more",
	 .text = "ADDRESS is the address or host name of a relay in mrasd.conf.  Credentials "
		 "that were issued stay good; clients just are not sent there any more.",
	 .options = {OPTION_FORCE, ISSUER},
	 .operands = {CTL_MRAS_RELAY},
	 .operands_min = 1,
	 .run = ctl_mras_drain},
	{.name = "mras undrain",
	 .usage = "ADDRESS",
	 .purpose = "name a relay again",
	 .options = {ISSUER},
	 .operands = {CTL_MRAS_RELAY},
	 .operands_min = 1,
	 .run = ctl_mras_undrain},
	{.name = "mras reload",
	 .purpose = "read mrasd's configuration, keys and certificates again",
	 .options = {ISSUER},
	 .run = ctl_mras_reload},
	{.name = "mras log-level",
	 .usage = "[SUBSYSTEM LEVEL]",
	 .purpose = "show or set how much mrasd logs",
	 .options = {ISSUER},
	 .operands = {CTL_MRAS_SUBSYSTEM, CTL_LEVEL},
	 .run = ctl_mras_log_level},
	{.name = "mras configuration",
	 .purpose = "keys of mrasd in force that differ from their default",
	 .options = {OPTION_ALL_KEYS, ISSUER},
	 .run = ctl_mras_configuration},
	{.name = "key new",
	 .purpose = "make a key and put it last in the keyring",
	 .text = "Without the file, makes that too, with mode 0640.\n\n"
		 "A keyring, which relay and issuer share, holds up to 16 keys.  The first key "
		 "that is valid now signs credentials, every key that is valid now verifies "
		 "them.  Running daemons notice a changed file by themselves.\n\n"
		 "While a key file is being changed, its folder is locked, so that two commands "
		 "at once lose nothing.  The file is replaced whole; it keeps its owner, group "
		 "and mode.  Comments in it are lost.",
	 .options = {OPTION_KEYS, OPTION_ID, OPTION_VALID, OPTION_REST, OPTION_JSON},
	 .run = ctl_key_new},
	{.name = "key rotate",
	 .purpose = "make a key that signs from now on",
	 .text = "It is put first, so that it signs once it begins.  The keys that were valid "
		 "end after the overlap, or earlier if they already had an end.  Keys that have "
		 "not begun yet stay as they are.  Keys that expired more than a week ago are "
		 "dropped.",
	 .options = {OPTION_KEYS, OPTION_ID, OPTION_VALID, OPTION_REST, OPTION_OVERLAP,
		     OPTION_DELAY, OPTION_JSON},
	 .run = ctl_key_rotate},
	{.name = "key list",
	 .purpose = "the keys, never their secrets",
	 .text = "A key signs, verifies, is expired or still in the future.",
	 .options = {OPTION_KEYS, OPTION_JSON},
	 .run = ctl_key_list},
	{.name = "key show",
	 .usage = "ID",
	 .purpose = "one key",
	 .options = {OPTION_KEYS, OPTION_SECRET, OPTION_JSON},
	 .operands = {CTL_TEXT},
	 .operands_min = 1,
	 .run = ctl_key_show},
	{.name = "credential",
	 .usage = "--user NAME",
	 .purpose = "issue a user name and password for a client",
	 .text = "Nothing is stored and the relay is not asked: whoever can read the keyring "
		 "can issue.\n\n"
		 "With --json the answer is an object with username, password, ttl (in seconds), "
		 "expires (RFC 3339), realm and iceServers, which an RTCPeerConnection takes as "
		 "it is.",
	 .options = {OPTION_FOR_USER, OPTION_TTL, OPTION_FORM, OPTION_KEYS, OPTION_REALM,
		     OPTION_SERVER, OPTION_JSON},
	 .run = ctl_credential},
	{.name = "mras-probe",
	 .usage = "HOST[:PORT]",
	 .purpose = "ask the issuer as a trusted server, and try its relays",
	 .text = "Goes the way of a trusted server, from anywhere: connects to mrasd, shakes "
		 "hands, asks for a credential, and with it asks each relay in the answer for an "
		 "allocation over UDP, TCP and TLS, which is given back at once; "
		 "with a token of MRAS, which Lync clients use, also as they do, over UDP, TCP "
		 "and pseudo-TLS.  Every step is "
		 "a line; the first that fails says why and what to do about it.  The "
		 "certificates of both ends are shown with their names and the days that are "
		 "left.\n\n"
		 "The user name and the password in the output are real.  With --json the "
		 "answer is an object with ok, steps and credential.",
	 .options = {OPTION_PROBE_CERT, OPTION_PROBE_KEY, OPTION_PROBE_CA,
		     OPTION_PROBE_RELAY_CA, OPTION_PROBE_NAME, OPTION_PROBE_IDENTITY,
		     OPTION_PROBE_TTL, OPTION_PROBE_SIP, OPTION_PROBE_HTTP,
		     OPTION_PROBE_FORM, OPTION_JSON},
	 .operands = {CTL_TEXT},
	 .operands_min = 1,
	 .run = ctl_probe},
	{.name = "import",
	 .usage = "turnserver.conf",
	 .purpose = "turn coturn's configuration into ours",
	 .text = "Writes a commented configuration for mediarelayd and, on the standard error "
		 "output, a line for each setting that it could not carry over: its line, its "
		 "name and the reason.  Run mediarelayd --check on the result.",
	 .options = {OPTION_OUTPUT, OPTION_INSIDE, OPTION_IMPORT_KEYS, OPTION_JSON},
	 .operands = {CTL_FILE},
	 .operands_min = 1,
	 .run = ctl_import},
};

const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);
