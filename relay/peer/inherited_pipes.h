/*
 * inherited_pipes.h - the pipes of byte pumps (base/net/byte_pump.h) among the descriptors of the
 * process before: both ends of each.
 *
 * Threads  main's.
 */
#ifndef RELAY_PEER_INHERITED_PIPES_H
#define RELAY_PEER_INHERITED_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inherited;

/* Their name in the store. */
#define PIPES_NAME "pipe"

/* Take the pipe of that id out, if that many bytes are in it. False: there is none. */
bool inherited_pipes_take(struct inherited *inherited, uint64_t id, size_t len,
			  int pipe[2]);

/* Take any; what has lost its other end is closed. False: there are no more. */
bool inherited_pipes_next(struct inherited *inherited, int pipe[2]);

/* Empty it, as others have copies of it, and close it. */
void inherited_pipes_end(const int pipe[2]);

#endif
