/*
 * control_common.h - the part that the control interfaces of both daemons share: log levels,
 * reload and configuration as JSON.
 */
#ifndef BASE_CONTROL_CONTROL_COMMON_H
#define BASE_CONTROL_CONTROL_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "base/config/reload.h"
#include "base/control/control_api.h"

/* GET /v1/log-levels and PUT /v1/log-levels/{}; arg is not used. */
control_handler control_get_log_levels;
control_handler control_put_log_level;
#define CONTROL_LOG_ROUTES                                                              \
	{.method = "GET", .path = "/v1/log-levels", .handler = control_get_log_levels}, \
	{                                                                               \
		.method = "PUT", .path = "/v1/log-levels/{}",                           \
		.handler = control_put_log_level, .members = {                          \
			"level"                                                         \
		}                                                                       \
	}

/* The answer to POST /v1/reload. */
void control_answer_reload(struct control_reply *reply,
			   const struct reload_report *report);
/* The member "reload" of a status: null if there was none. NULL if out of memory. */
json_t *control_reload_last(const struct reload_last *last);
/* The member "restart_pending": names of keys. NULL if out of memory. */
json_t *control_restart_pending(struct reload *reload);
/* The member "log_dropped": messages of all levels since the start. NULL if out of memory. */
json_t *control_log_dropped(void);

/* An array of numbers; NULL if out of memory. */
json_t *control_port_list(const uint16_t *ports, size_t count);

/* The document of GET /v1/configuration; NULL if out of memory. */
json_t *control_configuration(const char *file);
/* Put a key into it; a config_entry_fn whose arg is that document. */
config_entry_fn control_configuration_add;

#endif
