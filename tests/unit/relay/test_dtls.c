/*
 * test_dtls.c - clients over DTLS, from the first hello to the end: what strangers cost, what a
 * handshake may bring, messages and records, replacement, deadlines.
 */
#include "relay/front/dtls/dtls.h"

#include <string.h>
#include <time.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/limiter.h"
#include "relay/front/tickets.h"
#include "stun/attr.h"
#include "stun/dtls_hello.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/dtls_fixture.h"

#define ALICE "192.0.2.200:5000"
#define MALLORY "198.51.100.66:6666"

static struct dtls_fixture fx;
static struct dtls_peer alice;
static struct client turn_alice;

static void set_up(void)
{
	ck_assert(dtls_fixture_start(&fx));
	ck_assert(dtls_peer_init(&alice, &fx, ALICE, NULL, DTLS1_2_VERSION));
	client_init(&turn_alice, &fx.core, ALICE, FRONT_DTLS, "alice");
}

static void tear_down(void)
{
	dtls_peer_free(&alice);
	dtls_fixture_stop(&fx);
}

static uint64_t associations(void)
{
	const struct counters *counters = &fx.core.turn.counters;

	return counters->associations_opened - counters->associations_closed;
}

/* The bytes that a client writes first, or next. */
static size_t hello_of(struct dtls_peer *peer, uint8_t *bytes, size_t size)
{
	char *data;

	SSL_do_handshake(peer->ssl);
	long len = BIO_get_mem_data(peer->out, &data);
	ck_assert(len > 0 && (size_t)len <= size);
	memcpy(bytes, data, (size_t)len);
	(void)BIO_reset(peer->out);
	return (size_t)len;
}

static void must_connect(struct dtls_peer *peer)
{
	ck_assert(dtls_peer_connect(peer));
}

/* A Binding request and its answer, each in one record. True if there is an answer. */
static bool binds(struct dtls_peer *peer)
{
	static const uint8_t txid[STUN_TXID_LEN] = "a client";
	uint8_t message[512];
	struct stun_builder b;
	struct stun_msg msg;

	stun_builder_start(&b, message, sizeof(message), STUN_BINDING, STUN_REQUEST,
			   txid);
	dtls_peer_send(peer, message, stun_builder_finish(&b));
	size_t len = dtls_peer_receive(peer, message, sizeof(message));
	return len > 0 &&
	       stun_msg_parse((struct slice){message, len}, &msg) == STUN_PARSE_OK &&
	       msg.class == STUN_SUCCESS;
}

/* The request that has been built, over DTLS; its code. */
static int ask(void)
{
	uint8_t message[1024];
	struct stun_msg msg;
	struct stun_attr attr;
	struct slice reason;
	int code = 0;

	client_sign(&turn_alice);
	dtls_peer_send(&alice, turn_alice.message, turn_alice.message_len);
	size_t len = dtls_peer_receive(&alice, message, sizeof(message));
	if (len == 0)
		return -1;
	ck_assert_int_eq(stun_msg_parse((struct slice){message, len}, &msg),
			 STUN_PARSE_OK);
	if (stun_msg_find(&msg, STUN_ERROR_CODE, &attr))
		ck_assert(stun_attr_error_code(&attr, &code, &reason));
	return code;
}

