/*
 * control_fixture.c - see control_fixture.h.
 */
#include "tests/unit/relay/control_fixture.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/inbox.h"
#include "relay/reload/drain.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_reload.h"
#include "tests/unit/lib/configs.h"
#include "tests/unit/lib/unit.h"

static void *play_main(void *arg)
{
	struct control_fixture *cw = arg;

	event_base_loop(cw->base, EVLOOP_NO_EXIT_ON_EMPTY);
	inbox_close(cw->fixture.relay.main);
	return NULL;
}

static void leave(void *arg)
{
	event_base_loopbreak(arg);
}

static struct relay_reload *make_reload(struct relay_fixture *fixture)
{
	const struct nonce_key nonce_key = {.lifetime_s = 600};
	char text[512], error[512];
	struct relay_config *config;
	struct relay_reload *reload;

	snprintf(text, sizeof(text),
		 "keys = \"%s\"\n"
		 "side inside { addresses = {10.0.0.5} }\n"
		 "side outside { addresses = {192.0.2.10} }\n",
		 fixture->keys);
	config = relay_config_parse("/nonexistent/relay.conf", text, strlen(text), error,
				    sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	reload = relay_reload_new(&fixture->relay, &config->common, &nonce_key, error,
				  sizeof(error));
	ck_assert_msg(reload != NULL, "%s", error);
	return reload;
}

void control_fixture_start(struct control_fixture *cw)
{
	struct relay *relay = &cw->fixture.relay;

	relay_fixture_start(&cw->fixture, NULL, NULL);
	relay->network = network_new();
	ck_assert_ptr_nonnull(relay->network);
	network_set(relay->network, &cw->fixture.view);
	cw->base = event_base_new();
	ck_assert_ptr_nonnull(cw->base);
	relay->main = inbox_new(cw->base);
	relay->drain = drain_new(cw->base, relay);
	cw->reload = make_reload(&cw->fixture);
	ck_assert(relay->main && relay->drain);
	ck_assert_int_eq(pthread_create(&cw->main, NULL, play_main, cw), 0);
}

void control_fixture_end_main(struct control_fixture *cw)
{
	if (inbox_post(cw->fixture.relay.main, leave, cw->base))
		pthread_join(cw->main, NULL);
}

void control_fixture_stop(struct control_fixture *cw)
{
	struct relay *relay = &cw->fixture.relay;

	control_fixture_end_main(cw);
	drain_free(relay->drain);
	inbox_free(relay->main);
	event_base_free(cw->base);
	EVENTUALLY(relay_allocation_count(relay) == 0);
	relay_reload_free(cw->reload);
	network_free(relay->network);
	relay_fixture_stop(&cw->fixture);
}
