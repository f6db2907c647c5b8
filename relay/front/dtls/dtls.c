/*
 * dtls.c - see dtls.h.
 */
#include "relay/front/dtls/dtls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/edge.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/clients.h"
#include "relay/front/dtls/association.h"
#include "relay/front/dtls/association_times.h"
#include "relay/front/dtls/dtls_cookie.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "stun/dtls_hello.h"

enum {
	SEALED = 256 << 10, /* encrypted, not sent yet; several runs */
};

struct dtls {
	struct delivery *delivery;
	struct dtls_path path;
	struct association_output output;
	struct clients *clients;
	BIO_METHOD *bio;
	struct siphash_key cookie_key;
	struct association_times times;
	bool relaying;             /* what is encrypted now belongs to a run */
	struct dtls_header header; /* of it */
	size_t sealed_len;
	uint8_t *sealed;
};

/* --- small questions ------------------------------------------------------------------------- */

static struct association *association_of(struct client *client)
{
	return (struct association *)((char *)client -
				      offsetof(struct association, client));
}

/* The newest; another one may be behind it, see struct association. */
static struct association *find(struct dtls *dtls, const struct five_tuple *tuple)
{
	struct client *client = clients_find(dtls->clients, tuple);

	return client != NULL ? association_of(client) : NULL;
}

static struct counters *counters_of(const struct dtls *dtls)
{
	return &dtls->delivery->turn->counters;
}

static void drop(const struct dtls *dtls, enum drop_reason reason)
{
	counter_add(&counters_of(dtls)->drops[reason], 1);
}

static void count_half_open(const struct dtls *dtls)
{
	counter_set(&counters_of(dtls)->associations_half_open,
		    clients_unauthenticated(dtls->clients));
}

static uint64_t now_ms(const struct dtls *dtls)
{
	return dtls->delivery->loop->now_ms;
}

/* --- what goes out --------------------------------------------------------------------------- */

/* Encrypted, or of a handshake: into the run, or at once. */
static void send_datagram(void *self, const struct association *as, struct slice datagram)
{
	struct dtls *dtls = self;
	uint16_t front = as->client.tuple.front;
	const struct endpoint *client = &as->client.tuple.client;

	if (!dtls->relaying) {
		dtls->path.send(dtls->path.self, front, client, datagram);
		return;
	}
	assert(datagram.len <= SEALED);
	if (datagram.len > SEALED - dtls->sealed_len) {
		dtls->path.flush(dtls->path.self);
		assert(dtls->sealed_len == 0);
	}
	uint8_t *copy = dtls->sealed + dtls->sealed_len;
	memcpy(copy, datagram.data, datagram.len);
	dtls->sealed_len += datagram.len;
	dtls->path.relay(dtls->path.self, front, client,
			 (struct slice){copy, datagram.len}, dtls->header);
}

void dtls_flushed(struct dtls *dtls)
{
	dtls->sealed_len = 0;
}

/* --- the end of an association --------------------------------------------------------------- */

static void free_association(struct dtls *dtls, struct association *as,
			     enum connection_end why)
{
	struct counters *counters = counters_of(dtls);
	struct association *newest = find(dtls, &as->client.tuple);

	if (newest != NULL && newest->former == as)
		newest->former = NULL;
	trace_end(dtls->delivery->trace, dtls->delivery->turn, &as->client.tuple, why,
		  now_ms(dtls));
	counter_add(&counters->connections_ended[why], 1);
	counter_add(&counters->associations_closed, 1);
	association_close(as);
	association_times_leave(&dtls->times, as);
	clients_leave(dtls->clients, &as->client);
	count_half_open(dtls);
	association_release(as);
	free(as);
}

/* Its 5-tuple is free for another one; an allocation belongs to the one that is open. */
static void end(struct dtls *dtls, struct association *as, enum connection_end why)
{
	if (as->state == ASSOCIATION_OPEN)
		dispatch_client_gone(dtls->delivery->turn, &as->client.tuple,
				     END_CLIENT_GONE, now_ms(dtls));
	free_association(dtls, as, why);
}

/* A deadline of it is over, or its handshake has failed. */
static void end_late(void *self, struct association *as, enum connection_end why)
{
	end(self, as, why);
}

/* For clients_new(). CONNECTION_END_RELAY leaves the allocation to the shutdown. */
static void end_client(struct client *client, enum connection_end why)
{
	struct association *as = association_of(client);
	struct dtls *dtls = as->output->self;

	if (why == CONNECTION_END_RELAY)
		free_association(dtls, as, why);
	else
		end(dtls, as, why);
}

