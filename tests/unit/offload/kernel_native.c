/*
 * kernel_native.c - kernel_plane.h by the program compiled for this machine, and the functions of the kernel that
 * it calls, as include/uapi/linux/bpf.h describes them. A packet ends where its memory ends, and what is before
 * it is poisoned for AddressSanitizer, so that the program may read and write no more than the verifier of the
 * kernel would let it.
 */
#include "tests/unit/offload/kernel_plane.h"

#include <assert.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

#include <bpf/bpf_helpers.h>

#include "tests/unit/offload/native_program.h"

enum { ROOM = 16384 };

/* The packet of a thread; its addresses fit 32 bits, as a context has them. */
static _Thread_local struct packet {
	uint8_t *room; /* ROOM bytes and a page that nobody may touch */
	size_t len;
	struct __sk_buff *skb; /* one of the two */
	struct xdp_md *xdp;
	bool redirected;
	bool is_partial;
	bool moved; /* its start, so that where a partial checksum begins is another place */
} packet;

static uint64_t clock_ns; /* of all programs */

static uint8_t *packet_data(void)
{
	return packet.room + ROOM - packet.len;
}

static void place(void)
{
	uint32_t data = (uint32_t)(uintptr_t)packet_data();

	ASAN_POISON_MEMORY_REGION(packet.room, ROOM - packet.len);
	ASAN_UNPOISON_MEMORY_REGION(packet_data(), packet.len);
	if (packet.skb != NULL) {
		packet.skb->data = data;
		packet.skb->data_end = data + (uint32_t)packet.len;
		packet.skb->len = (uint32_t)packet.len;
	} else {
		packet.xdp->data = data;
		packet.xdp->data_end = data + (uint32_t)packet.len;
	}
}

/* Bytes come or go behind the first `at`; new ones are zero. */
static bool resize(size_t at, long by)
{
	size_t len = packet.len + (size_t)by;
	uint8_t *before = packet_data();

	if (at > packet.len || (by < 0 && (size_t)-by > packet.len - at) ||
	    len > ROOM / 2)
		return false;
	ASAN_UNPOISON_MEMORY_REGION(packet.room, ROOM);
	memmove(packet.room + ROOM - len, before, at);
	if (by > 0)
		memset(packet.room + ROOM - len + at, 0, (size_t)by);
	packet.len = len;
	place();
	return true;
}

__u64 bpf_ktime_get_ns(void)
{
	return __atomic_load_n(&clock_ns, __ATOMIC_RELAXED);
}

__u64 bpf_ktime_get_coarse_ns(void)
{
	return bpf_ktime_get_ns();
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

__u32 bpf_get_prandom_u32(void)
{
	return 4711;
}

long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len)
{
	return len <= skb->len ? 0 : -ENOMEM;
}

/* Behind the IP header (BPF_ADJ_ROOM_NET) or the Ethernet header (BPF_ADJ_ROOM_MAC). */
long bpf_skb_adjust_room(struct __sk_buff *skb, __s32 by, __u32 mode, __u64 flags)
{
	const uint8_t *data = packet_data();
	size_t at = FRAME_ETHERNET;

	(void)flags;
	if (skb->gso_segs > 1)
		return -ENOTSUP;
	packet.moved = true;
	if (mode == BPF_ADJ_ROOM_NET)
		at += data[12] == 0x86 ? FRAME_IPV6 : FRAME_IPV4;
	return resize(at, by) ? 0 : -EINVAL;
}

long bpf_skb_change_tail(struct __sk_buff *skb, __u32 len, __u64 flags)
{
	(void)flags;
	if (len > skb->len)
		return resize(packet.len, (long)(len - skb->len)) ? 0 : -EINVAL;
	return resize(len, -(long)(skb->len - len)) ? 0 : -EINVAL;
}

long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 at, void *to, __u32 len)
{
	if (at > skb->len || len > skb->len - at)
		return -EFAULT;
	memcpy(to, packet_data() + at, len);
	return 0;
}

long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 at, const void *from, __u32 len,
			 __u64 flags)
{
	(void)flags;
	if (at > skb->len || len > skb->len - at)
		return -EFAULT;
	memcpy(packet_data() + at, from, len);
	return 0;
}

long bpf_xdp_adjust_head(struct xdp_md *xdp, int by)
{
	(void)xdp;
	return resize(0, -by) ? 0 : -EINVAL;
}

