/*
 * tcp_stream.c - what tcp-data-side-by-side measures with, on connections that it has made:
 *
 *	tcp_stream send FD SECONDS           send as fast as possible, then end
 *	tcp_stream drop FD                   read until the end; prints bytes and seconds
 *	tcp_stream forward FD ADDRESS PORT   accept one connection there, connect to there, and pass
 *	                                     bytes on in both directions with splice(), as plainly
 *	                                     as that can be done: the yardstick
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void block(int fd, int blocks)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void send_for(int fd, double duration)
{
	static uint8_t piece[PIECE];
	double until = seconds() + duration;

	block(fd, 1);
	while (seconds() < until) {
		if (send(fd, piece, sizeof(piece), MSG_NOSIGNAL) < 0)
			fail("send");
	}
	shutdown(fd, SHUT_WR);
}

static void drop(int fd)
{
	static uint8_t piece[PIECE];
	uint64_t bytes = 0;
	double begun = 0;
	ssize_t len;

	block(fd, 1);
	while ((len = recv(fd, piece, sizeof(piece), 0)) > 0) {
		if (bytes == 0)
			begun = seconds();
		bytes += (uint64_t)len;
	}
	/* coturn resets the peer when the client ends. */
	if (len < 0 && errno != ECONNRESET)
		fail("recv");
	printf("%llu %.6f\n", (unsigned long long)bytes, seconds() - begun);
}

struct direction {
	int from, to, pipe[2];
	size_t held;
	int ended;
};

/* Until the source has nothing or the sink takes nothing. */
static void move(struct direction *d)
{
	for (;;) {
		if (d->held == 0 && !d->ended) {
			ssize_t got = splice(d->from, NULL, d->pipe[1], NULL, PIECE,
					     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (got < 0 && errno == EAGAIN)
				return;
			if (got < 0)
				fail("splice");
			if (got == 0) {
				d->ended = 1;
				shutdown(d->to, SHUT_WR);
				return;
			}
			d->held = (size_t)got;
		}
		if (d->held == 0)
			return;
		ssize_t put = splice(d->pipe[0], NULL, d->to, NULL, d->held,
				     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0)
			fail("splice");
		d->held -= (size_t)put;
	}
}

static void forward(int listener, const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	int client, peer = socket(AF_INET, SOCK_STREAM, 0);

	block(listener, 1);
	client = accept(listener, NULL, NULL);
	if (client < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(peer, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail("forward");
	struct direction d[2] = {{.from = client, .to = peer},
				 {.from = peer, .to = client}};
	for (int i = 0; i < 2; i++) {
		if (pipe(d[i].pipe) != 0)
			fail("pipe");
		fcntl(d[i].pipe[1], F_SETPIPE_SZ, PIECE);
	}
	block(client, 0);
	block(peer, 0);
	while (!d[0].ended || !d[1].ended) {
		struct pollfd fds[2] = {{.fd = client}, {.fd = peer}};
		for (int i = 0; i < 2; i++) {
			if (d[i].held > 0)
				fds[1 - i].events |= POLLOUT;
			else if (!d[i].ended)
				fds[i].events |= POLLIN;
		}
		if (poll(fds, 2, -1) < 0)
			fail("poll");
		for (int i = 0; i < 2; i++)
			move(&d[i]);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "send") == 0)
		send_for(atoi(argv[2]), atof(argv[3]));
	else if (argc == 3 && strcmp(argv[1], "drop") == 0)
		drop(atoi(argv[2]));
	else if (argc == 5 && strcmp(argv[1], "forward") == 0)
		forward(atoi(argv[2]), argv[3], atoi(argv[4]));
	else
		return 2;
	return 0;
}
