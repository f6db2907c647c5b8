/*
 * ctl_options.c - the table of options of all commands. Two of one name that mean different
 * things are two entries.
 */
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"

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
			   "control socket of mediarelayd (" CTL_SOCKET_PATH ")", NULL,
			   CTL_FILE},
	[OPTION_MRAS_OWN_SOCKET] = {"socket", "PATH",
				    "control socket of mrasd (" CTL_MRAS_SOCKET_PATH ")",
				    NULL, CTL_FILE},
	[OPTION_MRAS_SOCKET] =
		{"mras-socket", "PATH",
		 "with --mras: control socket of mrasd (" CTL_MRAS_SOCKET_PATH ")", NULL,
		 CTL_FILE},
	[OPTION_JSON] = {"json", NULL, "print JSON", NULL, CTL_FLAG},
	[OPTION_ALL_LIMITS] = {"all", NULL, "also the limits in force", NULL, CTL_FLAG},
	[OPTION_ALL_COUNTERS] = {"all", NULL, "also those that are 0", NULL, CTL_FLAG},
	[OPTION_ALL_KEYS] = {"all", NULL, "also keys that have their default", NULL,
			     CTL_FLAG},
	[OPTION_EXPLAIN] = {"explain", "PORT",
			    "what any port of an Edge server is for, ours or not",
			    "Works without a running relay; if one runs, its own table is "
			    "looked at as well.",
			    CTL_NUMBER, .max = UINT16_MAX},
	[OPTION_USER] = {"user", "USER", "only those of this user", NULL, CTL_USER},
	[OPTION_SIDE] = {"side", "SIDE", "only those with their client on this side",
			 NULL, CTL_CHOICE, sides},
	[OPTION_DIALECT] = {"dialect", "DIALECT", "only those of this dialect", NULL,
			    CTL_CHOICE, dialects},
	[OPTION_TRANSPORT] = {"transport", "TRANSPORT",
			      "only those whose client uses this transport", NULL,
			      CTL_CHOICE, transports},
	[OPTION_RELAY_TRANSPORT] = {"relay-transport", "TRANSPORT",
				    "only those relayed over this transport", NULL,
				    CTL_CHOICE, relay_transports},
	[OPTION_CLIENT] = {"client", "PREFIX",
			   "only those with a client of this address or prefix", NULL,
			   CTL_TEXT},
	[OPTION_PEER] = {"peer", "PREFIX",
			 "only those with a permission for this address or prefix", NULL,
			 CTL_TEXT},
	[OPTION_KEY] = {"key", "ID", "only those with a credential of this key", NULL,
			CTL_KEY},
	[OPTION_SORT] = {"sort", "BY", "order of the rows", NULL, CTL_CHOICE, orders},
	[OPTION_LIMIT] = {"limit", "NUMBER", "at most so many rows", NULL, CTL_NUMBER,
			  .min = 1, .max = 1000000},
	[OPTION_WATCH] = {"watch", "SECONDS",
			  "again and again, every two seconds if not given", NULL,
			  CTL_PERIOD, .min = 1, .max = 3600},
	[OPTION_KILL_USER] = {"user", "USER", "all allocations of this user", NULL,
			      CTL_USER},
	[OPTION_KILL_KEY] = {"key", "ID", "all with a credential of this key", NULL,
			     CTL_KEY},
	[OPTION_DEADLINE] = {"deadline", "TIME", "end what is left after this time",
			     "Without it calls go on until they end.", CTL_DURATION,
			     .min = 1, .max = YEAR_S},
	[OPTION_WAIT] = {"wait", NULL, "return when the last allocation is gone",
			 "Says on the way how many are left.  Somebody may call the drain "
			 "off meanwhile; that is a failure.",
			 CTL_FLAG},
	[OPTION_DRAIN_MRAS] = {"mras", NULL, "tell mrasd, too, not to name this relay",
			       "The relays of mrasd that have an address of this one are "
			       "meant.",
			       CTL_FLAG},
	[OPTION_FORCE] = {"force", NULL, "even the last relay of a location", NULL,
			  CTL_FLAG},
	[OPTION_RELOAD_MRAS] = {"mras", NULL, "let mrasd do the same", NULL, CTL_FLAG},
	[OPTION_FOLLOW] = {"follow", NULL, "go on with new ones as they come", NULL,
			   CTL_FLAG},
	[OPTION_ONCE] = {"once", NULL, "print one picture and end",
			 "So it is where the output is no terminal.", CTL_FLAG},
	[OPTION_INTERVAL] = {"interval", "SECONDS", "time between two pictures (1)", NULL,
			     CTL_NUMBER, .min = 1, .max = 60},
	[OPTION_KEYS] = {"keys", "FILE", "the keyring (" CTL_KEYS_PATH ")", NULL,
			 CTL_FILE},
	[OPTION_ID] = {"id", "ID", "name of the new key; else made from the date",
		       "1 to 32 letters, digits, dots, underscores and dashes.",
		       CTL_TEXT},
	[OPTION_VALID] = {"valid", "TIME", "the new key ends after this time; else never",
			  NULL, CTL_DURATION, .min = 60, .max = LONGEST_S},
	[OPTION_REST] =
		{"rest", "HASH", "HMAC of the key's TURN REST credentials",
		 "sha1, the default, is what nearly every issuer uses; with none the key signs no "
		 "such credentials.",
		 CTL_CHOICE, hashes},
	[OPTION_OVERLAP] = {"overlap", "TIME", "how long old keys still verify (8h)",
			    "Not shorter than the longest credential that is issued, or "
			    "clients are refused before their credential expires.",
			    CTL_DURATION, .max = LONGEST_S},
	[OPTION_DELAY] =
		{"delay", "TIME", "the new key begins so much later (30s)",
		 "Until then the old one signs, so that no daemon meets a "
		 "credential of a key that it has not read yet.  Give it the time "
		 "that copying the file to all relays and issuers takes.  There is "
		 "no delay where no key is valid any more.",
		 CTL_DURATION, .max = LONGEST_S},
	[OPTION_SECRET] = {"secret", NULL, "only its secret, for a TURN REST issuer",
			   "It is text, and can be pasted into the configuration of any.",
			   CTL_FLAG},
	[OPTION_FOR_USER] =
		{"user", "NAME", "whom it is for; the limits count by it",
		 "With --form rest at most 128 printable ASCII characters, "
		 "which may be none; with --form mras any UTF-8, which does not "
		 "appear in the credential.",
		 CTL_TEXT},
	[OPTION_TTL] =
		{"ttl", "TIME", "how long clients may begin calls with it (8h)",
		 "From one minute to 180 days.  A call that has begun goes on.  No "
		 "credential outlives the key that signs it; a warning says so where "
		 "that shortens it.",
		 CTL_DURATION, .min = TTL_MIN_S, .max = TTL_MAX_S},
	[OPTION_FORM] =
		{"form", "FORM", "what it looks like",
		 "rest, the default, is for any TURN client: user name EXPIRY:NAME, password the "
		 "HMAC of it in base64.  mras is a token for clients of Lync and "
		 "Skype for Business, which decode the two strings from base64; all "
		 "other clients send them as they are.  No two tokens are the same.",
		 CTL_CHOICE, forms},
	[OPTION_REALM] = {"realm", "REALM", "with --json: the realm to name",
			  "Clients learn it from the relay; it is a help for the others "
			  "only.",
			  CTL_TEXT},
	[OPTION_SERVER] =
		{"server", "HOST", "with --json: the relay's name, for iceServers",
		 "Or its address; on the standard ports 3478 and 443.  May be given "
		 "up to 16 times.",
		 CTL_TEXT, .many = true},
	[OPTION_PROBE_CERT] = {"cert", "FILE", "our certificate, PEM, with its chain",
			       "Without it and --key the answer is a lesson in refusals.",
			       CTL_FILE},
	[OPTION_PROBE_KEY] = {"key", "FILE", "its key", NULL, CTL_FILE},
	[OPTION_PROBE_CA] = {"ca", "FILE",
			     "who may have signed mrasd's (the system's CAs)", NULL,
			     CTL_FILE},
	[OPTION_PROBE_RELAY_CA] = {"relay-ca", "FILE",
				   "who may have signed the relays' (--ca)", NULL,
				   CTL_FILE},
	[OPTION_PROBE_NAME] = {"name", "NAME",
			       "what mrasd's certificate must show (HOST)", NULL,
			       CTL_TEXT},
	[OPTION_PROBE_IDENTITY] = {"identity", "NAME",
				   "whom the credential is for (sip:probe@probe.invalid)",
				   NULL, CTL_TEXT},
	[OPTION_PROBE_TTL] = {"ttl", "TIME", "how long (10m)", NULL, CTL_DURATION,
			      .min = TTL_MIN_S, .max = TTL_MAX_S},
	[OPTION_PROBE_SIP] = {"sip", NULL, "ask in SIP, as a front end does (default)",
			      "Such an answer does not say whether a relay serves TLS, so "
			      "that a relay without it is no failure.",
			      CTL_FLAG},
	[OPTION_PROBE_HTTP] = {"http", NULL, "ask over HTTP, as a web application does",
			       NULL, CTL_FLAG},
	[OPTION_PROBE_FORM] = {"form", "FORM",
			       "what the credential looks like, with --http", NULL,
			       CTL_CHOICE, forms},
	[OPTION_OUTPUT] = {"output", "FILE", "write there; else to the standard output",
			   "An existing file is not touched.", CTL_FILE},
	[OPTION_IMPORT_KEYS] = {"keys", "FILE",
				"write the secrets as keys to this new file",
				"Without it no secret leaves the old file.", CTL_FILE},
	[OPTION_INSIDE] = {"inside", "ADDRESS", "this address of the list is inside",
			   "coturn knows no sides.  May be given up to 16 times.",
			   CTL_TEXT, .many = true},
};
