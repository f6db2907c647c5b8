/*
 * attachment.c - see attachment.h.
 */
#include "relay/offload/loader/attachment.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "base/fail.h"
#include "relay/offload/loader/netdev.h"
#include "relay/offload/loader/tc_filter.h"

/* BPF_TCX_INGRESS of Linux 6.6 and later, which the headers of older systems do not have. */
enum { TCX_INGRESS = 46 };

const char *attachment_kind_name(enum attachment_kind kind)
{
	switch (kind) {
	case ATTACHMENT_NONE:
		break;
	case ATTACHMENT_TCX:
		return "TC (tcx)";
	case ATTACHMENT_CLSACT:
		return "TC (clsact)";
	case ATTACHMENT_XDP:
		return "XDP";
	}
	return "nothing";
}

/* A descriptor, or -errno. */
static int make_link(int program, uint32_t ifindex, int type, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int link = bpf_link_create(program, (int)ifindex, (enum bpf_attach_type)type,
				   &options);

	return link >= 0 ? link : -errno;
}

bool attachment_has_tcx(int program)
{
	/* There is no such device, but only a kernel with tcx looks for it. */
	int link = make_link(program, INT32_MAX, TCX_INGRESS, 0);

	if (link >= 0)
		close(link);
	return link == -ENODEV;
}

/* --- XDP ------------------------------------------------------------------------------------- */

/*
 * A driver drops what it cannot take from another's XDP, and nobody notices. Known once the program is there, as many
 * make queues for it then; taken for granted where the kernel does not tell.
 */
static bool sends_redirected(uint32_t ifindex)
{
	struct netdev device;

	return netdev_look(ifindex, &device) == 0 &&
	       (device.native == NETDEV_UNKNOWN || device.takes_redirected);
}

static bool begin_xdp(struct attachment *attachment, const struct netdev *device,
		      const struct attachment_programs *programs, char *why,
		      size_t why_size)
{
	int link;

	if (programs->xdp < 0)
		return fail(why, why_size,
			    "%s: this kernel does not take the program for XDP; use tc",
			    device->name);
	if (device->has_xdp)
		return fail(why, why_size,
			    "%s: another XDP program is attached; detach it, or use tc",
			    device->name);
	/* Never generic XDP, which is slower than TC. */
	link = make_link(programs->xdp, device->ifindex, BPF_XDP, XDP_FLAGS_DRV_MODE);
	if (link == -EBUSY)
		return fail(why, why_size,
			    "%s: another XDP program is attached; detach it, or use tc",
			    device->name);
	if (link == -EOPNOTSUPP)
		return fail(why, why_size, "%s: its driver does not run XDP; use tc",
			    device->name);
	if (link < 0)
		return fail(why, why_size,
			    "%s: its driver refuses XDP as it is set up (%s); use tc",
			    device->name, strerror(-link));
	if (!sends_redirected(device->ifindex)) {
		bpf_link_detach(link);
		close(link);
		return fail(why, why_size,
			    "%s: what XDP sends by it would be lost%s; use tc",
			    device->name,
			    strcmp(device->kind, "veth") == 0
				    ? ", unless GRO is on at its other end"
				    : "");
	}
	attachment->kind = ATTACHMENT_XDP;
	attachment->link = link;
	attachment->program = programs->xdp;
	return true;
}

/*
 * Devices that the kernel makes up gain nothing: their packets are already in its buffers, or go through
 * the hardware's driver below.
 */
static bool suits_xdp(const struct netdev *device)
{
	return device->kind[0] == '\0' && device->native != NETDEV_NOT_NATIVE &&
	       !device->has_xdp;
}

/* --- TC -------------------------------------------------------------------------------------- */

