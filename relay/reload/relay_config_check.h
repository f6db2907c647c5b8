/*
 * relay_config_check.h - what no value of mediarelayd.conf can tell alone: addresses that meet,
 * lists that pair, sums that are too large.
 */
#ifndef RELAY_RELOAD_RELAY_CONFIG_CHECK_H
#define RELAY_RELOAD_RELAY_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct config;

/*
 * Check a configuration of relay_config_schema whose values are valid one by one; fills in the
 * public addresses where none are named, and adds remarks. False with the place and a sentence in
 * error.
 */
bool relay_config_check(struct config *common, char *error, size_t error_size);

#endif
