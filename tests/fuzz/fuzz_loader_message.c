/*
 * fuzz_loader_message.c - any bytes as a packet between relay and loader of the kernel plane, the first of
 * them how many descriptors came with it: what is accepted is within its bounds, and sent again it is the
 * same packet.
 */
#include "relay/offload/loader_message.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/offload/flow_layout.h"
#include "tests/fuzz/fuzz.h"

static void check_bounds(const struct loader_message *message, size_t fd_count)
{
	FUZZ_CHECK(message->kind < LOADER_KIND_COUNT);
	FUZZ_CHECK(message->flows <= LOADER_PLACES_MAX);
	FUZZ_CHECK(message->device_count <= OFFLOAD_DEVICES_MAX);
	FUZZ_CHECK(memchr(message->why, 0, sizeof(message->why)) != NULL);
	FUZZ_CHECK(fd_count == 0 || message->kind == LOADER_ANSWER);
	for (uint32_t i = 0; i < message->device_count; i++) {
		const struct loader_device *device = &message->devices[i];

		FUZZ_CHECK(device->ifindex > 0 && device->mode <= OFFLOAD_OFF);
		FUZZ_CHECK(memchr(device->why, 0, sizeof(device->why)) != NULL);
		FUZZ_CHECK(strchr(device->why, '\n') == NULL);
	}
	if (message->kind == LOADER_ANSWER)
		FUZZ_CHECK(message->flows % FLOW_WAYS == 0);
}

static void check_sent_again(const struct loader_message *message, const void *data,
			     size_t size)
{
	char again[sizeof(*message)];
	int ends[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	FUZZ_CHECK(loader_message_send(ends[0], message, NULL, 0) == 0);
	FUZZ_CHECK(recv(ends[1], again, sizeof(again), 0) == (ssize_t)size);
	FUZZ_CHECK(memcmp(again, data, size) == 0);
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loader_message message;
	enum loader_verdict verdict;
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		abort();
	memcpy(copy, data + 1, size - 1);
	verdict = loader_message_read(copy, size - 1, data[0], &message);
	free(copy);
	if (verdict != LOADER_READ)
		return 0;
	check_bounds(&message, data[0]);
	check_sent_again(&message, data + 1, size - 1);
	return 0;
}
