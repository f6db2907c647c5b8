/*
 * plane_devices.h - the devices of the kernel plane: those that have addresses of fronts or relayed addresses, how
 * each is wanted, and what the loader could do.
 *
 * Owner    struct offload.
 * Threads  one at a time.
 */
#ifndef RELAY_OFFLOAD_PLANE_DEVICES_H
#define RELAY_OFFLOAD_PLANE_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/links.h"
#include "relay/offload/loader_message.h"
#include "relay/offload/offload_wanted.h"

struct plane_device {
	uint32_t ifindex;
	char name[16];
	enum offload_mode wanted;
	enum offload_mode
		attached; /* OFFLOAD_TC, OFFLOAD_XDP; OFFLOAD_OFF: not, or not yet */
	bool is_tcx;
	bool is_possible;          /* false: the loader is not asked */
	char why[OFFLOAD_WHY_MAX]; /* it is not attached */
};

struct plane_devices {
	struct plane_device list[OFFLOAD_DEVICES_MAX];
	size_t count;
	/* Addresses of sides that are not off, and where they are. */
	struct {
		struct ip_addr ip;
		uint32_t ifindex; /* 0: nowhere, or on loopback */
	} addresses[OFFLOAD_ADDRESSES_MAX];
	size_t address_count;
};

/*
 * Those that are wanted, with what is known of them from before. Loopback is none: what is sent there is
 * local. False: the loader has to be told.
 */
bool plane_devices_choose(struct plane_devices *devices,
			  const struct offload_wanted *wanted, const struct links *links);

/* For LOADER_OPEN and LOADER_DEVICES. */
void plane_devices_ask(const struct plane_devices *devices,
		       struct loader_message *message);
/* The loader's answer; what it says of devices that have gone meanwhile is left out. */
void plane_devices_answer(struct plane_devices *devices,
			  const struct loader_message *message);
/* Nothing is attached any more. */
void plane_devices_detach(struct plane_devices *devices);

/* NULL: there is none; or none with that address. */
const struct plane_device *plane_devices_find(const struct plane_devices *devices,
					      uint32_t ifindex);
const struct plane_device *plane_devices_of(const struct plane_devices *devices,
					    const struct ip_addr *ip);
/* An address of ours, on a side that is not off? */
bool plane_devices_have(const struct plane_devices *devices, const struct ip_addr *ip);
/* How many may be asked for, and how many are attached. */
size_t plane_devices_possible(const struct plane_devices *devices);
size_t plane_devices_attached(const struct plane_devices *devices);

/* "tcx", "clsact", "xdp" or "-". */
const char *plane_device_program(const struct plane_device *device);

#endif
