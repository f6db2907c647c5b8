/*
 * mras_drain.c - see mras_drain.h.
 */
#include "auth/mras/mras_drain.h"

#include <assert.h>
#include <strings.h>

/* host or address of a relay, as typed at a terminal. */
static bool is_called(const struct service_relay *relay, const char *name)
{
	struct ip_addr asked, host;

	if (strcasecmp(relay->host, name) == 0)
		return true;
	if (!ip_addr_parse(name, &asked))
		return false;
	return ip_addr_equal(&relay->direct, &asked) ||
	       (ip_addr_parse(relay->host, &host) && ip_addr_equal(&host, &asked));
}

bool mras_drain_leaves(const struct service_relay *relays, size_t count,
		       enum service_location location)
{
	assert(location == LOCATION_INTRANET || location == LOCATION_INTERNET);
	for (size_t i = 0; i < count; i++) {
		if (relays[i].location == location && !relays[i].draining)
			return true;
	}
	return false;
}

/* Does the location have a relay now, and none once those called name are gone? */
static bool would_empty(const struct service_relay *relays, size_t count,
			const char *name, enum service_location location)
{
	if (!mras_drain_leaves(relays, count, location))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (relays[i].location == location && !relays[i].draining &&
		    !is_called(&relays[i], name))
			return false;
	}
	return true;
}

static enum mras_drain_result set_all(struct service_relay *relays, size_t count,
				      const char *name, bool draining)
{
	enum mras_drain_result result = MRAS_DRAIN_UNKNOWN;

	for (size_t i = 0; i < count; i++) {
		if (!is_called(&relays[i], name))
			continue;
		relays[i].draining = draining;
		result = MRAS_DRAIN_DONE;
	}
	return result;
}

enum mras_drain_result mras_drain_begin(struct service_relay *relays, size_t count,
					const char *name, bool force)
{
	if (!force && (would_empty(relays, count, name, LOCATION_INTRANET) ||
		       would_empty(relays, count, name, LOCATION_INTERNET)))
		return MRAS_DRAIN_LAST;
	return set_all(relays, count, name, true);
}

enum mras_drain_result mras_drain_end(struct service_relay *relays, size_t count,
				      const char *name)
{
	return set_all(relays, count, name, false);
}

void mras_drain_carry_over(const struct service_relay *from, size_t from_count,
			   struct service_relay *to, size_t to_count)
{
	for (size_t i = 0; i < to_count; i++) {
		for (size_t j = 0; j < from_count; j++) {
			if (from[j].draining && from[j].location == to[i].location &&
			    strcasecmp(from[j].host, to[i].host) == 0)
				to[i].draining = true;
		}
	}
}

size_t mras_drain_count(const struct service_relay *relays, size_t count)
{
	size_t draining = 0;

	for (size_t i = 0; i < count; i++)
		draining += relays[i].draining;
	return draining;
}
