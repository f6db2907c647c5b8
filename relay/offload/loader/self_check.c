/*
 * self_check.c - see self_check.h.
 */
#include "relay/offload/loader/self_check.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "relay/offload/bpf/flow_program.h"
#include "relay/offload/loader/attachment.h"
#include "relay/offload/loader/netdev.h"

enum { DEVICES_MAX = 256 };

static const char *ways_of(const struct netdev *device, bool has_xdp)
{
	if (device->is_loopback)
		return "on sockets: its packets are for this host";
	if (!device->is_ethernet)
		return "on sockets: it is not Ethernet";
	if (!has_xdp || device->native == NETDEV_NOT_NATIVE)
		return "TC";
	if (device->has_xdp)
		return "TC; another XDP program is attached";
	if (device->native == NETDEV_UNKNOWN)
		return "TC; whether its driver runs XDP shows when a relay starts";
	return device->kind[0] == '\0' ? "XDP, TC" : "TC; XDP if the relay asks for it";
}

static void print_devices(bool has_xdp)
{
	static struct netdev devices[DEVICES_MAX];
	int count = netdev_list(devices, DEVICES_MAX);

	if (count < 0)
		printf("devices: %s\n", strerror(-count));
	for (int i = 0; i < count; i++)
		printf("%s: %s\n", devices[i].name, ways_of(&devices[i], has_xdp));
}

bool self_check(void)
{
	struct utsname kernel;
	struct flow_program *program;
	char why[256];
	bool has_xdp;

	uname(&kernel);
	program = flow_program_load(1, why, sizeof(why));
	if (program == NULL) {
		printf("kernel %s: %s\n", kernel.release, why);
		return false;
	}
	has_xdp = flow_program_xdp(program) >= 0;
	printf("kernel %s: TC by %s%s\n", kernel.release,
	       attachment_has_tcx(flow_program_tc(program)) ? "tcx" : "clsact",
	       has_xdp ? ", XDP" : "; it does not take the program for XDP");
	flow_program_free(program);
	print_devices(has_xdp);
	return true;
}
