/*
 * test_clients.c - the limits of stream clients: which unauthenticated one gives way, and how
 * full the room is.
 */
#include "relay/front/clients.h"

#include <stdio.h>
#include <string.h>

#include "relay/core/quota.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/reload/relay_settings.h"
#include "tests/unit/lib/unit.h"

enum { CLIENTS = 32, WORKERS = 2, UNAUTHENTICATED_MAX = 100 };

static struct turn_shared shared;
static struct turn turn;
static struct relay_settings settings;
static struct delivery delivery;
static struct clients *workers[WORKERS];

struct fake {
	struct client client; /* first */
	struct clients *worker;
	enum connection_end ended; /* CONNECTION_END_COUNT: it is there */
};
static struct fake fakes[CLIENTS];

static void end(struct client *client, enum connection_end why)
{
	struct fake *fake = (struct fake *)client;

	ck_assert_int_eq(fake->ended, CONNECTION_END_COUNT);
	fake->ended = why;
	clients_leave(fake->worker, client);
}

static void set_up(void)
{
	shared.hash_key = (struct siphash_key){3, 4};
	shared.half_open = quota_new(2 * CLIENTS * WORKERS, 0);
	turn.shared = &shared;
	settings.stream = (struct relay_stream_limits){
		.connections = 100,
		.unauthenticated = 100,
		.unauthenticated_per_prefix = 100,
	};
	delivery.turn = &turn;
	delivery.settings = &settings;
	for (int i = 0; i < WORKERS; i++) {
		workers[i] =
			clients_new(&delivery, CLIENTS_STREAMS, UNAUTHENTICATED_MAX, end);
		ck_assert_ptr_nonnull(workers[i]);
	}
}

static void tear_down(void)
{
	for (int i = 0; i < WORKERS; i++)
		clients_free(workers[i]);
	ck_assert_uint_le(quota_peak(shared.half_open), CLIENTS);
	quota_free(shared.half_open);
}

/* The next client, on that worker. NULL if it is refused. */
static struct fake *connects(unsigned index, unsigned worker, const char *from)
{
	struct fake *fake = &fakes[index];

	memset(fake, 0, sizeof(*fake));
	fake->worker = workers[worker];
	fake->ended = CONNECTION_END_COUNT;
	ck_assert(ip_addr_parse(from, &fake->client.tuple.client.ip));
	fake->client.tuple.client.port = (uint16_t)(1024 + index);
	if (!clients_make_room(workers[worker], &fake->client.tuple.client.ip))
		return NULL;
	ck_assert(clients_enter(workers[worker], &fake->client));
	return fake;
}

static bool is_there(unsigned index)
{
	return fakes[index].ended == CONNECTION_END_COUNT;
}

START_TEST(the_oldest_of_a_full_source_gives_way)
{
	settings.stream.unauthenticated_per_prefix = 3;
	connects(0, 0, "192.0.2.9");
	for (unsigned i = 1; i < 8; i++)
		connects(i, 0, "192.0.2.1");
	for (unsigned i = 1; i < 8; i++)
		ck_assert_msg(is_there(i) == (i > 4), "%u", i);
	ck_assert_int_eq(fakes[1].ended, CONNECTION_END_GAVE_WAY_PREFIX);
	ck_assert(is_there(0));
}
END_TEST

START_TEST(an_ipv6_source_is_a_64)
{
	settings.stream.unauthenticated_per_prefix = 2;
	connects(0, 0, "2001:db8:0:1::1");
	connects(1, 0, "2001:db8:0:1:ffff::2");
	connects(2, 0, "2001:db8:0:2::1");
	ck_assert(is_there(0) && is_there(1) && is_there(2));
	connects(3, 0, "2001:db8:0:1::3");
	ck_assert(!is_there(0) && is_there(1) && is_there(2));
}
END_TEST

/* Whoever has a /48 is one source, and not 65536. */
START_TEST(an_ipv6_site_is_bounded_as_a_whole)
{
	char from[64];

	settings.stream.unauthenticated_per_prefix = 2;
	connects(0, 0, "2001:db8:1:1::1");
	for (unsigned i = 1; i < 20; i++) {
		snprintf(from, sizeof(from), "2001:db8:7:%x::1", i);
		connects(i, 0, from);
	}
	ck_assert(is_there(0));
	for (unsigned i = 1; i < 20; i++)
		ck_assert_msg(is_there(i) == (i >= 12), "%u", i);
	ck_assert_int_eq(fakes[1].ended, CONNECTION_END_GAVE_WAY_PREFIX);
	/* Also where the other worker has them. */
	connects(20, 1, "2001:db8:7:30::1");
	ck_assert(is_there(12) && is_there(20));
	connects(21, 1, "2001:db8:7:31::1");
	ck_assert(!is_there(20) && is_there(21));
}
END_TEST

