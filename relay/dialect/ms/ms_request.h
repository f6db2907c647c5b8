/*
 * ms_request.h - one message of the MS dialect on its way to its answer.
 *
 * Owner    ms_turn makes it on its stack; it borrows everything and dies with the call.
 */
#ifndef RELAY_DIALECT_MS_MS_REQUEST_H
#define RELAY_DIALECT_MS_MS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"
#include "relay/core/auth.h"
#include "relay/core/five_tuple.h"
#include "relay/core/front.h"
#include "stun/ms_bandwidth.h"
#include "stun/ms_msg.h"

struct turn;

/* The bandwidth part of an Allocate, and what was decided; see ms_admission.c. */
struct ms_bandwidth_part {
	bool counts;      /* it is complete, and such requests are answered */
	uint16_t message; /* enum ms_bandwidth_message */
	bool has_amount;
	struct ms_reservation_amount amount;
	bool is_reserved;  /* of a commit */
	bool ends_session; /* of an update */
};

struct ms_request {
	struct turn *turn;
	const struct five_tuple *tuple;
	const struct ms_msg *msg;
	uint64_t now_ms;
	int64_t unix_s;
	enum transport transport; /* of the front it came in by */
	struct allocation *al;    /* of its 5-tuple, or NULL */
	bool authenticated;       /* the sender may have what it asks for */
	bool is_signed;           /* auth has the key for the answer */
	struct auth auth;
	enum refusal refusal; /* of Allocate: at which limit; REFUSAL_COUNT: at none */
	struct ms_bandwidth_part bandwidth;
	uint8_t *reply;    /* the caller's buffer */
	size_t reply_size; /* of it */
	size_t reply_len;  /* 0: no answer; on streams with the frame's header */
	bool close;        /* and the stream that it came on ends */
};

static inline bool ms_request_is_owners(const struct ms_request *rq)
{
	return owner_id_equal(&rq->auth.owner.id, &rq->al->owner.id);
}

#endif
