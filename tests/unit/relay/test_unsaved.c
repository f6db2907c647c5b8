/*
 * test_unsaved.c - connections without a record because the state file is full: counted while they are so,
 * each once, with clients and with peers.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "relay/front/saved/stream_record.h"
#include "relay/front/stream_io.h"
#include "relay/peer/peer_record.h"
#include "relay/state/state_memory.h"
#include "tests/unit/lib/unit.h"

/* Room for one of each. */
static const struct state_sizes sizes = {
	{[STATE_STREAM] = 1,
	 [STATE_STREAM_BYTES] = 1,
	 [STATE_QUEUED] = 1,
	 [STATE_PEER] = 1,
	 [STATE_PEER_BYTES] = 1},
};
static const struct state_head head = {.process = 1, .workers = 1};
static const struct endpoint somewhere = {{.family = IP_V4, .bytes = {192, 0, 2, 1}},
					  4000};
static struct state_memory memory;
static struct state_file *file;
static uint8_t bytes[SAVED_PEER_BYTES_MAX];

static void setup(void)
{
	ck_assert_int_eq(state_memory_make(&memory, "test", state_file_bytes(&sizes)), 0);
	file = state_file_new(memory.memory, memory.bytes, &head, &sizes);
	ck_assert_ptr_nonnull(file);
}

static void teardown(void)
{
	state_file_free(file);
	state_memory_release(&memory);
}

START_TEST(connections_with_peers)
{
	struct peer_records *records = peer_records_new(file);
	struct peer_record first = {0}, second = {0};
	const struct saved_peer saved = {
		.kind = SAVED_PEER_OPEN,
		.allocation = 1,
		.local = somewhere,
		.peer = somewhere,
	};

	peer_record_put(records, &first, &saved);
	ck_assert_uint_eq(peer_records_unsaved(records), 0);
	for (int i = 0; i < 2; i++) {
		peer_record_put(records, &second, &saved);
		ck_assert_uint_eq(peer_records_unsaved(records), 1);
	}
	peer_record_drop(records, &second);
	ck_assert_uint_eq(peer_records_unsaved(records), 0);

	/* Its bytes need more records than there are. */
	for (uint64_t from = 0; from < 64 * sizeof(bytes); from += sizeof(bytes))
		peer_record_keep(records, &first, SAVED_TO_PEER, from,
				 (struct slice){bytes, sizeof(bytes)});
	ck_assert_uint_eq(peer_records_unsaved(records), 1);
	/* And so there is room again. */
	peer_record_put(records, &second, &saved);
	ck_assert_uint_eq(peer_records_unsaved(records), 1);
	peer_record_drop(records, &first);
	ck_assert_uint_eq(peer_records_unsaved(records), 0);
	peer_record_drop(records, &second);
	peer_records_free(records);
}
END_TEST

START_TEST(connections_of_clients)
{
	struct stream_records *records = stream_records_new(file);
	struct stream_record first = {0}, second = {0};
	const struct slice nothing = {stream_records_window(records), 0};
	const struct saved_stream saved = {
		.front = {.local = somewhere, .transport = TRANSPORT_TCP},
		.client = somewhere,
	};

	ck_assert(stream_record_begin(&first, records, &saved, nothing));
	ck_assert_uint_eq(stream_records_unsaved(records), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert(!stream_record_begin(&second, records, &saved, nothing));
		ck_assert_uint_eq(stream_records_unsaved(records), 1);
	}
	stream_record_end(&first);
	ck_assert_uint_eq(stream_records_unsaved(records), 1);
	ck_assert(stream_record_begin(&second, records, &saved, nothing));
	ck_assert_uint_eq(stream_records_unsaved(records), 0);
	stream_record_end(&second);
	ck_assert(!stream_record_is(&second));
	stream_records_free(records);
}
END_TEST

START_TEST(messages_of_a_client_that_do_not_fit_cost_its_record)
{
	struct stream_records *records = stream_records_new(file);
	const struct slice nothing = {stream_records_window(records), 0};
	const struct slice message = {bytes, 100};
	const struct saved_stream saved = {
		.front = {.local = somewhere, .transport = TRANSPORT_TCP},
		.client = somewhere,
	};
	struct stream_io io;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	stream_io_init(&io, pair[0]);
	ck_assert(stream_record_begin(&io.record, records, &saved, nothing));
	/* More than the socket takes, and a record has room for. */
	for (int i = 0; i < 100000 && stream_record_is(&io.record); i++)
		stream_io_send(&io, message, STREAM_IO_MEDIA, 1 << 20);
	ck_assert(!stream_record_is(&io.record));
	ck_assert_uint_eq(stream_records_unsaved(records), 1);
	stream_io_lose(&io);
	ck_assert_uint_eq(stream_records_unsaved(records), 1);
	stream_io_close(&io);
	ck_assert_uint_eq(stream_records_unsaved(records), 0);
	close(pair[1]);
	stream_records_free(records);
}
END_TEST

static void unsaved_suite(Suite *suite)
{
	TCase *tc = tcase_create("unsaved");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, connections_with_peers);
	tcase_add_test(tc, connections_of_clients);
	tcase_add_test(tc, messages_of_a_client_that_do_not_fit_cost_its_record);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("unsaved", unsaved_suite)
