/*
 * control_common.c - see control_common.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "base/control/control_common.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

void control_get_log_levels(void *arg, const struct control_request *request,
			    struct control_reply *reply)
{
	json_t *subsystems = json_object();

	(void)arg;
	(void)request;
	for (int i = 0; i < SUBSYSTEM_COUNT; i++) {
		enum subsystem subsystem = (enum subsystem)i;

		if (log_has_subsystem(subsystem))
			json_object_set_new(
				subsystems, subsystem_name(subsystem),
				json_string(log_level_name(
					log_subsystem_level(subsystem, NULL))));
	}
	control_answer(reply,
		       json_pack("{s:s, s:o}", "default", log_level_name(log_level()),
				 "subsystems", subsystems));
}

static void refuse_level(struct control_reply *reply)
{
	control_refuse(
		reply, 400,
		"\"level\" is missing or unknown; use error, warning, notice, info or "
		"debug, or null for the default");
}

static void refuse_subsystem(struct control_reply *reply, const char *name)
{
	char names[128] = "default";
	size_t len = strlen(names);

	for (int i = 0; i < SUBSYSTEM_COUNT; i++) {
		if (log_has_subsystem((enum subsystem)i))
			len += (size_t)snprintf(names + len, sizeof(names) - len, ", %s",
						subsystem_name((enum subsystem)i));
		assert(len < sizeof(names));
	}
	control_refuse(reply, 404, "unknown subsystem \"%s\"; use one of %s", name,
		       names);
}

void control_put_log_level(void *arg, const struct control_request *request,
			   struct control_reply *reply)
{
	json_t *value = json_object_get(request->body, "level");
	bool is_default = strcmp(request->parameter, "default") == 0;
	enum subsystem subsystem = SUBSYSTEM_MAIN;
	enum log_level level = LOG_LEVEL_INFO;

	if (!is_default && (!subsystem_parse(request->parameter, &subsystem) ||
			    !log_has_subsystem(subsystem))) {
		refuse_subsystem(reply, request->parameter);
		return;
	}
	if (json_is_null(value) && !is_default) {
		log_set_subsystem_level(subsystem, false, level);
	} else if (!json_is_string(value) ||
		   !log_level_parse(json_string_value(value), &level)) {
		refuse_level(reply);
		return;
	} else if (is_default) {
		log_set_level(level);
	} else {
		log_set_subsystem_level(subsystem, true, level);
	}
	log_notice("log level of %s: %s", request->parameter,
		   json_is_null(value) ? "the default" : log_level_name(level));
	control_get_log_levels(arg, request, reply);
}

static json_t *change(const struct reload_change *change)
{
	return json_pack("{s:o, s:o, s:o, s:s}", "key", control_text(change->key),
			 "before", control_text(change->before), "after",
			 control_text(change->after), "effect",
			 reload_effect_name(change->effect));
}

void control_answer_reload(struct control_reply *reply,
			   const struct reload_report *report)
{
	json_t *changes, *pending;

	if (report->result == RELOAD_REJECTED) {
		control_refuse(reply, 422, "%s", report->error);
		return;
	}
	changes = json_array();
	pending = json_array();
	for (size_t i = 0; i < report->count; i++) {
		json_array_append_new(changes, change(&report->changes[i]));
		if (report->changes[i].effect == RELOAD_EFFECT_RESTART)
			json_array_append_new(pending,
					      control_text(report->changes[i].key));
	}
	control_answer(reply, json_pack("{s:s, s:I, s:o, s:o}", "result",
					reload_result_name(report->result), "generation",
					(json_int_t)report->generation, "changes",
					changes, "restart_pending", pending));
}

json_t *control_log_dropped(void)
{
	uint64_t sum = 0;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++)
		sum += log_dropped((enum log_level)i);
	return json_integer((json_int_t)sum);
}

json_t *control_reload_last(const struct reload_last *last)
{
	if (last->at_s == 0)
		return json_null();
	return json_pack("{s:o, s:s, s:o}", "at", control_time(last->at_s), "result",
			 reload_result_name(last->result), "error",
			 last->result == RELOAD_REJECTED ? control_text(last->error)
							 : json_null());
}

static void add_name(void *arg, const char *key)
{
	json_array_append_new(arg, control_text(key));
}

json_t *control_restart_pending(struct reload *reload)
{
	json_t *keys = json_array();

	reload_pending(reload, add_name, keys);
	return keys;
}

json_t *control_port_list(const uint16_t *ports, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_integer(ports[i]));
	return list;
}

json_t *control_configuration(const char *file)
{
	return json_pack("{s:o, s:[]}", "file", control_text(file), "keys");
}

void control_configuration_add(void *arg, const struct config_entry *entry)
{
	json_array_append_new(
		json_object_get(arg, "keys"),
		json_pack("{s:s, s:o, s:o, s:b, s:b, s:o, s:s}", "key", entry->key,
			  "value", control_text(entry->value), "default",
			  entry->fallback ? control_text(entry->fallback) : json_null(),
			  "set", entry->is_set, "reload", entry->reloads, "pending",
			  entry->pending ? control_text(entry->pending) : json_null(),
			  "doc", entry->doc));
}
