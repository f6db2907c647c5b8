/*
 * saved_stream.c - see saved_stream.h.
 */
#include "relay/state/saved_stream.h"

#include <assert.h>
#include <string.h>

#include "relay/state/state_bytes.h"
#include "relay/state/state_file.h"

enum {
	FLAG_MS = 1 << 0,
	FLAG_BOUND = 1 << 1,
	FLAG_REPLY = 1 << 0,
};

/* --- records --------------------------------------------------------------------------------- */

size_t saved_stream_write(const struct saved_stream *stream, uint8_t *out)
{
	struct state_writer w = {.data = out, .size = SAVED_STREAM_MAX};

	state_write_u8(&w, SAVED_STREAM_VERSION);
	state_write_u8(&w, (uint8_t)((stream->ms ? FLAG_MS : 0) |
				     (stream->is_bound ? FLAG_BOUND : 0)));
	state_write_u8(&w, stream->tos);
	state_write_u8(&w, (uint8_t)stream->front.side);
	state_write_u8(&w, (uint8_t)stream->front.transport);
	state_write_endpoint(&w, &stream->front.local);
	state_write_endpoint(&w, &stream->client);
	state_write_endpoint(&w, &stream->via);
	state_write_number(&w, stream->accepted_ms);
	state_write_number(&w, stream->last_use_ms);
	state_write_number(&w, stream->origin_taken);
	state_write_number(&w, stream->origin_given);
	assert(!w.failed);
	return w.len;
}

bool saved_stream_read(struct slice record, struct saved_stream *stream)
{
	struct state_reader r = {.rest = record};

	*stream = (struct saved_stream){0};
	if (state_read_u8(&r) != SAVED_STREAM_VERSION)
		return false;
	uint8_t flags = state_read_u8(&r);
	stream->ms = (flags & FLAG_MS) != 0;
	stream->is_bound = (flags & FLAG_BOUND) != 0;
	stream->tos = state_read_u8(&r);
	stream->front.side = (enum side)state_read_up_to(&r, SIDE_COUNT - 1);
	stream->front.transport =
		(enum transport)state_read_up_to(&r, TRANSPORT_COUNT - 1);
	state_read_endpoint(&r, &stream->front.local);
	state_read_endpoint(&r, &stream->client);
	state_read_endpoint(&r, &stream->via);
	stream->accepted_ms = state_read_number(&r);
	stream->last_use_ms = state_read_number(&r);
	stream->origin_taken = state_read_number(&r);
	stream->origin_given = state_read_number(&r);
	return state_reader_is_done(&r) && flags <= (FLAG_MS | FLAG_BOUND) &&
	       transport_is_stream(stream->front.transport) &&
	       stream->front.local.ip.family != IP_NONE &&
	       stream->client.ip.family != IP_NONE;
}

size_t saved_message_write(const struct saved_message *message, uint8_t *out)
{
	struct state_writer w = {.data = out, .size = SAVED_MESSAGE_HEAD};

	state_write_u8(&w, SAVED_STREAM_VERSION);
	state_write_u8(&w, message->is_reply ? FLAG_REPLY : 0);
	state_write_number(&w, message->stream);
	state_write_number(&w, message->sequence);
	state_write_number(&w, message->answers);
	state_write_number(&w, message->at);
	assert(!w.failed);
	return w.len;
}

bool saved_message_read(struct slice record, const uint64_t *words,
			struct saved_message *message)
{
	struct state_reader r = {.rest = record};

	*message = (struct saved_message){0};
	if (state_read_u8(&r) != SAVED_STREAM_VERSION)
		return false;
	uint8_t flags = state_read_u8(&r);
	message->is_reply = (flags & FLAG_REPLY) != 0;
	message->stream = (uint32_t)state_read_up_to(&r, UINT32_MAX);
	message->sequence = state_read_number(&r);
	message->answers = state_read_number(&r);
	message->at = state_read_number(&r);
	if (message->at == 0 && words != NULL)
		message->at = words[QUEUED_WORD_AT];
	message->bytes = r.rest;
	return !r.failed && flags <= FLAG_REPLY && message->bytes.len > 0;
}