static int allocate(void)
{
	client_login(&turn_alice);
	client_start(&turn_alice, TURN_ALLOCATE);
	stun_add_u32(&turn_alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	return ask();
}

static const struct allocation *allocation(void)
{
	return allocation_find(fx.core.turn.table, &turn_alice.tuple);
}

/* --- strangers ------------------------------------------------------------------------------- */

START_TEST(a_stranger_is_asked_for_a_cookie) /* T-502, T-540 */
{
	uint8_t hello[2048];
	size_t len = hello_of(&alice, hello, sizeof(hello));

	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(fx.count, 1);
	ck_assert_uint_lt(fx.datagrams[0].len, len);
	ck_assert_uint_lt(fx.datagrams[0].len, DTLS_HELLO_MIN);
	ck_assert_uint_eq(fx.datagrams[0].bytes[DTLS_RECORD_HEADER_LEN],
			  DTLS_HELLO_VERIFY_REQUEST);
	ck_assert_uint_eq(associations(), 0);
	ck_assert_uint_eq(fx.core.turn.counters.hello_verify_requests, 1);
}
END_TEST

START_TEST(hellos_of_strangers_leave_nothing) /* attack 17, attack 19 */
{
	uint8_t hello[2048];
	size_t len = hello_of(&alice, hello, sizeof(hello));
	struct endpoint from = alice.address;

	for (uint32_t i = 0; i < 100000; i++) {
		store_be32(from.ip.bytes, 0x0B000000 + i);
		dtls_fixture_receive(&fx, &from, hello, len);
	}
	ck_assert_uint_eq(fx.core.turn.counters.hello_verify_requests, 100000);
	ck_assert_uint_eq(fx.core.turn.counters.associations_opened, 0);
	ck_assert_uint_lt(fx.sent_bytes, 100000 * len);
}
END_TEST

START_TEST(strangers_are_limited) /* T-586 */
{
	uint8_t hello[2048];
	size_t len = hello_of(&alice, hello, sizeof(hello));

	fx.core.settings.limits.stranger_rate = 10;
	fx.core.settings.limits.stranger_burst = 5;
	for (int i = 0; i < 100; i++)
		dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_lt(fx.sent, 10);
	ck_assert_uint_gt(dtls_fixture_drops(&fx, DROP_LIMITED), 90);
}
END_TEST

/* The second hello of a client, with the cookie that it was given. */
static size_t hello_with_cookie(struct dtls_peer *peer, uint8_t *bytes, size_t size)
{
	dtls_peer_step(peer);
	return hello_of(peer, bytes, size);
}

START_TEST(a_cookie_is_good_for_its_source_and_for_a_while) /* T-502 */
{
	uint8_t hello[2048];
	size_t len = hello_with_cookie(&alice, hello, sizeof(hello));
	const struct endpoint other = ep(MALLORY);
	const struct endpoint port = ep("192.0.2.200:5001");

	dtls_fixture_receive(&fx, &other, hello, len);
	dtls_fixture_receive(&fx, &port, hello, len);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_COOKIE), 2);
	dtls_fixture_wait(&fx, 40000);
	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_COOKIE), 3);
	ck_assert_uint_eq(fx.core.turn.counters.associations_opened, 0);
}
END_TEST

START_TEST(a_cookie_is_good_for_its_hello) /* RFC 6347 section 4.2.1 */
{
	uint8_t hello[2048];
	size_t len = hello_with_cookie(&alice, hello, sizeof(hello));
	size_t random = DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN + 2;

	hello[random + 5] ^= 1;
	dtls_fixture_receive(&fx, &alice.address, hello, len);
	hello[random + 5] ^= 1;
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_COOKIE), 1);
	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(associations(), 1);
	/* Repeated: the same association. */
	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(fx.core.turn.counters.associations_opened, 1);
}
END_TEST

START_TEST(a_hello_in_fragments_is_dropped) /* attack 19 */
{
	uint8_t hello[2048];
	size_t len = hello_of(&alice, hello, sizeof(hello));
	uint8_t *message = hello + DTLS_RECORD_HEADER_LEN;

	/* The fragment ends ten bytes before the message. */
	store_be16(hello + 11, (uint16_t)(load_be16(hello + 11) - 10));
	store_be16(message + 10, (uint16_t)(load_be16(message + 10) - 10));
	dtls_fixture_receive(&fx, &alice.address, hello, len - 10);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_FRAGMENTED), 1);
	hello[DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN + 34] = 255;
	message[11] = (uint8_t)(message[11] + 10);
	store_be16(hello + 11, (uint16_t)(load_be16(hello + 11) + 10));
	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_HELLO), 1);
	ck_assert_uint_eq(fx.sent, 0);
}
END_TEST

START_TEST(records_of_nobody_are_dropped)
{
	static const uint8_t record[] = {23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 9};

	dtls_fixture_receive(&fx, &alice.address, record, sizeof(record));
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_NO_ASSOCIATION), 1);
	dtls_fixture_receive(&fx, &alice.address, record, sizeof(record) - 1);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_MALFORMED), 1);
	SSL_CTX *served = fx.settings.dtls;
	fx.settings.dtls = NULL;
	dtls_fixture_receive(&fx, &alice.address, record, sizeof(record));
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_NOT_STUN), 1);
	fx.settings.dtls = served;
	ck_assert_uint_eq(fx.sent, 0);
}
END_TEST

/* --- handshakes ------------------------------------------------------------------------------ */

START_TEST(a_handshake_fits_small_datagrams)
{
	must_connect(&alice);
	ck_assert_uint_gt(alice.longest, 1000);
	ck_assert_uint_le(alice.longest, 1200);
	ck_assert_int_eq(SSL_version(alice.ssl), DTLS1_2_VERSION);
	ck_assert(binds(&alice));
}
END_TEST

