/*
 * client_state.h - the state of a client and what it goes through in every dialect: one request
 * under way at a time, refreshed in time, failed once. For client.c and the dialects alone.
 *
 * Owner    client.c allocates and frees it.
 * Threads  that of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_STATE_H
#define TOOLS_CLIENT_CLIENT_STATE_H

#include <event2/event_struct.h>

#include "auth/credential/credential.h"
#include "stun/ms_attr.h"
#include "tools/client/client_auth.h"
#include "tools/client/client_config.h"
#include "tools/client/client_link.h"
#include "tools/client/client_request.h"
#include "tools/client/data_connection.h"
#include "tools/client/packet_stream.h"

enum client_request_kind {
	REQUEST_NONE,
	REQUEST_ALLOCATE,
	REQUEST_REFRESH,
	REQUEST_MOVE, /* a Refresh from the new link, with the ticket */
	REQUEST_BIND,
	REQUEST_RELEASE,
};

enum { CLIENT_TICKET_MAX = 512 }; /* bytes of a MOBILITY-TICKET */

struct client;

/* What a dialect does its own way. */
struct client_dialect {
	unsigned stream_deadline_ms; /* for a connection, and for an answer over it */
	bool binding_expires;        /* it is bound again with each refresh */
	/* Sets username and password. False: the configuration does not fit the dialect. */
	bool (*take_credential)(struct client *client);
	/* Build the request of client->kind in client->request, txid included. Its length or 0. */
	size_t (*build)(struct client *client);
	const char *(*request_name)(const struct client *client);
	/* Seconds from a grant of this lifetime to the refresh. */
	uint32_t (*refresh_after_s)(uint32_t lifetime_s);
	/* A message arrived; content of a data frame arrived (NULL: there are none). */
	void (*received)(void *client, struct slice message, uint64_t arrived_ns);
	void (*bare)(void *client, struct slice data, uint64_t arrived_ns);
	/* A packet to client->peer. False and errno: it did not go out. */
	bool (*send)(struct client *client, struct slice payload);
	/* Permits the peer without an answer; NULL: every binding is answered. */
	void (*permit)(struct client *client);
};

struct client {
	struct client_link *link; /* first: the packet path needs little more */
	struct client_link
		links[2]; /* link is one; the other is zeroed, or before or after a move */
	const struct client_dialect *dialect;
	struct client_events events;
	struct client_config config;
	struct client_request request;
	struct event upkeep;
	struct event
		again; /* come_back: the next try, or the next look whether DTLS is silent */

	enum client_request_kind kind;   /* under way */
	bool want_refresh, want_binding; /* due while another request is under way */
	bool connected;                  /* link is: requests can be sent */
	bool moving;                     /* the other link is open, to become link */
	bool want_move;                  /* and can be used */
	bool bound, failed;
	bool holds; /* an allocation, as far as is known; see client_holds() */
	int attempts;
	bool coming_back;
	unsigned tries, silent;    /* to come back; looks without anything heard */
	uint8_t txid[MS_TXID_LEN]; /* of STUN's length in RFC 8656 */

	struct client_auth auth;
	struct endpoint mapped, relayed, peer;
	struct endpoint relayed_too; /* of the other family; IP_NONE: none was granted */
	uint16_t channel;            /* 0: permission only */
	uint32_t lifetime_s;

	/* RFC 6062: the connection with the peer, once the server names its id. */
	bool awaits; /* the peer connects, not we */
	struct data_connection *data;
	/* RFC 8016: proves who we are from another address. */
	uint8_t ticket[CLIENT_TICKET_MAX];
	size_t ticket_len;

	/* Microsoft: the bytes behind the base64 texts, and the server's numbering. */
	uint8_t username_bytes[CREDENTIAL_USERNAME_MAX];
	uint8_t password_bytes[CREDENTIAL_PASSWORD_MAX];
	bool numbered;
	struct ms_sequence sequence;
	/* Streams: what the peer sends, and the data that completed a packet. */
	struct packet_stream packets;
	struct client_data arriving;
};

/* dialect, config, events and credential are set. False and errno: no descriptor, no memory. */
bool client_state_open(struct client *client);
void client_state_close(struct client *client);

/* peer and channel are set: bind, perhaps after the request that is under way. */
void client_state_bind(struct client *client);
void client_state_release(struct client *client);
/* False and errno: no descriptor, no memory; nothing has changed. */
bool client_state_move(struct client *client);

/* For the dialects. Reports the failure, once; nothing comes after it. */
void client_state_fail(struct client *client, int code, const char *what);
/*
 * The request under way was refused. Sends it again if that makes sense and is not the fourth
 * time, else fails with code, reason and hint (" (...)" or "").
 */
void client_state_refused(struct client *client, bool try_again, int code,
			  const char *reason, const char *hint);
/*
 * " (the user name expired 5 min ago)" if it did, by this host's clock, else " (wrong user name or
 * password?)": for credentials that the server rejects. binary: the user name is bytes. Returns buf.
 */
enum { CLIENT_HINT_MAX = 120 };
const char *client_credential_hint(struct slice username, bool binary,
				   char buf[CLIENT_HINT_MAX]);
/* It was granted; lifetime_s is set, after an Allocate relayed too. */
void client_state_granted(struct client *client);
/* RFC 6062: there is a connection with the peer, which the server calls id. */
void client_state_connect_data(struct client *client, uint32_t id);

#endif
