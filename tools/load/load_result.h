/*
 * load_result.h - what a run of avedge-load counted. Names tell the units of times.
 */
#ifndef TOOLS_LOAD_LOAD_RESULT_H
#define TOOLS_LOAD_LOAD_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/load/histogram.h"
#include "tools/load/load_options.h"

/* Exit status; the manual page promises the values. */
enum load_status {
	LOAD_AS_EXPECTED = 0,
	LOAD_EXCEEDED = 1, /* a limit was exceeded or a client failed */
	LOAD_USAGE = 2,
	LOAD_NOTHING = 3, /* no client could be set up */
};

enum { LOAD_REASON_MAX = 480 };

struct load_figures {
	uint64_t sent;
	uint64_t unsent;   /* the send queue was full */
	uint64_t received; /* each packet once */
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t misdelivered; /* arrived at the wrong place */
	uint64_t damaged;      /* length or content changed */
	struct histogram delay_ns;
	struct histogram silence_ns; /* the longest time without a packet, of each client */
};

struct load_result {
	uint32_t ready;  /* clients that were set up */
	uint32_t failed; /* clients that were not, or failed later */
	uint32_t released, unreleased;
	uint32_t moved;             /* 437: retries from another port */
	uint64_t reconnected;       /* clients that came back, each time */
	uint32_t data_connections;  /* RFC 6062 */
	uint64_t handshakes;        /* of TLS and DTLS, until the set-up was over */
	uint64_t moves, unfinished; /* RFC 8016: done; begun, and not done in time */
	uint64_t icmp_errors;       /* that the server reported */
	uint8_t icmp_type;          /* of the first */
	uint16_t icmp_code;
	uint64_t cycles_done, cycles_failed;
	int reason_code;              /* of the first failure: STUN error code or 0 */
	char reason[LOAD_REASON_MAX]; /* empty: none */
	double setup_s, media_s;      /* cycles count as set-up */
	double media_cpu_s;           /* of this program while the media ran */
	uint64_t skipped;             /* packets not sent: the generator was too slow */
	uint64_t strays;              /* packets of another run or program */
	bool interrupted;
	struct histogram move_ns;  /* from the new socket to the answer */
	struct histogram setup_ns; /* first byte sent to allocated and bound */
	struct load_figures direction[LOAD_DIRECTIONS];
};

/* Derived figures. Percentages and rates are 0 if nothing was counted. */
const char *load_direction_name(enum load_direction direction);
bool load_had_media(const struct load_result *result);
double load_per_second(uint64_t count, double seconds);
uint64_t load_lost(const struct load_figures *figures);
double load_lost_percent(const struct load_figures *figures);
/* In both directions, for each move: what the switch costs if nothing else is lost. */
double load_lost_per_move(const struct load_result *result);
double load_percentile_ms(const struct histogram *h, double percent);
/* Of payload. */
double load_mbit_per_s(const struct load_options *options, uint64_t packets,
		       double seconds);
/* Of one core, while the media ran. */
double load_cpu_percent(const struct load_result *result);
double load_cpu_us_per_packet(const struct load_result *result);

#endif
