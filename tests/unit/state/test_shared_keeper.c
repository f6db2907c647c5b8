/*
 * What workers share goes from one process to the next: keys, reservations, resting ports, the
 * pulse. Two sets of tables play the two processes, and the second reads the memory of the first
 * at any moment, which is what a kill leaves.
 */
#include <string.h>

#include "relay/core/peer_policy.h"
#include "relay/core/shared.h"
#include "relay/state/shared_keeper.h"
#include "relay/state/state_memory.h"
#include "tests/unit/lib/unit.h"

enum { FIRST = 50000, PORTS = 20, REST_MS = 60000, T0 = 1000000 };

static const struct shared_sizes sizes = {
	.pool = {.address_count = 2,
		 .first = FIRST,
		 .last = FIRST + PORTS - 1,
		 .rest_ms = REST_MS},
	.reservations = PORTS,
	.owners = 2 * PORTS,
};

struct process {
	struct relay_address relay[3];
	struct turn_shared shared;
	struct state_memory memory;
	struct state_file *file;
	struct shared_keeper *keeper;
};
static struct process old, new;
static const uint8_t boot_id[16] = {7};

static void start(struct process *p, uint64_t number)
{
	struct state_head head = {.process = number, .worker = STATE_SHARED};
	struct state_sizes records = shared_keeper_sizes(&sizes);

	memset(p, 0, sizeof(*p));
	memcpy(head.boot_id, boot_id, sizeof(boot_id));
	/* The second process has another order of addresses. */
	for (int i = 0; i < 2; i++)
		p->relay[i].local = (struct ip_addr){
			.family = IP_V4,
			.bytes = {203, 0, 113, (uint8_t)(number == 1 ? i : 1 - i)}};
	p->shared.relay = p->relay;
	p->shared.relay_count = ARRAY_LEN(p->relay);
	ck_assert(shared_make(&p->shared, &sizes));
	ck_assert_int_eq(
		state_memory_make(&p->memory, "test", state_file_bytes(&records)), 0);
	p->file = state_file_new(p->memory.memory, p->memory.bytes, &head, &records);
	ck_assert_ptr_nonnull(p->file);
	p->keeper = shared_keeper_new(&p->shared, p->file, &sizes);
	ck_assert_ptr_nonnull(p->keeper);
}

static void end(struct process *p)
{
	shared_keeper_free(p->keeper);
	state_file_free(p->file);
	state_memory_release(&p->memory);
	shared_free(&p->shared);
}

static void setup(void)
{
	start(&old, 1);
	start(&new, 2);
}

static void teardown(void)
{
	end(&old);
	end(&new);
}

static struct state_view left_behind(void)
{
	struct state_view view;

	ck_assert_int_eq(state_view_open(&view, old.memory.memory, old.memory.bytes,
					 boot_id),
			 STATE_GOOD);
	return view;
}

static struct shared_restored restore(uint64_t now_ms)
{
	struct state_view view = left_behind();
	struct shared_restored restored =
		shared_keeper_restore(new.keeper, &view, now_ms);

	ck_assert(port_pool_check(new.shared.ports));
	ck_assert(port_pool_check(new.shared.tcp_ports));
	return restored;
}

static const uint8_t token[RESERVATION_TOKEN_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};

/* The odd port of a pair at address 1, as EVEN-PORT has it. */
static uint16_t reserve(struct process *p, uint64_t owner, uint64_t now_ms)
{
	uint16_t even = port_pool_take(p->shared.ports, 1, PORT_EVEN_PAIR, now_ms);

	ck_assert_uint_ne(even, 0);
	ck_assert(reservation_add(p->shared.reservations, token, owner, 1, even + 1,
				  now_ms));
	return (uint16_t)(even + 1);
}

START_TEST(keys_come_back)
{
	struct saved_secrets secrets = {
		.nonce = {1, [31] = 2}, .mobility = {{3, [31] = 4}}, .hash = {5, 6}};
	struct shared_past past;
	struct state_view view = left_behind();

	shared_keeper_read(&view, &past);
	ck_assert(!past.has_secrets);
	shared_keeper_secrets(old.keeper, &secrets);
	shared_keeper_read(&view, &past);
	ck_assert(past.has_secrets);
	ck_assert_mem_eq(&past.secrets, &secrets, sizeof(secrets));
}
END_TEST

