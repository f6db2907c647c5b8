/*
 * take_over_packet.c - see take_over_packet.h.
 */
#include "base/descriptors/take_over_packet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/version.h"

enum { AGAIN_MS = 5 /* the kernel has too many descriptors on their way */ };

uint64_t take_over_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool take_over_wait(int fd, short events, uint64_t until_ms)
{
	for (;;) {
		struct pollfd polled = {.fd = fd, .events = events};
		uint64_t now = take_over_now_ms();

		if (now >= until_ms)
			return false;
		if (poll(&polled, 1, (int)(until_ms - now)) > 0)
			return true;
	}
}

bool take_over_has_more(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = {.tv_nsec = (long)ms * 1000000};

	nanosleep(&time, NULL);
}

union descriptors_control {
	struct cmsghdr alignment;
	char bytes[CMSG_SPACE(TAKE_OVER_BATCH_MAX * sizeof(int)) +
		   CMSG_SPACE(sizeof(struct ucred))];
};

int take_over_send(int fd, const struct take_over_message *message, const int *fds,
		   uint64_t until_ms)
{
	char text[TAKE_OVER_MESSAGE_MAX];
	struct iovec bytes = {text, take_over_message_write(message, text)};
	union descriptors_control control = {0};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (message->kind == TAKE_OVER_DESCRIPTORS) {
		size_t len = message->count * sizeof(int);

		assert(message->count <= TAKE_OVER_BATCH_MAX);
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(len);
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
							   .cmsg_type = SCM_RIGHTS,
							   .cmsg_len = CMSG_LEN(len)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, len);
	}
	while (sendmsg(fd, &header, MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN && take_over_wait(fd, POLLOUT, until_ms))
			continue;
		if (errno == ETOOMANYREFS && take_over_now_ms() < until_ms) {
			pause_ms(AGAIN_MS);
			continue;
		}
		if (errno != EINTR)
			return errno == EAGAIN ? ETIMEDOUT : errno;
	}
	return 0;
}

void take_over_drop(const struct take_over_packet *packet)
{
	for (size_t i = 0; i < packet->fd_count; i++)
		close(packet->fds[i]);
}

static void read_control(struct msghdr *header, struct take_over_packet *packet)
{
	struct cmsghdr *entry = CMSG_FIRSTHDR(header);

	for (; entry != NULL; entry = CMSG_NXTHDR(header, entry)) {
		size_t len = entry->cmsg_len - CMSG_LEN(0);

		if (entry->cmsg_level != SOL_SOCKET)
			continue;
		if (entry->cmsg_type == SCM_RIGHTS && len <= sizeof(packet->fds) &&
		    packet->fd_count == 0) {
			memcpy(packet->fds, CMSG_DATA(entry), len);
			packet->fd_count = len / sizeof(int);
		} else if (entry->cmsg_type == SCM_CREDENTIALS) {
			struct ucred sender;

			memcpy(&sender, CMSG_DATA(entry), sizeof(sender));
			packet->pid = sender.pid;
		}
	}
}

bool take_over_receive(int fd, struct take_over_packet *packet, uint64_t until_ms,
		       char *error, size_t error_size)
{
	char text[TAKE_OVER_MESSAGE_MAX];
	struct iovec bytes = {text, sizeof(text)};
	union descriptors_control control;
	struct msghdr header = {.msg_iov = &bytes,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen = sizeof(control.bytes)};
	enum take_over_verdict verdict;
	ssize_t len;

	packet->fd_count = 0;
	packet->pid = 0;
	while ((len = recvmsg(fd, &header, MSG_CMSG_CLOEXEC)) < 0) {
		if (errno == EAGAIN && !take_over_wait(fd, POLLIN, until_ms))
			return fail(error, error_size, "the other process is silent");
		if (errno != EAGAIN && errno != EINTR)
			return fail(error, error_size, "%s", strerror(errno));
	}
	if (len == 0)
		return fail(error, error_size, "the other process has gone away");
	read_control(&header, packet);
	if (header.msg_flags & MSG_CTRUNC) {
		take_over_drop(packet);
		return fail(error, error_size,
			    "out of descriptors; raise the limit of open files");
	}
	verdict = take_over_message_read((struct slice){(uint8_t *)text, (size_t)len},
					 &packet->message);
	if (verdict == TAKE_OVER_READ && !(header.msg_flags & MSG_TRUNC) &&
	    (packet->message.kind == TAKE_OVER_DESCRIPTORS ? packet->message.count : 0) ==
		    packet->fd_count)
		return true;
	take_over_drop(packet);
	packet->fd_count = 0;
	return fail(error, error_size,
		    verdict == TAKE_OVER_OTHER_VERSION
			    ? "the other process speaks another version of the protocol"
			    : "the other process sent something else");
}

struct take_over_message take_over_hello(const char *daemon)
{
	struct take_over_message message = {.kind = TAKE_OVER_HELLO};

	snprintf(message.name, sizeof(message.name), "%s", daemon);
	snprintf(message.text, sizeof(message.text), "%s", version_string());
	return message;
}

void take_over_send_no(int fd, const char *reason)
{
	struct take_over_message message = {.kind = TAKE_OVER_NO};

	snprintf(message.text, sizeof(message.text), "%s",
		 reason[0] != '\0' ? reason : "it failed");
	take_over_send(fd, &message, NULL, 0);
}
