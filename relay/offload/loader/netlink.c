/*
 * netlink.c - see netlink.h.
 */
#include "relay/offload/loader/netlink.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	ANSWER_MAX = 65536, /* a dump comes in pieces of at most 32 KiB */
	PATIENCE_S = 5,     /* the kernel answers at once, unless it is stuck */
};

int netlink_open(int protocol)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* What one message says of the answer as a whole: 1: more to come; 0: that was all; or -errno. */
static int judge(const struct nlmsghdr *message, const struct nlmsghdr *request)
{
	int error;

	switch (message->nlmsg_type) {
	case NLMSG_DONE:
		return 0;
	case NLMSG_ERROR:
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return -EPROTO;
		memcpy(&error, NLMSG_DATA(message), sizeof(error));
		return error > 0 ? -EPROTO : error;
	case NLMSG_OVERRUN:
		return -EPROTO;
	default:
		/* Each request here is a dump, or asks for an acknowledgement behind its answer. */
		assert(request->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK));
		return 1;
	}
}

static int take(const char *bytes, size_t len, const struct nlmsghdr *request,
		size_t header_size, netlink_each_fn *each, void *arg)
{
	int more = 1;

	while (more > 0 && len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)bytes;

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > len)
			return -EPROTO;
		if (message->nlmsg_seq == request->nlmsg_seq) {
			more = judge(message, request);
			if (more == 1 && each != NULL &&
			    message->nlmsg_len >= NLMSG_LENGTH(header_size))
				each(arg, message);
		}
		size_t step = NLMSG_ALIGN(message->nlmsg_len);

		if (step >= len)
			break;
		bytes += step;
		len -= step;
	}
	return more;
}

int netlink_ask(int socket, struct nlmsghdr *request, size_t header_size,
		netlink_each_fn *each, void *arg)
{
	static uint32_t sequence;
	static char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct sockaddr_nl from;
	int more;

	request->nlmsg_seq = ++sequence;
	request->nlmsg_flags |= NLM_F_REQUEST;
	if (sendto(socket, request, request->nlmsg_len, 0,
		   (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	do {
		struct iovec bytes = {answer, sizeof(answer)};
		struct msghdr header = {.msg_name = &from,
					.msg_namelen = sizeof(from),
					.msg_iov = &bytes,
					.msg_iovlen = 1};
		ssize_t len = recvmsg(socket, &header, 0);

		if (len < 0 && errno == EINTR) {
			more = 1;
			continue;
		}
		if (len < 0)
			return errno == EAGAIN ? -EPROTO : -errno;
		if (header.msg_flags & MSG_TRUNC)
			return -EPROTO;
		/* Any process may send to this socket. */
		if (from.nl_pid != 0) {
			more = 1;
			continue;
		}
		more = take(answer, (size_t)len, request, header_size, each, arg);
	} while (more > 0);
	return more;
}

static void index_attributes(const char *bytes, size_t len, const struct nlattr **table,
			     size_t count)
{
	memset(table, 0, count * sizeof(*table));
	while (len >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)bytes;
		size_t type = attribute->nla_type & NLA_TYPE_MASK;

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > len)
			return;
		if (type > 0 && type < count)
			table[type] = attribute;
		size_t step = NLA_ALIGN(attribute->nla_len);

		if (step >= len)
			return;
		bytes += step;
		len -= step;
	}
}

void netlink_attributes(const struct nlmsghdr *message, size_t header_size,
			const struct nlattr **table, size_t count)
{
	size_t skipped = NLMSG_LENGTH(NLMSG_ALIGN(header_size));
	size_t len = message->nlmsg_len > skipped ? message->nlmsg_len - skipped : 0;

	index_attributes((const char *)message + skipped, len, table, count);
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count)
{
	index_attributes((const char *)nest + NLA_HDRLEN, nest->nla_len - NLA_HDRLEN,
			 table, count);
}

static void copy(const struct nlattr *attribute, void *value, size_t size)
{
	if (attribute != NULL && attribute->nla_len >= NLA_HDRLEN + size)
		memcpy(value, (const char *)attribute + NLA_HDRLEN, size);
}

uint32_t netlink_u32(const struct nlattr *attribute)
{
	uint32_t value = 0;

	copy(attribute, &value, sizeof(value));
	return value;
}

uint64_t netlink_u64(const struct nlattr *attribute)
{
	uint64_t value = 0;

	copy(attribute, &value, sizeof(value));
	return value;
}

void netlink_text(const struct nlattr *attribute, char *text, size_t size)
{
	size_t len = 0;

	assert(size > 0);
	if (attribute != NULL) {
		const char *value = (const char *)attribute + NLA_HDRLEN;

		len = strnlen(value, attribute->nla_len - NLA_HDRLEN);
		if (len >= size)
			len = size - 1;
		memcpy(text, value, len);
	}
	text[len] = '\0';
}