START_TEST(generations_start_above_all)
{
	struct shared_past past;
	struct state_view view = left_behind();

	shared_keeper_read(&view, &past);
	ck_assert_uint_eq(past.alive_ms, 0);
	shared_keeper_pulse(old.keeper, &(struct saved_pulse){T0, 4711});
	shared_keeper_read(&view, &past);
	ck_assert_uint_eq(past.alive_ms, T0);
	ck_assert_uint_gt(past.generation, 4711 + 100000);
}
END_TEST

START_TEST(a_reservation_is_redeemed_in_the_next_process)
{
	size_t address;
	uint16_t port, held = reserve(&old, 77, T0);

	struct shared_restored restored = restore(T0 + 1000);
	ck_assert_uint_eq(restored.reservations, 1);
	ck_assert_uint_eq(restored.reservations_lost, 0);
	ck_assert(port_pool_in_use(new.shared.ports, 0, held));
	ck_assert(!reservation_redeem(new.shared.reservations, token, 78, T0 + 2000,
				      &address, &port));
	ck_assert(reservation_redeem(new.shared.reservations, token, 77, T0 + 2000,
				     &address, &port));
	/* Where 203.0.113.1 is by now. */
	ck_assert_uint_eq(address, 0);
	ck_assert_uint_eq(port, held);
}
END_TEST

START_TEST(a_reservation_ends_when_it_would_have)
{
	size_t address;
	uint16_t port;

	reserve(&old, 77, T0);
	ck_assert_uint_eq(restore(T0 + 29999).reservations, 1);
	ck_assert(!reservation_redeem(new.shared.reservations, token, 77, T0 + 30000,
				      &address, &port));
	ck_assert_uint_eq(reservation_table_expire(new.shared.reservations, T0 + 30000),
			  UINT64_MAX);
}
END_TEST

START_TEST(an_expired_one_is_none)
{
	reserve(&old, 77, T0);
	struct shared_restored restored = restore(T0 + 30000);
	ck_assert_uint_eq(restored.reservations, 0);
	ck_assert_uint_eq(restored.reservations_lost, 0);
}
END_TEST

START_TEST(one_that_was_given_back_does_not_come_back)
{
	uint16_t held = reserve(&old, 77, T0);

	reservation_table_expire(old.shared.reservations, T0 + 30000);
	struct shared_restored restored = restore(T0 + 30000);
	ck_assert_uint_eq(restored.reservations, 0);
	/* Its port rests from then on. */
	ck_assert_uint_eq(restored.resting, 1);
	ck_assert(!port_pool_rest(new.shared.ports, 0, held, T0 + 30000, T0 + 30001));
}
END_TEST

/* Killed before the allocation that has redeemed it is in a record, or after that. */
START_TEST(a_redeemed_one_is_there_until_its_allocation_is)
{
	size_t address;
	uint16_t port, held = reserve(&old, 77, T0);

	ck_assert(reservation_redeem(old.shared.reservations, token, 77, T0, &address,
				     &port));
	ck_assert_uint_eq(restore(T0).reservations, 1);
	ck_assert(reservation_redeem(new.shared.reservations, token, 77, T0, &address,
				     &port));
	port_pool_give(new.shared.ports, 0, held, T0);

	/* The allocation is restored first. */
	ck_assert(port_pool_take_this(new.shared.ports, 0, held));
	struct shared_restored restored = restore(T0);
	ck_assert_uint_eq(restored.reservations, 0);
	ck_assert_uint_eq(restored.reservations_lost, 1);
	port_pool_give(new.shared.ports, 0, held, T0);

	shared_keeper_pulse(old.keeper, &(struct saved_pulse){T0, 0});
	restored = restore(T0);
	ck_assert_uint_eq(restored.reservations + restored.reservations_lost, 0);
}
END_TEST