long bpf_xdp_adjust_tail(struct xdp_md *xdp, int by)
{
	(void)xdp;
	if (by < 0 && (size_t)-by > packet.len)
		return -EINVAL;
	return resize(by < 0 ? packet.len + (size_t)by : packet.len, by) ? 0 : -EINVAL;
}

/* --- checksums: words as they lie in memory, as the kernel adds them ------------------------------ */

static uint32_t fold32(uint64_t sum)
{
	while (sum >> 32 != 0)
		sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	return (uint32_t)sum;
}

static uint16_t fold16(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)sum;
}

__s64 bpf_csum_diff(const __be32 *from, __u32 from_size, const __be32 *to, __u32 to_size,
		    __wsum seed)
{
	uint64_t sum = seed;

	if (from_size % 4 != 0 || to_size % 4 != 0)
		return -EINVAL;
	for (__u32 i = 0; i < from_size / 4; i++)
		sum += (uint32_t)~from[i];
	for (__u32 i = 0; i < to_size / 4; i++)
		sum += to[i];
	return fold32(sum);
}

/* Only what CHECKSUM_COMPLETE has, and no packet here is that. */
__s64 bpf_csum_update(struct __sk_buff *skb, __wsum sum)
{
	(void)skb;
	(void)sum;
	return -ENOTSUP;
}

static long replace(__u32 at, __u64 from, __u64 to, __u64 flags)
{
	uint64_t sum;
	uint16_t old, new;

	if (at > packet.len || packet.len - at < 2)
		return -EFAULT;
	/* Of CHECKSUM_PARTIAL only the pseudo header is there to be changed. */
	if (packet.is_partial && (flags & BPF_F_PSEUDO_HDR) == 0)
		return 0;
	memcpy(&old, packet_data() + at, sizeof(old));
	assert(!packet.is_partial);
	if ((flags & BPF_F_MARK_MANGLED_0) != 0 && (flags & BPF_F_MARK_ENFORCE) == 0 &&
	    old == 0)
		return 0;
	sum = (uint16_t)~old;
	switch (flags & BPF_F_HDR_FIELD_MASK) {
	case 0:
		sum += to;
		break;
	case 2:
		sum += (uint16_t)~from + (uint64_t)(uint16_t)to;
		break;
	case 4:
		sum += (uint32_t)~from + (uint64_t)(uint32_t)to;
		break;
	default:
		return -EINVAL;
	}
	new = (uint16_t)~fold16(sum);
	if ((flags & BPF_F_MARK_MANGLED_0) != 0 && new == 0)
		new = 0xFFFF;
	memcpy(packet_data() + at, &new, sizeof(new));
	return 0;
}

long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 at, __u64 from, __u64 to,
			 __u64 flags)
{
	(void)skb;
	return replace(at, from, to, flags & BPF_F_HDR_FIELD_MASK);
}

long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 at, __u64 from, __u64 to,
			 __u64 flags)
{
	(void)skb;
	return replace(at, from, to, flags);
}

/* --- ways out ------------------------------------------------------------------------------------ */

long bpf_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *params, int params_len,
			__u64 flags)
{
	assert(ifindex != 0 && flags == 0);
	assert((params != NULL) == (params_len == sizeof(*params)));
	packet.redirected = true;
	return TC_ACT_REDIRECT;
}

long bpf_redirect(__u32 ifindex, __u64 flags)
{
	assert(ifindex != 0 && flags == 0);
	packet.redirected = true;
	return packet.skb != NULL ? (long)TC_ACT_REDIRECT : (long)XDP_REDIRECT;
}

/* --- tables -------------------------------------------------------------------------------------- */

/* Of the one plane there is. */
static struct flow_memory tables;

void *bpf_map_lookup_elem(void *map, const void *key)
{
	const struct native_tables names = native_program_tables();
	uint32_t index = *(const uint32_t *)key;

	if (map == names.buckets)
		return index < tables.bucket_count ? &tables.buckets[index] : NULL;
	if (map == names.flows)
		return index < tables.bucket_count * FLOW_WAYS ? &tables.flows[index]
							       : NULL;
	assert(map == names.hops);
	return index < FLOW_HOPS ? &tables.hops[index] : NULL;
}

/* --- the plane ----------------------------------------------------------------------------------- */

struct kernel_plane {
	bool is_open;
};

static struct kernel_plane the_plane;