START_TEST(the_fullest_source_of_all_is_a_site)
{
	char from[64];

	settings.stream.unauthenticated = 10;
	connects(0, 0, "2001:db8:1:1::1");
	connects(1, 0, "192.0.2.9");
	connects(2, 0, "192.0.2.9");
	for (unsigned i = 3; i < 20; i++) {
		snprintf(from, sizeof(from), "2001:db8:7:%x::1", i);
		connects(i, 0, from);
	}
	ck_assert(is_there(0) && is_there(1) && is_there(2));
	ck_assert(!is_there(3) && !is_there(12) && is_there(13) && is_there(19));
	ck_assert_int_eq(fakes[3].ended, CONNECTION_END_GAVE_WAY);
}
END_TEST

START_TEST(the_oldest_of_the_fullest_source_gives_way)
{
	settings.stream.unauthenticated = 6;
	connects(0, 0, "192.0.2.9");
	connects(1, 0, "192.0.2.8");
	for (unsigned i = 2; i < 6; i++)
		connects(i, 0, "192.0.2.1");
	/* Honest ones from elsewhere: the flood pays for them. */
	connects(6, 0, "192.0.2.10");
	connects(7, 0, "192.0.2.11");
	ck_assert(is_there(0) && is_there(1) && is_there(6) && is_there(7));
	ck_assert(!is_there(2) && !is_there(3) && is_there(4) && is_there(5));
	ck_assert_int_eq(fakes[2].ended, CONNECTION_END_GAVE_WAY);
}
END_TEST

START_TEST(without_descriptors_one_gives_way)
{
	ck_assert(!clients_free_descriptor(workers[0]));
	connects(0, 0, "192.0.2.9");
	connects(1, 0, "192.0.2.1");
	connects(2, 0, "192.0.2.1");
	connects(3, 1, "192.0.2.1");
	ck_assert(clients_free_descriptor(workers[0]));
	ck_assert(is_there(0) && !is_there(1) && is_there(2) && is_there(3));
	ck_assert_int_eq(fakes[1].ended, CONNECTION_END_GAVE_WAY_FILES);
	clients_authenticated(workers[0], &fakes[0].client);
	clients_authenticated(workers[0], &fakes[2].client);
	ck_assert(!clients_free_descriptor(workers[0]));
	ck_assert(is_there(0) && is_there(2) && is_there(3));
}
END_TEST

START_TEST(half_of_the_descriptors_is_shared_by_the_workers)
{
	ck_assert_uint_eq(clients_unauthenticated_max(600, 0, 2), 150);
	ck_assert_uint_eq(clients_unauthenticated_max(262144, 0, 1), 131072);
	ck_assert_uint_eq(clients_unauthenticated_max(262144, 0, 3), 43690);
	ck_assert_uint_eq(clients_unauthenticated_max(64, 0, 64), 1);
	ck_assert_uint_eq(clients_unauthenticated_max(UINT64_MAX, 0, 1), UINT32_MAX);
	/* The web server's connections have theirs, up to a half. */
	ck_assert_uint_eq(clients_unauthenticated_max(20000, 12000 - 4000, 2), 3000);
	ck_assert_uint_eq(clients_unauthenticated_max(1024, 12000, 2), 128);
}
END_TEST

START_TEST(a_limit_above_the_share_of_descriptors_is_that_share)
{
	struct clients *few = clients_new(&delivery, CLIENTS_STREAMS, 4, end);

	ck_assert_ptr_nonnull(few);
	clients_free(workers[0]);
	workers[0] = few;
	for (unsigned i = 0; i < 4; i++)
		connects(i, 0, "192.0.2.1");
	ck_assert_uint_eq(clients_pressure(few, &fakes[0].client), CLIENTS_FULL);
	connects(4, 0, "192.0.2.2");
	ck_assert(!is_there(0) && is_there(1) && is_there(4));
	/* A lower limit applies as it is. */
	settings.stream.unauthenticated = 2;
	connects(5, 0, "192.0.2.3");
	ck_assert(!is_there(1) && !is_there(2) && is_there(3) != is_there(4));
}
END_TEST