void dtls_end_front(struct dtls *dtls, uint16_t front)
{
	bool fronts[FRONTS_MAX] = {false};

	assert(front < FRONTS_MAX);
	fronts[front] = true;
	clients_end(dtls->clients, fronts);
}

/* --- messages -------------------------------------------------------------------------------- */

static bool reply(struct dtls *dtls, struct association *as, struct slice message)
{
	struct delivery *delivery = dtls->delivery;

	if (!association_send(as, message))
		return false;
	trace_reply(delivery->trace, delivery->turn, &as->client.tuple, message,
		    now_ms(dtls));
	return true;
}

static void trust(struct dtls *dtls, struct association *as)
{
	if (as->authenticated)
		return;
	clients_authenticated(dtls->clients, &as->client);
	count_half_open(dtls);
	as->authenticated = true;
}

/* A valid signature is not enough: quotas bound allocations, not signatures. */
static void note_authenticated(struct dtls *dtls, struct association *as)
{
	struct delivery *delivery = dtls->delivery;

	if (allocation_find_any(delivery->turn->table, &as->client.tuple) != NULL)
		trust(dtls, as);
	delivery->expire(delivery->self);
}

static void handle(struct dtls *dtls, struct association *as, struct slice message,
		   struct dtls_header header)
{
	struct delivery *delivery = dtls->delivery;
	const struct five_tuple *tuple = &as->client.tuple;
	struct dispatch dispatch;
	bool alive = true;

	as->last_record_ms = now_ms(dtls);
	(as->binding_only ? dispatch_nat_discovery : dispatch_from_client)(
		delivery->turn, tuple, message, now_ms(dtls), delivery->loop->unix_s,
		delivery->reply, &dispatch);
	if (dispatch.action == DISPATCH_FORWARD) {
		if (forward_set_header(delivery->turn, &dispatch.forward, header.tos,
				       header.hop_limit))
			delivery->to_peer(delivery->self, &dispatch.forward);
	} else if (dispatch.action == DISPATCH_REPLY) {
		alive = reply(dtls, as,
			      (struct slice){delivery->reply, dispatch.reply_len});
	} else if (dispatch.action == DISPATCH_HAND_OVER) {
		dtls->path.hand_over(dtls->path.self, tuple, message, header, &dispatch);
	}
	if (dispatch.authenticated || dispatch.action == DISPATCH_FORWARD)
		as->last_use_ms = now_ms(dtls);
	if (dispatch.authenticated)
		note_authenticated(dtls, as);
	if (!alive)
		end(dtls, as, as->why);
}

/* The one that is open: another may be in its handshake beside it. NULL: none. */
static struct association *find_open(struct dtls *dtls, const struct five_tuple *tuple)
{
	struct association *as = find(dtls, tuple);

	if (as != NULL && as->former != NULL)
		as = as->former;
	return as != NULL && as->state == ASSOCIATION_OPEN ? as : NULL;
}

void dtls_handle(struct dtls *dtls, const struct five_tuple *tuple, struct slice message,
		 struct dtls_header header)
{
	struct association *as = find_open(dtls, tuple);

	if (as != NULL)
		handle(dtls, as, message, header);
}

void dtls_answer(struct dtls *dtls, const struct five_tuple *tuple, struct slice message,
		 bool known)
{
	struct association *as = find_open(dtls, tuple);

	if (as == NULL)
		return;
	if (known)
		trust(dtls, as);
	if (!reply(dtls, as, message))
		end(dtls, as, as->why);
}

void dtls_send_forward(struct dtls *dtls, const struct five_tuple *tuple,
		       const struct forward *forward, uint8_t *room)
{
	struct association *as = find_open(dtls, tuple);
	size_t len = forward->header_len + forward->payload.len + forward->padding_len;

	if (as == NULL) {
		drop(dtls, DROP_CLIENT_GONE);
		return;
	}
	assert(len <= ASSOCIATION_PLAIN_MAX &&
	       len + FORWARD_HEADER_MAX <= CLIENTS_MESSAGE);
	if (room == NULL) {
		room = clients_message(dtls->clients) + FORWARD_HEADER_MAX;
		/* A report of ICMP is a header alone, without a pointer. */
		if (forward->payload.len > 0)
			memcpy(room, forward->payload.data, forward->payload.len);
	}
	memcpy(room - forward->header_len, forward->header, forward->header_len);
	memset(room + forward->payload.len, 0, forward->padding_len);
	as->last_record_ms = now_ms(dtls);
	dtls->relaying = true;
	dtls->header = (struct dtls_header){forward->tos, forward->hop_limit};
	bool alive =
		association_send(as, (struct slice){room - forward->header_len, len});
	dtls->relaying = false;
	/* Its peer side is at work on its allocation: the end is left to the timer. */
	if (!alive)
		drop(dtls, DROP_SEND_FAILED);
}

