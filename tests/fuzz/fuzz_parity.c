/*
 * fuzz_parity.c - bytes become a life of both planes: packets of any kind against the program of the kernel plane
 * and against core and dialects, while channels are refreshed, allocations come and go, settings change, time
 * passes, and the relay may be late. What the program forwards is what the sockets would have sent
 * (tests/unit/offload/parity.h).
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/offload/parity_relay.h"

enum { STEPS_MAX = 200 };

struct life {
	struct slice input;
	struct parity parity;
	uint8_t payload[FRAME_MAX], bytes[FRAME_MAX], frame[FRAME_MAX];
};

static uint8_t take(struct life *life)
{
	if (life->input.len == 0)
		return 0;
	uint8_t byte = life->input.data[0];
	life->input = slice_skip(life->input, 1);
	return byte;
}

static uint16_t take_u16(struct life *life)
{
	uint16_t high = take(life);

	return (uint16_t)(high << 8 | take(life));
}

static void check(struct life *life, size_t len, uint8_t how)
{
	const struct kernel_frame frame = {
		.bytes = life->frame,
		.len = len,
		.is_super = (how & 3) == 3,
	};
	enum kernel_hook hook = (how & 1) != 0 ? KERNEL_TC : KERNEL_XDP;

	FUZZ_CHECK(parity_check(&life->parity, hook, &frame) != PARITY_FAULT);
}

/* A right one, of which some bytes change. */
static void send_changed(struct life *life)
{
	const struct parity_way *way = &parity_ways[take(life) % parity_way_count];
	uint8_t how = take(life), changes = take(life);
	size_t payload_len = (how & 4) != 0 ? take_u16(life) % 1600 : take(life), len;
	struct datagram datagram;

	if (!parity_relay_has(&life->parity, way))
		return;
	memset(life->payload, take(life), payload_len);
	datagram = parity_relay_datagram(&life->parity, way,
					 (struct slice){life->payload, payload_len},
					 life->bytes);
	datagram.tos = take(life);
	datagram.hop_limit = take(life);
	datagram.df = (how & 8) != 0;
	len = frame_build(life->frame, &datagram);
	for (unsigned i = 0; i < changes % 4u; i++) {
		/* Headers more often than payload. */
		size_t at = take(life) % 96u;

		if (at < len)
			life->frame[at] = take(life);
	}
	if ((how & 16) != 0 && (life->frame[FRAME_ETHERNET] == 0x45 ||
				life->frame[FRAME_ETHERNET] >> 4 == 6)) {
		size_t udp = frame_udp_at(life->frame);

		if (udp + FRAME_UDP <= len &&
		    load_be16(life->frame + udp + 4) <= len - udp)
			frame_sum(life->frame);
	}
	if ((how & 32) != 0 && len > FRAME_ETHERNET + 20)
		len -= take(life) % 20u;
	else if ((how & 64) != 0)
		len += take(life) % 20u;
	check(life, len, how);
}

static void send_raw(struct life *life)
{
	size_t len = take(life);

	if (len > life->input.len)
		len = life->input.len;
	if (len < FRAME_ETHERNET)
		return;
	memcpy(life->frame, life->input.data, len);
	life->input = slice_skip(life->input, len);
	check(life, len, 0);
	check(life, len, 1);
}

/* A reload: new settings are judged before the first packet under them. */
static void reload(struct life *life)
{
	static const char *const denied[] = {NULL, "192.0.2.1/32", "192.0.2.0/24",
					     "2001:db8:9::/48"};
	struct fixture *fixture = &life->parity.fixture;
	uint8_t what = take(life);

	fixture->settings.decrement_hop_limit = (what & 1) != 0;
	for (int leg = 0; leg < MARKING_LEG_COUNT && (what & 2) != 0; leg++)
		fixture->settings.markings[0][leg][0] =
			(struct marking){take(life), take(life)};
	fixture->settings.limits.bandwidth.per_allocation[DIALECT_IETF] =
		(what & 4) != 0 ? UINT32_MAX : 0;
	fixture->settings.limits.bandwidth.burst_ms = 5000;
	fixture->settings.limits.bandwidth.peak_percent = 200;
	if ((what & 8) != 0)
		FUZZ_CHECK(fixture_deny(fixture, denied[what >> 4 & 3]));
	else
		fixture->settings.generation++;
	parity_judge(&life->parity);
}

static void change_hop(struct life *life)
{
	struct flow_hop *hop = &kernel_plane_memory(life->parity.plane)->hops[PARITY_HOP];
	uint8_t what = take(life);

	hop->ifindex = what & 1;
	hop->has_macs = what >> 1 & 1;
	hop->mtu = (what & 4) != 0 ? take_u16(life) : PARITY_MTU;
}

static void step(struct life *life)
{
	struct parity *parity = &life->parity;
	uint8_t action = take(life);
	enum parity_one one = (enum parity_one)(action / 16 % PARITY_ONES);
	struct allocation *al = parity_relay_one(parity, one);

	switch (action % 16) {
	case 0:
		send_raw(life);
		break;
	case 1:
		parity_pass(parity, take_u16(life));
		break;
	case 2:
		parity_pass(parity, (uint64_t)take(life) * 1000);
		parity_judge(parity);
		break;
	case 3:
		parity_judge(parity);
		break;
	case 4:
		parity_relay_again(parity, one);
		break;
	case 5:
		if (al != NULL)
			allocation_delete(&parity->fixture.turn, al, END_KILLED,
					  parity->fixture.now_ms);
		parity_judge(parity);
		break;
	case 6:
		reload(life);
		break;
	case 7:
		change_hop(life);
		break;
	case 8:
		parity->credit = take_u16(life);
		break;
	case 9:
		kernel_plane_memory(parity->plane)->settings->on = take(life) & 1;
		break;
	default:
		send_changed(life);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct life life;
	const char *why;
	uint8_t first;

	life.input = (struct slice){data, size};
	first = take(&life);
	const struct fixture_options options = {.nat = (first & 1) != 0};
	if (!parity_start(&life.parity, &options, &why))
		return 0;
	for (int leg = 0; leg < MARKING_LEG_COUNT; leg++) {
		for (int stream = 0; stream < MARKING_STREAM_COUNT; stream++)
			life.parity.fixture.settings.markings[0][leg][stream] =
				(struct marking){0xFF, 0};
	}
	FUZZ_CHECK(parity_relay_make(&life.parity));
	for (int steps = 0; steps < STEPS_MAX && life.input.len > 0; steps++)
		step(&life);
	parity_stop(&life.parity);
	return 0;
}
