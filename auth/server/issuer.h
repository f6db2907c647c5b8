/*
 * issuer.h - what the parts of mrasd share: the loop, the settings in force, time and counters.
 *
 * Owner main. Threads one. Everything in mrasd runs in the loop of main; a credential
 * takes microseconds, and the limits of connections bound the work that a stranger can
 * cause.
 */
#ifndef AUTH_SERVER_ISSUER_H
#define AUTH_SERVER_ISSUER_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/mras/mras_counters.h"
#include "auth/mras/service.h"

struct mras_connections;
struct event_base;
struct mras_listeners;
struct mras_settings;

/* Events since the start. */
enum issuer_counter {
	COUNT_ACCEPTED,        /* connections */
	COUNT_REFUSED_SOURCE,  /* outside the networks of all trusted servers */
	COUNT_REFUSED_FULL,    /* no room */
	COUNT_GAVE_WAY,        /* ended to make room for another */
	COUNT_UNTRUSTED,       /* handshakes that failed because of the certificate */
	COUNT_HANDSHAKE_ERROR, /* or for another reason */
	COUNT_TRUSTED,         /* handshakes of trusted servers */
	COUNT_NO_LONGER,       /* connections of servers no longer trusted */
	COUNT_TIMED_OUT,
	COUNT_NO_LANGUAGE, /* neither SIP nor HTTP */
	COUNT_SIP_MESSAGES,
	COUNT_SIP_BROKEN,
	COUNT_HTTP_REQUESTS,
	COUNT_HTTP_BROKEN, /* requests whose framing was refused */
	COUNT_CREDENTIALS,
	COUNT_REFUSED_REQUESTS, /* all of them answered */
	COUNTER_COUNT
};

/* Records of refusals within the current second. */
struct refusal_records {
	int64_t second_s;
	unsigned written, left_out;
};

struct issuer {
	struct event_base *base;
	const struct mras_settings *settings; /* replaced by a reload */
	struct service_memory *memory;
	struct mras_connections *connections;
	struct mras_listeners *listeners; /* replaced by a reload */
	uint64_t now_ms;                  /* monotonic; by issuer_tick() */
	int64_t unix_s;
	bool leaves; /* what is asked from now on is the last on its connection */
	int64_t started_s;
	uint64_t started_ms;
	uint64_t counters[COUNTER_COUNT];
	struct mras_counters mras_counters;
	struct refusal_records refusals;
};

/* Read the clocks, and remember the start. */
void issuer_begin(struct issuer *issuer);

/* Read the clocks: every callback of the loop begins with it. */
void issuer_tick(struct issuer *issuer);

/* Monotonic, for measuring. */
uint64_t issuer_clock_ns(void);

static inline void issuer_count(struct issuer *issuer, enum issuer_counter counter)
{
	issuer->counters[counter]++;
}

/* Counts and writes the record of a decision; arg is the issuer. */
service_decided_fn issuer_decided;

/* One record with all counters. */
void issuer_log_counters(const struct issuer *issuer);

#endif
