/*
 * load_dialect.c - see load_dialect.h.
 */
#include "tools/load/load_dialect.h"

#include "tools/client/client_ms.h"

/* --- RFC 8656 ----------------------------------------------------------------------------- */

static void *ietf_open(const struct client_config *config,
		       const struct client_events *events)
{
	return client_new(config, events);
}

static void ietf_close(void *client)
{
	client_free(client);
}

static void ietf_release(void *client)
{
	client_release(client);
}

static const struct endpoint *ietf_relayed(const void *client)
{
	return client_relayed(client);
}

static void channel_bind(void *client, uint16_t number, const struct endpoint *peer)
{
	client_bind(client, number, peer);
}

static bool channel_send(void *client, uint16_t number, const struct endpoint *peer,
			 struct slice payload)
{
	(void)peer;
	return client_send_channel(client, number, payload);
}

static uint16_t on_channel(uint16_t number)
{
	return number;
}

static void indication_bind(void *client, uint16_t number, const struct endpoint *peer)
{
	(void)number;
	client_permit(client, peer);
}

static bool indication_send(void *client, uint16_t number, const struct endpoint *peer,
			    struct slice payload)
{
	(void)number;
	return client_send_indication(client, peer, payload);
}

static uint16_t on_indication(uint16_t number)
{
	(void)number;
	return 0;
}

/* --- the Microsoft dialect ---------------------------------------------------------------- */

static void *ms_open(const struct client_config *config,
		     const struct client_events *events)
{
	return client_ms_new(config, events);
}

static void ms_close(void *client)
{
	client_ms_free(client);
}

static void ms_release(void *client)
{
	client_ms_release(client);
}

static const struct endpoint *ms_relayed(const void *client)
{
	return client_ms_relayed(client);
}

static void active_bind(void *client, uint16_t number, const struct endpoint *peer)
{
	(void)number;
	client_ms_bind(client, peer, true);
}

static bool active_send(void *client, uint16_t number, const struct endpoint *peer,
			struct slice payload)
{
	(void)number;
	(void)peer;
	return client_ms_send_bare(client, payload);
}

static uint16_t on_active(uint16_t number)
{
	(void)number;
	return CLIENT_MS_ACTIVE;
}

static void request_bind(void *client, uint16_t number, const struct endpoint *peer)
{
	(void)number;
	client_ms_bind(client, peer, false);
}

static bool request_send(void *client, uint16_t number, const struct endpoint *peer,
			 struct slice payload)
{
	(void)number;
	return client_ms_send(client, peer, payload);
}

/* ------------------------------------------------------------------------------------------ */

const struct load_dialect *load_dialect(const struct load_options *options)
{
	static const struct load_dialect channels = {
		ietf_open,    ietf_close,   channel_bind, channel_send,
		ietf_release, ietf_relayed, on_channel,
	};
	static const struct load_dialect indications = {
		ietf_open,    ietf_close,   indication_bind, indication_send,
		ietf_release, ietf_relayed, on_indication,
	};
	static const struct load_dialect active = {
		ms_open,    ms_close,   active_bind, active_send,
		ms_release, ms_relayed, on_active,
	};
	static const struct load_dialect requests = {
		ms_open,    ms_close,   request_bind,  request_send,
		ms_release, ms_relayed, on_indication,
	};

	if (options->dialect_ms)
		return options->send_mode ? &requests : &active;
	return options->send_mode ? &indications : &channels;
}
