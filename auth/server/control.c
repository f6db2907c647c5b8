/*
 * control.c - see control.h. Member names are a contract with avedgectl and scripts: new
 * ones may be added, none removed.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "auth/server/control.h"

#include <assert.h>
#include <time.h>
#include <unistd.h>

#include "auth/credential/keyring.h"
#include "auth/mras/mras_counters.h"
#include "auth/mras/mras_drain.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_connections.h"
#include "auth/server/mras_files.h"
#include "auth/server/mras_reload.h"
#include "auth/server/mras_settings.h"
#include "base/control/control_common.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/version.h"

/* --- in the loop of main ------------------------------------------------------------------- */

typedef void answer_fn(const struct issuer_control *control,
		       const struct control_request *request,
		       struct control_reply *reply);

struct question {
	const struct issuer_control *control;
	const struct control_request *request;
	struct control_reply *reply;
	answer_fn *answer;
};

static void on_main(void *arg)
{
	const struct question *question = arg;

	issuer_tick(question->control->issuer);
	question->answer(question->control, question->request, question->reply);
}

static void ask(void *arg, const struct control_request *request,
		struct control_reply *reply, answer_fn *answer)
{
	struct issuer_control *control = arg;
	struct question question = {control, request, reply, answer};

	assert(control->issuer->settings != NULL && control->reload != NULL);
	if (control->inbox == NULL)
		on_main(&question);
	else if (!inbox_call(control->inbox, on_main, &question))
		control_refuse(reply, 503,
			       "mrasd is stopping; ask again after its restart");
}

/* A handler that runs answer_NAME() in the loop of main. */
#define HANDLER(name)                                                      \
	static void name(void *arg, const struct control_request *request, \
			 struct control_reply *reply)                      \
	{                                                                  \
		ask(arg, request, reply, answer_##name);                   \
	}

/* --- relays -------------------------------------------------------------------------------- */

static json_t *relay_row(const struct service_relay *relay)
{
	bool inside = relay->location == LOCATION_INTRANET;
	char ip[ENDPOINT_TEXT_LEN];
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:b, s:b}", "location",
		inside ? "intranet" : "internet", "side", inside ? "inside" : "outside",
		"address", relay->host, "udp_ports",
		control_port_list(relay->udp_ports, relay->udp_port_count), "tcp_ports",
		control_port_list(relay->tcp_ports, relay->tcp_port_count), "tls",
		relay->tls, "draining", relay->draining);

	if (relay->direct.family != IP_NONE)
		json_object_set_new(
			row, "ip",
			json_string(ip_addr_format(&relay->direct, ip, sizeof(ip))));
	return row;
}

static json_t *relay_rows(const struct issuer_control *control)
{
	const struct service *service = &control->issuer->settings->service;
	json_t *rows = json_array();

	for (size_t i = 0; i < service->relay_count; i++)
		json_array_append_new(rows, relay_row(&service->relays[i]));
	return rows;
}

static void answer_relays(const struct issuer_control *control,
			  const struct control_request *request,
			  struct control_reply *reply)
{
	(void)request;
	control_answer(reply, json_pack("{s:o}", "relays", relay_rows(control)));
}

static void unknown_relay(const struct control_request *request,
			  struct control_reply *reply)
{
	control_refuse(reply, 404, "no relay has host or address %s", request->parameter);
}

static void answer_drain(const struct issuer_control *control,
			 const struct control_request *request,
			 struct control_reply *reply)
{
	const struct mras_settings *settings = control->issuer->settings;
	const json_t *force = json_object_get(request->body, "force");

	if (force != NULL && !json_is_boolean(force)) {
		control_refuse(reply, 400, "\"force\" must be true or false");
		return;
	}
	switch (mras_drain_begin(settings->relays, settings->service.relay_count,
				 request->parameter, json_is_true(force))) {
	case MRAS_DRAIN_UNKNOWN:
		unknown_relay(request, reply);
		return;
	case MRAS_DRAIN_LAST:
		control_refuse(
			reply, 409,
			"%s is the last active relay of its location; undrain another, or force it",
			request->parameter);
		return;
	case MRAS_DRAIN_DONE:
		break;
	}
	log_notice("%s is draining: answers no longer name it", request->parameter);
	answer_relays(control, request, reply);
}

static void answer_undrain(const struct issuer_control *control,
			   const struct control_request *request,
			   struct control_reply *reply)
{
	const struct mras_settings *settings = control->issuer->settings;

	if (mras_drain_end(settings->relays, settings->service.relay_count,
			   request->parameter) == MRAS_DRAIN_UNKNOWN) {
		unknown_relay(request, reply);
		return;
	}
	log_notice("%s is active again: answers name it", request->parameter);
	answer_relays(control, request, reply);
}

