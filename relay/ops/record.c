/*
 * record.c - the record that ends an allocation. One line of figures for each call is what an
 * operator is asked for later, so it is complete and its field names stay (docs/records.md).
 */
#include "relay/ops/record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "relay/core/allocation_image.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/turn.h"
#include "stun/ms_attr.h"

enum { FIELDS = 24, TEXT_LEN = ENDPOINT_TEXT_LEN };

/* Fields are written in the order in which they are added. */
struct field {
	const char *key; /* of the journal; in JSON in lower case */
	bool is_number;
	char text[TEXT_LEN];
	const char *value; /* the text above, or a string that outlives the fields */
};

struct fields {
	size_t count;
	struct field list[FIELDS];
};

/* Its value is its text, unless it is replaced. */
static struct field *add_field(struct fields *fields, const char *key)
{
	assert(fields->count < FIELDS);
	struct field *field = &fields->list[fields->count++];

	field->key = key;
	field->is_number = false;
	field->value = field->text;
	return field;
}

static void add(struct fields *fields, const char *key, const char *value)
{
	add_field(fields, key)->value = value;
}

static void add_number(struct fields *fields, const char *key, uint64_t value)
{
	struct field *field = add_field(fields, key);

	field->is_number = true;
	snprintf(field->text, sizeof(field->text), "%" PRIu64, value);
}

static void add_endpoint(struct fields *fields, const char *key,
			 const struct endpoint *ep)
{
	endpoint_format(ep, add_field(fields, key)->text, TEXT_LEN);
}

