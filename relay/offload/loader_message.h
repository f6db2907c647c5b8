/*
 * loader_message.h - what the relay and the loader of the kernel plane (avedge-offload) say to each other
 * over a UNIX socket of packets (SOCK_SEQPACKET). The relay has no privilege for BPF: the loader makes the
 * tables, attaches the programs, and hands the tables over as descriptors.
 *
 *	relay                                  loader
 *	open: how many flows, on which devices -->  are there tables of a relay that is gone? of the same size?
 *	                                  <--  answer: how each device is attached or why not; the tables
 *	devices: these from now on        -->
 *	                                  <--  answer: the same for each
 *	close                             -->  all is detached, the tables are gone
 *	                                  <--  the end of the connection
 *
 * One relay has the tables at a time. One that opens while another is connected is refused, unless it
 * takes over: it is of the same user, and says so. From then on the earlier connection changes nothing any more.
 *
 * A relay that ends without "close" leaves everything in force, for FLOW_LEASE_MS: the next one of that
 * user that opens gets it. Then it is detached. The relay's own leases end as soon, so the loader may be late,
 * or gone.
 *
 * A message is its struct, as far as device_count says. Both ends are of one host and one release. Every field
 * is checked by its reader; a wrong message ends the connection, with a sentence in the log.
 */
#ifndef RELAY_OFFLOAD_LOADER_MESSAGE_H
#define RELAY_OFFLOAD_LOADER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/offload_mode.h"

enum {
	LOADER_MESSAGE_VERSION = 1,
	LOADER_PLACES_MAX = 2 * OFFLOAD_FLOWS_MAX, /* of a table */
};

/* Where it listens unless told otherwise. */
#define LOADER_SOCKET "/run/avedge-offload/socket"

enum loader_kind {
	LOADER_OPEN,    /* relay: flows, resumes, devices */
	LOADER_DEVICES, /* relay: devices */
	LOADER_CLOSE,   /* relay */
	LOADER_ANSWER, /* loader: devices as they are; with LOADER_OPEN's also the descriptors */
	LOADER_REFUSED, /* loader: why; it ends the connection afterwards */
	LOADER_KIND_COUNT
};

/* The descriptors of an answer to LOADER_OPEN, in this order. */
enum loader_descriptor {
	LOADER_SETTINGS,
	LOADER_BUCKETS,
	LOADER_FLOWS,
	LOADER_FLOW_HOPS,
	LOADER_COUNTS,
	LOADER_DESCRIPTOR_COUNT
};

struct loader_device {
	uint32_t ifindex; /* not 0, and no two of a message are the same */
	uint8_t mode; /* enum offload_mode as wanted; in an answer TC or XDP as attached, or OFF */
	uint8_t is_tcx; /* answer: a tcx link, not clsact */
	uint8_t reserved[2];
	char why[OFFLOAD_WHY_MAX]; /* answer: it is off because; terminated */
};

struct loader_message {
	uint32_t version; /* LOADER_MESSAGE_VERSION */
	uint32_t kind;    /* enum loader_kind */
	/* OPEN: wanted, 1 to OFFLOAD_FLOWS_MAX; ANSWER: places, buckets * FLOW_WAYS. */
	uint32_t flows;
	/* OPEN: 1: it takes over from the relay that is connected; ANSWER: 1: the tables were there. */
	uint32_t resumed;
	uint32_t device_count;     /* up to OFFLOAD_DEVICES_MAX; only so many are sent */
	char why[OFFLOAD_WHY_MAX]; /* REFUSED; terminated */
	struct loader_device devices[OFFLOAD_DEVICES_MAX];
};

/* The bytes of a message, as a packet. */
size_t loader_message_size(const struct loader_message *message);

enum loader_verdict { LOADER_READ, LOADER_GARBAGE, LOADER_OTHER_VERSION };
/* A whole packet that has come with so many descriptors. message means nothing if it is not LOADER_READ. */
enum loader_verdict loader_message_read(const void *packet, size_t len, size_t fd_count,
					struct loader_message *message);

/*
 * Send one, with descriptors, which stay the caller's; what is not printable in its sentences becomes
 * a question mark. 0 or -errno; -EAGAIN: no room on a nonblocking socket; -EPIPE: the other end is gone.
 */
int loader_message_send(int socket, const struct loader_message *message, const int *fds,
			size_t fd_count);
/*
 * Receive one; its descriptors, close-on-exec, become the caller's. 0, or without any descriptor: -EAGAIN on a nonblocking
 * socket; -EPIPE: the other end is gone; -EPROTONOSUPPORT: it is of another version; -EPROTO: not a message, or not
 * whole; -EMFILE: this process has no descriptor free.
 */
int loader_message_receive(int socket, struct loader_message *message,
			   int fds[LOADER_DESCRIPTOR_COUNT], size_t *fd_count);

#endif
