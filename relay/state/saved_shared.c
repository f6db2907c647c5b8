/*
 * saved_shared.c - see saved_shared.h.
 */
#include "relay/state/saved_shared.h"

#include <assert.h>

#include "relay/state/state_bytes.h"

static struct state_writer begin(uint8_t *out)
{
	struct state_writer w = {.data = out, .size = SAVED_SHARED_MAX};

	state_write_u8(&w, SAVED_SHARED_VERSION);
	return w;
}

static size_t end(const struct state_writer *w)
{
	assert(!w->failed);
	return w->len;
}

static struct state_reader open_record(struct slice record)
{
	struct state_reader r = {.rest = record};

	/* The version before is read too, once there is one. */
	if (state_read_u8(&r) != SAVED_SHARED_VERSION)
		r.failed = true;
	return r;
}

size_t saved_secrets_write(const struct saved_secrets *secrets,
			   uint8_t out[SAVED_SHARED_MAX])
{
	struct state_writer w = begin(out);

	state_write_bytes(&w, secrets->nonce, sizeof(secrets->nonce));
	state_write_bytes(&w, secrets->mobility.bytes, sizeof(secrets->mobility.bytes));
	state_write_bytes(&w, &secrets->hash.k0, sizeof(secrets->hash.k0));
	state_write_bytes(&w, &secrets->hash.k1, sizeof(secrets->hash.k1));
	return end(&w);
}

bool saved_secrets_read(struct slice record, struct saved_secrets *secrets)
{
	struct state_reader r = open_record(record);

	state_read_bytes(&r, secrets->nonce, sizeof(secrets->nonce));
	state_read_bytes(&r, secrets->mobility.bytes, sizeof(secrets->mobility.bytes));
	state_read_bytes(&r, &secrets->hash.k0, sizeof(secrets->hash.k0));
	state_read_bytes(&r, &secrets->hash.k1, sizeof(secrets->hash.k1));
	return state_reader_is_done(&r);
}

size_t saved_reservation_write(const struct saved_reservation *reservation,
			       uint8_t out[SAVED_SHARED_MAX])
{
	const struct held_port *held = &reservation->held;
	const struct endpoint local = {reservation->ip, held->port};
	struct state_writer w = begin(out);

	state_write_bytes(&w, held->token, sizeof(held->token));
	state_write_bytes(&w, &held->owner, sizeof(held->owner));
	state_write_number(&w, held->expires_ms);
	state_write_endpoint(&w, &local);
	return end(&w);
}

bool saved_reservation_read(struct slice record, struct saved_reservation *reservation)
{
	struct state_reader r = open_record(record);
	struct held_port *held = &reservation->held;
	struct endpoint local;

	*held = (struct held_port){0};
	state_read_bytes(&r, held->token, sizeof(held->token));
	state_read_bytes(&r, &held->owner, sizeof(held->owner));
	held->expires_ms = state_read_number(&r);
	state_read_endpoint(&r, &local);
	reservation->ip = local.ip;
	held->port = local.port;
	return state_reader_is_done(&r) && local.ip.family != IP_NONE &&
	       held->port % 2 == 1;
}

size_t saved_rest_write(const struct saved_rest *rest, uint8_t out[SAVED_SHARED_MAX])
{
	struct state_writer w = begin(out);

	state_write_u8(&w, rest->tcp);
	state_write_endpoint(&w, &rest->local);
	state_write_number(&w, rest->since_ms);
	return end(&w);
}

bool saved_rest_read(struct slice record, struct saved_rest *rest)
{
	struct state_reader r = open_record(record);

	rest->tcp = state_read_up_to(&r, 1) != 0;
	state_read_endpoint(&r, &rest->local);
	rest->since_ms = state_read_number(&r);
	return state_reader_is_done(&r) && rest->local.ip.family != IP_NONE &&
	       rest->local.port != 0;
}

size_t saved_pulse_write(const struct saved_pulse *pulse, uint8_t out[SAVED_SHARED_MAX])
{
	struct state_writer w = begin(out);

	state_write_number(&w, pulse->at_ms);
	state_write_number(&w, pulse->generation);
	return end(&w);
}

bool saved_pulse_read(struct slice record, struct saved_pulse *pulse)
{
	struct state_reader r = open_record(record);

	pulse->at_ms = state_read_number(&r);
	pulse->generation = (uint32_t)state_read_up_to(&r, UINT32_MAX);
	return state_reader_is_done(&r);
}