static bool begin_tc(struct attachment *attachment, const struct netdev *device,
		     const struct attachment_programs *programs, char *why,
		     size_t why_size)
{
	int link = -EINVAL, error;

	attachment->program = programs->tc;
	if (!programs->without_tcx)
		link = make_link(programs->tc, device->ifindex, TCX_INGRESS, 0);
	if (link >= 0) {
		attachment->kind = ATTACHMENT_TCX;
		attachment->link = link;
		return true;
	}
	/* A kernel that does not know such links says one of these. */
	if (link != -EINVAL && link != -EOPNOTSUPP)
		return fail(why, why_size, "%s: the kernel does not attach to it: %s",
			    device->name, strerror(-link));
	error = tc_filter_add(device->ifindex, programs->tc);
	if (error != 0)
		return fail(why, why_size, "%s: the kernel does not attach to it: %s",
			    device->name, strerror(-error));
	attachment->kind = ATTACHMENT_CLSACT;
	return true;
}

/* --------------------------------------------------------------------------------------------- */

enum offload_mode attachment_suits(uint32_t ifindex)
{
	struct netdev device;

	if (netdev_look(ifindex, &device) != 0 || device.is_loopback ||
	    !device.is_ethernet)
		return OFFLOAD_OFF;
	return suits_xdp(&device) ? OFFLOAD_XDP : OFFLOAD_TC;
}

bool attachment_begin(struct attachment *attachment, uint32_t ifindex,
		      enum offload_mode wanted,
		      const struct attachment_programs *programs, char *why,
		      size_t why_size)
{
	struct netdev device;
	int error = netdev_look(ifindex, &device);

	assert(wanted == OFFLOAD_TC || wanted == OFFLOAD_XDP);
	*attachment = (struct attachment){.ifindex = ifindex, .link = -1};
	if (error == -ENODEV)
		return fail(why, why_size, "there is no device %u any more", ifindex);
	if (error != 0)
		return fail(why, why_size, "device %u: %s", ifindex, strerror(-error));
	snprintf(attachment->name, sizeof(attachment->name), "%s", device.name);
	if (device.is_loopback)
		return fail(why, why_size, "%s: packets to this host stay on sockets",
			    device.name);
	if (!device.is_ethernet)
		return fail(why, why_size,
			    "%s: only Ethernet is forwarded; it stays on sockets",
			    device.name);
	return wanted == OFFLOAD_XDP
		       ? begin_xdp(attachment, &device, programs, why, why_size)
		       : begin_tc(attachment, &device, programs, why, why_size);
}

void attachment_end(struct attachment *attachment)
{
	switch (attachment->kind) {
	case ATTACHMENT_NONE:
		return;
	case ATTACHMENT_TCX:
	case ATTACHMENT_XDP:
		assert(attachment->link >= 0);
		/* At once; the last close does it as well, but later. */
		bpf_link_detach(attachment->link);
		close(attachment->link);
		break;
	case ATTACHMENT_CLSACT:
		tc_filter_remove(attachment->ifindex);
		break;
	}
	attachment->kind = ATTACHMENT_NONE;
	attachment->link = -1;
}

/* A link's device is the first member of what the kernel says of either; 0 once it is gone. */
static bool link_is_alive(int link)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(link, &info, &size) == 0 && info.xdp.ifindex != 0;
}

bool attachment_is_alive(const struct attachment *attachment)
{
	switch (attachment->kind) {
	case ATTACHMENT_NONE:
		break;
	case ATTACHMENT_TCX:
	case ATTACHMENT_XDP:
		return link_is_alive(attachment->link);
	case ATTACHMENT_CLSACT:
		return tc_filter_is(attachment->ifindex, attachment->program);
	}
	return false;
}

bool attachment_fits(const struct attachment *attachment, enum offload_mode wanted)
{
	switch (attachment->kind) {
	case ATTACHMENT_NONE:
		break;
	case ATTACHMENT_TCX:
	case ATTACHMENT_CLSACT:
		return wanted == OFFLOAD_TC;
	case ATTACHMENT_XDP:
		return wanted == OFFLOAD_XDP;
	}
	return false;
}
