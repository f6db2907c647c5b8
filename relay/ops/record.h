/*
 * record.h - the one structured record at the end of every allocation: who, both sides,
 * packets, bytes, duration, why it ended. Made once, told in two forms.
 */
#ifndef RELAY_OPS_RECORD_H
#define RELAY_OPS_RECORD_H

#include <stdint.h>

#include <jansson.h>

#include "relay/core/allocation.h"

struct allocation_image;
struct turn;

struct record {
	uint64_t id;
	uint32_t allocations; /* 1; more: it stands for so many, see record_sums.h */
	int64_t ended_ms;     /* Unix milliseconds */
	enum side side;
	enum transport transport, relay_transport;
	enum dialect dialect;
	enum end_reason reason;
	struct endpoint client, relayed; /* the latter as clients are told it */
	struct endpoint second_relayed;  /* of no family: it was not dual at its end */
	struct traffic to_peer, to_client;
	uint64_t duration_ms;
	uint16_t stream_type, quality, permissions, channels;
	uint16_t restarts; /* that it survived: processes before the one that ended it */
	uint32_t moves;    /* of its client to another address (RFC 8016) */
	char user[CREDENTIAL_USER_MAX + 1];
	struct credential_quota quota;
	char key_id[KEY_ID_MAX + 1];
	bool is_logged; /* the log wants it, too */
};

/* al->end_reason is set; all its fields still hold. On the worker's thread. */
struct record record_of(const struct turn *turn, const struct allocation *al,
			uint64_t now_ms);

/* Of one that a restart has lost; the worker that would have had it. */
struct record record_of_image(const struct turn *turn,
			      const struct allocation_image *image,
			      enum end_reason reason, uint64_t now_ms);

/* To the journal, or one line. Any thread. */
void record_log(const struct record *record);
/* A new reference; NULL if out of memory. Any thread. */
json_t *record_json(const struct record *record);

const char *dialect_name(enum dialect dialect); /* "ietf", "ms" */
/* MS-SERVICE-QUALITY: "audio", "video" ..., "unknown" */
const char *stream_type_name(uint16_t type);
/* "best-effort", "reliable", "unknown"; stream_type 0: it is of a client that cannot say */
const char *service_quality_name(uint16_t stream_type, uint16_t quality);

#endif
