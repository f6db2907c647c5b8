/*
 * fuzz_take_up.c - a state file of which anybody may have written every byte, taken up into tables of a relay
 * with a fake edge: never a crash, whatever is in it; what comes in obeys the settings in force, tables and
 * sums stay whole, and when all has ended nothing is held.
 *
 * The first byte says how the rest is understood: as a whole file, or as records that a whole file gets, each
 * behind its length in two bytes. And which settings are in force.
 */
#include <string.h>

#include "relay/core/allocation_restore.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "relay/dialect/dispatch.h"
#include "relay/state/saved_allocation.h"
#include "relay/state/state_view.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/fake_edge.h"

enum {
	AS_FILE = 1 << 0, /* the rest is the file */
	MATCHING =
		1
		<< 1, /* fronts, addresses and keys of the records are those of the relay */
	DENIED = 1 << 2, /* 192.0.2.0/28 */
	NO_MS = 1 << 3,
	FEW_SLOTS = 1 << 4,
	LATER = 1 << 5,   /* by 250 s */
	SOCKETS = 1 << 6, /* have survived */
	RECORDS = 16,
	FILE_BYTES = 16 << 20,
};

static uint8_t memory[FILE_BYTES] __attribute__((aligned(4096)));
static const uint8_t boot_id[16];

/* Returns how long the file is. */
static size_t make_file(const uint8_t *data, size_t size)
{
	const struct state_sizes sizes = {.records = {[STATE_ALLOCATION] = RECORDS}};
	const struct state_head head = {.process = 1, .workers = 1};
	size_t bytes = state_file_bytes(&sizes);
	struct state_file *file;

	FUZZ_CHECK(bytes <= sizeof(memory));
	memset(memory, 0, bytes);
	file = state_file_new(memory, bytes, &head, &sizes);
	if (file == NULL)
		return 0;
	for (uint32_t i = 0; i < RECORDS && size >= 2; i++) {
		size_t len = load_be16(data);

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		state_file_put(file, STATE_ALLOCATION, i, (struct slice){data, len});
		data += len;
		size -= len;
	}
	state_file_complete(file);
	state_file_free(file);
	return bytes;
}

/* What it says of this relay; the rest stays as it is. */
static void match(const struct fixture *fixture, struct allocation_image *image)
{
	struct allocation *al = &image->move.al;
	struct front *fronts[] = {&image->front, &image->to_front, &image->from_front};

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < FAKE_FRONTS; j++) {
			if (fixture->fronts[j].transport == fronts[i]->transport)
				*fronts[i] = fixture->fronts[j];
		}
	}
	al->side = image->front.side;
	if (image->relay_address.family == IP_V4)
		image->relay_address = fixture->relay[0].local;
	else
		image->relay_address = fixture->relay[1].local;
	if (image->second_address.family == IP_V4)
		image->second_address = fixture->relay[0].local;
	else if (image->second_address.family == IP_V6)
		image->second_address = fixture->relay[1].local;
	memcpy(image->move.owner.key_id, "k1", 3);
	image->key_mark = 0;
}

/* What packets rely on. */
static void expect_sane(const struct fixture *fixture, struct allocation *al)
{
	const struct turn *turn = &fixture->turn;
	uint32_t cursor = al->permissions;
	uint64_t expires_ms;
	struct ip_addr peer;
	uint16_t number;
	struct endpoint to;

	FUZZ_CHECK(al->expires_ms > fixture->now_ms &&
		   al->expires_ms <= fixture->now_ms + 86400000);
	FUZZ_CHECK(al->owner.key.len >= 16 && al->tuple.front < FAKE_FRONTS);
	FUZZ_CHECK(strcmp(allocation_key_id(turn->table, al), "k1") == 0);
	while (permission_next(turn, &cursor, &peer, &expires_ms)) {
		const struct endpoint any_port = {peer, 0};

		FUZZ_CHECK(expires_ms > fixture->now_ms);
		FUZZ_CHECK(al->dialect == DIALECT_MS ||
			   expires_ms <= fixture->now_ms + PERMISSION_LIFETIME_MS);
		FUZZ_CHECK(peer_refused_by(turn, al->relay_transport, &any_port) == NULL);
	}
	cursor = al->channels;
	while (channel_next(turn, &cursor, &number, &to, &expires_ms)) {
		FUZZ_CHECK(expires_ms > fixture->now_ms &&
			   expires_ms <= fixture->now_ms + CHANNEL_LIFETIME_MS);
		FUZZ_CHECK(number <= channel_data_max(al));
	}
}