START_TEST(dtls_1_0_is_refused) /* T-501 */
{
	struct dtls_peer old;

	ck_assert(dtls_peer_init(&old, &fx, MALLORY, NULL, DTLS1_VERSION));
	ck_assert(!dtls_peer_connect(&old));
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_VERSION), 1);
	ck_assert_uint_eq(associations(), 0);
	dtls_peer_free(&old);
}
END_TEST

static const struct {
	const char *name;
	const char *alpn;
	bool open;
	enum connection_end why;
} alpns[] = {
	{"T-506 stun.turn", "\x09stun.turn", true, CONNECTION_END_COUNT},
	{"T-506 stun.nat-discovery", "\x12stun.nat-discovery", true,
	 CONNECTION_END_COUNT},
	{"T-506 none", NULL, true, CONNECTION_END_COUNT},
	{"T-506 h2", "\x02h2", false, CONNECTION_END_ALPN_H2},
	{"T-506 another", "\x03xyz", false, CONNECTION_END_ALPN_OTHER},
};

START_TEST(alpn_is_of_stun_or_absent) /* T-506 */
{
	struct dtls_peer peer;

	ck_assert(dtls_peer_init(&peer, &fx, MALLORY, alpns[_i].alpn, DTLS1_2_VERSION));
	ck_assert_msg(dtls_peer_connect(&peer) == alpns[_i].open, "%s", alpns[_i].name);
	if (!alpns[_i].open)
		ck_assert_uint_eq(dtls_fixture_ends(&fx, alpns[_i].why), 1);
	dtls_peer_free(&peer);
}
END_TEST

START_TEST(nat_discovery_is_binding_alone) /* T-507 */
{
	dtls_peer_free(&alice);
	ck_assert(dtls_peer_init(&alice, &fx, ALICE, "\x12stun.nat-discovery",
				 DTLS1_2_VERSION));
	must_connect(&alice);
	ck_assert(binds(&alice));
	ck_assert_int_eq(allocate(), 403);
	ck_assert_ptr_null(allocation());
}
END_TEST

/* Another client with the session of the first: is it resumed? */
static bool resumes(SSL_SESSION *session, const char *from)
{
	/* OpenSSL spoils the one of a client that ends without a close_notify. */
	SSL_SESSION *copy = SSL_SESSION_dup(session);
	struct dtls_peer peer;

	ck_assert(dtls_peer_init(&peer, &fx, from, NULL, DTLS1_2_VERSION));
	ck_assert_int_eq(SSL_set_session(peer.ssl, copy), 1);
	must_connect(&peer);
	bool resumed = SSL_session_reused(peer.ssl);
	ck_assert(binds(&peer));
	dtls_peer_free(&peer);
	SSL_SESSION_free(copy);
	return resumed;
}

