/*
 * test_restore_model.c - clients do at random what clients do; then the process ends, and another takes
 * up all of it. From there on the clients do the same with the process that ended, as if it had not,
 * and with the new one: both answer and forward alike, to the end.
 */
#include <stdio.h>

#include "relay/core/quota.h"
#include "tests/unit/core/random.h"
#include "tests/unit/dialect/restore_check.h"

enum { CLIENTS = 8, MS_CLIENTS = 4, STEPS = 120, ROUNDS = 60 };

struct pair {
	struct client was, is;
	size_t name_len; /* of what its allocation was made with */
	uint8_t name[CREDENTIAL_USERNAME_MAX];
	uint8_t key_len;
};

struct ms_pair {
	struct ms_client was, is;
	size_t name_len;
	uint8_t name[CREDENTIAL_USERNAME_MAX];
	uint8_t key_len;
};

static struct pair pairs[CLIENTS];
static struct ms_pair ms_pairs[MS_CLIENTS];
static uint64_t seed;

static const char *const peers[] = {"192.0.2.1:7000",  "192.0.2.1:7001",
				    "192.0.2.2:7000",  "[2001:db8:1::1]:7000",
				    "127.0.0.1:7000",  "198.51.100.9:9",
				    "192.0.2.55:7000", "[2001:db8:1::2]:1"};

static uint32_t below(uint32_t n)
{
	return random_below(&seed, n);
}

static const char *any_peer(void)
{
	return peers[below(ARRAY_LEN(peers))];
}

static void advance_both(uint64_t ms)
{
	struct fixture *both[] = {&before, &after};

	for (size_t i = 0; i < 2; i++) {
		both[i]->now_ms += ms;
		both[i]->unix_s += (int64_t)(ms / 1000);
		dispatch_expire(&both[i]->turn, both[i]->now_ms);
	}
}

/* One thing that a client does; which is decided by what, so that another one can do the same. */
struct step {
	uint32_t what, number, lifetime;
	const char *peer;
	uint8_t family, extra;
};

static struct step draw_step(void)
{
	static const uint32_t lifetimes[] = {0, 60, 600, 600, 900, 3600};

	return (struct step){
		.what = below(12),
		.number = 0x4000 + below(4),
		.lifetime = lifetimes[below(ARRAY_LEN(lifetimes))],
		.peer = any_peer(),
		.family = (uint8_t)(1 + below(2)),
		.extra = (uint8_t)below(6),
	};
}

static int allocate(struct client *c, const struct step *step)
{
	client_login(c);
	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT,
		     (step->extra == 4 ? 6u : 17u) << 24);
	switch (step->extra) {
	case 1:
		stun_add_u32(&c->b, TURN_REQUESTED_ADDRESS_FAMILY,
			     (uint32_t)step->family << 24);
		break;
	case 2:
		stun_add_u32(&c->b, TURN_ADDITIONAL_ADDRESS_FAMILY, 2u << 24);
		break;
	case 3:
		stun_builder_add(&c->b, TURN_EVEN_PORT, "\x80", 1);
		break;
	case 5:
		stun_builder_add(&c->b, TURN_MOBILITY_TICKET, NULL, 0);
		break;
	default:
		break;
	}
	return client_ask(c);
}

static int refresh(struct client *c, const struct step *step)
{
	client_start(c, TURN_REFRESH);
	stun_add_u32(&c->b, TURN_LIFETIME, step->lifetime);
	if (step->extra == 0)
		stun_add_u32(&c->b, TURN_REQUESTED_ADDRESS_FAMILY,
			     (uint32_t)step->family << 24);
	return client_ask(c);
}

