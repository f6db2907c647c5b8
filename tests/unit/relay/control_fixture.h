/*
 * control_fixture.h - a real relay in this process (relay_fixture.h) with what its control interface
 * needs besides: a thread that plays main, drain, reload, records. Needs libcheck.
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

/* Main's configuration came from no file, so that every reload is rejected. */
void control_fixture_start(struct control_fixture *cw);
/* Main leaves; whoever asks it is refused. Stopping does it, too. */
void control_fixture_end_main(struct control_fixture *cw);
void control_fixture_stop(struct control_fixture *cw);

#endif