START_TEST(sessions_are_resumed_until_their_key_has_gone) /* T-515 */
{
	must_connect(&alice);
	SSL_SESSION *session = SSL_get1_session(alice.ssl);

	ck_assert(SSL_SESSION_has_ticket(session));
	ck_assert(resumes(session, "198.51.100.1:1"));
	tickets_renew(fx.tickets, time(NULL) + TICKETS_KEY_S + 1);
	ck_assert(resumes(session, "198.51.100.1:2"));
	tickets_renew(fx.tickets, time(NULL) + 2 * TICKETS_KEY_S + 2);
	ck_assert(!resumes(session, "198.51.100.1:3"));
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(renegotiation_is_refused) /* T-501, attack 22 */
{
	must_connect(&alice);
	uint64_t opened = fx.core.turn.counters.associations_opened;

	SSL_renegotiate(alice.ssl);
	ck_assert(!dtls_peer_connect(&alice));
	ck_assert_uint_eq(fx.core.turn.counters.associations_opened, opened);
	ck_assert(SSL_renegotiate_pending(alice.ssl) || SSL_in_init(alice.ssl));
}
END_TEST

/* A record in the clear that holds one fragment. */
static void handshake_record(uint16_t sequence, uint32_t len, uint32_t offset,
			     size_t fragment, uint8_t type, uint16_t epoch)
{
	static uint8_t record[DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN + 4096];
	uint8_t *message = record + DTLS_RECORD_HEADER_LEN;

	memset(record, 0, sizeof(record));
	record[0] = type;
	store_be16(record + 1, 0xFEFD);
	store_be16(record + 3, epoch);
	store_be16(record + 9, sequence);
	store_be16(record + 11, (uint16_t)(DTLS_HANDSHAKE_HEADER_LEN + fragment));
	message[0] = 16;
	message[1] = (uint8_t)(len >> 16);
	store_be16(message + 2, (uint16_t)len);
	store_be16(message + 4, sequence);
	message[6] = (uint8_t)(offset >> 16);
	store_be16(message + 7, (uint16_t)offset);
	store_be16(message + 10, (uint16_t)fragment);
	dtls_fixture_receive(&fx, &alice.address, record,
			     DTLS_RECORD_HEADER_LEN + DTLS_HANDSHAKE_HEADER_LEN +
				     fragment);
}

static void begin_handshake(void)
{
	uint8_t hello[2048];
	size_t len = hello_with_cookie(&alice, hello, sizeof(hello));

	dtls_fixture_receive(&fx, &alice.address, hello, len);
	ck_assert_uint_eq(associations(), 1);
}

START_TEST(a_handshake_takes_what_belongs_to_one) /* attack 22 */
{
	begin_handshake();
	handshake_record(2, 1 << 20, 0, 1000, DTLS_HANDSHAKE, 0);
	handshake_record(99, 600, 0, 300, DTLS_HANDSHAKE, 0);
	handshake_record(3, 600, 0, 300, DTLS_APPLICATION_DATA, 1);
	handshake_record(3, 600, 0, 300, DTLS_HANDSHAKE, 2);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_RECORD), 4);
	ck_assert_uint_eq(associations(), 1);
}
END_TEST

START_TEST(a_handshake_is_at_most_32_kilobytes) /* attack 22 */
{
	begin_handshake();
	for (uint16_t i = 0; i < 40 && associations() == 1; i++)
		handshake_record(4, 4000, 0, 1000, DTLS_HANDSHAKE, 0);
	ck_assert_uint_eq(associations(), 0);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_HANDSHAKE), 1);
}
END_TEST

START_TEST(the_oldest_handshake_of_a_full_source_gives_way) /* attack 19 */
{
	struct dtls_peer peers[4];
	uint8_t hello[2048];
	char from[32];

	fx.settings.stream.unauthenticated_per_prefix = 3;
	for (int i = 0; i < 4; i++) {
		snprintf(from, sizeof(from), "198.51.100.7:%d", 2000 + i);
		ck_assert(dtls_peer_init(&peers[i], &fx, from, NULL, DTLS1_2_VERSION));
		size_t len = hello_with_cookie(&peers[i], hello, sizeof(hello));
		dtls_fixture_receive(&fx, &peers[i].address, hello, len);
	}
	ck_assert_uint_eq(associations(), 3);
	ck_assert_uint_eq(fx.core.turn.counters.associations_half_open, 3);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_GAVE_WAY_PREFIX), 1);
	for (int i = 0; i < 4; i++)
		dtls_peer_free(&peers[i]);
}
END_TEST

/* --- messages -------------------------------------------------------------------------------- */

START_TEST(a_request_over_dtls_makes_an_allocation) /* T-205 */
{
	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	ck_assert_ptr_nonnull(allocation());
	ck_assert_int_eq(allocation()->transport, TRANSPORT_DTLS);
	ck_assert_uint_eq(fx.core.turn.counters.associations_half_open, 0);
}
END_TEST

START_TEST(classic_stun_over_dtls_gets_500) /* T-053, T-504 */
{
	uint8_t request[20] = {0, 1}, answer[512];
	struct stun_msg msg;

	must_connect(&alice);
	dtls_peer_send(&alice, request, sizeof(request));
	size_t len = dtls_peer_receive(&alice, answer, sizeof(answer));
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){answer, len}, &msg),
			 STUN_PARSE_OK);
	ck_assert_int_eq(msg.class, STUN_ERROR);
	request[1] = 0x11;
	dtls_peer_send(&alice, request, sizeof(request));
	ck_assert_uint_eq(dtls_peer_receive(&alice, answer, sizeof(answer)), 0);
}
END_TEST

static void bind_channel(void)
{
	client_start(&turn_alice, TURN_CHANNEL_BIND);
	stun_add_u32(&turn_alice.b, TURN_CHANNEL_NUMBER, 0x4000u << 16);
	client_add_peer(&turn_alice, "192.0.2.1:7000");
	ck_assert_int_eq(ask(), 0);
}

