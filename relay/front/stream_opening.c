/*
 * stream_opening.c - see stream_opening.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/stream_opening.h"

#include <assert.h>

#include <event2/event.h>

#include "base/log.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/proxy.h"
#include "relay/front/stream_conn.h"
#include "relay/front/tls.h"
#include "relay/front/web/pass_through.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "stun/pseudo_tls.h"

/* A foreign protocol is most likely a monitor or proxy that someone configured for the web. */
static void explain_alpn(const struct stream *stream, const struct tls_refusal *refusal)
{
	static struct log_limit limit;
	char client[ENDPOINT_TEXT_LEN];

	log_limited(&limit, LOG_LEVEL_NOTICE,
		    "refused TLS of %s: ALPN offers %s; this port speaks stun.turn and "
		    "stun.nat-discovery, also without ALPN",
		    endpoint_format(&stream->client.tuple.client, client, sizeof(client)),
		    refusal->offered);
}

static enum stream_opening handshake(struct stream *stream)
{
	struct tls_refusal refusal = {.why = CONNECTION_END_HANDSHAKE};
	enum stream_io_result result;

	tls_refusal_attach(stream->io.ssl, &refusal);
	result = stream_io_handshake(&stream->io);
	tls_refusal_attach(stream->io.ssl, NULL);
	switch (result) {
	case STREAM_IO_OK:
		stream->times.last_use_ms = stream_conn_now_ms(stream);
		stream->binding_only = tls_is_nat_discovery(stream->io.ssl);
		stream_conn_enter(stream, STREAM_OPEN);
		return STREAM_OPENING_FRAMES;
	case STREAM_IO_AGAIN:
		return STREAM_OPENING_WAITS;
	case STREAM_IO_ENDED:
	case STREAM_IO_FAILED:
		break;
	}
	stream_conn_fail(stream, tls_refusal_reason(&refusal));
	if (refusal.offered[0] != '\0')
		explain_alpn(stream, &refusal);
	return STREAM_OPENING_ENDS;
}

/* Plain and TLS are different fronts of one port, so the 5-tuple is another one. */
static bool start_tls(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;
	uint16_t front = stream->client.tuple.front + 1;

	if (delivery->settings->tls == NULL)
		return stream_conn_fail(stream, CONNECTION_END_NOT_SERVED);
	if (!stream_io_start_tls(&stream->io, delivery->settings->tls))
		return stream_conn_fail(stream, CONNECTION_END_BROKEN);
	assert(delivery->turn->shared->fronts[front].transport == TRANSPORT_TLS);
	clients_move(stream->clients, &stream->client, front);
	return true;
}

/* What the first bytes have shown. False if it is not served. */
static bool start(struct stream *stream, enum stream_kind kind)
{
	const struct relay_settings *settings = stream->delivery->settings;

	stream->times.last_use_ms = stream_conn_now_ms(stream);
	switch (kind) {
	case STREAM_STUN:
		stream->state = STREAM_OPEN;
		return true;
	case STREAM_TLS:
		stream->state = STREAM_HANDSHAKE;
		return start_tls(stream);
	case STREAM_MS_FRAMED:
	case STREAM_PSEUDO_TLS:
		stream->ms = true;
		stream->hello_due = kind == STREAM_PSEUDO_TLS;
		stream->state = stream->hello_due ? STREAM_HANDSHAKE : STREAM_OPEN;
		if (settings->turn.ms.enabled)
			return true;
		break;
	case STREAM_PROXY:
		/* Behind a header that was taken, this one is the client's own. */
		proxy_stranger(stream->delivery, &stream->client.tuple);
		return stream_conn_fail(stream, CONNECTION_END_NOT_BALANCER);
	case STREAM_UNDECIDED:
	case STREAM_HTTP:
	case STREAM_OTHER:
	case STREAM_KIND_COUNT:
		break;
	}
	return stream_conn_fail(stream, CONNECTION_END_NOT_SERVED);
}

/* Another connection of the same client to the same address, plain or TLS. */
static bool is_in_use(const struct stream *stream, const struct five_tuple *tuple)
{
	struct five_tuple tls = {.client = tuple->client,
				 .front = (uint16_t)(tuple->front + 1)};

	return clients_find(stream->clients, tuple) != NULL ||
	       clients_find(stream->clients, &tls) != NULL;
}

