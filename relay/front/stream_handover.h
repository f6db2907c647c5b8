/*
 * stream_handover.h - a stream moves from its worker to another one, because it sent a message
 * about an object that lives there (relay/dialect/dispatch.h, HAND_OVER).
 *
 * It moves whole: descriptor, TLS, what has been received and not handled, beginning with that
 * message, what is queued towards the client, its deadlines, which are absolute, and what it counts
 * for as long as it has not authenticated (clients.h). There it goes on as if it had just become
 * readable. In between it is in no table and in no loop, and bytes wait in the socket.
 *
 * A stream that has an allocation does not move: the allocation is of its 5-tuple, and stays.
 *
 * Threads  stream_handover() is for the thread of the stream; from then on it is the other one's.
 */
#ifndef RELAY_FRONT_STREAM_HANDOVER_H
#define RELAY_FRONT_STREAM_HANDOVER_H

struct stream;

/*
 * Open, without an allocation, not paused. The stream is gone: it moves, or it ends if there is no
 * worker of that number, here or there no memory, or there no room for it
 * or another stream of its 5-tuple.
 */
void stream_handover(struct stream *stream, unsigned worker);

#endif
