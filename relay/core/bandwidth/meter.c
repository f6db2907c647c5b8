/*
 * meter.c - see meter.h. The one that finds a new second looks at the total as it was at the
 * end of the second before.
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
	uint64_t bits = 8 * load(&meter->bytes);

	rate_sample(&meter->bps, bits, 1000);
	meter_raise(&meter->peak_bps, rate_per_s(&meter->bps));
	if (peak_bps_of_all)
		meter_raise(peak_bps_of_all, rate_per_s(&meter->bps));
	/* Nothing came in the seconds between that one and this. */
	if (second != was + 1)
		rate_sample(&meter->bps, bits, 1000);
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
		return rate_per_s(&meter->bps);
	if (now_ms / 1000 == second + 1)
		return rate_since(&meter->bps, 8 * load(&meter->bytes), 1000);
	return 0;
}

uint64_t meter_peak_bps(const struct meter *meter)
{
	return load(&meter->peak_bps);
}