START_TEST(channel_data_has_a_record_and_no_padding) /* T-508 */
{
	static const uint8_t message[] = {0x40, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	uint8_t got[512], packet[64 + 5 + 4];
	struct forward forward;

	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	bind_channel();
	dtls_peer_send(&alice, message, sizeof(message));
	ck_assert_uint_eq(fx.peers, 1);
	ck_assert_uint_eq(fx.to_peer.payload.len, 5);
	ck_assert_mem_eq(fx.to_peer.payload.data, "hello", 5);

	/* Once with room in front of the payload, and once without. */
	for (int room = 0; room < 2; room++) {
		const struct endpoint peer = ep("192.0.2.1:7000");

		memcpy(packet + 64, "hello", 5);
		dispatch_from_peer(&fx.core.turn, allocation()->slot, &peer,
				   (struct slice){packet + 64, 5}, fx.core.now_ms,
				   &forward);
		ck_assert_int_eq(forward.kind, FORWARD_TO_CLIENT);
		dtls_send_forward(fx.dtls, &turn_alice.tuple, &forward,
				  room ? packet + 64 : NULL);
		size_t len = dtls_peer_receive(&alice, got, sizeof(got));
		ck_assert_uint_eq(len, sizeof(message));
		ck_assert_mem_eq(got, message, len);
	}
}
END_TEST

START_TEST(a_record_is_one_message) /* T-508 */
{
	static const uint8_t two[] = {0x40, 0, 0, 4, 'o', 'n', 'e', '.',
				      0x40, 0, 0, 4, 't', 'w', 'o', '.'};

	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	bind_channel();
	dtls_peer_send(&alice, two, sizeof(two));
	ck_assert_uint_eq(fx.peers, 1);
	ck_assert_mem_eq(fx.to_peer.payload.data, "one.", 4);
}
END_TEST

START_TEST(a_repeated_or_forged_record_is_dropped)
{
	static const uint8_t message[] = {0x40, 0, 0, 4, 'o', 'n', 'e', '.'};
	uint8_t record[512];
	char *data;

	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	bind_channel();
	ck_assert_int_eq(SSL_write(alice.ssl, message, sizeof(message)), sizeof(message));
	long len = BIO_get_mem_data(alice.out, &data);
	memcpy(record, data, (size_t)len);
	(void)BIO_reset(alice.out);
	record[len - 1] ^= 1;
	dtls_fixture_receive(&fx, &alice.address, record, (size_t)len);
	ck_assert_uint_eq(fx.peers, 0);
	record[len - 1] ^= 1;
	dtls_fixture_receive(&fx, &alice.address, record, (size_t)len);
	ck_assert_uint_eq(fx.peers, 1);
	dtls_fixture_receive(&fx, &alice.address, record, (size_t)len);
	ck_assert_uint_eq(fx.peers, 1);
	ck_assert_uint_eq(dtls_fixture_drops(&fx, DROP_DTLS_RECORD), 2);
	/* An alert in the clear ends nothing. */
	static const uint8_t alert[] = {21, 0xFE, 0xFD, 0, 0, 0, 0, 0,
					0,  0,    9,    0, 2, 2, 40};
	dtls_fixture_receive(&fx, &alice.address, alert, sizeof(alert));
	ck_assert(binds(&alice));
}
END_TEST

/* --- ends ------------------------------------------------------------------------------------ */

START_TEST(close_notify_ends_the_allocation) /* T-213 */
{
	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	SSL_shutdown(alice.ssl);
	dtls_peer_flush(&alice);
	ck_assert_ptr_null(allocation());
	ck_assert_uint_eq(associations(), 0);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_CLIENT), 1);
}
END_TEST

START_TEST(a_new_handshake_replaces_when_it_is_complete) /* T-509 */
{
	struct dtls_peer again;
	uint8_t hello[2048];

	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	ck_assert(dtls_peer_init(&again, &fx, ALICE, NULL, DTLS1_2_VERSION));
	size_t len = hello_with_cookie(&again, hello, sizeof(hello));
	dtls_fixture_receive(&fx, &again.address, hello, len);
	ck_assert_uint_eq(associations(), 2);
	/* The old one goes on, and its client finds what is not for it of no use. */
	ck_assert_ptr_nonnull(allocation());
	fx.count = 0;
	ck_assert(binds(&alice));

	dtls_peer_free(&again);
	ck_assert(dtls_peer_init(&again, &fx, ALICE, NULL, DTLS1_2_VERSION));
	must_connect(&again);
	ck_assert_uint_eq(associations(), 1);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_REPLACED), 2);
	ck_assert_ptr_null(allocation());
	ck_assert(binds(&again));
	dtls_peer_free(&again);
}
END_TEST