static enum connection_end proxy_end(enum proxy_result result)
{
	return result == PROXY_RESULT_MISSING      ? CONNECTION_END_PROXY_MISSING
	       : result == PROXY_RESULT_CLIENT_ACL ? CONNECTION_END_CLIENT_ACL
						   : CONNECTION_END_PROXY_REFUSED;
}

/* The balancer's header. False: it has to end. */
static bool take_header(struct stream *stream, enum proxy_verdict verdict,
			const struct proxy_header *header)
{
	struct delivery *delivery = stream->delivery;
	struct five_tuple tuple = stream->client.tuple;
	enum proxy_result result = proxy_judge(delivery, verdict, header, &tuple);

	if (!proxy_lets_in(result))
		return stream_conn_fail(stream, proxy_end(result));
	if (!stream_io_skip(&stream->io, header->len))
		return stream_conn_fail(stream, CONNECTION_END_BROKEN);
	stream_io_await(&stream->io, 1);
	stream->header_due = false;
	stream->via = stream->client.tuple.client;
	/* A health check may also name itself. */
	if (endpoint_equal(&tuple.client, &stream->via))
		return true;
	/*
	 * Behind another of the balancer's addresses it may be another host that a NAT gave the
	 * same port; with it, it would share an allocation.
	 */
	if (is_in_use(stream, &tuple)) {
		counter_add(&delivery->turn->counters.proxy_results[PROXY_RESULT_IN_USE],
			    1);
		return stream_conn_fail(stream, CONNECTION_END_PROXY_REFUSED);
	}
	return clients_rename(stream->clients, &stream->client, &tuple.client) ||
	       stream_conn_fail(stream, CONNECTION_END_GAVE_WAY);
}

/* What a look at the first bytes has come to. OPENING_FRAMES: they are there. */
static enum stream_opening looked(struct stream *stream, enum stream_io_result result)
{
	switch (result) {
	case STREAM_IO_OK:
		return STREAM_OPENING_FRAMES;
	case STREAM_IO_AGAIN:
		return STREAM_OPENING_WAITS;
	case STREAM_IO_ENDED:
		stream_conn_fail(stream, CONNECTION_END_CLIENT);
		break;
	case STREAM_IO_FAILED:
		stream_conn_fail(stream, CONNECTION_END_BROKEN);
		break;
	}
	return STREAM_OPENING_ENDS;
}

/* OPENING_FRAMES: the header has been taken, and more may be there. */
static enum stream_opening read_header(struct stream *stream)
{
	enum stream_opening opening;
	uint8_t *bytes = clients_buffer(stream->clients);
	struct proxy_header header;
	size_t len, needed = 0;
	enum proxy_verdict verdict;

	opening = looked(stream,
			 stream_io_look(&stream->io, bytes, PROXY_HEADER_MAX, &len));
	if (opening != STREAM_OPENING_FRAMES)
		return opening;
	static_assert((int)PROXY_HEADER_MAX <= (int)CLIENTS_BUFFER, "a header fits");
	verdict = proxy_header_read((struct slice){bytes, len}, PROXY_STREAM, &header,
				    &needed);
	if (verdict == PROXY_MORE) {
		stream_io_await(&stream->io, needed);
		return STREAM_OPENING_WAITS;
	}
	return take_header(stream, verdict, &header) ? STREAM_OPENING_FRAMES
						     : STREAM_OPENING_ENDS;
}

/* To the web server on this port, and out of our hands. */
static void pass_on(struct stream *stream)
{
	struct delivery *delivery = stream->delivery;
	const struct five_tuple *tuple = &stream->client.tuple;
	const struct front *front = &delivery->turn->shared->fronts[tuple->front];

	event_del(&stream->readable);
	event_del(&stream->writable);
	pass_through_begin(delivery->pass_through, stream_io_release(&stream->io),
			   front->side, &tuple->client, &front->local);
	stream_conn_fail(stream, CONNECTION_END_PASSED);
}

static const struct relay_pass_through *pass_through_of(const struct stream *stream)
{
	const struct delivery *delivery = stream->delivery;
	const struct front *front =
		&delivery->turn->shared->fronts[stream->client.tuple.front];

	return &delivery->settings->pass_through[front->side];
}

