/*
 * ctl_status.c - documents about a daemon as a whole: status, what an upgrade would lose, limits,
 * configuration, and the relays of mrasd.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

/* --- status ---------------------------------------------------------------------------------- */

/* "name            value"; nothing if the member is missing. */
static void print_line(const char *name, const json_t *object, const char *member)
{
	char cell[CTL_CELL_MAX];

	if (json_object_get(object, member))
		printf("%-15s %s\n", name, ctl_member(object, member, cell));
}

static void print_head(const json_t *status)
{
	static const char *const rows[][2] = {
		{"version", "version"},
		{"process", "pid"},
		{"state", "state"},
		{"started", "started"},
		{"realm", "realm"},
		{"workers", "workers"},
		{"allocations", "allocations"},
	};
	int64_t s = ctl_integer(status, "uptime_s");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		print_line(rows[i][0], status, rows[i][1]);
	if (json_object_get(status, "uptime_s"))
		printf("up              %" PRId64 "d %02d:%02d:%02d\n", s / 86400,
		       (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

/* A certificate, keyring or list. Its description may include its end. */
static void print_file(const json_t *file)
{
	char key[CTL_CELL_MAX], about[CTL_CELL_MAX], until[CTL_CELL_MAX];
	char left[CTL_FIGURE_MAX];

	printf("%-15s ", ctl_member(file, "key", key));
	ctl_print(file, "{path}[: {about}]");
	ctl_member(file, "not_after", until);
	if (!strstr(ctl_member(file, "about", about), until))
		ctl_print(file, "[, until {not_after}]");
	puts(ctl_left_text(until, time(NULL), left));
}

/* Below the file that it is from; a line of its own where the status lists no files. */
static void print_key(const json_t *key, bool below)
{
	char id[CTL_CELL_MAX], state[CTL_CELL_MAX];

	if (below)
		printf("  %-13s ", ctl_member(key, "id", id));
	ctl_print(key, below ? "{state}" : "key             {id}: {state}");
	if (strcmp(ctl_member(key, "state", state), "future") == 0)
		ctl_print(key, ", from {not_before}");
	ctl_print(key, "[, until {not_after}]\n");
}

/* What either daemon reads, until when it is good, and the last reload. */
static void print_files(const json_t *status)
{
	const json_t *file, *key, *reload = json_object_get(status, "reload");
	const json_t *keys = json_object_get(status, "keys"); /* not shown yet */
	char until[CTL_CELL_MAX], left[CTL_FIGURE_MAX], name[CTL_CELL_MAX];
	size_t i, j;

	print_line("generation", status, "generation");
	ctl_member(status, "tls_not_after", until);
	if (json_is_string(json_object_get(status, "tls_not_after")))
		printf("certificate     until %s%s\n", until,
		       ctl_left_text(until, time(NULL), left));
	else if (json_object_get(status, "tls_not_after"))
		puts("certificate     none: TLS is not served");
	json_array_foreach(json_object_get(status, "files"), i, file)
	{
		print_file(file);
		if (strcmp(ctl_member(file, "key", name), "keys") != 0)
			continue;
		json_array_foreach(keys, j, key) print_key(key, true);
		keys = NULL;
	}
	json_array_foreach(keys, j, key) print_key(key, false);
	if (json_is_object(reload))
		ctl_print(reload, "last reload     {at}, {result}[: {error}]\n");
	ctl_print_names("restart pending ", json_object_get(status, "restart_pending"));
	if (ctl_integer(status, "log_dropped") > 0)
		ctl_print(status, "log             {log_dropped} messages dropped\n");
}

/* What the last restart did to calls; nothing after a fresh start. */
static void print_taken_up(const json_t *taken)
{
	json_t *lost;
	const char *reason;
	json_t *count;
	char cell[CTL_CELL_MAX];

	if (!json_is_object(taken))
		return;
	ctl_print(taken,
		  "taken up        {allocations} allocations, {lost} lost, the oldest "
		  "{oldest_ms}");
	printf("; a gap of %" PRId64 " ms\n", ctl_integer(taken, "gap_ms"));
	lost = json_object_get(taken, "lost_by");
	json_object_foreach(lost, reason, count)
	{
		if (json_is_integer(count) && json_integer_value(count) > 0)
			printf("  lost          %" JSON_INTEGER_FORMAT " %s\n",
			       json_integer_value(count),
			       ctl_clean(reason, cell, sizeof(cell)));
	}
}

/* What the next one depends on, where something is wrong with it. */
static void print_next_restart(const json_t *next)
{
	if (!json_is_object(next))
		return;
	if (json_is_null(json_object_get(next, "way")))
		puts("next restart    ends all calls: no descriptor store, no take_over.socket");
	else
		ctl_print(next, "next restart    keeps calls: {way}\n");
	if (ctl_integer(next, "unsaved") > 0)
		ctl_print(next,
			  "next restart    loses {unsaved} allocations that could not be "
			  "saved\n");
	if (ctl_integer(next, "unsaved_streams") > 0)
		ctl_print(next,
			  "next restart    ends {unsaved_streams} connections of clients "
			  "that could not be saved\n");
	if (ctl_integer(next, "unsaved_peers") > 0)
		ctl_print(
			next,
			"next restart    ends {unsaved_peers} connections with peers that "
			"could not be saved\n");
	if (ctl_integer(next, "connections_unkept") > 0)
		ctl_print(
			next,
			"next restart    ends {connections_unkept} TCP connections that "
			"are not kept\n");
	if (json_is_true(json_object_get(next, "store_full")))
		fputs("next restart    systemd's descriptor store is full: raise "
		      "FileDescriptorStoreMax\n",
		      stdout);
	if (ctl_integer(next, "descriptors_given_up") > 0)
		ctl_print(next,
			  "next restart    {descriptors_given_up} descriptors were not "
			  "stored\n");
}

/* The kernel plane; why not matters where the configuration asks for it. */
static void print_offload(const json_t *offload)
{
	const json_t *device;
	const char *separator = ": ";
	char name[CTL_CELL_MAX], program[CTL_CELL_MAX];
	size_t i;

	if (!json_is_object(offload))
		return;
	ctl_print(offload, "kernel plane    {state}");
	json_array_foreach(json_object_get(offload, "devices"), i, device)
	{
		if (!json_is_string(json_object_get(device, "program")))
			continue;
		printf("%s%s %s", separator, ctl_member(device, "name", name),
		       ctl_member(device, "program", program));
		separator = ", ";
	}
	ctl_print(offload, "[: {why}]");
	putchar('\n');
	if (json_is_true(json_object_get(offload, "missed")))
		puts("kernel plane    WARNING: offload = tc or xdp is not possible on "
		     "every device; see 'avedgectl offload'");
}

static void print_pool(const json_t *pool)
{
	ctl_print(pool, "relay ports     {address}");
	if (!json_equal(json_object_get(pool, "public"),
			json_object_get(pool, "address")))
		ctl_print(pool, "[ (public {public})]");
	ctl_print(pool, " {protocol} {first}-{last}: {used} of {size} used, {resting} "
			"resting\n");
}

void ctl_print_drain(const json_t *drain)
{
	if (!json_is_object(drain))
		return;
	ctl_print(drain, "draining        since {since}, until ");
	ctl_print(drain, json_is_string(json_object_get(drain, "deadline"))
				 ? "{deadline}"
				 : "the last one ends");
	ctl_print(drain, ": {remaining} of {began_with} allocations left\n");
}

/* A credential whose time alone was wrong. */
static void print_refused(const json_t *refused)
{
	char reason[CTL_CELL_MAX];

	ctl_print(refused, "refused         {at}, a credential ");
	ctl_print(refused, strcmp(ctl_member(refused, "reason", reason), "expired") == 0
				   ? "expired {by_s} before\n"
				   : "{by_s} beyond limits.credential_lifetime_max\n");
}

void ctl_print_status(const struct ctl_args *args, json_t *document)
{
	const json_t *pool;
	size_t i;

	(void)args;
	print_head(document);
	ctl_print_drain(json_object_get(document, "drain"));
	print_taken_up(json_object_get(document, "taken_up"));
	print_next_restart(json_object_get(document, "next_restart"));
	print_files(document);
	print_offload(json_object_get(document, "offload"));
	if (json_is_object(json_object_get(document, "credential_refused")))
		print_refused(json_object_get(document, "credential_refused"));
	json_array_foreach(json_object_get(document, "ports"), i, pool) print_pool(pool);
}

/* --- upgrade --------------------------------------------------------------------------------- */

static void print_reasons(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		ctl_print(row, "  {allocations} {reason}: {text}\n");
}

static void print_upgrade(const json_t *document)
{
	const json_t *noticed = json_object_get(document, "noticed_by");

	ctl_print(document, "[{error}\n]");
	ctl_print(document, "{lost} of {allocations} allocations would be lost\n");
	print_reasons(json_object_get(document, "lost_by"));
	if (json_array_size(noticed) > 0)
		puts("kept, but their clients notice");
	print_reasons(noticed);
	if (ctl_integer(document, "data_connections") > 0)
		ctl_print(document,
			  "{data_connections} data connections over TLS would be "
			  "reset\n");
	if (ctl_integer(json_object_get(document, "next"), "unsaved_peers") > 0)
		ctl_print(
			document,
			"{next.unsaved_peers} connections with peers could not be saved, "
			"and would end\n");
	if (ctl_integer(json_object_get(document, "next"), "descriptors_given_up") > 0)
		ctl_print(document,
			  "{next.descriptors_given_up} descriptors could not be stored: "
			  "raise FileDescriptorStoreMax; TCP connections may be lost\n");
	if (ctl_integer(json_object_get(document, "next"), "descriptors_waiting") > 0)
		ctl_print(document,
			  "{next.descriptors_waiting} descriptors wait to be stored: ask "
			  "again\n");
}

/* --- files that only root may read ------------------------------------------------------------- */

#define PROGRAM "mediarelayd"

/* What it finds goes to standard error. */
static void __attribute__((noreturn)) run_check(const char *config)
{
	/* It says "valid", where a script may expect JSON. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execlp(PROGRAM, PROGRAM, "--check", config != NULL ? "-c" : NULL, config,
	       (char *)NULL);
	fprintf(stderr,
		"avedgectl: cannot run " PROGRAM
		" --check: %s; the files are judged as the relay has them\n",
		strerror(errno));
	_exit(0);
}

/* False: no process starts. */
static bool starts(const char *config)
{
	int status = 0;

	fflush(NULL);
	pid_t child = fork();

	if (child == 0)
		run_check(config);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Another socket may be that of a relay with other files. */
static bool is_asked(const struct ctl_args *args)
{
	return ctl_has(args, OPTION_UPGRADE_CONFIG) ||
	       (geteuid() == 0 && !ctl_has(args, OPTION_SOCKET));
}

int ctl_upgrade(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	json_t *document;
	bool loses;
	int status;

	if (!ctl_has(args, OPTION_CHECK))
		return ctl_usage(args->name,
				 "--check is missing: the package manager upgrades, and "
				 "'systemctl restart mediarelayd' restarts");
	status = ctl_ask(&daemon, "GET", "/v1/upgrade", NULL, &document, NULL);
	if (status != CTL_OK)
		return status;
	loses = ctl_integer(document, "lost") > 0 ||
		ctl_integer(document, "data_connections") > 0 ||
		json_is_string(json_object_get(document, "error"));
	if (ctl_has(args, OPTION_JSON)) {
		status = ctl_print_json(document);
	} else {
		print_upgrade(document);
		json_decref(document);
	}
	if (is_asked(args) && !starts(ctl_value(args, OPTION_UPGRADE_CONFIG, NULL)))
		loses = true;
	return status == CTL_OK && loses ? CTL_FAILED : status;
}

/* --- figures --------------------------------------------------------------------------------- */

/* The numbers of an object, one per line, such as "12 sip"; zeros are left out. */
static void print_figures(const char *title, json_t *figures)
{
	char cell[CTL_CELL_MAX];
	const char *name;
	json_t *figure;

	json_object_foreach(figures, name, figure)
	{
		if (!json_is_integer(figure) || json_integer_value(figure) == 0)
			continue;
		printf("%-15s %" JSON_INTEGER_FORMAT, title, json_integer_value(figure));
		printf(" %s\n", ctl_clean(name, cell, sizeof(cell)));
		title = "";
	}
}

void ctl_print_mras_status(const struct ctl_args *args, json_t *document)
{
	json_t *connections = json_object_get(document, "connections");
	json_t *credentials = json_object_get(document, "credentials");
	json_t *forms = json_object_get(credentials, "issued_by"), *form;
	const json_t *relay;
	char title[CTL_CELL_MAX], cell[CTL_CELL_MAX];
	const char *name;
	size_t i;

	(void)args;
	print_head(document);
	print_line("connections", connections, "open");
	print_line("  in handshake", connections, "handshake");
	print_line("  accepted", connections, "accepted");
	print_figures("  refused", json_object_get(connections, "refused_by"));
	print_line("issued", credentials, "issued");
	json_object_foreach(forms, name, form)
	{
		snprintf(title, sizeof(title), "  %.32s",
			 ctl_clean(name, cell, sizeof(cell)));
		print_figures(title, form);
	}
	print_line("refused", credentials, "refused");
	print_figures("", json_object_get(credentials, "refused_by"));
	print_files(document);
	json_array_foreach(json_object_get(document, "relays"), i, relay)
	{
		ctl_print(relay, "relay           {address}, {location}");
		puts(json_is_true(json_object_get(relay, "draining")) ? ", draining"
								      : "");
	}
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Rates carry their unit in each figure; no limit is "none". */
static void put_units(json_t *row)
{
	static const char *const names[] = {"used", "peak", "reserved", "limit"};
	const char *unit = json_string_value(json_object_get(row, "unit"));
	char figure[CTL_FIGURE_MAX];

	if (json_is_null(json_object_get(row, "limit")))
		json_object_set_new(row, "limit", json_string("none"));
	if (!unit || strcmp(unit, "bps") != 0)
		return;
	json_object_set_new(row, "unit", json_string(""));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (json_is_number(json_object_get(row, names[i])))
			json_object_set_new(row, names[i],
					    json_string(ctl_rate_text(
						    ctl_real(row, names[i]), figure)));
	}
}

static void print_top(const struct ctl_column *columns, const json_t *rows)
{
	if (json_array_size(rows) == 0)
		return;
	putchar('\n');
	ctl_print_table(columns, rows);
}

void ctl_print_limits(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {
		{"<NAME", "name"},   {">USED", "used"},
		{">PEAK", "peak"},   {">RESERVED", "reserved"},
		{">LIMIT", "limit"}, {"<UNIT", "unit"},
		{NULL, NULL},
	};
	static const struct ctl_column users[] = {{"<TOP USERS", "user"},
						  {">ALLOCATIONS", "allocations"},
						  {">RATE", "rate_bps"},
						  {"<DIALECT", "dialect"},
						  {">QUOTA", "quota_allocations"},
						  {">RATE QUOTA", "quota_bandwidth_bps"},
						  {NULL, NULL}};
	static const struct ctl_column prefixes[] = {{"<TOP PREFIXES", "prefix"},
						     {">ALLOCATIONS", "allocations"},
						     {">RATE", "rate_bps"},
						     {NULL, NULL}};

	json_t *row;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(document, "limits"), i, row) put_units(row);
	ctl_print_table(columns, json_object_get(document, "limits"));
	print_top(users, json_object_get(document, "users"));
	print_top(prefixes, json_object_get(document, "prefixes"));
}

int ctl_status(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	bool all = ctl_has(args, OPTION_ALL_LIMITS);
	int status;

	if (all && ctl_has(args, OPTION_JSON))
		return ctl_usage(args->name,
				 "--all and --json cannot be combined; the limits have a "
				 "document of their own: 'avedgectl limits --json'");
	status = ctl_document(args);
	if (status != CTL_OK || !all)
		return status;
	putchar('\n');
	return ctl_show_document(args, &daemon, "/v1/limits", ctl_print_limits);
}

/* A row whose new value waits for a restart shows both. */
static bool add_pending(json_t *row)
{
	const char *next = json_string_value(json_object_get(row, "pending"));
	const char *value = json_string_value(json_object_get(row, "value"));

	if (next == NULL || value == NULL)
		return false;
	json_object_set_new(row, "value",
			    json_sprintf("%s (after a restart: %s)", value, next));
	return true;
}

void ctl_print_configuration(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {
		{"<KEY", "key"}, {"<VALUE", "value"},   {"<DEFAULT", "default"},
		{"<SET", "set"}, {"<RELOAD", "reload"}, {NULL, NULL}};
	json_t *rows = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(document, "keys"), i, row)
	{
		/* A key that follows others differs from its default, but nobody set it. */
		bool differs = !json_is_false(json_object_get(row, "set")) &&
			       !json_equal(json_object_get(row, "value"),
					   json_object_get(row, "default"));

		if (add_pending(row) || ctl_has(args, OPTION_ALL_KEYS) || differs)
			json_array_append(rows, row);
	}
	ctl_print_table(columns, rows);
	json_decref(rows);
}

void ctl_print_relays(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {{"<LOCATION", "location"},
						    {"<SIDE", "side"},
						    {"<ADDRESS", "address"},
						    {"<STATE", "state"},
						    {NULL, NULL}};

	json_t *row;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(document, "relays"), i, row)
		json_object_set_new(
			row, "state",
			json_string(json_is_true(json_object_get(row, "draining"))
					    ? "draining"
					    : "active"));
	ctl_print_table(columns, json_object_get(document, "relays"));
}
