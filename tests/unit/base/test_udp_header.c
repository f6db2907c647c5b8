/*
 * test_udp_header.c - fields of the IP header over loopback sockets: TOS and hop limit go out as said
 * and are told as they came, and DF is set and cleared.
 */
#include <netinet/in.h>
#include <string.h>

#include "tests/unit/base/udp_pair.h"

/* One by one, together, and in pieces; what differs in TOS is no run. */
START_TEST(tos_goes_out_and_is_told)
{
	static const uint8_t marks[] = {0,    0xb8, 0xb8, 0xb8, 0xb8,
					0x03, 0x02, 0xff, 0,    0};
	int on = 1;

	open_pair(families[_i / 2]);
	queue.refused_v4 = queue.refused_v6 = _i % 2;
	bool v4 = pair.destination.ip.family == IP_V4;
	ck_assert_int_eq(setsockopt(pair.to, v4 ? IPPROTO_IP : IPPROTO_IPV6,
				    v4 ? IP_RECVTOS : IPV6_RECVTCLASS, &on, sizeof(on)),
			 0);
	for (uint8_t i = 0; i < sizeof(marks); i++) {
		const struct udp_datagram datagram = {
			.header = {bytes, i % 3 == 0 ? 4 : 0},
			.payload = {bytes + i, 100},
			.tos = marks[i],
		};
		udp_queue_add(&queue, pair.from, &pair.destination, &datagram);
	}
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	for (uint8_t i = 0; i < sizeof(marks); i++) {
		ck_assert_uint_eq(i % 2 ? udp_batch_receive(&batch, pair.to, 1)
					: udp_batch_receive_one(&batch, pair.to),
				  1);
		struct udp_message message = message_of(0);
		ck_assert_uint_eq(message.tos, marks[i]);
		ck_assert_uint_eq(message.rest.len, i % 3 == 0 ? 104 : 100);
	}
	close_pair();
}
END_TEST

/* T-390, T-397: as the TOS; 0 is the system's default. */
START_TEST(hop_limit_goes_out_and_is_told)
{
	static const uint8_t limits[] = {1, 9, 9, 9, 9, 255, 254, 64, 0, 0};

	open_pair(families[_i / 2]);
	queue.refused_v4 = queue.refused_v6 = _i % 2;
	uint8_t family = pair.destination.ip.family;
	ck_assert_int_eq(udp_batch_tell_hop_limit(pair.to, family, true), 0);
	for (uint8_t i = 0; i < sizeof(limits); i++) {
		const struct udp_datagram datagram = {
			.header = {bytes, i % 3 == 0 ? 4 : 0},
			.payload = {bytes + i, 100},
			.tos = i % 2 ? 0xb8 : 0,
			.hop_limit = limits[i],
		};
		udp_queue_add(&queue, pair.from, &pair.destination, &datagram);
	}
	ck_assert_uint_eq(udp_queue_flush(&queue), 0);
	for (uint8_t i = 0; i < sizeof(limits); i++) {
		ck_assert_uint_eq(udp_batch_receive_one(&batch, pair.to), 1);
		struct udp_message message = message_of(0);
		ck_assert_uint_eq(message.hop_limit, limits[i] != 0 ? limits[i] : 64);
	}
	ck_assert_int_eq(udp_batch_tell_hop_limit(pair.to, family, false), 0);
	add(&pair.destination, 0, 100);
	udp_queue_flush(&queue);
	ck_assert_uint_eq(udp_batch_receive_one(&batch, pair.to), 1);
	ck_assert_uint_eq(message_of(0).hop_limit, 0);
	close_pair();
}
END_TEST

/* All three are told at once: size, TOS and hop limit of what came together. */
START_TEST(a_run_keeps_its_header)
{
	struct udp_datagram datagram = {.tos = 0x2a, .hop_limit = 17};
	int on = 1;

	open_pair(families[_i]);
	bool v4 = pair.destination.ip.family == IP_V4;
	ck_assert(udp_batch_enable_gro(pair.to));
	ck_assert_int_eq(setsockopt(pair.to, v4 ? IPPROTO_IP : IPPROTO_IPV6,
				    v4 ? IP_RECVTOS : IPV6_RECVTCLASS, &on, sizeof(on)),
			 0);
	udp_batch_tell_hop_limit(pair.to, pair.destination.ip.family, true);
	for (size_t i = 0; i < 6; i++) {
		datagram.payload = (struct slice){bytes + i, 200};
		datagram.hop_limit = i < 4 ? 17 : 16;
		udp_queue_add(&queue, pair.from, &pair.destination, &datagram);
	}
	udp_queue_flush(&queue);
	ck_assert_uint_ge(udp_batch_receive(&batch, pair.to, 4), 2);
	struct udp_message first = message_of(0), second = message_of(1);
	ck_assert_uint_eq(first.rest.len, 800);
	ck_assert_uint_eq(first.hop_limit, 17);
	ck_assert_uint_eq(first.tos, 0x2a);
	ck_assert_uint_eq(second.hop_limit, 16);
	close_pair();
}
END_TEST

/* T-405: IPv6 has no DF; the kernel refuses to fragment, as it does with DF on IPv4. */
START_TEST(df_forbids_fragments)
{
	open_pair(families[_i]);
	uint8_t family = pair.destination.ip.family;

	/* No MTU is smaller than loopback's with its 65536, so only the option can be seen. */
	ck_assert_int_eq(udp_batch_set_df(pair.from, family, true), 0);
	int value = 0;
	socklen_t len = sizeof(value);
	bool v4 = family == IP_V4;
	ck_assert_int_eq(getsockopt(pair.from, v4 ? IPPROTO_IP : IPPROTO_IPV6,
				    v4 ? IP_MTU_DISCOVER : IPV6_DONTFRAG, &value, &len),
			 0);
	ck_assert_int_eq(value, v4 ? IP_PMTUDISC_PROBE : 1);
	ck_assert_int_eq(udp_batch_set_df(pair.from, family, false), 0);
	ck_assert_int_eq(getsockopt(pair.from, v4 ? IPPROTO_IP : IPPROTO_IPV6,
				    v4 ? IP_MTU_DISCOVER : IPV6_DONTFRAG, &value, &len),
			 0);
	ck_assert_int_eq(value, v4 ? IP_PMTUDISC_OMIT : 0);
	close_pair();
}
END_TEST

static void udp_header_suite(Suite *suite)
{
	TCase *tc = tcase_create("udp_header");
	tcase_add_loop_test(tc, tos_goes_out_and_is_told, 0, 2 * ROWS(families));
	tcase_add_loop_test(tc, hop_limit_goes_out_and_is_told, 0, 2 * ROWS(families));
	tcase_add_loop_test(tc, a_run_keeps_its_header, 0, ROWS(families));
	tcase_add_loop_test(tc, df_forbids_fragments, 0, ROWS(families));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("udp_header", udp_header_suite)