static void *zeroed(size_t count, size_t size)
{
	size_t bytes = (count * size + 63) / 64 * 64;
	void *memory = aligned_alloc(64, bytes);

	return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

struct kernel_plane *kernel_plane_new(size_t bucket_count, const char **why)
{
	const struct native_tables names = native_program_tables();

	assert(!the_plane.is_open);
	the_plane.is_open = true;
	tables = (struct flow_memory){
		.settings = names.settings,
		.buckets = zeroed(bucket_count, sizeof(struct flow_bucket)),
		.flows = zeroed(bucket_count * FLOW_WAYS, sizeof(struct flow)),
		.bucket_count = bucket_count,
		/* Large, and nearly all of it is never touched. */
		.hops = mmap(NULL, FLOW_HOPS * sizeof(struct flow_hop),
			     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.counts = names.counts,
	};
	native_program_set_mask((__u32)bucket_count - 1);
	*tables.settings = (struct flow_settings){.version = 0};
	memset(names.counts, 0, FLOW_CPUS_MAX * sizeof(*names.counts));
	if (tables.buckets != NULL && tables.flows != NULL && tables.hops != MAP_FAILED)
		return &the_plane;
	*why = "out of memory";
	kernel_plane_free(&the_plane);
	return NULL;
}

void kernel_plane_free(struct kernel_plane *plane)
{
	if (plane == NULL)
		return;
	free(tables.buckets);
	free(tables.flows);
	if (tables.hops != MAP_FAILED)
		munmap(tables.hops, FLOW_HOPS * sizeof(struct flow_hop));
	plane->is_open = false;
}

const struct flow_memory *kernel_plane_memory(const struct kernel_plane *plane)
{
	assert(plane->is_open);
	return &tables;
}

bool kernel_plane_can_be_partial(const struct kernel_plane *plane)
{
	(void)plane;
	return true;
}

uint64_t kernel_plane_now_ms(const struct kernel_plane *plane)
{
	(void)plane;
	return clock_ns / 1000000;
}

bool kernel_plane_set_clock(struct kernel_plane *plane, uint64_t now_ms)
{
	(void)plane;
	clock_ns = now_ms * 1000000;
	return true;
}

static void make_room(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	assert(ROOM % page == 0);
	if (packet.room != NULL)
		return;
	packet.room = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (packet.room == MAP_FAILED ||
	    mprotect(packet.room + ROOM, page, PROT_NONE) != 0)
		abort();
}

static bool is_for_others(const uint8_t *frame)
{
	static const uint8_t ours[6]; /* that of the loopback device */

	return memcmp(frame, ours, sizeof(ours)) != 0;
}

void kernel_plane_run(struct kernel_plane *plane, enum kernel_hook hook,
		      const struct kernel_frame *frame, struct kernel_verdict *verdict)
{
	struct __sk_buff skb = {
		.gso_segs = frame->is_super ? 2 : 0,
		.gso_size = frame->is_super ? 100 : 0,
		.pkt_type = is_for_others(frame->bytes) ? 3 : 0,
		.ifindex = 1,
		.ingress_ifindex = 1,
	};
	struct xdp_md xdp = {.ingress_ifindex = 1};
	int action;

	assert(plane->is_open && frame->len >= FRAME_ETHERNET && frame->len <= ROOM / 2);
	memcpy(&skb.protocol, (uint8_t[4]){frame->bytes[12], frame->bytes[13]}, 4);
	make_room();
	packet.skb = hook == KERNEL_TC ? &skb : NULL;
	packet.xdp = &xdp;
	packet.redirected = packet.moved = false;
	packet.is_partial = frame->is_partial;
	packet.len = frame->len;
	place();
	memcpy(packet_data(), frame->bytes, frame->len);
	action = hook == KERNEL_TC ? flow_tc(&skb) : flow_xdp(&xdp);

	verdict->len = packet.len;
	memcpy(verdict->frame, packet_data(), packet.len);
	verdict->forwarded = hook == KERNEL_TC
				     ? action == TC_ACT_REDIRECT
				     : action == XDP_REDIRECT || action == XDP_TX;
	verdict->dropped = hook == KERNEL_TC
				   ? action == TC_ACT_SHOT
				   : action == XDP_DROP || action == XDP_ABORTED;
	assert(!verdict->forwarded || packet.redirected || action == XDP_TX);
	assert(!frame->is_partial || (hook == KERNEL_TC && !packet.moved));
}
