/*
 * sum.h - the arithmetic of Internet checksums (RFC 1071): sums of halves in ones' complement, in
 * whatever byte order they are loaded, as long as it is one. For programs in the kernel only.
 */
#ifndef RELAY_OFFLOAD_BPF_SUM_H
#define RELAY_OFFLOAD_BPF_SUM_H

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

/* Of up to some thousand words. */
static __always_inline __u64 sum_words(const __u32 *words, int count)
{
	__u64 sum = 0;

	for (int i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

/* 0 only if the sum is. */
static __always_inline __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFF) + (sum >> 16);
	sum = (sum & 0xFFFF) + (sum >> 16);
	return (__u16)sum;
}

/* One byte at an even or odd place. */
static __always_inline __u64 sum_byte(__u8 byte, __u32 place)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (place & 1) != 0 ? (__u64)byte << 8 : byte;
#else
	return (place & 1) != 0 ? byte : (__u64)byte << 8;
#endif
}

#endif