/* What came of it, in one number. */
static int perform(struct client *c, const struct step *step)
{
	struct forward forward;

	switch (step->what) {
	case 0:
	case 1:
		return client_allocation(c) == NULL ? allocate(c, step) : 0;
	case 2:
	case 3:
		return client_permit(c, step->peer);
	case 4:
	case 5:
		return client_bind(c, (uint16_t)step->number, step->peer);
	case 6:
		return refresh(c, step);
	case 7:
		return client_send(c, step->peer, "data", 4) ? 1 : 0;
	case 8:
		return client_channel_data(c, (uint16_t)step->number, "data", 4) ? 1 : 0;
	case 9:
		return client_again(c);
	default:
		if (client_allocation(c) == NULL)
			return -2;
		return client_from_peer(c, step->peer, "data", 4, &forward)
			       ? (int)forward.header_len
			       : 0;
	}
}

static int ms_perform(struct ms_client *c, const struct step *step)
{
	struct forward forward;

	switch (step->what) {
	case 0:
	case 1:
		return ms_client_allocation(c) == NULL ? ms_client_allocate(c) : 0;
	case 2:
	case 3:
	case 4:
		return ms_client_send(c, step->peer, "data", 4) ? 1 : 0;
	case 5:
		return ms_client_activate(c, step->peer);
	case 6:
		return ms_client_lifetime(c, step->lifetime);
	case 7:
	case 8:
		return ms_client_data(c, "bare", 4) ? 1 : 0;
	case 9:
		return ms_client_again(c);
	default:
		if (ms_client_allocation(c) == NULL)
			return -2;
		return ms_client_from_peer(c, step->peer, "data", 4, &forward)
			       ? (int)forward.header_len + 1
			       : 0;
	}
}

/* As edge->prove() does: what the last successful Allocate or Refresh was signed with. */
static void note_proof(struct pair *pair)
{
	const struct allocation *al = client_allocation(&pair->was);

	if (al == NULL)
		return;
	pair->name_len = pair->was.username_len;
	memcpy(pair->name, pair->was.username, pair->name_len);
	pair->key_len = al->owner.key.len;
}

static void ms_note_proof(struct ms_pair *pair)
{
	const struct allocation *al = ms_client_allocation(&pair->was);

	if (al == NULL)
		return;
	pair->name_len = pair->was.username_len;
	memcpy(pair->name, pair->was.username, pair->name_len);
	pair->key_len = al->owner.key.len;
}

static void make_clients(void)
{
	static const uint16_t fronts[] = {FRONT_OUTSIDE_UDP, FRONT_OUTSIDE_TCP,
					  FRONT_OUTSIDE_UDP6};
	char address[64];

	for (int i = 0; i < CLIENTS; i++) {
		uint16_t front = fronts[below(ARRAY_LEN(fronts))];
		const char *user = i % 3 == 0 ? "alice" : i % 3 == 1 ? "bob" : "";

		snprintf(address, sizeof(address),
			 front == FRONT_OUTSIDE_UDP6 ? "[2001:db8:7::%d]:5000"
						     : "192.0.2.%d:5000",
			 100 + i / 2);
		client_init(&pairs[i].was, &before, address, front, user);
		pairs[i].was.tuple.client.port = (uint16_t)(5000 + i);
		pairs[i].was.auth = below(2) ? CLIENT_SHA256 : CLIENT_MD5;
	}
	for (int i = 0; i < MS_CLIENTS; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d:6000", 200 + i);
		ms_client_init(&ms_pairs[i].was, &before, address,
			       below(2) ? FRONT_OUTSIDE_UDP : FRONT_OUTSIDE_TCP, "maria");
	}
}

static void live_before(void)
{
	for (int i = 0; i < STEPS; i++) {
		struct step step = draw_step();

		if (i < 2 * (CLIENTS + MS_CLIENTS))
			step.what = 0;
		if (below(4) == 0) {
			struct ms_pair *pair = &ms_pairs[below(MS_CLIENTS)];

			ms_perform(&pair->was, &step);
			ms_note_proof(pair);
		} else {
			struct pair *pair = &pairs[below(CLIENTS)];

			perform(&pair->was, &step);
			note_proof(pair);
		}
		advance_both(below(3) == 0 ? below(40000) : below(10));
	}
}

