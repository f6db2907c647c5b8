/*
 * stream_conn.h - one connection of a client as its parts know it: opening (stream_opening.h),
 * frames (stream_frames.h), and the rest (stream.h). For these files only.
 *
 * Owner    itself; see stream.h.
 */
#ifndef RELAY_FRONT_STREAM_CONN_H
#define RELAY_FRONT_STREAM_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "relay/front/clients.h"
#include "relay/front/stream_io.h"
#include "relay/front/stream_times.h"
#include "stun/padding.h"
#include "stun/wire.h"

struct delivery;

struct stream {
	struct client client; /* its front is the TLS one once that is known */
	struct clients *clients;
	struct delivery *delivery;
	enum stream_state state;
	enum connection_end why; /* it ends, once a part says that it has to */
	bool authenticated;
	bool is_admitted;    /* see stream_conn_admit() */
	bool binding_only;   /* TLS negotiated for stun.nat-discovery */
	bool header_due;     /* of the PROXY protocol: it comes from a balancer */
	bool is_tls;         /* the first bytes are TLS; its hello may be incomplete */
	struct endpoint via; /* the balancer that named the client; or of no family */
	bool ms;        /* MS framing; decided by the first bytes, like all of the next */
	bool hello_due; /* pseudo-TLS, whose hello has not come yet */
	bool waits_to_write; /* for the event of that name */
	unsigned paused;     /* by what, see stream_pause() */
	bool kept_back;      /* partial is what a pause left unhandled, not one frame */
	bool awaited;        /* client_ready() is due when the queue is empty */
	bool is_unpadded;    /* a frame began in the padding of the one before */
	bool is_lent;        /* in BOUND: to the other side of the worker */
	bool leaves; /* for another worker, with all that is kept back; see stream_handover.h */
	uint16_t leaves_for;
	uint8_t tos;    /* DSCP that the client marks with; known with its allocation */
	uint32_t bound; /* in BOUND: the data connection */
	struct padding padding; /* of the frame before */
	struct stream_io io;
	struct {
		uint8_t *data; /* NULL: all that has arrived is handled */
		size_t len;
		size_t size; /* of a large frame, which has memory for all of it; or 0 */
		bool is_saved; /* it lies in the state file, and its memory is the record's */
	} partial;
	struct slice arrived; /* while frames are handled: from the one that is on */
	struct event readable, writable;
	struct stream_times times;
};

static inline struct stream *stream_of_client(struct client *client)
{
	return (struct stream *)((char *)client - offsetof(struct stream, client));
}

uint64_t stream_conn_now_ms(const struct stream *stream);

/* What holds now; pressure as for stream_times.h. */
struct stream_deadline stream_conn_deadline(const struct stream *stream,
					    unsigned pressure);

/* Look at the deadlines again: they may be earlier, or other ones hold. */
void stream_conn_arm(struct stream *stream);
void stream_conn_rearm(struct stream *stream, unsigned pressure);

void stream_conn_enter(struct stream *stream, enum stream_state state);

/* Has to end for that reason. Always false. */
bool stream_conn_fail(struct stream *stream, enum connection_end why);

void stream_conn_reply(struct stream *stream, struct slice message);

/* Nothing is incomplete or kept back any more. */
void stream_conn_free_partial(struct stream *stream);

/*
 * It has an allocation, or is the client's half of a data connection: it is no stranger from here on,
 * and outlives the process where it can. Before anybody learns of it.
 */
void stream_conn_admit(struct stream *stream);
/* False also if it has lost its record, because there was no room: then it is admitted again. */
bool stream_conn_is_admitted(const struct stream *stream);

/* Close and free it. Its allocation, if any, is left alone. */
void stream_conn_free(struct stream *stream, enum connection_end why);

#endif
