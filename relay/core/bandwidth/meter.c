/*
 * meter.c - see meter.h.
 */
#include "relay/core/bandwidth/meter.h"

#include <stdbool.h>

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

void meter_raise(uint64_t *peak, uint64_t value)
{
	uint64_t was = load(peak);

	while (value > was &&
	       !__atomic_compare_exchange_n(peak, &was, value, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

/* A second has begun: what was counted before is one that is over. */
static void turn_over(struct meter *meter, uint64_t second, uint64_t *peak_bps_of_all)
{
	uint64_t was = load(&meter->second);

	if (was == second ||
	    !__atomic_compare_exchange_n(&meter->second, &was, second, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	uint64_t bps = 8 * __atomic_exchange_n(&meter->bytes, 0, __ATOMIC_RELAXED);

	meter_raise(&meter->peak_bps, bps);
	if (peak_bps_of_all)
		meter_raise(peak_bps_of_all, bps);
	__atomic_store_n(&meter->last_bps, second == was + 1 ? bps : 0, __ATOMIC_RELAXED);
}

void meter_add(struct meter *meter, size_t bytes, uint64_t now_ms,
	       uint64_t *peak_bps_of_all)
{
	turn_over(meter, now_ms / 1000, peak_bps_of_all);
	__atomic_add_fetch(&meter->bytes, bytes, __ATOMIC_RELAXED);
}

uint64_t meter_bps(const struct meter *meter, uint64_t now_ms)
{
	uint64_t second = load(&meter->second);

	if (now_ms / 1000 == second)
		return load(&meter->last_bps);
	return now_ms / 1000 == second + 1 ? 8 * load(&meter->bytes) : 0;
}

uint64_t meter_peak_bps(const struct meter *meter)
{
	return load(&meter->peak_bps);
}
