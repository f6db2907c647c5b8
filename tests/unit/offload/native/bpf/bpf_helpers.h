/*
 * bpf_helpers.h - in place of libbpf's, for the program compiled for this machine: the functions of the kernel
 * that it may call are those of kernel_native.c.
 */
#ifndef TESTS_UNIT_OFFLOAD_NATIVE_BPF_BPF_HELPERS_H
#define TESTS_UNIT_OFFLOAD_NATIVE_BPF_BPF_HELPERS_H

#include <linux/bpf.h>
#include <stddef.h>

#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name
#define SEC(name) __attribute__((used))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier_var(var) asm volatile("" : "=r"(var) : "0"(var))

__u64 bpf_ktime_get_ns(void);
__u64 bpf_ktime_get_coarse_ns(void);
__u32 bpf_get_smp_processor_id(void);
__u32 bpf_get_prandom_u32(void);
void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len);
long bpf_skb_adjust_room(struct __sk_buff *skb, __s32 by, __u32 mode, __u64 flags);
long bpf_skb_change_tail(struct __sk_buff *skb, __u32 len, __u64 flags);
long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 at, void *to, __u32 len);
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 at, const void *from, __u32 len,
			 __u64 flags);
long bpf_xdp_adjust_head(struct xdp_md *xdp, int by);
long bpf_xdp_adjust_tail(struct xdp_md *xdp, int by);
__s64 bpf_csum_diff(const __be32 *from, __u32 from_size, const __be32 *to, __u32 to_size,
		    __wsum seed);
__s64 bpf_csum_update(struct __sk_buff *skb, __wsum sum);
long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 at, __u64 from, __u64 to,
			 __u64 flags);
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 at, __u64 from, __u64 to,
			 __u64 flags);
long bpf_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *params, int params_len,
			__u64 flags);
long bpf_redirect(__u32 ifindex, __u64 flags);

#endif
