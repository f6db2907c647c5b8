/*
 * import_sides.c - see import_sides.h.
 */
#include "tools/import/import_sides.h"

#include "stun/endpoint.h"
#include "tools/import/import_conf.h"

bool import_next_listening(const struct import_conf *conf, size_t *index,
			   struct ip_addr *ip)
{
	const struct import_setting *setting;

	while ((setting = import_next(conf, "listening-ip", index))) {
		if (ip_addr_parse(setting->value, ip))
			return true;
	}
	return false;
}

bool import_has_listening(const struct import_conf *conf, const struct ip_addr *ip)
{
	struct ip_addr other;
	size_t index = 0;

	while (import_next_listening(conf, &index, &other)) {
		if (ip_addr_equal(&other, ip))
			return true;
	}
	return false;
}

bool import_is_inside(const struct import_plan *plan, const struct ip_addr *ip)
{
	struct ip_addr inside;

	for (size_t i = 0; i < plan->inside_count; i++) {
		if (ip_addr_parse(plan->inside[i], &inside) && ip_addr_equal(&inside, ip))
			return true;
	}
	return false;
}
