/*
 * loader_message.c - see loader_message.h.
 */
#include "relay/offload/loader_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/offload/flow_layout.h"

/* As it arrives: it may be for another struct. */
enum {
	VERSION_SIZE = sizeof(uint32_t),
	HEAD_SIZE = offsetof(struct loader_message, devices)
};

size_t loader_message_size(const struct loader_message *message)
{
	assert(message->device_count <= OFFLOAD_DEVICES_MAX);
	return HEAD_SIZE + message->device_count * sizeof(message->devices[0]);
}

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* Terminated, printable, and zero behind its end: nothing else travels along. */
static bool is_sentence(const char text[OFFLOAD_WHY_MAX])
{
	size_t len = strnlen(text, OFFLOAD_WHY_MAX);

	if (len == OFFLOAD_WHY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_printable(text[i]))
			return false;
	for (size_t i = len; i < OFFLOAD_WHY_MAX; i++)
		if (text[i] != '\0')
			return false;
	return true;
}

static bool is_device(const struct loader_device *device, bool is_answer)
{
	if (device->ifindex == 0 || device->ifindex > INT32_MAX ||
	    device->mode > OFFLOAD_OFF || device->is_tcx > 1 ||
	    device->reserved[0] != 0 || device->reserved[1] != 0 ||
	    !is_sentence(device->why))
		return false;
	if (!is_answer)
		return device->is_tcx == 0 && device->why[0] == '\0';
	/* Attached in one way, or off for a reason. */
	return device->mode != OFFLOAD_AUTO &&
	       (device->mode == OFFLOAD_OFF) == (device->why[0] != '\0') &&
	       (device->mode == OFFLOAD_TC || device->is_tcx == 0);
}

static bool are_devices(const struct loader_message *message)
{
	for (uint32_t i = 0; i < message->device_count; i++) {
		if (!is_device(&message->devices[i], message->kind == LOADER_ANSWER))
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (message->devices[j].ifindex == message->devices[i].ifindex)
				return false;
	}
	return true;
}

/* A table has whole buckets, as many as a power of two. */
static bool is_table(uint32_t flows)
{
	return flows >= FLOW_WAYS && flows <= LOADER_PLACES_MAX &&
	       (flows & (flows - 1)) == 0;
}

static bool fits_kind(const struct loader_message *message, size_t fd_count)
{
	bool is_refused = message->kind == LOADER_REFUSED;

	if (message->resumed > 1 || (message->why[0] != '\0') != is_refused)
		return false;
	switch (message->kind) {
	case LOADER_OPEN:
		return message->flows > 0 && message->flows <= OFFLOAD_FLOWS_MAX &&
		       fd_count == 0;
	case LOADER_DEVICES:
		return message->flows == 0 && message->resumed == 0 && fd_count == 0;
	case LOADER_CLOSE:
	case LOADER_REFUSED:
		return message->flows == 0 && message->resumed == 0 &&
		       message->device_count == 0 && fd_count == 0;
	case LOADER_ANSWER:
		return is_table(message->flows) &&
		       (fd_count == LOADER_DESCRIPTOR_COUNT ||
			(fd_count == 0 && message->resumed == 0));
	default:
		return false;
	}
}

enum loader_verdict loader_message_read(const void *packet, size_t len, size_t fd_count,
					struct loader_message *message)
{
	uint32_t version;

	if (len < VERSION_SIZE)
		return LOADER_GARBAGE;
	memcpy(&version, packet, sizeof(version));
	if (version != LOADER_MESSAGE_VERSION)
		return LOADER_OTHER_VERSION;
	if (len < HEAD_SIZE || len > sizeof(*message))
		return LOADER_GARBAGE;
	memset(message, 0, sizeof(*message));
	memcpy(message, packet, len);
	if (message->device_count > OFFLOAD_DEVICES_MAX ||
	    loader_message_size(message) != len || !is_sentence(message->why) ||
	    !fits_kind(message, fd_count) || !are_devices(message))
		return LOADER_GARBAGE;
	return LOADER_READ;
}

