/*
 * notify_listener.h - systemd's end of the notification socket.
 */
#ifndef TESTS_UNIT_LIB_NOTIFY_LISTENER_H
#define TESTS_UNIT_LIB_NOTIFY_LISTENER_H

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A socket on an abstract address of this process, so that no file is left; NOTIFY_SOCKET
 * names it.
 */
static inline int notify_listener_open(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char name[64];

	snprintf(name, sizeof(name), "@avedge-test-%ld", (long)getpid());
	memcpy(at.sun_path, name, strlen(name));
	at.sun_path[0] = '\0';

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

/* The next message; "" if there is none. Valid until the next call. */
static inline const char *notify_listener_heard(int fd)
{
	static char text[512];
	ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

#endif