static void add_id(struct fields *fields, const char *key, uint64_t id)
{
	snprintf(add_field(fields, key)->text, TEXT_LEN, "%016" PRIx64, id);
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

/* What the client uses it for, if it said so (MS-SERVICE-QUALITY). */
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

const char *service_quality_name(uint16_t stream_type, uint16_t quality)
{
	if (stream_type == 0)
		return "unknown";
	switch (quality) {
	case MS_QUALITY_BEST_EFFORT:
		return "best-effort";
	case MS_QUALITY_RELIABLE:
		return "reliable";
	default:
		return "unknown";
	}
}

static void list_fields(const struct record *record, struct fields *fields)
{
	bool is_sum = record->allocations > 1;

	fields->count = 0;
	/* What only one of them can have is left out of a sum. */
	if (is_sum)
		add_number(fields, "ALLOCATIONS", record->allocations);
	else
		add_id(fields, "ALLOCATION_ID", record->id);
	add(fields, "USER", record->user);
	add(fields, "KEY_ID", record->key_id);
	if (record->quota.allocations != 0)
		add_number(fields, "QUOTA_ALLOCATIONS", record->quota.allocations);
	if (record->quota.bandwidth_bps != 0)
		add_number(fields, "QUOTA_BANDWIDTH_BPS", record->quota.bandwidth_bps);
	add(fields, "SIDE", side_name(record->side));
	add(fields, "TRANSPORT", transport_name(record->transport));
	add(fields, "RELAY_TRANSPORT", transport_name(record->relay_transport));
	add(fields, "DIALECT", dialect_name(record->dialect));
	add(fields, "STREAM_TYPE", stream_type_name(record->stream_type));
	add(fields, "SERVICE_QUALITY",
	    service_quality_name(record->stream_type, record->quality));
	add_endpoint(fields, "CLIENT", &record->client);
	if (!is_sum)
		add_endpoint(fields, "RELAYED", &record->relayed);
	if (!is_sum && record->second_relayed.ip.family != IP_NONE)
		add_endpoint(fields, "SECOND_RELAYED", &record->second_relayed);
	add_number(fields, "PACKETS_TO_PEER", record->to_peer.packets);
	add_number(fields, "BYTES_TO_PEER", record->to_peer.bytes);
	add_number(fields, "PACKETS_TO_CLIENT", record->to_client.packets);
	add_number(fields, "BYTES_TO_CLIENT", record->to_client.bytes);
	add_number(fields, "DURATION_MS", record->duration_ms);
	add_number(fields, "PERMISSIONS", record->permissions);
	add_number(fields, "CHANNELS", record->channels);
	if (record->moves > 0)
		add_number(fields, "MOVES", record->moves);
	if (!is_sum && record->restarts > 0)
		add_number(fields, "RESTARTS", record->restarts);
	add(fields, "REASON", end_reason_name(record->reason));
}

static int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All but where it was relayed, and its moves. */
static struct record record_begin(const struct allocation *al, enum end_reason reason,
				  uint64_t now_ms)
{
	struct record record = {
		.id = al->id,
		.allocations = 1,
		.ended_ms = unix_ms(),
		.side = al->side,
		.transport = al->transport,
		.relay_transport = al->relay_transport,
		.dialect = al->dialect,
		.reason = reason,
		.client = al->tuple.client,
		.to_peer = al->to_peer,
		.to_client = al->to_client,
		.duration_ms = now_ms - al->created_ms,
		.stream_type = al->ms.stream_type,
		.quality = al->ms.quality,
		.permissions = al->permission_count,
		.channels = al->channel_count,
		.restarts = al->restarts,
	};

	assert(now_ms >= al->created_ms && reason < END_REASON_COUNT);
	return record;
}

static void record_owner(struct record *record, const char *user, const char *key_id,
			 struct credential_quota quota)
{
	strcpy(record->user, user);
	strcpy(record->key_id, key_id);
	record->quota = quota;
}

struct record record_of(const struct turn *turn, const struct allocation *al,
			uint64_t now_ms)
{
	struct record record = record_begin(al, al->end_reason, now_ms);

	record_owner(&record, allocation_user(turn->table, al),
		     allocation_key_id(turn->table, al), al->owner.quota);
	record.relayed = allocation_relayed_public(turn, al);
	record.second_relayed = allocation_second_public(turn, al);
	if (al->mobile)
		record.moves = mobility_of(turn, al)->moves;
	return record;
}

/* As it is told to clients, as far as the address is still known. */
static struct endpoint public_of(const struct turn *turn, const struct ip_addr *local,
				 uint16_t port)
{
	const struct turn_settings *settings = turn->settings;

	for (size_t i = 0; i < settings->relay_count; i++) {
		const struct relay_address *relay =
			&turn->shared->relay[settings->relay[i]];

		if (ip_addr_equal(&relay->local, local))
			return (struct endpoint){relay->public, port};
	}
	return (struct endpoint){*local, port};
}

struct record record_of_image(const struct turn *turn,
			      const struct allocation_image *image,
			      enum end_reason reason, uint64_t now_ms)
{
	const struct allocation *al = &image->move.al;
	/* A damaged image may be of the future. */
	uint64_t ended_ms = now_ms > al->created_ms ? now_ms : al->created_ms;
	struct record record = record_begin(al, reason, ended_ms);

	record_owner(&record, image->move.owner.user, image->move.owner.key_id,
		     image->move.owner.quota);
	record.relayed = public_of(turn, &image->relay_address, al->relay_port);
	if (al->dual.port != 0)
		record.second_relayed =
			public_of(turn, &image->second_address, al->dual.port);
	if (al->mobile)
		record.moves = image->move.mobility.moves;
	return record;
}

void record_log(const struct record *record)
{
	struct log_field list[FIELDS];
	struct fields fields;

	list_fields(record, &fields);
	for (size_t i = 0; i < fields.count; i++) {
		list[i] = (struct log_field){
			.key = fields.list[i].key,
			.value = fields.list[i].value,
			/* The credential shows the user as one word already. */
			.escaped = fields.list[i].value == record->user,
		};
	}
	log_record(record->allocations > 1 ? "allocations ended" : "allocation ended",
		   list, fields.count);
}

/* RFC 3339 in UTC, to the millisecond. */
static json_t *time_of(int64_t unix_ms)
{
	char date[32], text[48];
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return json_null();
	snprintf(text, sizeof(text), "%s.%03dZ", date, (int)(unix_ms % 1000));
	return json_string(text);
}

static void set_field(json_t *object, const struct field *field)
{
	char name[32];
	size_t len = 0;

	for (; field->key[len] && len + 1 < sizeof(name); len++)
		name[len] = field->key[len] >= 'A' && field->key[len] <= 'Z'
				    ? (char)(field->key[len] - 'A' + 'a')
				    : field->key[len];
	name[len] = '\0';
	json_object_set_new(object, name,
			    field->is_number ? json_integer((json_int_t)strtoull(
						       field->value, NULL, 10))
					     : json_string(field->value));
}

json_t *record_json(const struct record *record)
{
	json_t *object = json_pack("{s:s, s:o}", "record",
				   record->allocations > 1 ? "allocations" : "allocation",
				   "ended", time_of(record->ended_ms));
	struct fields fields;

	list_fields(record, &fields);
	for (size_t i = 0; object && i < fields.count; i++)
		set_field(object, &fields.list[i]);
	return object;
}
