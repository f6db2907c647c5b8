/*
 * record.c - the record that ends an allocation. One line of figures for each call is what an
 * operator is asked for later, so it is complete and its field names stay.
 */
#include "relay/ops/record.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "relay/core/turn.h"
#include "stun/ms_attr.h"

enum { FIELDS = 18, NUMBER_LEN = 21 };

struct fields {
	size_t count;
	struct log_field list[FIELDS];
	char numbers[FIELDS][NUMBER_LEN];
};

static void add(struct fields *fields, const char *key, const char *value)
{
	fields->list[fields->count++] = (struct log_field){.key = key, .value = value};
}

static void add_number(struct fields *fields, const char *key, uint64_t value)
{
	char *text = fields->numbers[fields->count];

	snprintf(text, NUMBER_LEN, "%" PRIu64, value);
	add(fields, key, text);
}

const char *dialect_name(enum dialect dialect)
{
	switch (dialect) {
	case DIALECT_IETF:
		return "ietf";
	case DIALECT_MS:
		return "ms";
	}
	return "unknown";
}

/* What the client said that it is for (MS-SERVICE-QUALITY); others do not say. */
const char *stream_type_name(uint16_t type)
{
	switch (type) {
	case MS_STREAM_AUDIO:
		return "audio";
	case MS_STREAM_VIDEO:
		return "video";
	case MS_STREAM_SUPPLEMENTAL_VIDEO:
		return "supplemental-video";
	case MS_STREAM_DATA:
		return "data";
	default:
		return "unknown";
	}
}

void record_allocation_end(const struct turn *turn, const struct allocation *al,
			   uint64_t now_ms)
{
	struct endpoint relayed = allocation_relayed_public(turn, al);
	char id[NUMBER_LEN], client[ENDPOINT_TEXT_LEN], public[ENDPOINT_TEXT_LEN];
	struct fields fields = {0};

	snprintf(id, sizeof(id), "%016" PRIx64, al->id);
	add(&fields, "ALLOCATION_ID", id);
	add(&fields, "USER", al->user);
	/* The credential shows it as one word already. */
	fields.list[fields.count - 1].escaped = true;
	add(&fields, "KEY_ID", al->key_id);
	add(&fields, "SIDE", side_name((enum side)al->side));
	add(&fields, "TRANSPORT", transport_name((enum transport)al->transport));
	add(&fields, "RELAY_TRANSPORT",
	    transport_name((enum transport)al->relay_transport));
	add(&fields, "DIALECT", dialect_name((enum dialect)al->dialect));
	add(&fields, "STREAM_TYPE", stream_type_name(al->stream_type));
	add(&fields, "CLIENT",
	    endpoint_format(&al->tuple.client, client, sizeof(client)));
	add(&fields, "RELAYED", endpoint_format(&relayed, public, sizeof(public)));
	add_number(&fields, "PACKETS_TO_PEER", counter_read(&al->to_peer.packets));
	add_number(&fields, "BYTES_TO_PEER", counter_read(&al->to_peer.bytes));
	add_number(&fields, "PACKETS_TO_CLIENT", counter_read(&al->to_client.packets));
	add_number(&fields, "BYTES_TO_CLIENT", counter_read(&al->to_client.bytes));
	add_number(&fields, "DURATION_MS", now_ms - al->created_ms);
	add_number(&fields, "PERMISSIONS", al->permission_count);
	add_number(&fields, "CHANNELS", al->channel_count);
	add(&fields, "REASON", end_reason_name((enum end_reason)al->end_reason));
	log_record("allocation ended", fields.list, fields.count);
}
