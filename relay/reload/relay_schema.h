/*
 * relay_schema.h - mediarelayd.conf: its keys, how they are checked, and what a reload does to
 * fronts. What they fill is in relay_config.h.
 */
#ifndef RELAY_RELOAD_RELAY_SCHEMA_H
#define RELAY_RELOAD_RELAY_SCHEMA_H

#include "base/config/config_schema.h"

extern const struct config_schema relay_config_schema;

#endif
