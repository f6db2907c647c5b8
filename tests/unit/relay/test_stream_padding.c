/*
 * test_stream_padding.c - a client on TCP that does not pad its ChannelData (RFC 8656 section
 * 12.5): its connection and its allocation end with a reason of their own, and those of a client
 * that sends other garbage do not. On real sockets.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/front/stream.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"
#include "tests/unit/stun/bytes.h"

static struct relay_fixture fixture;
static struct relay_client alice;

static void quick(struct relay_settings *settings)
{
	settings->stream.frame_ms = 300;
}

static void bind_channel(void *arg)
{
	struct relay_client *client = arg;
	struct worker *worker = client->worker;
	struct allocation *al = allocation_by_id(worker->turn.table, client->id);
	const struct endpoint peer = {client->fixture->peers, 9};
	const char *refused;

	ck_assert_int_eq(channel_bind(&worker->turn, al, 0x4001, &peer,
				      worker->loop.now_ms, &refused),
			 0);
}

static void begin(void)
{
	relay_fixture_start(&fixture, NULL, quick);
	client_connect(&alice, &fixture, 0);
	client_allocate(&alice, DIALECT_IETF);
	ck_assert(inbox_call(alice.worker->inbox, bind_channel, &alice));
}

static void end(void)
{
	client_close(&alice);
	relay_fixture_stop(&fixture);
}

static struct counters counters(void)
{
	struct counters sum = {0};

	relay_counters(&fixture.relay, &sum);
	return sum;
}

#define DATA_3 "4001 0003 616263"
#define DATA_5 "4001 0005 6162636465"
#define BINDING "0001 0000 2112a442 000102030405060708090a0b"

static const struct {
	const char *name;
	const char *sent;
	enum connection_end why;
} rows[] = {
	{"ChannelData, then a request", DATA_3 BINDING, CONNECTION_END_UNPADDED},
	{"ChannelData twice", DATA_3 DATA_3, CONNECTION_END_UNPADDED},
	{"three bytes are missing", DATA_5 BINDING, CONNECTION_END_UNPADDED},
	{"ChannelData of 78 bytes, whose length passes for a channel number",
	 DATA_5 "4001 004e 0000"
		"00000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000 ffffffff",
	 CONNECTION_END_UNPADDED},
	{"the same, and the frame that it passes for is never complete",
	 DATA_5 "4001 004e 8060 7fff 00000000", CONNECTION_END_UNPADDED},
	{"padded and well", DATA_3 "00" DATA_5 "ffffff" BINDING DATA_3 "40" BINDING,
	 CONNECTION_END_COUNT},
	{"padded, then garbage", DATA_3 "00 ffffffffffffff", CONNECTION_END_NOT_STUN},
	{"padded, then HTTP", DATA_5 "000000 ff474554202f2048", CONNECTION_END_NOT_STUN},
	{"nothing to pad, then garbage", "4001 0004 61626364 ff",
	 CONNECTION_END_NOT_STUN},
	{"a frame that is not complete", DATA_3 "00 4001 0100 6162",
	 CONNECTION_END_FRAME},
};

static void expect_end(void)
{
	uint8_t byte[64];
	ssize_t got;

	do
		got = recv(alice.fd, byte, sizeof(byte), 0);
	while (got > 0);
}

START_TEST(ends_with_its_reason)
{
	size_t count = ARRAY_LEN(rows);
	struct slice bytes = bytes_hex(rows[_i % count].sent);
	enum connection_end why = rows[_i % count].why;
	bool is_cut = (size_t)_i >= count; /* else in one piece */

	if (is_cut) {
		for (size_t i = 0; i < bytes.len; i++) {
			if (send(alice.fd, bytes.data + i, 1, MSG_NOSIGNAL) != 1)
				break;
			nap();
		}
	} else {
		peer_send(alice.fd, bytes.data, bytes.len);
	}
	bytes_free(bytes);
	if (why == CONNECTION_END_COUNT) {
		uint8_t answers[256];

		EVENTUALLY(
			counters().requests[REQUEST_BINDING][request_result_index(0)] >=
			3);
		ck_assert_int_gt(recv(alice.fd, answers, sizeof(answers), 0), 0);
		ck_assert_uint_eq(counters().connections_closed, 0);
		return;
	}
	expect_end();
	EVENTUALLY(counters().connections_closed == 1);
	for (int i = 0; i < CONNECTION_END_COUNT; i++)
		ck_assert_msg(counters().connections_ended[i] == (i == (int)why),
			      "%s: %s", rows[_i % count].name,
			      connection_end_name((enum connection_end)i));
	bool is_unpadded = why == CONNECTION_END_UNPADDED;
	ck_assert_uint_eq(counters().drops[DROP_UNPADDED_CHANNEL_DATA], is_unpadded);
	ck_assert_uint_eq(counters().drops[DROP_NOT_STUN],
			  why == CONNECTION_END_NOT_STUN);
	ck_assert_uint_eq(counters().allocations_ended[END_UNPADDED], is_unpadded);
	ck_assert_uint_eq(counters().allocations_ended[END_CLIENT_GONE], !is_unpadded);
}
END_TEST

START_TEST(a_client_that_gives_up_leaves_the_reason)
{
	struct slice bytes = bytes_hex(DATA_5 "4001 004e 8060 7fff 00000000");

	peer_send(alice.fd, bytes.data, bytes.len);
	shutdown(alice.fd, SHUT_WR);
	bytes_free(bytes);
	expect_end();
	EVENTUALLY(counters().connections_ended[CONNECTION_END_UNPADDED] == 1);
	ck_assert_uint_eq(counters().allocations_ended[END_UNPADDED], 1);
}
END_TEST

static void stream_padding_suite(Suite *suite)
{
	TCase *tc = tcase_create("stream_padding");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, ends_with_its_reason, 0, 2 * ROWS(rows));
	tcase_add_test(tc, a_client_that_gives_up_leaves_the_reason);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stream_padding", stream_padding_suite)