/* A name of a device may be any bytes. */
static void make_sentence(char text[OFFLOAD_WHY_MAX])
{
	size_t len = strnlen(text, OFFLOAD_WHY_MAX - 1);

	for (size_t i = 0; i < len; i++)
		if (!is_printable(text[i]))
			text[i] = '?';
	memset(text + len, 0, OFFLOAD_WHY_MAX - len);
}

union loader_control {
	struct cmsghdr alignment;
	char bytes[CMSG_SPACE(LOADER_DESCRIPTOR_COUNT * sizeof(int))];
};

int loader_message_send(int socket, const struct loader_message *message, const int *fds,
			size_t fd_count)
{
	struct loader_message sent = *message;
	struct iovec bytes = {&sent, loader_message_size(message)};
	union loader_control control = {0};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

	assert(fd_count <= LOADER_DESCRIPTOR_COUNT);
	sent.version = LOADER_MESSAGE_VERSION;
	make_sentence(sent.why);
	for (uint32_t i = 0; i < sent.device_count; i++)
		make_sentence(sent.devices[i].why);
	if (fd_count > 0) {
		size_t len = fd_count * sizeof(int);

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(len);
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
							   .cmsg_type = SCM_RIGHTS,
							   .cmsg_len = CMSG_LEN(len)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, len);
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
	return 0;
}

static size_t take_descriptors(struct msghdr *header, int fds[LOADER_DESCRIPTOR_COUNT])
{
	size_t count = 0;

	for (struct cmsghdr *entry = CMSG_FIRSTHDR(header); entry != NULL;
	     entry = CMSG_NXTHDR(header, entry)) {
		size_t len = entry->cmsg_len - CMSG_LEN(0);

		if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS)
			continue;
		/* Room was for so many, and the kernel sends them in one piece. */
		assert(count == 0 && len <= LOADER_DESCRIPTOR_COUNT * sizeof(int));
		memcpy(fds, CMSG_DATA(entry), len);
		count = len / sizeof(int);
	}
	return count;
}

static int drop_descriptors(int fds[LOADER_DESCRIPTOR_COUNT], size_t *count, int error)
{
	while (*count > 0)
		close(fds[--*count]);
	return error;
}

int loader_message_receive(int socket, struct loader_message *message,
			   int fds[LOADER_DESCRIPTOR_COUNT], size_t *fd_count)
{
	struct loader_message packet;
	struct iovec bytes = {&packet, sizeof(packet)};
	union loader_control control;
	struct msghdr header = {.msg_iov = &bytes,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				/* Not its padding, which has room for one more. */
				.msg_controllen =
					CMSG_LEN(LOADER_DESCRIPTOR_COUNT * sizeof(int))};
	bool is_reset = false;
	ssize_t len;

	*fd_count = 0;
	while ((len = recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0) {
		/* The other end has closed without reading all; what it sent before comes next. */
		if (errno == ECONNRESET && !is_reset)
			is_reset = true;
		else if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
	*fd_count = take_descriptors(&header, fds);
	/* An empty packet looks like the end; neither is a message. */
	if (len == 0)
		return drop_descriptors(fds, fd_count, -EPIPE);
	if (header.msg_flags & MSG_CTRUNC)
		return drop_descriptors(fds, fd_count,
					*fd_count < LOADER_DESCRIPTOR_COUNT ? -EMFILE
									    : -EPROTO);
	if (header.msg_flags & MSG_TRUNC)
		return drop_descriptors(fds, fd_count, -EPROTO);
	switch (loader_message_read(&packet, (size_t)len, *fd_count, message)) {
	case LOADER_READ:
		return 0;
	case LOADER_OTHER_VERSION:
		return drop_descriptors(fds, fd_count, -EPROTONOSUPPORT);
	case LOADER_GARBAGE:
		break;
	}
	return drop_descriptors(fds, fd_count, -EPROTO);
}
