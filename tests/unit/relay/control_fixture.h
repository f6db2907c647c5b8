/*
 * control_fixture.h - a real relay in this process (relay_fixture.h) with the parts that
 * its control interface needs: a thread that acts as main, drain, reload, records. Uses
 * libcheck.
 */
#ifndef TESTS_UNIT_RELAY_CONTROL_FIXTURE_H
#define TESTS_UNIT_RELAY_CONTROL_FIXTURE_H

#include <pthread.h>

#include "tests/unit/relay/relay_fixture.h"

struct control_fixture {
	struct relay_fixture fixture;
	struct relay_reload *reload;
	struct event_base *base;
	pthread_t main;
};

/* Main's configuration has no file, so that every reload is rejected. */
void control_fixture_start(struct control_fixture *cw);
/* Main leaves, and requests to it are refused. Stopping the fixture does the same. */
void control_fixture_end_main(struct control_fixture *cw);
void control_fixture_stop(struct control_fixture *cw);

#endif
