/*
 * steering.c - see steering.h. The program and the function below are two forms of one hash; change both.
 */
#include "base/udp/steering.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

#define MULTIPLY 0x9E3779B1u /* 2^32 divided by the golden ratio, and odd */

enum {
	SHIFT = 15,
	/* Beyond the sockets of any group: the kernel chooses. */
	ANY_SOCKET = 0x7FFFFFFF,

	/* The program's data begins behind the UDP header; these count from the IP header. */
	VERSION = SKF_NET_OFF,
	SOURCE_V4 = SKF_NET_OFF + 12,
	NEXT_HEADER_V6 = SKF_NET_OFF + 6,
	SOURCE_V6 = SKF_NET_OFF + 8,
	SOURCE_PORT_V6 = SKF_NET_OFF + 40,
};

static uint32_t mix(uint32_t hash, uint32_t word)
{
	return hash * MULTIPLY + word;
}

unsigned steering_worker(const struct endpoint *source, unsigned workers)
{
	uint32_t hash = 0;

	assert(workers > 0);
	for (size_t i = 0; i < ip_addr_len(source->ip.family); i += 4)
		hash = mix(hash, load_be32(source->ip.bytes + i));
	hash = mix(hash, source->port);
	hash ^= hash >> SHIFT;
	hash *= MULTIPLY;
	hash ^= hash >> SHIFT;
	return hash % workers;
}

/* A = mix(A, word at that place) */
#define MIX_IN(place)                                                                   \
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLY), BPF_STMT(BPF_MISC | BPF_TAX, 0), \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(place)),                  \
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0)
/* A = A ^ A >> SHIFT */
#define FOLD                                                                         \
	BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, SHIFT), \
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)

int steering_attach(int fd, unsigned workers)
{
	enum { V4_LEN = 8, V6_LEN = 20 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)VERSION),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, V4_LEN),
		/* IPv4: X is the length of the header, options included. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SOURCE_V4),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLY),
		BPF_STMT(BPF_ST, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, (uint32_t)VERSION),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, (uint32_t)SKF_NET_OFF),
		BPF_STMT(BPF_LDX | BPF_MEM, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_JMP | BPF_JA, V6_LEN),
		/* IPv6 */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)NEXT_HEADER_V6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, ANY_SOCKET),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SOURCE_V6),
		MIX_IN(SOURCE_V6 + 4),
		MIX_IN(SOURCE_V6 + 8),
		MIX_IN(SOURCE_V6 + 12),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLY),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SOURCE_PORT_V6),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		/* both */
		FOLD,
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLY),
		FOLD,
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	assert(workers > 0);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
		       sizeof(program)) != 0)
		return -errno;
	return 0;
}
