/*
 * client_credential.c - why a server may have rejected a credential, as far as its user name tells:
 * that of a short-lived one has its end inside.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tools/client/client_state.h"
#include "tools/client/clock.h"

/* "45 s", "12 min", "7 h", "3 days". */
static void age_text(int64_t seconds, char *buf, size_t size)
{
	static const struct {
		int64_t below_s, unit_s;
		const char *unit;
	} units[] = {{120, 1, "s"},
		     {2 * 3600, 60, "min"},
		     {2 * 86400, 3600, "h"},
		     {INT64_MAX, 86400, "days"}};
	size_t i = 0;

	while (seconds >= units[i].below_s && i + 1 < sizeof(units) / sizeof(units[0]))
		i++;
	snprintf(buf, size, "%" PRId64 " %s", seconds / units[i].unit_s, units[i].unit);
}

const char *client_credential_hint(struct slice username, bool binary,
				   char buf[CLIENT_HINT_MAX])
{
	int64_t now_s = (int64_t)(clock_realtime_ns() / 1000000000u);
	struct credential credential;
	char age[32];

	snprintf(buf, CLIENT_HINT_MAX, " (wrong user name or password?)");
	if (credential_parse(username, binary, &credential) != CREDENTIAL_OK ||
	    now_s < credential.expires_s)
		return buf;
	age_text(now_s - credential.expires_s, age, sizeof(age));
	snprintf(buf, CLIENT_HINT_MAX,
		 " (the user name expired %s ago; request a new one)", age);
	return buf;
}
