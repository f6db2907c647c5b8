/*
 * client_ms_parts.h - the inside of a client of the Microsoft dialect: client_ms.c asks, and
 * client_ms_data.c has the packets both ways. For these two alone.
 *
 * On a stream every message is built behind room for the header of its frame.
 */
#ifndef TOOLS_CLIENT_CLIENT_MS_PARTS_H
#define TOOLS_CLIENT_CLIENT_MS_PARTS_H

#include <event2/event_struct.h>

#include "auth/credential/credential.h"
#include "stun/integrity.h"
#include "stun/ms_attr.h"
#include "tools/client/client_link.h"
#include "tools/client/client_ms.h"
#include "tools/client/client_request.h"
#include "tools/load/packet_stream.h"

enum client_ms_request {
	REQUEST_NONE,
	REQUEST_ALLOCATE,
	REQUEST_REFRESH,
	REQUEST_ACTIVATE,
	REQUEST_RELEASE,
};

struct client_ms {
	struct client_link link; /* first: the packet path needs no more */
	struct client_events events;
	struct client_config config;
	struct client_request request;
	struct event upkeep;

	enum client_ms_request kind;      /* under way */
	bool want_refresh, want_activate; /* due while another request is under way */
	bool failed;
	int attempts;
	uint8_t txid[MS_TXID_LEN];

	/* The bytes behind the base64 texts. */
	uint8_t username[CREDENTIAL_USERNAME_MAX], password[CREDENTIAL_PASSWORD_MAX];
	size_t username_len, password_len;
	uint8_t realm[MS_TEXT_MAX], nonce[MS_TEXT_MAX];
	size_t realm_len, nonce_len;
	bool challenged; /* realm, nonce and key hold */
	struct stun_key key;
	bool numbered; /* the server numbers */
	struct ms_sequence sequence;

	struct endpoint relayed, peer;
	uint32_t lifetime_s;

	/* Streams: what the peer sends, and what the packet that is complete came in. */
	struct packet_stream packets;
	struct client_data arriving;
};

/* Says so once; nothing comes after it. */
void client_ms_fail(struct client_ms *client, int code, const char *what);

/* Of the header in front of each message; 0 for datagrams. */
size_t client_ms_frame_room(const struct client_ms *client);
/*
 * Write the header into the room in front of the message. Returns the length of both, or 0 if
 * there is no message.
 */
size_t client_ms_frame(const struct client_ms *client, uint8_t *room, size_t message_len);

/* False: the system has no random bytes. */
bool client_ms_draw_txid(struct client_ms *client, uint8_t txid[MS_TXID_LEN]);

/* MS-VERSION. Servers give IPv6 only to who says that it knows of it. */
void client_ms_add_version(const struct client_ms *client, struct ms_builder *b);
void client_ms_add_username(const struct client_ms *client, struct ms_builder *b);
/* MS-SEQUENCE-NUMBER with the next number, if the server gave a connection id. */
void client_ms_add_sequence(struct client_ms *client, struct ms_builder *b);

/* A Data Indication; what comes from the active destination. They end in the data event. */
void client_ms_indicated(struct client_ms *client, const struct ms_msg *msg,
			 uint64_t arrived_ns);
void client_ms_bare(void *client, struct slice payload, uint64_t arrived_ns);

#endif