/* Killed after the allocation has given the port back, and before the pulse. */
START_TEST(a_redeemed_one_ends_with_its_allocation)
{
	size_t address;
	uint16_t port, held = reserve(&old, 77, T0);

	ck_assert(reservation_redeem(old.shared.reservations, token, 77, T0, &address,
				     &port));
	port_pool_give(old.shared.ports, address, port, T0);
	struct shared_restored restored = restore(T0);
	ck_assert_uint_eq(restored.reservations + restored.reservations_lost, 0);
	ck_assert_uint_eq(restored.resting, 1);
	ck_assert(!reservation_redeem(new.shared.reservations, token, 77, T0, &address,
				      &port));
	ck_assert(!port_pool_in_use(new.shared.ports, 0, held));
}
END_TEST

/* Its entry serves another reservation at once. */
START_TEST(an_entry_that_is_taken_again_is_not_dropped)
{
	size_t address;
	uint16_t port;

	reserve(&old, 77, T0);
	ck_assert(reservation_redeem(old.shared.reservations, token, 77, T0, &address,
				     &port));
	reserve(&old, 78, T0);
	shared_keeper_pulse(old.keeper, &(struct saved_pulse){T0, 0});
	ck_assert_uint_eq(restore(T0).reservations, 1);
	ck_assert_uint_eq(reservation_held(new.shared.reservations, 78, T0), 1);
}
END_TEST

START_TEST(reservations_are_in_the_file_of_the_next_process)
{
	struct state_view view;
	struct state_found found;
	uint32_t cursor = 0;

	reserve(&old, 77, T0);
	restore(T0);
	ck_assert_int_eq(state_view_open(&view, new.memory.memory, new.memory.bytes,
					 boot_id),
			 STATE_GOOD);
	ck_assert(state_view_next(&view, STATE_RESERVATION, &cursor, &found) &&
		  found.good);
}
END_TEST

/* Of every port of UDP and TCP, in any order of time. */
START_TEST(ports_go_on_resting)
{
	uint16_t ports[2][PORTS];

	for (int i = 0; i < PORTS; i++) {
		ports[0][i] = port_pool_take(old.shared.ports, 0, PORT_ANY, T0);
		ports[1][i] = port_pool_take(old.shared.tcp_ports, 1, PORT_ANY, T0);
	}
	for (int i = 0; i < PORTS; i++) {
		port_pool_give(old.shared.ports, 0, ports[0][i], T0 + (uint64_t)i);
		port_pool_give(old.shared.tcp_ports, 1, ports[1][i], T0 + (uint64_t)i);
	}
	/* Some were taken again. */
	ck_assert(port_pool_take_this(old.shared.ports, 0, ports[0][3]));
	ck_assert(port_pool_take_this(old.shared.ports, 0, ports[0][7]));

	/* An allocation that is restored has one that rests; one is where it was, now address 1. */
	ck_assert(port_pool_take_this(new.shared.ports, 1, ports[0][9]));
	struct shared_restored restored = restore(T0 + 100);
	ck_assert_uint_eq(restored.resting, 2 * PORTS - 3);
	struct port_pool_figures figures =
		port_pool_figures(new.shared.ports, 1, T0 + 100);
	ck_assert_uint_eq(figures.resting, PORTS - 3);
	ck_assert_uint_eq(figures.used, 1);
	figures = port_pool_figures(new.shared.tcp_ports, 0, T0 + 100);
	ck_assert_uint_eq(figures.resting, PORTS);

	/* They have rested since then. */
	figures = port_pool_figures(new.shared.tcp_ports, 0, T0 + REST_MS + 4);
	ck_assert_uint_eq(figures.resting, PORTS - 5);
	/* The free ones first, then the one that has rested longest. */
	uint16_t a = port_pool_take(new.shared.ports, 1, PORT_ANY, T0 + 200);
	uint16_t b = port_pool_take(new.shared.ports, 1, PORT_ANY, T0 + 200);
	ck_assert((a == ports[0][3] && b == ports[0][7]) ||
		  (a == ports[0][7] && b == ports[0][3]));
	ck_assert_uint_eq(port_pool_take(new.shared.ports, 1, PORT_ANY, T0 + 200),
			  ports[0][0]);
}
END_TEST