START_TEST(who_has_authenticated_never_gives_way)
{
	settings.stream.connections = 3;
	for (unsigned i = 0; i < 2; i++)
		clients_authenticated(workers[0], &connects(i, 0, "192.0.2.1")->client);
	connects(2, 0, "192.0.2.2");
	connects(3, 0, "192.0.2.1");
	ck_assert(is_there(0) && is_there(1) && is_there(3));
	ck_assert_int_eq(fakes[2].ended, CONNECTION_END_GAVE_WAY);
	clients_authenticated(workers[0], &fakes[3].client);
	ck_assert_ptr_null(connects(4, 0, "192.0.2.3"));
	ck_assert(is_there(0) && is_there(1) && is_there(3));
	/* One leaves, and the next one has its place. */
	clients_leave(workers[0], &fakes[1].client);
	ck_assert_ptr_nonnull(connects(5, 0, "192.0.2.3"));
}
END_TEST

START_TEST(a_source_has_its_share_over_all_workers)
{
	settings.stream.unauthenticated_per_prefix = 4;
	for (unsigned i = 0; i < 4; i++)
		connects(i, 0, "192.0.2.1");
	/* The other worker has none to end, so it takes one more, and then its own gives way. */
	connects(4, 1, "192.0.2.1");
	ck_assert(is_there(0) && is_there(4));
	connects(5, 1, "192.0.2.1");
	ck_assert(is_there(0) && !is_there(4) && is_there(5));
	connects(6, 0, "192.0.2.1");
	ck_assert(!is_there(0) && is_there(5) && is_there(6));
}
END_TEST

START_TEST(a_lowered_limit_is_kept_with_the_next_client)
{
	for (unsigned i = 0; i < 10; i++)
		connects(i, 0, "192.0.2.1");
	settings.stream.connections = 4;
	connects(10, 0, "192.0.2.2");
	for (unsigned i = 0; i < 10; i++)
		ck_assert_msg(is_there(i) == (i > 6), "%u", i);
	ck_assert(is_there(10));
}
END_TEST

/* A half-open association costs ten times a connection, and counts apart. */
START_TEST(associations_have_an_eighth_of_the_share) /* attack 19 */
{
	struct clients *dtls =
		clients_new(&delivery, CLIENTS_DTLS, UNAUTHENTICATED_MAX, end);
	struct clients *streams = workers[0];
	static const struct {
		uint32_t configured, gauge;
	} rows[] = {{32, 32}, {64, 64}, {100, 64}, {512, 64}, {1024, 128}};

	ck_assert_ptr_nonnull(dtls);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		settings.stream.unauthenticated_per_prefix = rows[i].configured;
		workers[0] = dtls;
		struct fake *fake = connects(0, 0, "192.0.2.1");
		ck_assert_uint_eq(clients_pressure(dtls, &fake->client),
				  CLIENTS_FULL / rows[i].gauge > 10
					  ? CLIENTS_FULL / rows[i].gauge
					  : 10);
		clients_leave(dtls, &fake->client);
	}
	settings.stream.unauthenticated_per_prefix = 2;
	connects(1, 0, "192.0.2.1");
	connects(2, 0, "192.0.2.1");
	workers[0] = streams;
	connects(3, 0, "192.0.2.1");
	connects(4, 0, "192.0.2.1");
	ck_assert(is_there(1) && is_there(2) && is_there(3) && is_there(4));
	workers[0] = dtls;
	connects(5, 0, "192.0.2.1");
	ck_assert_int_eq(fakes[1].ended, CONNECTION_END_GAVE_WAY_PREFIX);
	workers[0] = streams;
	ck_assert(is_there(3) && is_there(4));
	clients_free(dtls);
}
END_TEST

/* Both tables of each worker are full, each client a source and a site of its own. */
START_TEST(there_is_a_count_for_every_client) /* attack 19 */
{
	struct clients *dtls =
		clients_new(&delivery, CLIENTS_DTLS, UNAUTHENTICATED_MAX, end);
	struct clients *streams = workers[0];
	char from[64];

	ck_assert_ptr_nonnull(dtls);
	quota_free(shared.half_open);
	shared.half_open = quota_new(clients_owners(1, CLIENTS / 2), 0);
	settings.stream.unauthenticated = CLIENTS / 2;
	for (unsigned i = 0; i < CLIENTS; i++) {
		snprintf(from, sizeof(from), "2001:db8:%x:1::1", i);
		workers[0] = i % 2 == 0 ? dtls : streams;
		ck_assert_ptr_nonnull(connects(i, 0, from));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		ck_assert_msg(is_there(i), "%u", i);
	workers[0] = streams;
	clients_free(dtls);
}
END_TEST

START_TEST(no_limit_of_a_source_is_none)
{
	settings.stream.unauthenticated_per_prefix = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		connects(i, 0, "192.0.2.1");
	ck_assert(is_there(0));
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[0].client),
			  CLIENTS * CLIENTS_FULL / 100);
}
END_TEST

