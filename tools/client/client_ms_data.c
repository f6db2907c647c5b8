/*
 * client_ms_data.c - the packets of a client of the Microsoft dialect, both ways, and what every
 * message of it has. See client_ms.h and client_ms_parts.h.
 */
#include "tools/client/client_ms_parts.h"

#include <errno.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/framing.h"
#include "stun/ms_integrity.h"

/* --- every message ------------------------------------------------------------------------ */

size_t client_ms_frame_room(const struct client_ms *client)
{
	return client_link_is_stream(&client->link) ? MS_FRAME_HEADER_LEN : 0;
}

size_t client_ms_frame(const struct client_ms *client, uint8_t *room, size_t message_len)
{
	if (client_ms_frame_room(client) > 0 && message_len > 0)
		ms_frame_write_header(room, MS_FRAME_CONTROL, message_len);
	return message_len > 0 ? client_ms_frame_room(client) + message_len : 0;
}

/* The loop's are those of STUN, four bytes shorter. */
bool client_ms_draw_txid(struct client_ms *client, uint8_t txid[MS_TXID_LEN])
{
	for (size_t len = 0; len < MS_TXID_LEN;) {
		const uint8_t *bytes = client_loop_txid(client->config.loop);
		size_t part = MS_TXID_LEN - len < STUN_TXID_LEN ? MS_TXID_LEN - len
								: STUN_TXID_LEN;
		if (bytes == NULL)
			return false;
		memcpy(txid + len, bytes, part);
		len += part;
	}
	return true;
}

void client_ms_add_version(const struct client_ms *client, struct ms_builder *b)
{
	ms_add_u32(b, MS_VERSION,
		   client->config.family == IP_V6 ? MS_VERSION_IPV6 : MS_VERSION_ICE2);
}

void client_ms_add_username(const struct client_ms *client, struct ms_builder *b)
{
	ms_builder_add(b, MS_USERNAME, client->username, client->username_len);
}

void client_ms_add_sequence(struct client_ms *client, struct ms_builder *b)
{
	if (!client->numbered)
		return;
	client->sequence.number++;
	ms_add_sequence(b, &client->sequence);
}

/* --- from the peer ------------------------------------------------------------------------- */

static void packet_found(void *arg, struct slice packet)
{
	struct client_ms *client = arg;

	client->arriving.payload = packet;
	client->events.data(client->events.arg, &client->arriving);
}

/* An empty one has only opened the way. What a stream carries are pieces of packets. */
static void deliver(struct client_ms *client, const struct client_data *data)
{
	if (data->payload.len == 0)
		return;
	if (!client_link_is_stream(&client->link)) {
		client->events.data(client->events.arg, data);
		return;
	}
	/* Other peers have streams of their own, and we talk to one. */
	if (!endpoint_equal(&data->peer, &client->peer))
		return;
	client->arriving = *data;
	if (!packet_stream_take(&client->packets, data->payload, packet_found, client))
		client_ms_fail(client, 0, "out of memory");
}

void client_ms_indicated(struct client_ms *client, const struct ms_msg *msg,
			 uint64_t arrived_ns)
{
	struct client_data data = {.arrived_ns = arrived_ns};
	struct stun_attr attr;

	if (!ms_msg_find(msg, MS_REMOTE_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, &data.peer) || !ms_msg_find(msg, MS_DATA, &attr))
		return;
	data.payload = attr.value;
	deliver(client, &data);
}

void client_ms_bare(void *arg, struct slice payload, uint64_t arrived_ns)
{
	struct client_ms *client = arg;
	struct client_data bare = {
		.channel = CLIENT_MS_ACTIVE,
		.peer = client->peer,
		.payload = payload,
		.arrived_ns = arrived_ns,
	};

	deliver(client, &bare);
}

/* --- to the peer --------------------------------------------------------------------------- */

bool client_ms_send_bare(struct client_ms *client, struct slice payload)
{
	uint8_t headers[MS_FRAME_HEADER_LEN + PACKET_STREAM_HEADER_LEN];
	struct client_parts parts = {.payload = payload};

	if (client_link_is_stream(&client->link)) {
		if (payload.len > MS_FRAME_PAYLOAD_MAX - PACKET_STREAM_HEADER_LEN) {
			errno = EMSGSIZE;
			return false;
		}
		ms_frame_write_header(headers, MS_FRAME_DATA,
				      PACKET_STREAM_HEADER_LEN + payload.len);
		packet_stream_header(headers + MS_FRAME_HEADER_LEN, payload.len);
		parts.head = (struct slice){headers, sizeof(headers)};
	} else {
		parts = (struct client_parts){.head = payload};
	}
	return client_link_send(&client->link, &parts);
}

/* To a stream as a packet of it; nothing at all makes the server connect, or not even that. */
static void add_data(const struct client_ms *client, struct ms_builder *b,
		     struct slice payload)
{
	size_t room = client_link_is_stream(&client->link) && payload.len > 0
			      ? PACKET_STREAM_HEADER_LEN
			      : 0;
	uint8_t *value = ms_builder_reserve(b, MS_DATA, room + payload.len);

	if (value == NULL)
		return;
	if (room > 0)
		packet_stream_header(value, payload.len);
	if (payload.len > 0)
		memcpy(value + room, payload.data, payload.len);
}

bool client_ms_send(struct client_ms *client, const struct endpoint *peer,
		    struct slice payload)
{
	uint8_t txid[MS_TXID_LEN], *message = client_loop_message(client->config.loop);
	struct ms_builder b;

	if (!client_ms_draw_txid(client, txid))
		return false;
	/* The loop has room for one message of any length; this one leaves some for its frame. */
	ms_builder_start(&b, message + client_ms_frame_room(client),
			 MS_MSG_MAX - client_ms_frame_room(client), MS_SEND_REQUEST,
			 txid);
	client_ms_add_version(client, &b);
	client_ms_add_username(client, &b);
	client_ms_add_sequence(client, &b);
	ms_add_address(&b, MS_DESTINATION_ADDRESS, peer);
	add_data(client, &b, payload);
	ms_add_integrity(&b, MS_INTEGRITY_SHA1, &client->key);
	size_t len = client_ms_frame(client, message, ms_builder_finish(&b));
	if (len == 0) {
		errno = EMSGSIZE;
		return false;
	}
	struct client_parts parts = {.head = {message, len}};
	return client_link_send(&client->link, &parts);
}