/* --- hellos ---------------------------------------------------------------------------------- */

static void ask_for_cookie(struct dtls *dtls, const struct five_tuple *tuple,
			   const struct dtls_hello *hello)
{
	uint8_t cookie[DTLS_COOKIE_LEN];
	uint8_t answer[DTLS_VERIFY_OVERHEAD + DTLS_COOKIE_LEN];
	size_t len;

	if (dtls->delivery->settings->dtls == NULL ||
	    !dispatch_may_answer(dtls->delivery->turn, tuple, now_ms(dtls)))
		return;
	dtls_cookie_make(&dtls->cookie_key, tuple, hello, now_ms(dtls), cookie);
	len = dtls_hello_write_verify(hello, (struct slice){cookie, sizeof(cookie)},
				      answer);
	assert(len == sizeof(answer));
	counter_add(&counters_of(dtls)->hello_verify_requests, 1);
	dtls->path.send(dtls->path.self, tuple->front, &tuple->client,
			(struct slice){answer, len});
}

static void opened(struct dtls *dtls, struct association *as)
{
	struct association *former = as->former;

	association_times_opened(&dtls->times, as);
	as->former = NULL;
	if (former != NULL)
		end(dtls, former, CONNECTION_END_REPLACED);
}

/*
 * The address is proved. beside: the association that the 5-tuple has now; NULL: none. False if
 * there is none of it afterwards.
 */
static bool begin(struct dtls *dtls, const struct five_tuple *tuple,
		  const struct dtls_hello *hello, struct slice record,
		  struct association *beside)
{
	struct association *as = NULL;

	/* Only the newest handshake counts, and only what is open waits to be replaced. */
	if (beside != NULL && beside->state == ASSOCIATION_HANDSHAKE) {
		struct association *former = beside->former;

		end(dtls, beside, CONNECTION_END_REPLACED);
		beside = former;
	}
	if (!clients_make_room(dtls->clients, &tuple->client.ip)) {
		counter_add(&counters_of(dtls)->connections_refused, 1);
		return false;
	}
	/* Room may have been made of the one that was there. */
	if (beside != NULL)
		beside = find(dtls, tuple);
	as = calloc(1, sizeof(*as));
	if (as == NULL)
		return false;
	as->client.tuple = *tuple;
	as->output = &dtls->output;
	if (!clients_enter(dtls->clients, &as->client)) {
		free(as);
		return false;
	}
	as->former = beside;
	association_times_enter(&dtls->times, as);
	counter_add(&counters_of(dtls)->associations_opened, 1);
	count_half_open(dtls);
	if (!association_begin(as, dtls->delivery->settings->dtls, dtls->bio, hello,
			       record, now_ms(dtls))) {
		end(dtls, as, as->why);
		return false;
	}
	association_times_begun(&dtls->times, as);
	return true;
}

static bool take_hello(struct dtls *dtls, const struct five_tuple *tuple,
		       const struct dtls_record *record)
{
	struct association *as = find(dtls, tuple);
	struct dtls_hello hello;

	enum dtls_hello_parse parse = dtls_hello_parse(record, &hello);
	if (parse != DTLS_HELLO_OK) {
		drop(dtls, parse == DTLS_HELLO_FRAGMENTED ? DROP_DTLS_FRAGMENTED
							  : DROP_DTLS_HELLO);
		return false;
	}
	if (hello.message_sequence == 0) {
		ask_for_cookie(dtls, tuple, &hello);
		return false;
	}
	/* Repeated, or late: OpenSSL repeats its flight on its own. */
	if (as != NULL && memcmp(as->random, hello.random.data, sizeof(as->random)) == 0)
		return false;
	if (hello.message_sequence != 1 ||
	    !dtls_cookie_is_valid(&dtls->cookie_key, tuple, &hello, now_ms(dtls))) {
		drop(dtls, DROP_DTLS_COOKIE);
		return false;
	}
	return dtls->delivery->settings->dtls != NULL &&
	       dispatch_may_answer(dtls->delivery->turn, tuple, now_ms(dtls)) &&
	       begin(dtls, tuple, &hello, record->whole, as);
}

