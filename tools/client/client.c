/*
 * client.c - see client.h. The dialect does what is particular to it, client_state.c what is not.
 */
#include "tools/client/client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "tools/client/client_ietf.h"
#include "tools/client/client_ms.h"
#include "tools/client/client_state.h"

struct client *client_new(const struct client_config *config,
			  const struct client_events *events)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->dialect = config->ms ? &client_ms : &client_ietf;
	client->config = *config;
	client->events = *events;
	if (!client->dialect->take_credential(client)) {
		free(client);
		errno = EINVAL;
		return NULL;
	}
	if (!client_state_open(client)) {
		int error = errno;
		free(client);
		errno = error;
		return NULL;
	}
	return client;
}

void client_free(struct client *client)
{
	if (client == NULL)
		return;
	client_state_close(client);
	packet_stream_clear(&client->packets);
	free(client);
}

void client_bind(struct client *client, uint16_t number, const struct endpoint *peer)
{
	assert(client->relayed.ip.family != IP_NONE);
	client->peer = *peer;
	client->awaits = false;
	client->channel = client->config.send_mode || client->config.tcp_relay ? 0
			  : client->config.ms ? CLIENT_ACTIVE
					      : number;
	client_state_bind(client);
}

void client_await(struct client *client, const struct endpoint *peer)
{
	assert(client->config.tcp_relay && client->relayed.ip.family != IP_NONE);
	client->peer = *peer;
	client->channel = 0;
	client->awaits = true;
	client_state_bind(client);
}

bool client_move(struct client *client)
{
	assert(client->ticket_len > 0);
	return client_state_move(client);
}

uint16_t client_channel(const struct client *client)
{
	return client->channel;
}

bool client_send(struct client *client, struct slice payload)
{
	assert(client->bound);
	return client->dialect->send(client, payload);
}

void client_release(struct client *client)
{
	client_state_release(client);
}

bool client_holds(const struct client *client)
{
	return client->holds;
}

const struct endpoint *client_relayed(const struct client *client)
{
	return &client->relayed;
}

const struct endpoint *client_relayed_too(const struct client *client)
{
	return &client->relayed_too;
}

const struct endpoint *client_mapped(const struct client *client)
{
	return &client->mapped;
}

bool client_local(const struct client *client, struct endpoint *local)
{
	return client_link_local(client->link, local);
}
