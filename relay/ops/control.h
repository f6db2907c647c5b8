/*
 * control.h - the requests that the relay's control interface serves (docs/control-api.md).
 * Their argument is the struct relay. Workers are asked by message and answer from their own
 * state; the packet path never waits.
 */
#ifndef RELAY_OPS_CONTROL_H
#define RELAY_OPS_CONTROL_H

#include <stddef.h>

#include "base/control/control_api.h"

extern const struct control_route control_routes[];
extern const size_t control_route_count;

#endif
