/*
 * fuzz_saved_peer.c - arbitrary bytes as the record of a connection with a peer, or of bytes on
 * their way: never a crash, and what is taken is the same when it is written and read again.
 */
#include "relay/state/saved_peer.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_connection(struct slice record)
{
	struct saved_peer saved, again;
	uint8_t first[SAVED_PEER_MAX], second[SAVED_PEER_MAX];

	if (!saved_peer_read(record, &saved))
		return;
	size_t len = saved_peer_write(&saved, first, sizeof(first));
	FUZZ_CHECK(saved_peer_read((struct slice){first, len}, &again));
	FUZZ_CHECK(saved_peer_write(&again, second, sizeof(second)) == len);
	FUZZ_CHECK(memcmp(first, second, len) == 0);
}

static void check_bytes(struct slice record)
{
	static uint8_t buf[SAVED_PEER_BYTES_HEAD + SAVED_PEER_BYTES_MAX];
	struct saved_peer_bytes saved, again;

	if (!saved_peer_bytes_read(record, &saved))
		return;
	FUZZ_CHECK(saved.bytes.len > 0 && saved.bytes.len <= SAVED_PEER_BYTES_MAX);
	size_t len = saved_peer_bytes_write(&saved, buf, sizeof(buf));
	FUZZ_CHECK(saved_peer_bytes_read((struct slice){buf, len}, &again));
	FUZZ_CHECK(again.serial == saved.serial && again.from == saved.from);
	FUZZ_CHECK(again.way == saved.way && again.bytes.len == saved.bytes.len);
	FUZZ_CHECK(memcmp(again.bytes.data, saved.bytes.data, saved.bytes.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_connection((struct slice){data, size});
	check_bytes((struct slice){data, size});
	return 0;
}
