/*
 * stream_frames.h - what a stream has received: split into frames, handled where they lie, and
 * what is not complete kept. Each function returns false if the stream has to end; then why is
 * set.
 */
#ifndef RELAY_FRONT_STREAM_FRAMES_H
#define RELAY_FRONT_STREAM_FRAMES_H

#include <stdbool.h>

#include "relay/front/stream_io.h"

struct stream;

/* Handle what a pause has kept back, if anything. */
bool stream_frames_resume(struct stream *stream);

/* Read once, and handle what is complete. FAILED: the stream has to end, why is set. */
enum stream_io_result stream_frames_read(struct stream *stream);

/* These come before all that is read; handled when the stream is ready. False if out of memory. */
bool stream_frames_keep_back(struct stream *stream, struct slice bytes);

/* Does the frame that is incomplete begin in the padding of the one before? Not if none is. */
bool stream_frames_unpadded(const struct stream *stream);

#endif