START_TEST(pressure_is_that_of_the_fuller_room)
{
	settings.stream = (struct relay_stream_limits){
		.connections = 20,
		.unauthenticated = 10,
		.unauthenticated_per_prefix = 4,
	};
	connects(0, 0, "192.0.2.1");
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[0].client), 250);
	connects(1, 1, "192.0.2.1");
	connects(2, 1, "192.0.2.1");
	/* Of the source 3 of 4; for others the worker: 1 and 2 of 10. */
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[0].client), 750);
	settings.stream.unauthenticated_per_prefix = 100;
	connects(3, 0, "192.0.2.2");
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[3].client), 200);

	/* What authenticated ones leave of all connections is the room then. */
	for (unsigned i = 4; i < 20; i++)
		clients_authenticated(workers[0], &connects(i, 0, "192.0.2.3")->client);
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[3].client), 500);
	settings.stream.connections = 10;
	ck_assert_uint_eq(clients_pressure(workers[0], &fakes[3].client), CLIENTS_FULL);
}
END_TEST

/* A balancer's connections count for the clients that it names. */
START_TEST(a_renamed_client_counts_for_its_new_source)
{
	struct endpoint name;

	settings.stream.unauthenticated_per_prefix = 2;
	ck_assert(endpoint_parse("203.0.113.7:1", 0, &name));
	for (unsigned i = 0; i < 6; i++) {
		connects(i, i % 2, "10.0.0.5");
		name.ip.bytes[3] = (uint8_t)(i < 3 ? 7 : i);
		name.port++;
		ck_assert(clients_rename(workers[i % 2], &fakes[i].client, &name));
		ck_assert(clients_find(workers[i % 2], &fakes[i].client.tuple) ==
			  &fakes[i].client);
	}
	/* Three of 203.0.113.7: the oldest on that worker gave way. Nobody else did. */
	ck_assert_int_eq(fakes[0].ended, CONNECTION_END_GAVE_WAY_PREFIX);
	for (unsigned i = 1; i < 6; i++)
		ck_assert_msg(is_there(i), "%u", i);
	connects(6, 0, "10.0.0.5");
	connects(7, 0, "10.0.0.5");
	ck_assert(is_there(6) && is_there(7)); /* nothing is left of the balancer's own */
}
END_TEST

START_TEST(without_room_a_renamed_client_is_in_no_table)
{
	struct endpoint name;

	ck_assert(endpoint_parse("203.0.113.7:1", 0, &name));
	connects(0, 0, "10.0.0.5");
	connects(1, 0, "192.0.2.1");
	clients_authenticated(workers[0], &fakes[1].client);
	settings.stream.connections = 1; /* a reload */
	ck_assert(!clients_rename(workers[0], &fakes[0].client, &name));
	ck_assert_ptr_null(clients_find(workers[0], &fakes[0].client.tuple));
	ck_assert(is_there(0) && is_there(1));
	clients_leave(workers[0], &fakes[0].client);
}
END_TEST

static void clients_suite(Suite *suite)
{
	TCase *tc = tcase_create("clients");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_oldest_of_a_full_source_gives_way);
	tcase_add_test(tc, an_ipv6_source_is_a_64);
	tcase_add_test(tc, an_ipv6_site_is_bounded_as_a_whole);
	tcase_add_test(tc, associations_have_an_eighth_of_the_share);
	tcase_add_test(tc, there_is_a_count_for_every_client);
	tcase_add_test(tc, the_fullest_source_of_all_is_a_site);
	tcase_add_test(tc, the_oldest_of_the_fullest_source_gives_way);
	tcase_add_test(tc, without_descriptors_one_gives_way);
	tcase_add_test(tc, a_renamed_client_counts_for_its_new_source);
	tcase_add_test(tc, without_room_a_renamed_client_is_in_no_table);
	tcase_add_test(tc, half_of_the_descriptors_is_shared_by_the_workers);
	tcase_add_test(tc, a_limit_above_the_share_of_descriptors_is_that_share);
	tcase_add_test(tc, who_has_authenticated_never_gives_way);
	tcase_add_test(tc, a_source_has_its_share_over_all_workers);
	tcase_add_test(tc, a_lowered_limit_is_kept_with_the_next_client);
	tcase_add_test(tc, no_limit_of_a_source_is_none);
	tcase_add_test(tc, pressure_is_that_of_the_fuller_room);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("clients", clients_suite)
