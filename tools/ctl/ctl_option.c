/*
 * ctl_option.c - the table of options of all commands. An option name with two meanings
 * has two entries.
 */
#include "tools/ctl/ctl_option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"

static const char *const sides[] = {"inside", "outside", NULL};
static const char *const dialects[] = {"ietf", "ms", NULL};
static const char *const transports[] = {"udp", "tcp", "tls", NULL};
static const char *const relay_transports[] = {"udp", "tcp", NULL};
static const char *const orders[] = {"age", "bytes", "rate", "user", "expires", NULL};
static const char *const hashes[] = {"sha1", "sha256", "none", NULL};
static const char *const forms[] = {"rest", "mras", NULL};

const char *const ctl_levels[] = {"error", "warning", "notice", "info",
				  "debug", "default", NULL};

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

/* What Microsoft's issuer allows for a credential: one minute to half a year. */
enum { TTL_MIN_S = 60, TTL_MAX_S = 180 * DAY_S };

#define LONGEST_S (36500LL * DAY_S)

const struct ctl_option ctl_options[OPTION_COUNT] = {
	[OPTION_SOCKET] = {"socket", "PATH",
			   "control socket of mediarelayd (default: " CTL_SOCKET_PATH ")",
			   NULL, CTL_FILE},
	[OPTION_MRAS_OWN_SOCKET] =
		{"socket", "PATH",
		 "control socket of mrasd (default: " CTL_MRAS_SOCKET_PATH ")", NULL,
		 CTL_FILE},
	[OPTION_MRAS_SOCKET] =
		{"mras-socket", "PATH",
		 "with --mras: control socket of mrasd (default: " CTL_MRAS_SOCKET_PATH
		 ")",
		 NULL, CTL_FILE},
	[OPTION_JSON] = {"json", NULL, "print JSON", NULL, CTL_FLAG},
	[OPTION_ALL_LIMITS] = {"all", NULL, "include the limits in force", NULL,
			       CTL_FLAG},
	[OPTION_ALL_COUNTERS] = {"all", NULL, "include counters that are 0", NULL,
				 CTL_FLAG},
	[OPTION_ALL_KEYS] = {"all", NULL, "include keys at their default", NULL,
			     CTL_FLAG},
	[OPTION_EXPLAIN] =
		{"explain", "PORT", "explain a port of an Edge server, ours or not",
		 "Works without a running relay; if one runs, shows whether it has "
		 "the port open.",
		 CTL_NUMBER, .max = UINT16_MAX},
	[OPTION_USER] = {"user", "USER", "only allocations of this user", NULL, CTL_USER},
	[OPTION_SIDE] = {"side", "SIDE", "only clients on this side", NULL, CTL_CHOICE,
			 sides},
	[OPTION_DIALECT] = {"dialect", "DIALECT", "only allocations of this dialect",
			    NULL, CTL_CHOICE, dialects},
	[OPTION_TRANSPORT] = {"transport", "TRANSPORT",
			      "only clients connected over this transport", NULL,
			      CTL_CHOICE, transports},
	[OPTION_RELAY_TRANSPORT] = {"relay-transport", "TRANSPORT",
				    "only allocations relayed over this transport", NULL,
				    CTL_CHOICE, relay_transports},
	[OPTION_CLIENT] = {"client", "PREFIX", "only clients in this address prefix",
			   NULL, CTL_TEXT},
	[OPTION_PEER] = {"peer", "PREFIX",
			 "only allocations with a permission in this address prefix",
			 NULL, CTL_TEXT},
	[OPTION_KEY] = {"key", "ID", "only allocations authenticated by this key", NULL,
			CTL_KEY},
	[OPTION_SORT] = {"sort", "BY", "sort order", NULL, CTL_CHOICE, orders},
	[OPTION_LIMIT] = {"limit", "NUMBER", "show at most this many rows", NULL,
			  CTL_NUMBER, .min = 1, .max = 1000000},
	[OPTION_WATCH] = {"watch", "SECONDS", "repeat at this interval (default: 2)",
			  NULL, CTL_PERIOD, .min = 1, .max = 3600},
	[OPTION_KILL_USER] = {"user", "USER", "all allocations of this user", NULL,
			      CTL_USER},
	[OPTION_KILL_KEY] = {"key", "ID", "all allocations authenticated by this key",
			     NULL, CTL_KEY},
	[OPTION_DEADLINE] = {"deadline", "TIME",
			     "end remaining allocations after this time",
			     "Without it, calls run until they end.", CTL_DURATION,
			     .min = 1, .max = YEAR_S},
	[OPTION_WAIT] = {"wait", NULL, "wait until the last allocation has ended",
			 "Reports progress.  Fails if the drain is cancelled meanwhile.",
			 CTL_FLAG},
	[OPTION_DRAIN_MRAS] = {"mras", NULL, "do the same to this relay in mrasd",
			       "Applies to each relay of mrasd.conf that has an address of "
			       "this one.",
			       CTL_FLAG},
	[OPTION_FORCE] = {"force", NULL, "even if it is the last relay of its location",
			  NULL, CTL_FLAG},
	[OPTION_RELOAD_MRAS] = {"mras", NULL, "also reload mrasd", NULL, CTL_FLAG},
	[OPTION_FOLLOW] = {"follow", NULL, "keep printing new records as they come", NULL,
			   CTL_FLAG},
	[OPTION_ONCE] = {"once", NULL, "print one snapshot and exit",
			 "Implied if standard output is not a terminal.", CTL_FLAG},
	[OPTION_INTERVAL] = {"interval", "SECONDS", "time between updates (default: 1)",
			     NULL, CTL_NUMBER, .min = 1, .max = 60},
	[OPTION_KEYS] = {"keys", "FILE", "keyring (default: " CTL_KEYS_PATH ")", NULL,
			 CTL_FILE},
	[OPTION_ID] = {"id", "ID", "id of the new key (default: derived from the date)",
		       "1 to 32 letters, digits, dots, underscores and dashes.",
		       CTL_TEXT},
	[OPTION_VALID] = {"valid", "TIME", "lifetime of the new key (default: unlimited)",
			  NULL, CTL_DURATION, .min = 60, .max = LONGEST_S},
	[OPTION_REST] =
		{"rest", "HASH", "HMAC for the key's TURN REST credentials",
		 "sha1, the default, is what nearly every issuer uses.  A key with none signs no "
		 "REST credentials.",
		 CTL_CHOICE, hashes},
	[OPTION_OVERLAP] = {"overlap", "TIME",
			    "how long old keys still verify (default: 8h)",
			    "At least the longest credential lifetime issued; otherwise "
			    "clients are refused before their credential expires.",
			    CTL_DURATION, .max = LONGEST_S},
	[OPTION_DELAY] =
		{"delay", "TIME", "delay before the new key is valid (default: 30s)",
		 "Until then the old key signs, so that no daemon meets a credential of a key it "
		 "has not read yet.  Allow for the time it takes to copy the keyring to all "
		 "relays and issuers.  The default is 0 if no key is valid now.",
		 CTL_DURATION, .max = LONGEST_S},
	[OPTION_SECRET] = {"secret", NULL,
			   "print only the secret, for a TURN REST issuer",
			   "It is text, to be pasted into the issuer's configuration.",
			   CTL_FLAG},
	[OPTION_FOR_USER] =
		{"user", "NAME", "name the credential is issued to",
		 "Limits per user count by it.  With --form rest, 0 to 128 printable ASCII "
		 "characters; with --form mras, any UTF-8 text, which does not appear in the "
		 "credential.",
		 CTL_TEXT},
	[OPTION_TTL] =
		{"ttl", "TIME", "how long clients can start calls with it (default: 8h)",
		 "From one minute to 180 days.  A call in progress continues.  No credential "
		 "outlives the key that signs it; a warning says if that shortens it.",
		 CTL_DURATION, .min = TTL_MIN_S, .max = TTL_MAX_S},
	[OPTION_FORM] =
		{"form", "FORM", "form of the credential",
		 "rest, the default, works with any TURN client: the user name is EXPIRY:NAME, "
		 "the password its HMAC in base64.  mras is a token for Lync and Skype for "
		 "Business clients, which decode both strings from base64; other clients send "
		 "them as they are.  No two tokens are the same.",
		 CTL_CHOICE, forms},
	[OPTION_REALM] =
		{"realm", "REALM", "with --json: realm to include",
		 "Only for programs that need it beforehand; clients learn it from "
		 "the relay.",
		 CTL_TEXT},
	[OPTION_SERVER] =
		{"server", "HOST",
		 "with --json: name or address of a relay, for iceServers",
		 "Ports are the standard ones, 3478 and 443.  May be repeated up to 16 times.",
		 CTL_TEXT, .many = true},
	[OPTION_PROBE_CERT] = {"cert", "FILE", "client certificate, PEM, with its chain",
			       "Without --cert and --key, shows how mrasd refuses.",
			       CTL_FILE},
	[OPTION_PROBE_KEY] = {"key", "FILE", "private key of the certificate", NULL,
			      CTL_FILE},
	[OPTION_PROBE_CA] = {"ca", "FILE",
			     "CAs to verify mrasd with (default: the system's)", NULL,
			     CTL_FILE},
	[OPTION_PROBE_RELAY_CA] = {"relay-ca", "FILE",
				   "CAs to verify the relays with (default: as --ca)",
				   NULL, CTL_FILE},
	[OPTION_PROBE_NAME] = {"name", "NAME",
			       "name expected in mrasd's certificate (default: HOST)",
			       NULL, CTL_TEXT},
	[OPTION_PROBE_IDENTITY] = {"identity", "NAME",
				   "identity to request for (default: "
				   "sip:probe@probe.invalid)",
				   NULL, CTL_TEXT},
	[OPTION_PROBE_TTL] = {"ttl", "TIME", "lifetime to request (default: 10m)", NULL,
			      CTL_DURATION, .min = TTL_MIN_S, .max = TTL_MAX_S},
	[OPTION_PROBE_SIP] =
		{"sip", NULL, "request over SIP, as a front end does (default)",
		 "The answer does not say whether a relay serves TLS, so a relay "
		 "without TLS is not a failure.",
		 CTL_FLAG},
	[OPTION_PROBE_HTTP] = {"http", NULL,
			       "request over HTTP, as a web application does", NULL,
			       CTL_FLAG},
	[OPTION_PROBE_FORM] = {"form", "FORM", "form of the credential, with --http",
			       NULL, CTL_CHOICE, forms},
	[OPTION_OUTPUT] = {"output", "FILE", "write to this file, not to standard output",
			   "An existing file is not overwritten.", CTL_FILE},
	[OPTION_IMPORT_KEYS] = {"keys", "FILE",
				"write the secrets as keys to this new file",
				"Without it, no secret leaves the old file.", CTL_FILE},
	[OPTION_INSIDE] = {"inside", "ADDRESS", "address of a listening-ip on the inside",
			   "coturn has no sides.  May be repeated up to 16 times.",
			   CTL_TEXT, .many = true},
};

bool ctl_is_choice(const char *const *choices, const char *text)
{
	while (*choices && strcmp(*choices, text) != 0)
		choices++;
	return *choices != NULL;
}

const char *ctl_choices(const char *const *choices, char buf[CTL_CHOICES_SIZE])
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; choices && choices[i]; i++) {
		used += (size_t)snprintf(buf + used, CTL_CHOICES_SIZE - used, "%s%s",
					 i == 0           ? ""
					 : choices[i + 1] ? ", "
							  : " or ",
					 choices[i]);
		assert(used < CTL_CHOICES_SIZE);
	}
	return buf;
}
