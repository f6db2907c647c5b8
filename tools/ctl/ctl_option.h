/*
 * ctl_option.h - the options of avedgectl: names, values and texts.
 *
 * Owner    the tables are constant.
 */
#ifndef TOOLS_CTL_CTL_OPTION_H
#define TOOLS_CTL_CTL_OPTION_H

#include <stdbool.h>
#include <stdint.h>

/* The kind of a value: how it is checked, and what completion offers. */
enum ctl_kind {
	CTL_NOTHING,
	CTL_FLAG, /* an option without value */
	CTL_TEXT,
	CTL_FILE,
	CTL_NUMBER,
	CTL_DURATION,
	CTL_PERIOD, /* optional seconds */
	CTL_PREFIX, /* an address or a CIDR prefix */
	CTL_SINCE,  /* a time in the past, or how long ago it was */
	CTL_CHOICE,
	CTL_ALLOCATION,
	CTL_USER,
	CTL_KEY,
	CTL_LEVEL,
	CTL_SWITCH,    /* on or off */
	CTL_SUBSYSTEM, /* of the command's daemon */
	CTL_MRAS_RELAY,
};

enum ctl_option_id {
	OPTION_NONE, /* ends a command's list */
	OPTION_SOCKET,
	OPTION_MRAS_OWN_SOCKET, /* --socket of mrasd's own commands */
	OPTION_MRAS_SOCKET,
	OPTION_JSON,
	OPTION_ALL_LIMITS,
	OPTION_ALL_COUNTERS,
	OPTION_ALL_KEYS,
	OPTION_EXPLAIN,
	OPTION_PORTS_CONFIG,
	OPTION_USER,
	OPTION_SIDE,
	OPTION_DIALECT,
	OPTION_TRANSPORT,
	OPTION_RELAY_TRANSPORT,
	OPTION_CLIENT,
	OPTION_PEER,
	OPTION_KEY,
	OPTION_SORT,
	OPTION_LIMIT,
	OPTION_WATCH,
	OPTION_KILL_USER,
	OPTION_KILL_KEY,
	OPTION_DEADLINE,
	OPTION_WAIT,
	OPTION_DRAIN_MRAS,
	OPTION_UNDRAIN_MRAS,
	OPTION_FORCE,
	OPTION_RELOAD_MRAS,
	OPTION_CHECK,
	OPTION_UPGRADE_CONFIG,
	OPTION_FOLLOW,
	OPTION_RECORDS_USER,
	OPTION_SINCE,
	OPTION_RECORDS_LIMIT,
	OPTION_WATCH_COUNTERS,
	OPTION_ONCE,
	OPTION_INTERVAL,
	OPTION_KEYS,
	OPTION_ID,
	OPTION_VALID,
	OPTION_REST,
	OPTION_OVERLAP,
	OPTION_DELAY,
	OPTION_SECRET,
	OPTION_FOR_USER,
	OPTION_TTL,
	OPTION_FORM,
	OPTION_REALM,
	OPTION_SERVER,
	OPTION_TOKEN_KEYS,
	OPTION_SERVER_NAME,
	OPTION_KID,
	OPTION_TOKEN_TTL,
	OPTION_SHA256,
	OPTION_PROBE_CERT,
	OPTION_PROBE_KEY,
	OPTION_PROBE_CA,
	OPTION_PROBE_RELAY_CA,
	OPTION_PROBE_NAME,
	OPTION_PROBE_IDENTITY,
	OPTION_PROBE_TTL,
	OPTION_PROBE_SIP,
	OPTION_PROBE_HTTP,
	OPTION_PROBE_FORM,
	OPTION_TURN_USER,
	OPTION_TURN_PASSWORD,
	OPTION_TURN_KEYS,
	OPTION_TURN_TRANSPORT,
	OPTION_TURN_UDP_PORT,
	OPTION_TURN_DTLS_PORT,
	OPTION_TURN_TCP_PORT,
	OPTION_TURN_TLS_PORT,
	OPTION_TURN_CA,
	OPTION_TURN_NAME,
	OPTION_TURN_INSECURE,
	OPTION_OUTPUT,
	OPTION_IMPORT_KEYS,
	OPTION_INSIDE,
	OPTION_COUNT,
};

struct ctl_option {
	const char *name; /* without dashes */
	enum ctl_kind kind;
	const char *value;          /* its placeholder in texts; NULL for a flag */
	const char *help;           /* one line */
	const char *const *choices; /* of CTL_CHOICE, NULL-terminated */
	int64_t min, max;           /* of numbers; of durations and periods in seconds */
	bool many;                  /* may be given more than once */
};

extern const struct ctl_option ctl_options[OPTION_COUNT];
/* The values of CTL_LEVEL, "default" included; NULL-terminated. */
extern const char *const ctl_levels[];
extern const char *const ctl_switches[];

bool ctl_is_choice(const char *const *choices, const char *text);

enum { CTL_CHOICES_SIZE = 128 };

/* "a, b or c" from NULL-terminated choices; "" for NULL. Returns buf. */
const char *ctl_choices(const char *const *choices, char buf[CTL_CHOICES_SIZE]);

#endif