static size_t take_over(void)
{
	struct allocation *al;
	size_t count = 0;

	for (int i = 0; i < CLIENTS; i++) {
		al = client_allocation(&pairs[i].was);
		memcpy(&pairs[i].is, &pairs[i].was, sizeof(pairs[i].is));
		pairs[i].is.fixture = &after;
		if (al == NULL)
			continue;
		proof = (struct owner_proof){
			.kind = OWNER_PROOF_USERNAME,
			.bytes = {pairs[i].name, pairs[i].name_len},
			.realm = text_of(fixture_realm),
			.key_len = pairs[i].key_len,
		};
		take_image(al);
		expect_restored("IETF");
		count++;
	}
	for (int i = 0; i < MS_CLIENTS; i++) {
		al = ms_client_allocation(&ms_pairs[i].was);
		memcpy(&ms_pairs[i].is, &ms_pairs[i].was, sizeof(ms_pairs[i].is));
		ms_pairs[i].is.fixture = &after;
		if (al == NULL)
			continue;
		proof = (struct owner_proof){
			.kind = OWNER_PROOF_MS_USERNAME,
			.bytes = {ms_pairs[i].name, ms_pairs[i].name_len},
			.realm = text_of(before.settings.ms.realm),
			.key_len = ms_pairs[i].key_len,
		};
		take_image(al);
		expect_restored("MS");
		count++;
	}
	return count;
}

static void expect_same_sums(void)
{
	for (size_t i = 0; i < before.shared.relay_count; i++) {
		struct port_pool_figures was = port_pool_figures(before.shared.tcp_ports,
								 i, before.now_ms),
					 is = port_pool_figures(after.shared.tcp_ports, i,
								after.now_ms);

		ck_assert_uint_eq(was.used, is.used);
	}
	ck_assert_uint_eq(allocation_count(before.turn.table),
			  allocation_count(after.turn.table));
	ck_assert_uint_eq(quota_held(before.shared.total, 0),
			  quota_held(after.shared.total, 0));
	ck_assert_uint_eq(quota_owners(before.shared.prefixes),
			  quota_owners(after.shared.prefixes));
	ck_assert_uint_eq(quota_owners(before.shared.users[DIALECT_IETF]),
			  quota_owners(after.shared.users[DIALECT_IETF]));
	ck_assert(allocation_table_check(after.turn.table));
	ck_assert(port_pool_check(after.shared.ports) &&
		  port_pool_check(after.shared.tcp_ports));
}

static void live_twice(void)
{
	for (int i = 0; i < STEPS; i++) {
		const struct step step = draw_step();
		int was, is;

		if (below(4) == 0) {
			struct ms_pair *pair = &ms_pairs[below(MS_CLIENTS)];

			was = ms_perform(&pair->was, &step);
			is = ms_perform(&pair->is, &step);
			ck_assert_msg(pair->is.fault == NULL, "%s", pair->is.fault);
		} else {
			struct pair *pair = &pairs[below(CLIENTS)];

			was = perform(&pair->was, &step);
			is = perform(&pair->is, &step);
			ck_assert_msg(pair->is.fault == NULL, "%s", pair->is.fault);
		}
		ck_assert_msg(was == is, "step %d, %u with %s: %d, not %d", i, step.what,
			      step.peer, is, was);
		expect_same_sums();
		advance_both(below(3) == 0 ? below(60000) : below(10));
	}
}

START_TEST(nobody_notices) /* one for each seed */
{
	const struct fixture_options options = {.mobility = true};

	seed = 4711 + (uint64_t)_i;
	begin_each_with(&options, &options);
	make_clients();
	live_before();
	take_over();
	expect_same_sums();
	live_twice();
	end();
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, nobody_notices, 0, ROUNDS);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("restore_model", add_cases)
