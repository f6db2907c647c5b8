/*
 * netdev.c - see netdev.h.
 */
#include "relay/offload/loader/netdev.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "relay/offload/loader/netlink.h"

/* From linux/netdev.h of Linux 6.3 and later, which the headers of older systems do not have. */
enum {
	NETDEV_GENL_DEV_GET = 1,
	NETDEV_GENL_IFINDEX = 1,
	NETDEV_GENL_XDP_FEATURES = 3,
	NETDEV_GENL_ATTRIBUTES = 4,
	/* Programs run in the driver, may redirect from there, and may redirect to there. */
	NETDEV_GENL_XDP_BASIC = 1 << 0,
	NETDEV_GENL_XDP_REDIRECT = 1 << 1,
	NETDEV_GENL_XDP_TRANSMIT = 1 << 2,
};

struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
};

struct list {
	struct netdev *devices;
	size_t count, max;
};

static void add(void *arg, const struct nlmsghdr *message)
{
	const struct nlattr *of_link[IFLA_MAX + 1], *of_info[IFLA_INFO_MAX + 1],
		*of_xdp[IFLA_XDP_MAX + 1];
	struct list *list = arg;
	struct ifinfomsg link;

	if (message->nlmsg_type != RTM_NEWLINK || list->count >= list->max)
		return;
	memcpy(&link, NLMSG_DATA(message), sizeof(link));

	struct netdev *device = &list->devices[list->count++];

	*device = (struct netdev){.ifindex = (uint32_t)link.ifi_index,
				  .is_ethernet = link.ifi_type == ARPHRD_ETHER,
				  .is_loopback = link.ifi_type == ARPHRD_LOOPBACK};
	netlink_attributes(message, sizeof(link), of_link, IFLA_MAX + 1);
	netlink_text(of_link[IFLA_IFNAME], device->name, sizeof(device->name));
	if (of_link[IFLA_LINKINFO] != NULL) {
		netlink_nested(of_link[IFLA_LINKINFO], of_info, IFLA_INFO_MAX + 1);
		netlink_text(of_info[IFLA_INFO_KIND], device->kind, sizeof(device->kind));
	}
	if (of_link[IFLA_XDP] != NULL) {
		netlink_nested(of_link[IFLA_XDP], of_xdp, IFLA_XDP_MAX + 1);
		device->has_xdp = netlink_u32(of_xdp[IFLA_XDP_PROG_ID]) != 0 ||
				  netlink_u32(of_xdp[IFLA_XDP_DRV_PROG_ID]) != 0 ||
				  netlink_u32(of_xdp[IFLA_XDP_SKB_PROG_ID]) != 0;
	}
}

/* ifindex 0: all. */
static int ask_links(uint32_t ifindex, struct list *list)
{
	struct link_request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(request.link)),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = ifindex == 0 ? NLM_F_DUMP : NLM_F_ACK},
		.link = {.ifi_index = (int)ifindex}};
	int fd = netlink_open(NETLINK_ROUTE), error;

	if (fd < 0)
		return fd;
	error = netlink_ask(fd, &request.header, sizeof(request.link), add, list);
	close(fd);
	return error;
}

struct genl_request {
	struct nlmsghdr header;
	struct genlmsghdr command;
	struct nlattr attribute;
	union {
		uint32_t number;
		char name[16];
	} value;
};

static void note_family(void *arg, const struct nlmsghdr *message)
{
	const struct nlattr *table[CTRL_ATTR_MAX + 1];
	uint16_t *family = arg;

	netlink_attributes(message, sizeof(struct genlmsghdr), table, CTRL_ATTR_MAX + 1);
	if (table[CTRL_ATTR_FAMILY_ID] != NULL &&
	    table[CTRL_ATTR_FAMILY_ID]->nla_len >= NLA_HDRLEN + sizeof(*family))
		memcpy(family, (const char *)table[CTRL_ATTR_FAMILY_ID] + NLA_HDRLEN,
		       sizeof(*family));
}

static void note_features(void *arg, const struct nlmsghdr *message)
{
	const uint64_t needed = NETDEV_GENL_XDP_BASIC | NETDEV_GENL_XDP_REDIRECT;
	const struct nlattr *table[NETDEV_GENL_ATTRIBUTES];
	struct netdev *device = arg;

	netlink_attributes(message, sizeof(struct genlmsghdr), table,
			   NETDEV_GENL_ATTRIBUTES);
	if (netlink_u32(table[NETDEV_GENL_IFINDEX]) != device->ifindex ||
	    table[NETDEV_GENL_XDP_FEATURES] == NULL)
		return;

	uint64_t features = netlink_u64(table[NETDEV_GENL_XDP_FEATURES]);

	device->native = (features & needed) == needed ? NETDEV_NATIVE
						       : NETDEV_NOT_NATIVE;
	device->takes_redirected = (features & NETDEV_GENL_XDP_TRANSMIT) != 0;
}

/* Unknown stays unknown. */
static void look_for_native_xdp(struct netdev *device)
{
	struct genl_request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + NLA_HDRLEN +
					NLA_ALIGN(sizeof("netdev")),
			   .nlmsg_type = GENL_ID_CTRL,
			   .nlmsg_flags = NLM_F_ACK},
		.command = {.cmd = CTRL_CMD_GETFAMILY, .version = 1},
		.attribute = {.nla_len = NLA_HDRLEN + sizeof("netdev"),
			      .nla_type = CTRL_ATTR_FAMILY_NAME},
		.value = {.name = "netdev"}};
	int fd = netlink_open(NETLINK_GENERIC);
	uint16_t family = 0;

	if (fd < 0)
		return;
	if (netlink_ask(fd, &request.header, GENL_HDRLEN, note_family, &family) == 0 &&
	    family != 0) {
		request = (struct genl_request){
			.header = {.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + NLA_HDRLEN +
						sizeof(uint32_t),
				   .nlmsg_type = family,
				   .nlmsg_flags = NLM_F_ACK},
			.command = {.cmd = NETDEV_GENL_DEV_GET, .version = 1},
			.attribute = {.nla_len = NLA_HDRLEN + sizeof(uint32_t),
				      .nla_type = NETDEV_GENL_IFINDEX},
			.value = {.number = device->ifindex}};
		netlink_ask(fd, &request.header, GENL_HDRLEN, note_features, device);
	}
	close(fd);
}

int netdev_look(uint32_t ifindex, struct netdev *device)
{
	struct list list = {.devices = device, .max = 1};
	int error = ask_links(ifindex, &list);

	if (error != 0)
		return error;
	if (list.count == 0 || device->ifindex != ifindex)
		return -ENODEV;
	look_for_native_xdp(device);
	return 0;
}

int netdev_list(struct netdev *devices, size_t max)
{
	struct list list = {.devices = devices, .max = max};
	int error = ask_links(0, &list);

	if (error != 0)
		return error;
	for (size_t i = 0; i < list.count; i++)
		look_for_native_xdp(&devices[i]);
	return (int)list.count;
}