void saved_bytes_write(uint64_t base, uint8_t out[SAVED_BYTES_HEAD])
{
	store_be64(out, base);
}

/* --- how far it has come --------------------------------------------------------------------- */

/* What the socket has given us from that count on; NULL: the file does not have it. */
static const uint8_t *unhandled(const struct saved_stream_state *state, uint64_t handled,
				uint64_t len)
{
	uint64_t base, from;

	if (state->window != NULL &&
	    state->window_words[STREAM_WINDOW_OF] == (uint64_t)state->index + 1) {
		from = handled - state->window_words[STREAM_WINDOW_BASE];
		return from <= STATE_WINDOW_LEN && len <= STATE_WINDOW_LEN - from
			       ? state->window + from
			       : NULL;
	}
	if (state->bytes.len < SAVED_BYTES_HEAD)
		return NULL;
	base = load_be64(state->bytes.data);
	from = handled - base;
	return from <= state->bytes.len - SAVED_BYTES_HEAD &&
			       len <= state->bytes.len - SAVED_BYTES_HEAD - from
		       ? state->bytes.data + SAVED_BYTES_HEAD + from
		       : NULL;
}

/* What is sent, and what is still queued. */
static enum saved_stream_verdict judge_sent(const struct saved_stream_state *state,
					    struct saved_stream_standing *standing)
{
	uint64_t done = state->words[STREAM_WORD_DONE];
	uint64_t intended = state->words[STREAM_WORD_INTENDED];
	uint64_t given = standing->given;
	size_t first = 0;

	standing->first_sent = 0;
	for (; first < state->message_count; first++) {
		const struct saved_message *message = &state->messages[first];

		if (message->at == 0)
			break;
		uint64_t sent = given - (message->at - 1);
		if (sent > message->bytes.len)
			return SAVED_STREAM_DAMAGED;
		standing->first = first;
		if (sent < message->bytes.len) {
			standing->first_sent = (size_t)sent;
			return SAVED_STREAM_WHOLE;
		}
	}
	standing->first = first;
	if (given == done || first > 0)
		return SAVED_STREAM_WHOLE;
	if (given < done || given > intended)
		return SAVED_STREAM_DAMAGED;
	return given == intended ? SAVED_STREAM_WHOLE : SAVED_STREAM_IN_DOUBT;
}

/* Was the frame that is not handled yet answered nevertheless? */
static bool is_answered(const struct saved_stream_state *state,
			const struct saved_stream_standing *standing)
{
	uint64_t answered = state->words[STREAM_WORD_ANSWERED];

	if (answered <= standing->handled)
		return false;
	if (standing->given >= state->words[STREAM_WORD_ANSWER])
		return true;
	for (size_t i = 0; i < state->message_count; i++) {
		if (state->messages[i].answers == answered)
			return true;
	}
	return false;
}

enum saved_stream_verdict saved_stream_judge(const struct saved_stream_state *state,
					     struct saved_stream_standing *standing)
{
	uint64_t received = state->taken - state->stream->origin_taken;
	uint64_t handled = state->words[STREAM_WORD_HANDLED];
	enum saved_stream_verdict verdict;

	assert(!state->stream->is_bound);
	*standing = (struct saved_stream_standing){
		.handled = handled,
		.given = state->given - state->stream->origin_given,
	};
	verdict = judge_sent(state, standing);
	if (verdict != SAVED_STREAM_WHOLE)
		return verdict;
	if (is_answered(state, standing))
		handled = state->words[STREAM_WORD_ANSWERED];
	if (handled > received)
		return SAVED_STREAM_DAMAGED;
	standing->handled = handled;
	if (handled == received)
		return SAVED_STREAM_WHOLE;
	standing->unhandled.len = (size_t)(received - handled);
	standing->unhandled.data = unhandled(state, handled, received - handled);
	return standing->unhandled.data != NULL ? SAVED_STREAM_WHOLE
						: SAVED_STREAM_DAMAGED;
}