/* --- records --------------------------------------------------------------------------------- */

/* Which of two: until the new one is open, what is protected and no handshake is the old one's. */
static struct association *choose(struct association *as,
				  const struct dtls_record *record)
{
	if (as != NULL && as->former != NULL && record->epoch > 0 &&
	    record->type != DTLS_HANDSHAKE)
		return as->former;
	return as;
}

/* True if only its client can have made it. */
static bool take_record(struct dtls *dtls, const struct five_tuple *tuple,
			const struct dtls_record *record, uint8_t *content,
			struct dtls_header header)
{
	struct association *as;
	size_t len = 0;

	if (dtls_record_is_hello(record))
		return take_hello(dtls, tuple, record);
	as = choose(find(dtls, tuple), record);
	if (as == NULL) {
		drop(dtls, DROP_NO_ASSOCIATION);
		return false;
	}
	switch (association_take(as, record, content, &len)) {
	case ASSOCIATION_NOTHING:
		break;
	case ASSOCIATION_DROPPED:
		drop(dtls, DROP_DTLS_RECORD);
		break;
	case ASSOCIATION_OPENED:
		opened(dtls, as);
		return true;
	case ASSOCIATION_MESSAGE:
		handle(dtls, as, (struct slice){content, len}, header);
		return true;
	case ASSOCIATION_CLOSED:
		end(dtls, as, CONNECTION_END_CLIENT);
		break;
	case ASSOCIATION_FAILED:
		end(dtls, as, as->why);
		break;
	}
	return false;
}

bool dtls_receive(struct dtls *dtls, const struct five_tuple *tuple, uint8_t *datagram,
		  size_t len, struct dtls_header header)
{
	struct slice rest = {datagram, len};
	struct dtls_record record;
	bool proved = false;

	counter_add(&counters_of(dtls)->datagrams[DATAGRAM_DTLS], 1);

	assert(dtls->delivery->turn->shared->fronts[tuple->front].transport ==
	       TRANSPORT_DTLS);
	if (tuple->client.port == 0) {
		drop(dtls, DROP_SOURCE_PORT_ZERO);
		return false;
	}
	if (dtls->delivery->settings->dtls == NULL && find(dtls, tuple) == NULL) {
		drop(dtls, DROP_NOT_STUN);
		return false;
	}
	while (rest.len > 0) {
		if (!dtls_record_take(&rest, &record)) {
			drop(dtls, DROP_MALFORMED);
			break;
		}
		proved |= take_record(dtls, tuple, &record,
				      datagram + (record.content.data - datagram),
				      header);
	}
	return proved;
}

void dtls_end(struct dtls *dtls, const struct five_tuple *tuple)
{
	struct association *as;

	while ((as = find(dtls, tuple)) != NULL)
		end(dtls, as, CONNECTION_END_BROKEN);
}

bool dtls_has(struct dtls *dtls, const struct five_tuple *tuple)
{
	return find(dtls, tuple) != NULL;
}

void dtls_look(struct dtls *dtls)
{
	association_times_look(&dtls->times);
}

/* --- its life -------------------------------------------------------------------------------- */

struct dtls *dtls_new(struct delivery *delivery, const struct dtls_path *path)
{
	const struct edge *edge = delivery->turn->edge;
	struct dtls *dtls = calloc(1, sizeof(*dtls));

	if (dtls == NULL)
		return NULL;
	dtls->delivery = delivery;
	dtls->path = *path;
	dtls->output = (struct association_output){dtls, send_datagram};
	edge->random(edge->self, &dtls->cookie_key, sizeof(dtls->cookie_key));
	dtls->bio = association_bio_method();
	dtls->sealed = malloc(SEALED);
	/* No descriptors: limits.unauthenticated alone counts. */
	dtls->clients = clients_new(delivery, CLIENTS_DTLS, UINT32_MAX, end_client);
	if (dtls->bio != NULL && dtls->sealed != NULL && dtls->clients != NULL &&
	    association_times_init(&dtls->times, delivery, dtls->clients, end_late, dtls))
		return dtls;
	dtls_free(dtls);
	return NULL;
}

void dtls_free(struct dtls *dtls)
{
	if (dtls == NULL)
		return;
	clients_free(dtls->clients);
	association_times_release(&dtls->times);
	BIO_meth_free(dtls->bio);
	free(dtls->sealed);
	free(dtls);
}
