/*
 * control.c - the table of requests, and those that only main may do.
 *
 * Member names are a contract with avedgectl and with scripts: new ones may join them, and none
 * may go. 64-bit ids are hex strings, because JSON numbers lose bits beyond 2^53.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "relay/ops/control.h"

#include <inttypes.h>
#include <time.h>

#include "base/control/control_common.h"
#include "base/inbox.h"
#include "base/log.h"
#include "relay/ops/continuity.h"
#include "relay/ops/control_documents.h"
#include "relay/relay.h"
#include "relay/reload/drain.h"
#include "relay/reload/relay_reload.h"

static void get_status(void *arg, const struct control_request *request,
		       struct control_reply *reply)
{
	(void)request;
	control_answer(reply, control_status(arg));
}

static void get_ports(void *arg, const struct control_request *request,
		      struct control_reply *reply)
{
	(void)request;
	control_answer(reply, control_ports(arg));
}

static void get_counters(void *arg, const struct control_request *request,
			 struct control_reply *reply)
{
	(void)request;
	control_answer(reply, control_counters(arg));
}

static void get_limits(void *arg, const struct control_request *request,
		       struct control_reply *reply)
{
	(void)request;
	control_answer(reply, control_limits(arg));
}

static void get_upgrade(void *arg, const struct control_request *request,
			struct control_reply *reply)
{
	struct continuity_check check;

	(void)request;
	control_answer(reply, continuity_check_make(&check, arg)
				      ? continuity_check_document(&check)
				      : NULL);
}

static void get_configuration(void *arg, const struct control_request *request,
			      struct control_reply *reply)
{
	struct relay *relay = arg;
	json_t *document = control_configuration(relay->config->common.path);

	(void)request;
	if (document &&
	    !reload_values(relay->reload, control_configuration_add, document)) {
		json_decref(document);
		document = NULL;
	}
	control_answer(reply, document);
}

/* --- what main does ------------------------------------------------------------------------ */

/* Run fn(arg) on main. False, with the reply refused, if main has ended or out of memory. */
static bool ask_main(const struct relay *relay, inbox_fn *fn, void *arg,
		     struct control_reply *reply)
{
	if (inbox_call(relay->main, fn, arg))
		return true;
	control_refuse(reply, 503,
		       "the relay is stopping or out of memory; try again later");
	return false;
}

struct reload_task {
	struct reload *reload;
	struct reload_report report;
};

static void reload_on_main(void *arg)
{
	struct reload_task *task = arg;

	reload_configuration(task->reload, time(NULL), &task->report);
}

static void post_reload(void *arg, const struct control_request *request,
			struct control_reply *reply)
{
	struct relay *relay = arg;
	struct reload_task task = {.reload = relay->reload};

	(void)request;
	if (ask_main(relay, reload_on_main, &task, reply))
		control_answer_reload(reply, &task.report);
	reload_report_clear(&task.report);
}

static void answer_drain(const struct relay *relay, struct control_reply *reply)
{
	struct drain_state state = drain_state(relay->drain);

	control_answer(reply, control_drain(&state));
}

static void get_drain(void *arg, const struct control_request *request,
		      struct control_reply *reply)
{
	(void)request;
	answer_drain(arg, reply);
}

struct drain_task {
	struct drain *drain;
	uint32_t deadline_s;
};

static void begin_on_main(void *arg)
{
	const struct drain_task *task = arg;

	drain_begin(task->drain, task->deadline_s);
}

static void put_drain(void *arg, const struct control_request *request,
		      struct control_reply *reply)
{
	struct relay *relay = arg;
	json_t *deadline = json_object_get(request->body, "deadline_s");
	json_int_t seconds = json_integer_value(deadline);
	struct drain_task task = {.drain = relay->drain, .deadline_s = (uint32_t)seconds};

	if ((deadline && !json_is_integer(deadline)) || seconds < 0 ||
	    seconds > DRAIN_DEADLINE_MAX_S) {
		control_refuse(reply, 400, "deadline_s must be 0 (none) to %d seconds",
			       DRAIN_DEADLINE_MAX_S);
		return;
	}
	if (ask_main(relay, begin_on_main, &task, reply))
		answer_drain(relay, reply);
}

static void end_on_main(void *arg)
{
	drain_end(arg);
}

static void delete_drain(void *arg, const struct control_request *request,
			 struct control_reply *reply)
{
	struct relay *relay = arg;

	(void)request;
	if (ask_main(relay, end_on_main, relay->drain, reply))
		answer_drain(relay, reply);
}

#define FILTERS                                                                      \
	"user", "side", "dialect", "transport", "relay_transport", "client", "peer", \
		"key_id"

const struct control_route control_routes[] = {
	{.method = "GET", .path = "/v1/status", .handler = get_status},
	{.method = "GET", .path = "/v1/ports", .handler = get_ports},
	{.method = "GET", .path = "/v1/counters", .handler = get_counters},
	{.method = "GET", .path = "/v1/limits", .handler = get_limits},
	{.method = "GET", .path = "/v1/configuration", .handler = get_configuration},
	{.method = "GET", .path = "/v1/upgrade", .handler = get_upgrade},
	{.method = "GET",
	 .path = "/v1/allocations",
	 .handler = control_list_allocations,
	 .arguments = {FILTERS, "sort", "limit"}},
	{.method = "DELETE",
	 .path = "/v1/allocations",
	 .handler = control_end_allocations,
	 .arguments = {"user", "key_id"}},
	{.method = "GET",
	 .path = "/v1/allocations/{}",
	 .handler = control_show_allocation},
	{.method = "DELETE",
	 .path = "/v1/allocations/{}",
	 .handler = control_end_allocation},
	{.method = "GET", .path = "/v1/drain", .handler = get_drain},
	{.method = "PUT",
	 .path = "/v1/drain",
	 .handler = put_drain,
	 .members = {"deadline_s"}},
	{.method = "DELETE", .path = "/v1/drain", .handler = delete_drain},
	{.method = "GET", .path = "/v1/offload", .handler = control_get_offload},
	{.method = "PUT",
	 .path = "/v1/offload",
	 .handler = control_put_offload,
	 .members = {"on"}},
	{.method = "POST", .path = "/v1/reload", .handler = post_reload},
	{.method = "GET",
	 .path = "/v1/records",
	 .handler = control_stream_records,
	 .arguments = {"follow", "user", "since", "limit"}},
	CONTROL_LOG_ROUTES,
};
const size_t control_route_count = sizeof(control_routes) / sizeof(control_routes[0]);
