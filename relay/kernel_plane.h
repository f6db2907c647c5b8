/*
 * kernel_plane.h - the kernel plane (offload/offload.h) in the life of this process: before the workers are
 * made, after they have ended, and between two processes.
 *
 * Threads  main.
 */
#ifndef RELAY_KERNEL_PLANE_H
#define RELAY_KERNEL_PLANE_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct relay;

/*
 * As relay->config and relay->network say, before there are workers; they have its table from then on. False
 * if out of memory. That there is none is no failure: everything works on sockets.
 */
bool kernel_plane_start(struct relay *relay, struct event_base *base);
/*
 * The workers have what is taken up of the process before, which has left, and do not run yet: so are its flows
 * that still hold; the others end.
 */
void kernel_plane_take_up(struct relay *relay);
/* What flows of this process have as their owner; another process has another. */
uint32_t kernel_plane_owner(const struct relay *relay);
/* The workers have ended: all is detached. */
void kernel_plane_stop(struct relay *relay);
/*
 * The workers are paused for another process, which may take over the plane; if it does not, before they
 * go on.
 */
void kernel_plane_pause(struct relay *relay);
void kernel_plane_resume(struct relay *relay);
/* The workers are paused, and the next process goes on with what is in force. */
void kernel_plane_leave(struct relay *relay);

#endif