START_TEST(ports_that_have_rested_are_free)
{
	uint16_t port = port_pool_take(old.shared.ports, 0, PORT_ANY, T0);

	port_pool_give(old.shared.ports, 0, port, T0);
	ck_assert_uint_eq(restore(T0 + REST_MS).resting, 0);
	port_pool_figures(old.shared.ports, 0, T0 + REST_MS);
	/* And leave the file. */
	struct state_view view = left_behind();
	struct state_found found;
	uint32_t cursor = 0;
	ck_assert(!state_view_next(&view, STATE_RESTING, &cursor, &found));
	ck_assert_uint_eq(state_file_used(old.file), 0);
}
END_TEST

START_TEST(ports_of_an_address_that_is_gone_are_forgotten)
{
	uint16_t port = port_pool_take(old.shared.ports, 0, PORT_ANY, T0);

	port_pool_give(old.shared.ports, 0, port, T0);
	reserve(&old, 77, T0);
	new.relay[1].local.bytes[3] = 99; /* was 203.0.113.0 */
	struct shared_restored restored = restore(T0);
	ck_assert_uint_eq(restored.resting, 0);
	ck_assert_uint_eq(restored.reservations, 1);

	/* A reload removes an address with what rests there. */
	port_pool_remove(old.shared.ports, 0);
	ck_assert_uint_eq(restore(T0).resting, 0);
	struct state_view view = left_behind();
	struct state_found found;
	uint32_t cursor = 0;
	ck_assert(!state_view_next(&view, STATE_RESTING, &cursor, &found));
}
END_TEST

START_TEST(damaged_records_are_left_out)
{
	uint8_t record[SAVED_SHARED_MAX] = {0};
	struct shared_past past;
	struct state_view view = left_behind();

	for (size_t len = 0; len < sizeof(record); len++) {
		for (int version = 0; version < 3; version++) {
			struct saved_secrets secrets;
			struct saved_pulse pulse;
			struct slice bytes = {record, len};

			record[0] = (uint8_t)version;
			ck_assert(state_file_put(old.file, STATE_RESERVATION, 0, bytes));
			ck_assert(state_file_put(old.file, STATE_RESTING, 0, bytes));
			struct shared_restored restored = restore(T0);
			ck_assert_uint_eq(restored.reservations + restored.resting, 0);
			ck_assert(!saved_secrets_read(bytes, &secrets) ||
				  (version == 1 && len == 1 + 32 + 32 + 16));
			ck_assert(!saved_pulse_read(bytes, &pulse) ||
				  (version == 1 && len == 3));
		}
	}
	ck_assert(state_file_put(old.file, STATE_SECRETS, 0, (struct slice){record, 9}));
	ck_assert(state_file_put(old.file, STATE_PULSE, 0, (struct slice){record, 90}));
	shared_keeper_read(&view, &past);
	ck_assert(!past.has_secrets);
	ck_assert_uint_eq(past.alive_ms, 0);
}
END_TEST

static void shared_keeper_suite(Suite *suite)
{
	TCase *tc = tcase_create("shared_keeper");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keys_come_back);
	tcase_add_test(tc, generations_start_above_all);
	tcase_add_test(tc, a_reservation_is_redeemed_in_the_next_process);
	tcase_add_test(tc, a_reservation_ends_when_it_would_have);
	tcase_add_test(tc, an_expired_one_is_none);
	tcase_add_test(tc, one_that_was_given_back_does_not_come_back);
	tcase_add_test(tc, a_redeemed_one_is_there_until_its_allocation_is);
	tcase_add_test(tc, a_redeemed_one_ends_with_its_allocation);
	tcase_add_test(tc, an_entry_that_is_taken_again_is_not_dropped);
	tcase_add_test(tc, reservations_are_in_the_file_of_the_next_process);
	tcase_add_test(tc, ports_go_on_resting);
	tcase_add_test(tc, ports_that_have_rested_are_free);
	tcase_add_test(tc, ports_of_an_address_that_is_gone_are_forgotten);
	tcase_add_test(tc, damaged_records_are_left_out);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("shared_keeper", shared_keeper_suite)
