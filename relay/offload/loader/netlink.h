/*
 * netlink.h - questions to the kernel over netlink, one at a time, each waiting for its answer.
 *
 * Owner    the caller; a socket is a descriptor, closed by close().
 * Threads  one.
 */
#ifndef RELAY_OFFLOAD_LOADER_NETLINK_H
#define RELAY_OFFLOAD_LOADER_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

/* protocol: NETLINK_ROUTE or NETLINK_GENERIC. A descriptor, or -errno. */
int netlink_open(int protocol);

/* A message of an answer, borrowed; its length is checked to hold header_size after its struct nlmsghdr. */
typedef void netlink_each_fn(void *arg, const struct nlmsghdr *message);

/*
 * Send a request (its length, type and flags are set) and give each message of the answer to each(), which may be NULL.
 *
 * header_size  of the family's struct in messages of the answer; shorter messages are skipped
 *
 * 0, or -errno: what the kernel says, or -EPROTO if it says nothing that makes sense.
 */
int netlink_ask(int socket, struct nlmsghdr *request, size_t header_size,
		netlink_each_fn *each, void *arg);

/* The attributes of a message behind that struct: fill table[type] for 0 < type < count; others are NULL. */
void netlink_attributes(const struct nlmsghdr *message, size_t header_size,
			const struct nlattr **table, size_t count);
/* Of a nested attribute. */
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count);

/* The value; 0 if it is shorter. */
uint32_t netlink_u32(const struct nlattr *attribute);
uint64_t netlink_u64(const struct nlattr *attribute);
/* Copy as text, cut to size; "" for NULL. */
void netlink_text(const struct nlattr *attribute, char *text, size_t size);

#endif
