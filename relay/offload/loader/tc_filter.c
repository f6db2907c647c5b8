/*
 * tc_filter.c - see tc_filter.h.
 */
#include "relay/offload/loader/tc_filter.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "relay/offload/loader/netlink.h"

enum {
	/*
	 * Behind the filters that administrators number by hand, before those that tc numbers itself (from
	 * 49152 down).
	 */
	PRIORITY = 44758,
	HANDLE = 0x61760001,            /* in a qdisc of somebody else */
	HANDLE_WITH_QDISC = 0x61760002, /* we have made the qdisc */
	DEVICES_MAX = 1024,
};

/* libbpf names a filter after its program: flow_tc:[17]. */
static const char name_prefix[] = "flow_tc:[";

/* --- what is there --------------------------------------------------------------------------- */

struct tc_request {
	struct nlmsghdr header;
	struct tcmsg tc;
};

static int dump(uint16_t type, uint32_t ifindex, uint32_t parent, netlink_each_fn *each,
		void *arg)
{
	struct tc_request request = {.header = {.nlmsg_len =
							NLMSG_LENGTH(sizeof(request.tc)),
						.nlmsg_type = type,
						.nlmsg_flags = NLM_F_DUMP},
				     .tc = {.tcm_family = AF_UNSPEC,
					    .tcm_ifindex = (int)ifindex,
					    .tcm_parent = parent}};
	int fd = netlink_open(NETLINK_ROUTE), error;

	if (fd < 0)
		return fd;
	error = netlink_ask(fd, &request.header, sizeof(request.tc), each, arg);
	close(fd);
	return error;
}

struct filters {
	size_t others;
	uint32_t ours[2]; /* handles */
	size_t our_count;
};

/* One of ours: a handle; 0: it is not. */
static bool is_ours(const struct tcmsg *tc, const char *kind,
		    const struct nlattr *const *table)
{
	const struct nlattr *of_bpf[TCA_BPF_MAX + 1];
	char name[64];

	if (strcmp(kind, "bpf") != 0 || TC_H_MAJ(tc->tcm_info) >> 16 != PRIORITY ||
	    (tc->tcm_handle != HANDLE && tc->tcm_handle != HANDLE_WITH_QDISC) ||
	    table[TCA_OPTIONS] == NULL)
		return false;
	netlink_nested(table[TCA_OPTIONS], of_bpf, TCA_BPF_MAX + 1);
	netlink_text(of_bpf[TCA_BPF_NAME], name, sizeof(name));
	return strncmp(name, name_prefix, strlen(name_prefix)) == 0;
}

static void note_filter(void *arg, const struct nlmsghdr *message)
{
	const struct nlattr *table[TCA_MAX + 1];
	struct filters *filters = arg;
	struct tcmsg tc;
	char kind[16];

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return;
	memcpy(&tc, NLMSG_DATA(message), sizeof(tc));
	netlink_attributes(message, sizeof(tc), table, TCA_MAX + 1);
	netlink_text(table[TCA_KIND], kind, sizeof(kind));
	if (is_ours(&tc, kind, table)) {
		if (filters->our_count < sizeof(filters->ours) / sizeof(filters->ours[0]))
			filters->ours[filters->our_count++] = tc.tcm_handle;
	} else if (tc.tcm_handle != 0 || TC_H_MAJ(tc.tcm_info) >> 16 != PRIORITY) {
		/* One without a handle is the head of a list of filters. */
		filters->others++;
	}
}

static int look(uint32_t ifindex, struct filters *filters)
{
	int error;

	memset(filters, 0, sizeof(*filters));
	error = dump(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		     note_filter, filters);
	if (error == 0)
		error = dump(RTM_GETTFILTER, ifindex,
			     TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), note_filter,
			     filters);
	return error;
}

/* --- change ---------------------------------------------------------------------------------- */

static struct bpf_tc_hook hook_of(uint32_t ifindex)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
				    .ifindex = (int)ifindex,
				    .attach_point = BPF_TC_INGRESS};
}

static void destroy_qdisc(uint32_t ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex);

	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
}

static void remove_filter(uint32_t ifindex, uint32_t handle)
{
	const struct bpf_tc_opts options = {
		.sz = sizeof(options), .handle = handle, .priority = PRIORITY};
	struct bpf_tc_hook hook = hook_of(ifindex);

	bpf_tc_detach(&hook, &options);
}

/* How many there were. */
static size_t remove_ours(uint32_t ifindex)
{
	bool qdisc_is_ours = false;
	struct filters filters;
	size_t count;

	if (look(ifindex, &filters) != 0)
		return 0;
	count = filters.our_count;
	for (size_t i = 0; i < count; i++) {
		qdisc_is_ours |= filters.ours[i] == HANDLE_WITH_QDISC;
		remove_filter(ifindex, filters.ours[i]);
	}
	/* Somebody may have come to share it. */
	if (qdisc_is_ours && look(ifindex, &filters) == 0 && filters.others == 0 &&
	    filters.our_count == 0)
		destroy_qdisc(ifindex);
	return count;
}

int tc_filter_add(uint32_t ifindex, int program)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_tc_opts options = {.sz = sizeof(options),
				      .prog_fd = program,
				      .handle = HANDLE_WITH_QDISC,
				      .priority = PRIORITY};
	int error = bpf_tc_hook_create(&hook);

	if (error == -EEXIST)
		options.handle = HANDLE;
	else if (error != 0)
		return error;
	error = bpf_tc_attach(&hook, &options);
	if (error != 0 && options.handle == HANDLE_WITH_QDISC)
		destroy_qdisc(ifindex);
	return error;
}

void tc_filter_remove(uint32_t ifindex)
{
	remove_ours(ifindex);
}

bool tc_filter_is(uint32_t ifindex, int program)
{
	static const uint32_t handles[] = {HANDLE, HANDLE_WITH_QDISC};
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
		return false;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		struct bpf_tc_opts options = {.sz = sizeof(options),
					      .handle = handles[i],
					      .priority = PRIORITY};

		if (bpf_tc_query(&hook, &options) == 0 && options.prog_id == info.id)
			return true;
	}
	return false;
}

/* --- what a killed process has left ---------------------------------------------------------- */

struct devices {
	uint32_t ifindexes[DEVICES_MAX];
	size_t count;
};

static void note_qdisc(void *arg, const struct nlmsghdr *message)
{
	const struct nlattr *table[TCA_MAX + 1];
	struct devices *devices = arg;
	struct tcmsg tc;
	char kind[16];

	if (message->nlmsg_type != RTM_NEWQDISC || devices->count == DEVICES_MAX)
		return;
	memcpy(&tc, NLMSG_DATA(message), sizeof(tc));
	netlink_attributes(message, sizeof(tc), table, TCA_MAX + 1);
	netlink_text(table[TCA_KIND], kind, sizeof(kind));
	if (strcmp(kind, "clsact") == 0 || strcmp(kind, "ingress") == 0)
		devices->ifindexes[devices->count++] = (uint32_t)tc.tcm_ifindex;
}

int tc_filter_sweep(void)
{
	static struct devices devices;
	int error, count = 0;

	devices.count = 0;
	error = dump(RTM_GETQDISC, 0, 0, note_qdisc, &devices);
	if (error != 0)
		return error;
	for (size_t i = 0; i < devices.count; i++)
		count += (int)remove_ours(devices.ifindexes[i]);
	return count;
}
