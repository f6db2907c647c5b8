/*
 * ctl_drain.c - avedgectl drain, undrain and those of mrasd: take a relay out of service and put it
 * back.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

enum { WAIT_S = 1, REPORT_EVERY_S = 10 };

/* --- mrasd ----------------------------------------------------------------------------------- */

/*
 * Have mrasd drain or undrain a relay. The answer goes to *answer unless that is NULL. An exit
 * code, after a message.
 */
static int mras_set(const struct ctl_args *args, const struct ctl_daemon *mras,
		    const char *address, bool drain, json_t **answer)
{
	char *path = ctl_segment("/v1/relays", address, "/drain");
	bool force = drain && ctl_has(args, OPTION_FORCE);
	json_t *own;
	long http = 0;
	int status = ctl_ask(mras, drain ? "PUT" : "DELETE", path,
			     force ? json_pack("{s:b}", "force", 1) : NULL, &own, &http);

	free(path);
	if (status == CTL_NOT_FOUND)
		ctl_fail("see 'avedgectl mras relays' for hosts and addresses");
	if (http == CTL_STATUS_CONFLICT)
		ctl_fail(
			"clients there would have no relay left; use --force to drain it "
			"anyway");
	if (answer)
		*answer = own;
	else
		json_decref(own);
	return status;
}

static void print_state(const struct ctl_args *args, const char *address, bool drain)
{
	char cell[CTL_CELL_MAX];

	if (!ctl_has(args, OPTION_JSON))
		printf("mrasd: %s is %s\n", ctl_clean(address, cell, sizeof(cell)),
		       drain ? "draining" : "active");
}

/* Print the answer of a command that has succeeded so far, and release it. */
static int finish(const struct ctl_args *args, int status, json_t *answer)
{
	assert(status != CTL_OK || answer);
	if (status == CTL_OK && ctl_has(args, OPTION_JSON))
		return ctl_print_json(answer);
	json_decref(answer);
	return status;
}

static int mras_set_one(const struct ctl_args *args, bool drain)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	json_t *answer;
	int status = mras_set(args, &daemon, args->operands[0], drain, &answer);

	if (status == CTL_OK)
		print_state(args, args->operands[0], drain);
	return finish(args, status, answer);
}

int ctl_mras_drain(const struct ctl_args *args)
{
	return mras_set_one(args, true);
}

int ctl_mras_undrain(const struct ctl_args *args)
{
	return mras_set_one(args, false);
}

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
			status = mras_set(args, &mras, address, drain, NULL);
		if (status != CTL_OK)
			break;
		print_state(args, address, drain);
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

/* --- the relay ------------------------------------------------------------------------------- */

/* Until the last allocation has ended. *answer, the state of the drain, is kept up to date. */
static int wait_until_empty(const struct ctl_args *args, const struct ctl_daemon *relay,
			    json_t **answer)
{
	int64_t remaining = -1, last;
	unsigned waited_s = 0;

	do {
		json_t *document, *drain;
		int status = ctl_ask(relay, "GET", "/v1/status", NULL, &document, NULL);

		if (status != CTL_OK)
			return status;
		drain = json_incref(json_object_get(document, "drain"));
		json_decref(document);
		if (!json_is_object(drain)) {
			json_decref(drain);
			return ctl_fail("the drain was cancelled");
		}
		last = remaining;
		remaining = ctl_integer(drain, "remaining");
		/* A line for each change, and now and then to show progress. */
		if (!ctl_has(args, OPTION_JSON) &&
		    (remaining != last || waited_s % REPORT_EVERY_S == 0)) {
			ctl_print(drain, remaining == 1
						 ? "{remaining} allocation left\n"
						 : "{remaining} allocations left\n");
			fflush(stdout);
		}
		json_decref(*answer);
		*answer = drain;
		if (remaining > 0)
			sleep(WAIT_S);
		waited_s += WAIT_S;
	} while (remaining > 0);
	return CTL_OK;
}

int ctl_drain(const struct ctl_args *args)
{
	struct ctl_daemon relay = ctl_daemon_of(args);
	int64_t deadline_s = ctl_number(args, OPTION_DEADLINE, 0);
	bool mras = ctl_has(args, OPTION_DRAIN_MRAS);
	json_t *answer;
	int status;

	if (ctl_has(args, OPTION_FORCE) && !mras)
		return ctl_usage(args->name, "--force requires --mras");
	/* mrasd first: no new clients are sent here, then those that still come are refused. */
	status = mras ? tell_mras(args, &relay, true) : CTL_OK;
	if (status == CTL_OK)
		status = ctl_ask(&relay, "PUT", "/v1/drain",
				 deadline_s > 0 ? json_pack("{s:I}", "deadline_s",
							    (json_int_t)deadline_s)
						: json_object(),
				 &answer, NULL);
	if (status != CTL_OK)
		return status;
	if (!ctl_has(args, OPTION_JSON))
		ctl_print_drain(answer);
	fflush(stdout);
	if (ctl_has(args, OPTION_WAIT))
		status = wait_until_empty(args, &relay, &answer);
	return finish(args, status, answer);
}

int ctl_undrain(const struct ctl_args *args)
{
	struct ctl_daemon relay = ctl_daemon_of(args);
	json_t *answer;
	int status = ctl_ask(&relay, "DELETE", "/v1/drain", NULL, &answer, NULL);

	if (status != CTL_OK)
		return status;
	if (!ctl_has(args, OPTION_JSON))
		puts("mediarelayd: accepting new allocations");
	if (ctl_has(args, OPTION_UNDRAIN_MRAS))
		status = tell_mras(args, &relay, false);
	return finish(args, status, answer);
}