START_TEST(a_handshake_that_stops_ends_alone) /* T-509 */
{
	struct dtls_peer again;
	uint8_t hello[2048];

	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	ck_assert(dtls_peer_init(&again, &fx, ALICE, NULL, DTLS1_2_VERSION));
	size_t len = hello_with_cookie(&again, hello, sizeof(hello));
	dtls_fixture_receive(&fx, &again.address, hello, len);
	dtls_fixture_wait(&fx, 30001);
	ck_assert_uint_eq(associations(), 1);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_GREETING), 1);
	ck_assert_ptr_nonnull(allocation());
	fx.count = 0;
	ck_assert(binds(&alice));
	dtls_peer_free(&again);
}
END_TEST

START_TEST(time_ends_what_does_not_go_on)
{
	must_connect(&alice);
	dtls_fixture_wait(&fx, 59000);
	ck_assert_uint_eq(associations(), 1);
	dtls_fixture_wait(&fx, 1001);
	ck_assert_uint_eq(associations(), 0);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_AUTHENTICATION), 1);
}
END_TEST

START_TEST(an_association_without_allocation_ends_idle)
{
	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	dtls_fixture_wait(&fx, 400000);
	ck_assert_uint_eq(associations(), 1); /* it has its allocation */
	client_start(&turn_alice, TURN_REFRESH);
	stun_add_u32(&turn_alice.b, TURN_LIFETIME, 0);
	ck_assert_int_eq(ask(), 0);
	ck_assert_ptr_null(allocation());
	dtls_fixture_wait(&fx, 300001);
	ck_assert_uint_eq(associations(), 0);
	ck_assert_uint_eq(dtls_fixture_ends(&fx, CONNECTION_END_IDLE), 1);
}
END_TEST

START_TEST(buffers_are_given_back_and_made_again)
{
	must_connect(&alice);
	ck_assert_int_eq(allocate(), 0);
	for (int i = 0; i < 3; i++) {
		dtls_fixture_wait(&fx, 5000);
		ck_assert(binds(&alice));
	}
}
END_TEST

static void dtls_suite(Suite *suite)
{
	TCase *tc = tcase_create("dtls");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_stranger_is_asked_for_a_cookie);
	tcase_add_test(tc, hellos_of_strangers_leave_nothing);
	tcase_add_test(tc, strangers_are_limited);
	tcase_add_test(tc, a_cookie_is_good_for_its_source_and_for_a_while);
	tcase_add_test(tc, a_cookie_is_good_for_its_hello);
	tcase_add_test(tc, a_hello_in_fragments_is_dropped);
	tcase_add_test(tc, records_of_nobody_are_dropped);
	tcase_add_test(tc, a_handshake_fits_small_datagrams);
	tcase_add_test(tc, dtls_1_0_is_refused);
	tcase_add_loop_test(tc, alpn_is_of_stun_or_absent, 0, ROWS(alpns));
	tcase_add_test(tc, nat_discovery_is_binding_alone);
	tcase_add_test(tc, sessions_are_resumed_until_their_key_has_gone);
	tcase_add_test(tc, renegotiation_is_refused);
	tcase_add_test(tc, a_handshake_takes_what_belongs_to_one);
	tcase_add_test(tc, a_handshake_is_at_most_32_kilobytes);
	tcase_add_test(tc, the_oldest_handshake_of_a_full_source_gives_way);
	tcase_add_test(tc, a_request_over_dtls_makes_an_allocation);
	tcase_add_test(tc, classic_stun_over_dtls_gets_500);
	tcase_add_test(tc, channel_data_has_a_record_and_no_padding);
	tcase_add_test(tc, a_record_is_one_message);
	tcase_add_test(tc, a_repeated_or_forged_record_is_dropped);
	tcase_add_test(tc, close_notify_ends_the_allocation);
	tcase_add_test(tc, a_new_handshake_replaces_when_it_is_complete);
	tcase_add_test(tc, a_handshake_that_stops_ends_alone);
	tcase_add_test(tc, time_ends_what_does_not_go_on);
	tcase_add_test(tc, an_association_without_allocation_ends_idle);
	tcase_add_test(tc, buffers_are_given_back_and_made_again);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("dtls", dtls_suite)