/*
 * A TLS hello, which stays in the socket to be read by whoever it is for. OPENING_FRAMES: it is for
 * us. Until it is complete nothing is made for it: what OpenSSL needs is some 46 KB, and the client a
 * stranger that may never send the rest.
 */
static enum stream_opening look_at_hello(struct stream *stream)
{
	enum stream_opening opening;
	const struct relay_pass_through *config = pass_through_of(stream);
	uint8_t *bytes = clients_buffer(stream->clients);
	struct client_hello hello;
	size_t len, needed;

	static_assert(2 * CLIENT_HELLO_MAX <= (int)CLIENTS_BUFFER, "both halves fit");
	opening = looked(stream,
			 stream_io_look(&stream->io, bytes, CLIENT_HELLO_MAX, &len));
	if (opening != STREAM_OPENING_FRAMES)
		return opening;
	switch (client_hello_read((struct slice){bytes, len}, bytes + CLIENT_HELLO_MAX,
				  &hello, &needed)) {
	case CLIENT_HELLO_MORE:
		stream_io_await(&stream->io, needed);
		return STREAM_OPENING_WAITS;
	case CLIENT_HELLO_UNKNOWN:
		break;
	case CLIENT_HELLO_COMPLETE:
		/* A reload may have removed the backend meanwhile. */
		if (config->backend.ip.family == IP_NONE ||
		    !pass_through_wants(config, &hello))
			break;
		pass_on(stream);
		return STREAM_OPENING_ENDS;
	}
	stream_io_await(&stream->io, 1);
	return STREAM_OPENING_FRAMES;
}

/* What the first bytes show. OPENING_FRAMES: that is decided. */
static enum stream_opening look_at_kind(struct stream *stream, enum stream_kind *kind)
{
	enum stream_opening opening;
	opening = looked(stream, stream_io_peek(&stream->io, kind));
	if (opening != STREAM_OPENING_FRAMES)
		return opening;
	counter_add(&stream->delivery->turn->counters.streams[*kind], 1);
	stream->is_tls = *kind == STREAM_TLS;
	return STREAM_OPENING_FRAMES;
}

enum stream_opening stream_opening_ready(struct stream *stream)
{
	enum stream_kind kind = STREAM_TLS;
	enum stream_opening opening;

	if (stream->state == STREAM_HANDSHAKE)
		return handshake(stream);
	assert(stream->state == STREAM_GREETING);
	if (stream->header_due) {
		opening = read_header(stream);
		if (opening != STREAM_OPENING_FRAMES)
			return opening;
	}
	if (!stream->is_tls) {
		opening = look_at_kind(stream, &kind);
		if (opening != STREAM_OPENING_FRAMES)
			return opening;
	}
	if (stream->is_tls) {
		opening = look_at_hello(stream);
		if (opening != STREAM_OPENING_FRAMES)
			return opening;
	}
	if (!start(stream, kind))
		return STREAM_OPENING_ENDS;
	return stream->io.ssl != NULL ? handshake(stream) : STREAM_OPENING_FRAMES;
}

bool stream_opening_hello(struct stream *stream, struct slice *arrived)
{
	struct delivery *delivery = stream->delivery;
	uint8_t random[PSEUDO_TLS_RANDOM_LEN], session_id[PSEUDO_TLS_SESSION_ID_LEN];
	uint8_t answer[PSEUDO_TLS_ANSWER_LEN];
	const struct edge *edge = delivery->turn->edge;

	assert(stream->hello_due);
	switch (pseudo_tls_hello(*arrived)) {
	case PSEUDO_TLS_MORE:
		return true;
	case PSEUDO_TLS_BROKEN:
		return false;
	case PSEUDO_TLS_COMPLETE:
		break;
	}
	*arrived = slice_skip(*arrived, PSEUDO_TLS_HELLO_LEN);
	edge->random(edge->self, random, sizeof(random));
	edge->random(edge->self, session_id, sizeof(session_id));
	pseudo_tls_write_answer(answer, delivery->loop->unix_s, random, session_id);
	stream->hello_due = false;
	stream->times.frame_begun_ms = 0;
	stream->times.last_use_ms = stream_conn_now_ms(stream);
	stream_conn_enter(stream, STREAM_OPEN);
	stream_conn_reply(stream, (struct slice){answer, sizeof(answer)});
	return true;
}
