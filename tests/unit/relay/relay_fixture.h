/*
 * relay_fixture.h - a real relay in this process for tests of its sockets: two workers
 * with TCP fronts and relayed addresses on a loopback address of this process, connected
 * clients, and allocations made without a dialect.
 *
 * State of a worker is read on its thread. Uses libcheck.
 */
#ifndef TESTS_UNIT_RELAY_RELAY_FIXTURE_H
#define TESTS_UNIT_RELAY_RELAY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/relay.h"
#include "relay/reload/relay_settings.h"
#include "relay/worker.h"

enum { FIXTURE_WORKERS = 2, FIXTURE_PATIENCE_MS = 5000 };

struct relay_fixture {
	struct relay relay;
	struct relay_config *config;
	struct relay_settings *settings;
	struct network_view view;
	struct relay_settings_sources sources;
	struct front fronts[2 * FIXTURE_WORKERS]; /* worker N: 2 N for TCP, then its TLS */
	struct relay_address address;             /* public 203.0.113.9 */
	struct worker *workers[FIXTURE_WORKERS];
	struct ip_addr peers; /* an address for peers, allowed by policy */
	char keys[64];
	int listeners[FIXTURE_WORKERS]; /* between prepare and make */
	bool is_forgetful;    /* its workers have no state files; set in between */
	unsigned descriptors; /* open before the start; 0: no check at the end */
};

/*
 * change, if not NULL, may change the settings before the workers start. extra: lines of
 * the section relay, or NULL.
 */
void relay_fixture_start(struct relay_fixture *fixture, const char *extra,
			 void (*change)(struct relay_settings *settings));
/* The same in three steps: all but the workers; the workers; their threads. */
void relay_fixture_prepare(struct relay_fixture *fixture, const char *extra,
			   void (*change)(struct relay_settings *settings));
void relay_fixture_make(struct relay_fixture *fixture);
void relay_fixture_run(struct relay_fixture *fixture);
/* Ends everything and checks that no descriptor leaked. */
void relay_fixture_stop(struct relay_fixture *fixture);

/* New settings for all workers that also refuse peers in that prefix. */
void relay_fixture_deny(struct relay_fixture *fixture, const char *deny);

uint64_t relay_fixture_events(struct relay_fixture *fixture, enum peer_event event);
uint64_t relay_fixture_drops(struct relay_fixture *fixture, enum drop_reason reason);

#define EVENTUALLY(condition)                                            \
	do {                                                             \
		uint64_t until = wall_ms() + FIXTURE_PATIENCE_MS;        \
		while (!(condition) && wall_ms() < until)                \
			nap();                                           \
		ck_assert_msg(condition, "not within 5 s: " #condition); \
	} while (0)
uint64_t wall_ms(void);
void nap(void);

/* A client on a TCP connection that has sent STUN. */
struct relay_client {
	struct relay_fixture *fixture;
	struct worker *worker;
	int fd;
	struct five_tuple tuple;
	uint32_t slot;
	uint64_t id;                   /* of the allocation */
	struct endpoint local, public; /* relayed */
	uint8_t inbox[128 << 10];      /* received, not yet taken as messages */
	size_t inbox_len;
};

void client_connect(struct relay_client *client, struct relay_fixture *fixture,
		    unsigned worker);
void client_close(struct relay_client *client);

/* A TCP allocation for it, made without a dialect. */
void client_allocate(struct relay_client *client, enum dialect dialect);
void client_release(struct relay_client *client); /* as Refresh with lifetime 0 does */
void client_permit(struct relay_client *client, const struct ip_addr *peer);

/* Bytes that the allocation has sent to its client; UINT64_MAX after its end. */
uint64_t client_received(struct relay_client *client);
unsigned client_connections(struct relay_client *client);

/* Make the relay send to a peer, as if on a verdict about a message of this client. */
void client_relay(struct relay_client *client, const struct endpoint *peer,
		  const void *data, size_t len);

/* Write a Send indication; returns its length. */
size_t client_indication(const struct endpoint *peer, const void *data, size_t len,
			 uint8_t *message, size_t size);

/* The next Data indication: its peer and data. Fails the test if none comes. */
size_t client_take(struct relay_client *client, struct endpoint *peer, uint8_t *data,
		   size_t size);

/* Sockets of peers. They block, for FIXTURE_PATIENCE_MS at most. */
int peer_listen(struct relay_fixture *fixture, struct endpoint *at);
int peer_accept(int listener, struct endpoint *from);
int peer_connect(struct relay_fixture *fixture, const struct endpoint *to,
		 struct endpoint *at);
void peer_send(int fd, const void *data, size_t len);
void peer_expect(int fd, const void *data, size_t len);
void peer_expect_end(int fd);   /* FIN, and nothing before it */
void peer_expect_reset(int fd); /* RST, and nothing before it */

#endif
