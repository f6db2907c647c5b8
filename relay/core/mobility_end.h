/*
 * mobility_end.h - how a move ends without taking place, and how a mobile allocation ends: what
 * the end of every allocation needs of mobility.h.
 *
 * Threads  the worker of turn.
 */
#ifndef RELAY_CORE_MOBILITY_END_H
#define RELAY_CORE_MOBILITY_END_H

#include "relay/core/counters.h"

struct mobility;
struct allocation;
struct turn;

/* Of a mobile allocation; borrowed. */
struct mobility *mobility_of(const struct turn *turn, const struct allocation *al);

/* It is moving, and stays where it is. The ticket that it got meanwhile is the valid one. */
void mobility_abandon(struct turn *turn, struct allocation *al);

/* The allocation ends; nothing if it is not mobile. */
void mobility_end(struct turn *turn, struct allocation *al);

void mobility_count(struct turn *turn, enum mobility_event event);

#endif