static void take(struct fixture *fixture, unsigned how, struct allocation_image *image)
{
	struct restore_extras extras = {.relay = {-1, -1}};
	struct allocation *al = NULL;
	enum restore_result result;

	if (how & MATCHING)
		match(fixture, image);
	if (!allocation_image_is_sound(image))
		return;
	if (how & SOCKETS)
		extras.relay[0] = extras.relay[1] = 7;
	result = allocation_restore(&fixture->turn, image, &extras, fixture->now_ms,
				    fixture->unix_s, &al);
	FUZZ_CHECK((result == RESTORED) == (al != NULL));
	FUZZ_CHECK((unsigned)result < RESTORE_RESULT_COUNT);
	if (al != NULL)
		expect_sane(fixture, al);
}

static void take_all(struct fixture *fixture, unsigned how, size_t bytes)
{
	static struct allocation_image image;
	struct state_found found;
	struct state_view view;
	uint32_t cursor = 0;

	if (state_view_open(&view, memory, bytes, boot_id) != STATE_GOOD)
		return;
	while (state_view_next(&view, STATE_ALLOCATION, &cursor, &found)) {
		if (found.good &&
		    saved_allocation_read(found.record, &image) == SAVED_GOOD)
			take(fixture, how, &image);
	}
	FUZZ_CHECK(allocation_table_check(fixture->turn.table));
	FUZZ_CHECK(port_pool_check(fixture->shared.ports) &&
		   port_pool_check(fixture->shared.tcp_ports));
	FUZZ_CHECK(quota_held(fixture->shared.total, 0) ==
		   allocation_count(fixture->turn.table));
}

/* Deadlines come, and then the end. */
static void live_on(struct fixture *fixture)
{
	struct allocation *al;

	for (int i = 0; i < 4; i++) {
		fixture->now_ms += 400000;
		dispatch_expire(&fixture->turn, fixture->now_ms);
		FUZZ_CHECK(allocation_table_check(fixture->turn.table));
	}
	while ((al = allocation_next(fixture->turn.table, 0)) != NULL)
		allocation_delete(&fixture->turn, al, END_SHUTDOWN, fixture->now_ms);
	FUZZ_CHECK(fixture_is_clean(fixture));
	for (size_t i = 0; i < FAKE_FRONTS; i++)
		FUZZ_CHECK(fixture->turn.front_allocations[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture fixture;
	const struct fixture_options options = {
		.mobility = true,
		.slots = size > 0 && (data[0] & FEW_SLOTS) ? 2 : 64,
		.permissions_each = 64,
		.channels_each = 64,
	};
	size_t bytes;

	if (size == 0 || !fixture_start(&fixture, &options))
		return 0;
	const unsigned how = data[0];

	fixture.settings.ms.enabled = (how & NO_MS) == 0;
	fixture.settings.ms.bandwidth_unit_bps = 1000;
	fixture.settings.ms.reservation_lifetime_s = 300;
	if (how & DENIED)
		FUZZ_CHECK(fixture_deny(&fixture, "192.0.2.0/28"));
	if (how & LATER)
		fixture.now_ms += 250000;
	if (how & AS_FILE) {
		bytes = size - 1 < sizeof(memory) ? size - 1 : sizeof(memory);
		memcpy(memory, data + 1, bytes);
	} else {
		bytes = make_file(data + 1, size - 1);
	}
	take_all(&fixture, how, bytes);
	live_on(&fixture);
	fixture_stop(&fixture);
	return 0;
}
