/*
 * load_result.h - what a run of avedge-load has counted. Times are in the unit of their names.
 */
#ifndef TOOLS_LOAD_LOAD_RESULT_H
#define TOOLS_LOAD_LOAD_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/load/histogram.h"
#include "tools/load/load_options.h"

enum { LOAD_REASON_MAX = 200 };

struct load_figures {
	uint64_t sent;
	uint64_t unsent;   /* the system took no more: a full queue */
	uint64_t received; /* each packet once */
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t misdelivered; /* arrived where they were not sent */
	uint64_t damaged;      /* not the length or the content that was sent */
	struct histogram delay_ns;
};

struct load_result {
	uint32_t ready;  /* clients that were set up */
	uint32_t failed; /* clients that were not, or were lost later */
	uint32_t released, unreleased;
	uint32_t moved; /* 437: tried again from another port */
	uint64_t cycles_done, cycles_failed;
	int reason_code;              /* of the first failure: STUN error code or 0 */
	char reason[LOAD_REASON_MAX]; /* empty: none */
	double setup_s, media_s;      /* cycles count as set-up */
	double media_cpu_s;           /* of this program while the media ran */
	uint64_t skipped;             /* packets that were due too long ago */
	uint64_t strays;              /* arrived, but are none of ours */
	bool interrupted;
	struct histogram setup_ns; /* first byte sent to allocated and bound */
	struct load_figures direction[LOAD_DIRECTIONS];
};

/* What follows from the counts. Percentages and rates are 0 where nothing was counted. */
const char *load_direction_name(enum load_direction direction);
bool load_had_media(const struct load_result *result);
double load_per_second(uint64_t count, double seconds);
uint64_t load_lost(const struct load_figures *figures);
double load_lost_percent(const struct load_figures *figures);
double load_percentile_ms(const struct histogram *h, double percent);
/* Of payload. */
double load_mbit_per_s(const struct load_options *options, uint64_t packets,
		       double seconds);
/* Of one core, while the media ran. */
double load_cpu_percent(const struct load_result *result);
double load_cpu_us_per_packet(const struct load_result *result);

#endif
