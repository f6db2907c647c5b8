/*
 * ctl_drain.c - avedgectl drain, undrain: take a relay out of service and put it back.
 */
#include "tools/ctl/ctl_drain.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_text.h"

enum { WAIT_S = 1, REPORT_EVERY_S = 10 };

static bool is_listed(const json_t *ports, const char *address)
{
	const json_t *row;
	size_t i;

	json_array_foreach(ports, i, row)
	{
		const char *bound = json_string_value(json_object_get(row, "address"));
		const char *public =
			json_string_value(json_object_get(row, "public_address"));

		if ((bound && strcmp(bound, address) == 0) ||
		    (public && strcmp(public, address) == 0))
			return true;
	}
	return false;
}

/*
 * Whether a relay of mrasd, an address or a host name, has one of the addresses, bound or
 * public, of a port table. Resolves names.
 */
static bool is_relay(const json_t *ports, const char *address)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list, *found;
	char text[NI_MAXHOST];
	bool is_ours = is_listed(ports, address);

	if (is_ours || getaddrinfo(address, NULL, &hints, &list) != 0)
		return is_ours;
	for (found = list; found && !is_ours; found = found->ai_next)
		is_ours = getnameinfo(found->ai_addr, found->ai_addrlen, text,
				      sizeof(text), NULL, 0, NI_NUMERICHOST) == 0 &&
			  is_listed(ports, text);
	freeaddrinfo(list);
	return is_ours;
}

/* Drain or undrain in mrasd every relay that is this one. */
static int tell_mras(const struct ctl_args *args, const struct ctl_daemon *relay,
		     bool drain)
{
	struct ctl_daemon mras = ctl_mras_of(args);
	json_t *ports = NULL, *relays = NULL;
	const json_t *row;
	size_t i, told = 0;
	int status = ctl_ask(relay, "GET", "/v1/ports", NULL, &ports, NULL);

	if (status == CTL_OK)
		status = ctl_ask(&mras, "GET", "/v1/relays", NULL, &relays, NULL);
	json_array_foreach(json_object_get(relays, "relays"), i, row)
	{
		const char *address = json_string_value(json_object_get(row, "address"));
		bool draining = json_is_true(json_object_get(row, "draining"));

		if (!address || !is_relay(json_object_get(ports, "ports"), address))
			continue;
		told++;
		if (draining != drain)
			status = ctl_mras_set(&mras, address, drain,
					      ctl_has(args, OPTION_FORCE), NULL);
		if (status != CTL_OK)
			break;
		if (!ctl_has(args, OPTION_JSON))
			printf("mrasd: %s is %s\n", address,
			       drain ? "draining" : "active");
	}
	if (status == CTL_OK && told == 0) {
		ctl_fail(
			"no relay in mrasd.conf has an address of this one; see 'avedgectl "
			"mras relays', and drain one with 'avedgectl mras drain ADDRESS'");
		status = CTL_NOT_FOUND;
	}
	json_decref(ports);
	json_decref(relays);
	return status;
}

/* Until the last allocation is gone. */
static int wait_until_empty(const struct ctl_args *args, const struct ctl_daemon *relay)
{
	int64_t last = -1;
	unsigned waited_s = 0;

	for (;;) {
		json_t *document, *drain;
		int64_t remaining;
		int status = ctl_ask(relay, "GET", "/v1/status", NULL, &document, NULL);

		if (status != CTL_OK)
			return status;
		drain = json_object_get(document, "drain");
		remaining = ctl_integer(drain, "remaining");
		if (!json_is_object(drain)) {
			json_decref(document);
			return ctl_fail("the drain was cancelled");
		}
		json_decref(document);
		/* A line for each change, and now and then to show progress. */
		if (!ctl_has(args, OPTION_JSON) &&
		    (remaining != last || waited_s % REPORT_EVERY_S == 0)) {
			printf("%" PRId64 " allocation%s left\n", remaining,
			       remaining == 1 ? "" : "s");
			fflush(stdout);
		}
		if (remaining == 0)
			return CTL_OK;
		last = remaining;
		waited_s += WAIT_S;
		sleep(WAIT_S);
	}
}

int ctl_drain(const struct ctl_args *args)
{
	struct ctl_daemon relay = ctl_relay_of(args);
	int64_t deadline_s = ctl_number(args, OPTION_DEADLINE, 0);
	json_t *body = json_object();
	json_t *answer;
	int status;

	if (ctl_has(args, OPTION_FORCE) && !ctl_has(args, OPTION_DRAIN_MRAS)) {
		json_decref(body);
		return ctl_usage(args->name, "--force requires --mras");
	}
	/* mrasd first: no new clients are sent here, then those that still come are refused. */
	status = ctl_has(args, OPTION_DRAIN_MRAS) ? tell_mras(args, &relay, true)
						  : CTL_OK;
	if (deadline_s > 0)
		json_object_set_new(body, "deadline_s", json_integer(deadline_s));
	if (status != CTL_OK) {
		json_decref(body);
		return status;
	}
	status = ctl_ask(&relay, "PUT", "/v1/drain", body, &answer, NULL);
	if (status != CTL_OK)
		return status;
	if (!ctl_has(args, OPTION_JSON))
		ctl_print_drain(answer);
	fflush(stdout);
	if (ctl_has(args, OPTION_WAIT))
		status = wait_until_empty(args, &relay);
	if (ctl_has(args, OPTION_JSON) && status == CTL_OK)
		return ctl_print_json(answer);
	json_decref(answer);
	return status;
}

int ctl_undrain(const struct ctl_args *args)
{
	struct ctl_daemon relay = ctl_relay_of(args);
	json_t *answer;
	int status = ctl_ask(&relay, "DELETE", "/v1/drain", NULL, &answer, NULL);

	if (status != CTL_OK)
		return status;
	if (!ctl_has(args, OPTION_JSON))
		puts("mediarelayd: accepting new allocations");
	if (ctl_has(args, OPTION_DRAIN_MRAS))
		status = tell_mras(args, &relay, false);
	if (ctl_has(args, OPTION_JSON) && status == CTL_OK)
		return ctl_print_json(answer);
	json_decref(answer);
	return status;
}
