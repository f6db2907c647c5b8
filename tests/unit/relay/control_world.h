/*
 * control_world.h - a real relay in this process (relay_world.h) with what its control interface
 * needs besides: a thread that plays main, drain, reload, records. Needs libcheck.
 */
#ifndef TESTS_UNIT_RELAY_CONTROL_WORLD_H
#define TESTS_UNIT_RELAY_CONTROL_WORLD_H

#include <pthread.h>

#include "tests/unit/relay/relay_world.h"

struct control_world {
	struct relay_world world;
	struct event_base *base;
	pthread_t main;
};

/* Main's configuration came from no file, so that every reload is rejected. */
void control_world_start(struct control_world *cw);
/* Main leaves; whoever asks it is refused. Stopping does it, too. */
void control_world_end_main(struct control_world *cw);
void control_world_stop(struct control_world *cw);

#endif
