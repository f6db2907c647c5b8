/*
 * control_world.c - see control_world.h.
 */
#include "tests/unit/relay/control_world.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/inbox.h"
#include "relay/ops/records.h"
#include "relay/reload/drain.h"
#include "relay/reload/network.h"
#include "relay/reload/reload.h"
#include "tests/unit/lib/unit.h"

static void *play_main(void *arg)
{
	struct control_world *cw = arg;

	event_base_loop(cw->base, EVLOOP_NO_EXIT_ON_EMPTY);
	inbox_close(cw->world.relay.main);
	return NULL;
}

static void leave(void *arg)
{
	event_base_loopbreak(arg);
}

static struct reload *make_reload(struct relay_world *world)
{
	const struct nonce_key nonce_key = {.lifetime_s = 600};
	char text[512], error[512];
	struct config *config;
	struct reload *reload;

	snprintf(text, sizeof(text),
		 "keys = \"%s\"\n"
		 "side inside { addresses = {10.0.0.5} }\n"
		 "side outside { addresses = {192.0.2.10} }\n",
		 world->keys);
	config = config_parse("/nonexistent/relay.conf", text, strlen(text), error,
			      sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);
	reload = reload_new(&world->relay, config, &nonce_key, error, sizeof(error));
	ck_assert_msg(reload != NULL, "%s", error);
	return reload;
}

void control_world_start(struct control_world *cw)
{
	struct relay *relay = &cw->world.relay;

	relay_world_start(&cw->world, NULL, NULL);
	relay->network = network_new();
	ck_assert_ptr_nonnull(relay->network);
	network_set(relay->network, &cw->world.view);
	cw->base = event_base_new();
	ck_assert_ptr_nonnull(cw->base);
	relay->main = inbox_new(cw->base);
	relay->drain = drain_new(cw->base, relay);
	relay->records = records_new(64);
	relay->reload = make_reload(&cw->world);
	ck_assert(relay->main && relay->drain && relay->records);
	ck_assert_int_eq(pthread_create(&cw->main, NULL, play_main, cw), 0);
}

void control_world_end_main(struct control_world *cw)
{
	if (inbox_post(cw->world.relay.main, leave, cw->base))
		pthread_join(cw->main, NULL);
}

void control_world_stop(struct control_world *cw)
{
	struct relay *relay = &cw->world.relay;

	control_world_end_main(cw);
	drain_free(relay->drain);
	inbox_free(relay->main);
	event_base_free(cw->base);
	EVENTUALLY(relay_allocation_count(relay) == 0);
	reload_free(relay->reload);
	network_free(relay->network);
	/* Connections end in their own time, with records. */
	for (unsigned i = 0; i < WORLD_WORKERS; i++)
		worker_stop(cw->world.workers[i]);
	records_free(relay->records);
	relay->records = NULL;
	relay_world_stop(&cw->world);
}