/* --- status -------------------------------------------------------------------------------- */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *credentials(const struct mras_counters *counters)
{
	json_t *issued = json_object(), *refused = json_object();

	for (unsigned form = 0; form < MRAS_COUNTERS_FORMS; form++) {
		json_t *by_language = json_object();

		for (int i = 0; i < SERVICE_LANGUAGE_COUNT; i++)
			json_object_set_new(
				by_language,
				mras_counters_language_name((enum service_language)i),
				number(counters->issued[form][i]));
		json_object_set_new(issued, mras_counters_form_name(form), by_language);
	}
	for (int i = 0; i < MRAS_REFUSAL_COUNT; i++)
		json_object_set_new(refused, mras_refusal_name((enum mras_refusal)i),
				    number(counters->refused[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "issued",
			 number(mras_counters_issued(counters)), "refused",
			 number(mras_counters_refused(counters)), "issued_by", issued,
			 "refused_by", refused);
}

static json_t *connections(const struct issuer *issuer)
{
	const uint64_t *counters = issuer->counters;
	json_t *refused = json_object();
	size_t all = 0, half_open = 0;

	if (issuer->connections != NULL) {
		all = mras_connections_count(issuer->connections);
		half_open = mras_connections_half_open(issuer->connections);
		assert(half_open <= all);
	}
	for (int i = 0; i < HANDSHAKE_FAULT_COUNT; i++)
		json_object_set_new(refused,
				    handshake_fault_name((enum handshake_fault)i),
				    number(issuer->mras_counters.handshakes[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "open", number(all - half_open),
			 "handshake", number(half_open), "accepted",
			 number(counters[COUNT_ACCEPTED]), "trusted",
			 number(counters[COUNT_TRUSTED]), "refused_by", refused);
}

/* Null for "never" and for "unknown". */
static json_t *end_of(const struct mras_file_facts *facts)
{
	return facts->count == 0 || facts->expires_s == INT64_MAX
		       ? json_null()
		       : control_time((long long)facts->expires_s);
}

static json_t *files(const struct mras_settings *settings)
{
	const struct config *config = &settings->config->common;
	json_t *rows = json_array();
	struct config_file file;

	for (size_t i = 0; config_watched(config, i, &file); i++) {
		const struct mras_file_facts *facts = &settings->files[i];

		if (file.path != NULL)
			json_array_append_new(
				rows, json_pack("{s:s, s:o, s:o, s:o, s:o}", "key",
						file.key, "path", control_text(file.path),
						"count", number(facts->count), "about",
						control_text(facts->about), "not_after",
						end_of(facts)));
	}
	return rows;
}

static const char *key_state(const struct service *service, const struct key *key,
			     int64_t now_s)
{
	if (key == service_signer(service, CREDENTIAL_MRAS_TEXT, now_s))
		return "signs";
	if (now_s >= key->not_after_s)
		return "past";
	return now_s < key->not_before_s ? "future" : "verifies";
}

static json_t *bound(int64_t unix_s)
{
	return unix_s == INT64_MIN || unix_s == INT64_MAX
		       ? json_null()
		       : control_time((long long)unix_s);
}

static json_t *keys(const struct service *service, int64_t now_s)
{
	const struct keyring *ring = service->keyring;
	json_t *rows = json_array();

	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];

		json_array_append_new(rows,
				      json_pack("{s:s, s:o, s:o, s:s}", "id", key->id,
						"not_before", bound(key->not_before_s),
						"not_after", bound(key->not_after_s),
						"state", key_state(service, key, now_s)));
	}
	return rows;
}

static void answer_status(const struct issuer_control *control,
			  const struct control_request *request,
			  struct control_reply *reply)
{
	const struct issuer *issuer = control->issuer;
	const struct mras_settings *settings = issuer->settings;
	struct reload_last last = reload_last(control->reload);

	(void)request;
	control_answer(
		reply,
		json_pack(
			"{s:s, s:i, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"version", version_string(), "pid", (int)getpid(), "started",
			control_time((long long)issuer->started_s), "uptime_s",
			number((issuer->now_ms - issuer->started_ms) / 1000), "state",
			"serving", "realm", settings->config->realm, "connections",
			connections(issuer), "credentials",
			credentials(&issuer->mras_counters), "keys",
			keys(&settings->service, issuer->unix_s), "files",
			files(settings), "relays", relay_rows(control), "generation",
			number(last.generation), "reload", control_reload_last(&last),
			"restart_pending", control_restart_pending(control->reload),
			"log_dropped", control_log_dropped()));
}

/* --- configuration ------------------------------------------------------------------------- */

static void answer_configuration(const struct issuer_control *control,
				 const struct control_request *request,
				 struct control_reply *reply)
{
	json_t *document = control_configuration(reload_config(control->reload)->path);

	(void)request;
	if (document != NULL &&
	    !reload_values(control->reload, control_configuration_add, document)) {
		json_decref(document);
		document = NULL;
	}
	control_answer(reply, document);
}

static void answer_reload(const struct issuer_control *control,
			  const struct control_request *request,
			  struct control_reply *reply)
{
	struct reload_report report = {.error = ""};

	(void)request;
	notify_reloading();
	reload_configuration(control->reload, control->issuer->unix_s, &report);
	notify_ready();
	control_answer_reload(reply, &report);
	reload_report_clear(&report);
}

HANDLER(status)
HANDLER(relays)
HANDLER(drain)
HANDLER(undrain)
HANDLER(reload)
HANDLER(configuration)

const struct control_route issuer_routes[] = {
	{.method = "GET", .path = "/v1/status", .handler = status},
	{.method = "GET", .path = "/v1/relays", .handler = relays},
	{.method = "PUT",
	 .path = "/v1/relays/{}/drain",
	 .handler = drain,
	 .members = {"force"}},
	{.method = "DELETE", .path = "/v1/relays/{}/drain", .handler = undrain},
	{.method = "POST", .path = "/v1/reload", .handler = reload},
	{.method = "GET", .path = "/v1/configuration", .handler = configuration},
	CONTROL_LOG_ROUTES,
};

const size_t issuer_route_count = sizeof(issuer_routes) / sizeof(issuer_routes[0]);
