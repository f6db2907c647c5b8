/*
 * fuzz_take_over.c - any bytes as a packet of a process that wants to take over: what is accepted is
 * within its bounds, and written again it is the same packet.
 */
#include "base/descriptors/take_over_message.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_bounds(const struct take_over_message *message)
{
	FUZZ_CHECK((unsigned)message->kind < TAKE_OVER_KIND_COUNT);
	FUZZ_CHECK(message->count <= TAKE_OVER_COUNT_MAX);
	FUZZ_CHECK(memchr(message->name, 0, sizeof(message->name)) != NULL);
	FUZZ_CHECK(memchr(message->text, 0, sizeof(message->text)) != NULL);
	FUZZ_CHECK(strchr(message->text, '\n') == NULL);
	if (message->kind == TAKE_OVER_DESCRIPTORS)
		FUZZ_CHECK(message->count > 0 && message->name[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char packet[TAKE_OVER_MESSAGE_MAX];
	struct take_over_message message;
	uint8_t *copy = malloc(size);
	enum take_over_verdict verdict;

	if (copy == NULL && size > 0)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	verdict = take_over_message_read((struct slice){copy, size}, &message);
	free(copy);
	if (verdict != TAKE_OVER_READ)
		return 0;
	check_bounds(&message);
	size_t len = take_over_message_write(&message, packet);
	FUZZ_CHECK(len == size && memcmp(packet, data, len) == 0);
	return 0;
}
