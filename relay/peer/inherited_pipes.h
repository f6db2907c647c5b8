/*
 * inherited_pipes.h - the pipes of byte pumps (base/net/byte_pump.h) among the descriptors of the
 * process before: both ends of each. Nothing is read from one here: the process before may still have
 * to go on with what is in it.
 *
 * Threads  main's.
 */
#ifndef RELAY_PEER_INHERITED_PIPES_H
#define RELAY_PEER_INHERITED_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inherited;
struct inherited_pipes;

/* Their name in the store. */
#define PIPES_NAME "pipe"

/* Takes all of them out of inherited. NULL if out of memory: they stay there. */
struct inherited_pipes *inherited_pipes_new(struct inherited *inherited);
/* Closes what is left. NULL is allowed, here and below: there are none. */
void inherited_pipes_free(struct inherited_pipes *pipes);

/* Take the pipe of that id out, if that many bytes are in it. False: there is none. */
bool inherited_pipes_take(struct inherited_pipes *pipes, uint64_t id, size_t len,
			  int pipe[2]);
/* One that was taken, and is not needed after all. */
void inherited_pipes_give_back(struct inherited_pipes *pipes, const int pipe[2]);

/* Take any that has both ends. False: there are no more. */
bool inherited_pipes_next(struct inherited_pipes *pipes, int pipe[2]);

#endif
