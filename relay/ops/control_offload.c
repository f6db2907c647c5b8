/*
 * control_offload.c - the kernel plane as JSON, and turning it on and off.
 */
#include "relay/ops/control_documents.h"

#include "base/inbox.h"
#include "relay/offload/offload.h"
#include "relay/relay.h"

static void look(const struct relay *relay, struct offload_view *view)
{
	*view = (struct offload_view){.why = "the relay is starting"};
	if (relay->offload != NULL)
		offload_view(relay->offload, view);
}

static json_t *why_of(const char *why)
{
	return why[0] != '\0' ? json_string(why) : json_null();
}

static json_t *device_row(const struct offload_device *device)
{
	return json_pack(
		"{s:o, s:o, s:o}", "name", control_text(device->name), "program",
		device->program != NULL ? json_string(device->program) : json_null(),
		"why", device->program != NULL ? json_null() : why_of(device->why));
}

static json_t *devices(const struct offload_view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->device_count; i++)
		json_array_append_new(list, device_row(&view->devices[i]));
	return list;
}

static json_t *passed_up(const struct flow_sums *counts)
{
	json_t *list = json_array();

	for (int i = 0; i < FLOW_UP_COUNT; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:s}", "reason",
					offload_up_name((enum flow_up)i), "packets",
					control_count(counts->ups[i]), "text",
					offload_up_text((enum flow_up)i)));
	return list;
}

json_t *control_offload_state(const struct relay *relay)
{
	struct offload_view view;

	look(relay, &view);
	return json_pack("{s:s, s:b, s:o, s:b, s:o, s:o, s:o}", "state",
			 offload_view_state(&view), "on", view.is_on, "why",
			 why_of(view.why), "missed", view.is_missed, "flows",
			 control_count(view.flows), "packets",
			 control_count(view.counts.packets), "devices", devices(&view));
}

json_t *control_offload(const struct relay *relay)
{
	struct offload_view view;

	look(relay, &view);
	return json_pack(
		"{s:s, s:b, s:o, s:b, s:{s:s, s:s}, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
		"state", offload_view_state(&view), "on", view.is_on, "why",
		why_of(view.why), "missed", view.is_missed, "sides",
		side_name(SIDE_INSIDE), offload_mode_name(view.modes[SIDE_INSIDE]),
		side_name(SIDE_OUTSIDE), offload_mode_name(view.modes[SIDE_OUTSIDE]),
		"socket", view.socket, "devices", devices(&view), "flows",
		control_count(view.flows), "flows_max", control_count(view.flows_max),
		"hops", control_count(view.hops), "packets",
		control_count(view.counts.packets), "passed_up", passed_up(&view.counts));
}

/* --- turning it ------------------------------------------------------------------------------- */

struct turn_task {
	struct offload *offload;
	bool on;
};

static void turn_on_main(void *arg)
{
	const struct turn_task *task = arg;

	offload_turn(task->offload, task->on);
}

void control_get_offload(void *arg, const struct control_request *request,
			 struct control_reply *reply)
{
	(void)request;
	control_answer(reply, control_offload(arg));
}

void control_put_offload(void *arg, const struct control_request *request,
			 struct control_reply *reply)
{
	struct relay *relay = arg;
	const json_t *on = json_object_get(request->body, "on");
	struct turn_task task = {.offload = relay->offload, .on = json_is_true(on)};

	if (!json_is_boolean(on)) {
		control_refuse(reply, 400, "\"on\" must be true or false");
		return;
	}
	if (relay->offload == NULL || !inbox_call(relay->main, turn_on_main, &task)) {
		control_refuse(reply, 503,
			       "the relay is starting or stopping, or out of memory; try "
			       "again later");
		return;
	}
	control_answer(reply, control_offload(relay));
}
