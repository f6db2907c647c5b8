/*
 * config_compare.c - what differs between two configurations, and what is in force of them.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/reload/config_schema.h"

enum { KEY_NAME_MAX = 64 };

static bool has_address(const struct config_side *side, const struct ip_addr *ip)
{
	for (size_t i = 0; i < side->address_count; i++) {
		if (ip_addr_equal(&side->addresses[i].local, ip))
			return true;
	}
	return false;
}

/* Is there a listener on that side that is no more in the other configuration? */
static bool loses_listener(const struct config_side *before,
			   const struct config_side *after)
{
	bool udp = before->udp_port != 0 && before->udp_port != after->udp_port;
	bool tcp = before->tcp_port != 0 && before->tcp_port != after->tcp_port;

	if (udp || tcp)
		return true;
	for (size_t i = 0; i < before->address_count; i++) {
		if (!has_address(after, &before->addresses[i].local))
			return true;
	}
	return false;
}

static enum reload_effect effect_of(const struct config_walk *walk,
				    const struct config *before,
				    const struct config *after)
{
	switch (walk->key->reloads) {
	case CONFIG_RESTART:
		return RELOAD_EFFECT_RESTART;
	case CONFIG_RELOADS:
		return RELOAD_EFFECT_APPLIED;
	case CONFIG_NEW_ALLOCATIONS:
		return RELOAD_EFFECT_NEW_ALLOCATIONS;
	case CONFIG_LISTENERS:
		break;
	}
	if (loses_listener(&before->sides[walk->side], &after->sides[walk->side]))
		return RELOAD_EFFECT_DRAINING;
	/* Outside, an address is where relayed addresses are, too. */
	return walk->side == SIDE_OUTSIDE && walk->key->type == CONFIG_ADDRESSES
		       ? RELOAD_EFFECT_NEW_ALLOCATIONS
		       : RELOAD_EFFECT_APPLIED;
}

size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg)
{
	struct config_walk walk = {0};
	char name[KEY_NAME_MAX];
	size_t differences = 0;

	while (config_walk(&walk)) {
		char *was = config_value_format(walk.key,
						config_base_const(before, walk.side));
		char *is = config_value_format(walk.key,
					       config_base_const(after, walk.side));

		/* Out of memory: better one difference too many than one unseen. */
		if (!was || !is || strcmp(was, is) != 0) {
			differences++;
			report(arg,
			       config_key_name(walk.key, walk.side, name, sizeof(name)),
			       was ? was : "?", is ? is : "?",
			       effect_of(&walk, before, after));
		}
		free(was);
		free(is);
	}
	return differences;
}

bool config_in_force(const struct config *started, const struct config *last,
		     config_entry_fn *report, void *arg)
{
	struct config_walk walk = {0};
	char name[KEY_NAME_MAX];
	bool complete = true;

	while (config_walk(&walk)) {
		const struct config_key *key = walk.key;
		const struct config *config = key->reloads ? last : started;
		char *value =
			config_value_format(key, config_base_const(config, walk.side));

		if (value)
			report(arg, &(struct config_entry){
					    .key = config_key_name(key, walk.side, name,
								   sizeof(name)),
					    .value = value,
					    .fallback = key->fallback,
					    .reloads = key->reloads != CONFIG_RESTART,
					    .doc = key->doc,
				    });
		else
			complete = false;
		free(value);
	}
	return complete;
}
