/*
 * loader_message.h - what the relay and the loader of the kernel plane (avedge-offload) say to each other
 * over a UNIX socket of packets (SOCK_SEQPACKET). The relay has no privilege for BPF: the loader makes the
 * tables, attaches the programs, and hands the tables over as descriptors.
 *
 *	relay                                  loader
 *	open: how many flows, on which devices -->  are there tables of a relay that is gone? of the same size?
 *	                                  <--  opened: how each device is attached or why not; the tables
 *	devices: these from now on        -->
 *	                                  <--  devices: the same for each
 *	close                             -->  all is detached, the tables are gone
 *
 * A relay that ends without "close" leaves everything in force, for FLOW_LEASE_MS: the next one that
 * opens gets it. Then it is detached. The relay's own leases end as soon, so the loader may be late, or gone.
 *
 * Every field is checked by its reader; a wrong message ends the connection, with a sentence in the log.
 */
#ifndef RELAY_OFFLOAD_LOADER_MESSAGE_H
#define RELAY_OFFLOAD_LOADER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/offload.h"

enum { LOADER_MESSAGE_VERSION = 1 };

enum loader_kind {
	LOADER_OPEN,    /* relay: flows, devices */
	LOADER_DEVICES, /* relay: devices */
	LOADER_CLOSE,   /* relay */
	LOADER_ANSWER, /* loader: devices as they are; with LOADER_OPEN's also the descriptors */
	LOADER_REFUSED, /* loader: why */
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
	uint32_t ifindex;
	uint8_t mode; /* enum offload_mode as wanted; in an answer TC or XDP as attached, or OFF */
	uint8_t is_tcx; /* answer: a tcx link, not clsact */
	uint8_t reserved[2];
	char why[OFFLOAD_WHY_MAX]; /* answer: it is off because; terminated */
};

struct loader_message {
	uint32_t version;
	uint32_t kind;             /* enum loader_kind */
	uint32_t flows;            /* OPEN: wanted; ANSWER: buckets * FLOW_WAYS */
	uint32_t resumed;          /* ANSWER: 1: there are flows of a relay before */
	uint32_t device_count;     /* up to OFFLOAD_DEVICES_MAX; only so many are sent */
	char why[OFFLOAD_WHY_MAX]; /* REFUSED */
	struct loader_device devices[OFFLOAD_DEVICES_MAX];
};

/* Send one, with descriptors. 0 or -errno. */
int loader_message_send(int socket, const struct loader_message *message, const int *fds,
			size_t fd_count);
/*
 * Receive one; fds become the caller's, others are closed. 0; -EAGAIN; -EPIPE: the other end is gone;
 * -EPROTO: not a message of this version, or not whole.
 */
int loader_message_receive(int socket, struct loader_message *message,
			   int fds[LOADER_DESCRIPTOR_COUNT], size_t *fd_count);

#endif
