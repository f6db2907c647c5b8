/*
 * netdev.h - what a network device is, as far as that decides which program it can have.
 */
#ifndef RELAY_OFFLOAD_LOADER_NETDEV_H
#define RELAY_OFFLOAD_LOADER_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netdev {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	char kind[16]; /* of a device that the kernel makes up: "veth", "vlan", "bond"; "": hardware */
	bool is_ethernet;
	bool is_loopback;
	bool has_xdp; /* a program is attached, whoever's */
	/* The driver runs XDP programs by itself; unknown before Linux 6.3, which does not tell. */
	enum netdev_native { NETDEV_UNKNOWN, NETDEV_NATIVE, NETDEV_NOT_NATIVE } native;
	/* What XDP of any device redirects to this one is sent; many drivers can once they have a program. */
	bool takes_redirected;
};

/* 0 or -errno; -ENODEV: there is none with that index in this network namespace. */
int netdev_look(uint32_t ifindex, struct netdev *device);

/* All of this network namespace, at most max; how many, or -errno. */
int netdev_list(struct netdev *devices, size_t max);

#endif
