/*
 * continuity.c - see continuity.h.
 */
#include "relay/ops/continuity.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "relay/ops/control_documents.h"
#include "relay/relay.h"
#include "relay/relay_allocations.h"
#include "relay/reload/network.h"
#include "relay/reload/next_owners.h"
#include "relay/reload/next_start.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_schema.h"
#include "relay/reload/relay_settings.h"

const char *continuity_way_name(enum continuity_way way)
{
	switch (way) {
	case CONTINUITY_SYSTEMD:
		return "systemd";
	case CONTINUITY_TAKE_OVER:
		return "take-over";
	case CONTINUITY_NONE:
		break;
	}
	return NULL;
}

static enum continuity_way way_of(const struct relay *relay)
{
	if (fd_store_is_there())
		return CONTINUITY_SYSTEMD;
	return relay->config->common.take_over.socket != NULL ? CONTINUITY_TAKE_OVER
							      : CONTINUITY_NONE;
}

struct continuity continuity_of(const struct relay *relay)
{
	struct continuity continuity = {
		.way = way_of(relay),
		.unsaved = relay_unsaved(relay),
		.unsaved_streams = relay_unsaved_streams(relay),
		.unsaved_peers = relay_unsaved_peers(relay),
		.store = fd_store_figures(),
		.connections = connection_store_figures(),
		.store_is_full = fd_store_is_full(),
	};

	const struct take_up_report *taken =
		__atomic_load_n(&relay->taken_up, __ATOMIC_ACQUIRE);

	if (taken != NULL)
		continuity.taken = *taken;
	return continuity;
}

/* Every reason, also those at 0: scripts need not ask whether there is one. */
static json_t *lost_by_reason(const struct take_up_report *report)
{
	json_t *object = json_object();

	for (int i = RESTORED + 1; i < RESTORE_RESULT_COUNT; i++)
		json_object_set_new(object, restore_result_name((enum restore_result)i),
				    control_count(report->lost[i]));
	return object;
}

json_t *continuity_taken_up(const struct continuity *continuity)
{
	const struct take_up_report *report = &continuity->taken;

	if (report->process == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "process",
			 control_count(report->process), "allocations",
			 control_count(report->taken_up), "lost",
			 control_count(take_up_lost(report)), "lost_by",
			 lost_by_reason(report), "refused_peers",
			 control_count(report->refused_peers), "moved",
			 control_count(report->moved), "oldest_ms",
			 control_count(report->oldest_ms), "gap_ms",
			 control_count(report->gap_ms), "duration_ms",
			 control_count(report->duration_ms));
}

json_t *continuity_next(const struct continuity *continuity)
{
	const char *way = continuity_way_name(continuity->way);

	return json_pack(
		"{s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "way", way,
		"unsaved", control_count(continuity->unsaved), "unsaved_streams",
		control_count(continuity->unsaved_streams), "unsaved_peers",
		control_count(continuity->unsaved_peers), "descriptors_stored",
		control_count(continuity->store.put), "descriptors_waiting",
		control_count(continuity->store.waiting), "descriptors_given_up",
		control_count(continuity->store.given_up), "connections_in_parcels",
		control_count(continuity->connections.live), "ended_in_parcels",
		control_count(continuity->connections.ended), "connections_unkept",
		control_count(continuity->connections.unkept), "store_full",
		(int)continuity->store_is_full);
}

/* --- what the next restart would cost -------------------------------------------------------- */

static bool has_address(const struct relay_config_side *side, const struct ip_addr *ip)
{
	for (size_t i = 0; i < side->address_count; i++) {
		if (ip_addr_equal(&side->addresses[i], ip))
			return true;
	}
	return false;
}

static bool has_port(const uint16_t *ports, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

static bool has_front(const struct relay_config *next, const struct front *front)
{
	assert(front->side < SIDE_COUNT);
	const struct relay_config_side *side = &next->sides[front->side];
	uint16_t port = front->local.port;

	return has_address(side, &front->local.ip) &&
	       (transport_is_stream(front->transport)
			? has_port(side->tcp_ports, side->tcp_port_count, port)
			: has_port(side->udp_ports, side->udp_port_count, port));
}

enum restore_result continuity_check_judge(const struct relay_config *next,
					   const struct relay_allocation *row,
					   const struct front *front)
{
	const struct relay_config_side *outside = &next->sides[SIDE_OUTSIDE];
	const struct ip_addr *second = &row->second_local.ip;

	if (row->dialect == DIALECT_MS && !next->ms.enabled)
		return RESTORE_DIALECT;
	if (!has_front(next, front))
		return RESTORE_NO_FRONT;
	/* Of a dual one, either half is enough. */
	if (!has_address(outside, &row->relayed_local.ip) &&
	    (second->family == IP_NONE || !has_address(outside, second)))
		return RESTORE_NO_ADDRESS;
	if (row->transport == TRANSPORT_TLS && !row->mobile)
		return RESTORE_NO_STREAM;
	return RESTORED;
}

static void count_clients(struct continuity_check *check,
			  const struct relay_allocation *row)
{
	check->handshakes += row->transport == TRANSPORT_DTLS;
	check->reconnects += row->transport == TRANSPORT_TLS && !row->client_gone;
	check->data_connections += row->tls_connections;
}

/* NULL: it has gone since the row was made, with its allocation. */
static const struct front *front_of(const struct network_front *fronts, size_t count,
				    uint16_t index)
{
	for (size_t i = 0; i < count; i++) {
		if (fronts[i].index == index)
			return &fronts[i].front;
	}
	return NULL;
}

/* One check on its way. */
struct checking {
	const struct relay_config *next;
	struct next_owners owners;
	struct relay_settings *in_force;
	struct network_front fronts[FRONTS_MAX];
	size_t front_count;
	int64_t unix_s;
};

static enum restore_result judge(const struct checking *checking,
				 const struct relay_allocation *row)
{
	const struct front *front =
		front_of(checking->fronts, checking->front_count, row->tuple.front);
	enum restore_result result =
		front == NULL ? RESTORE_NO_FRONT
			      : continuity_check_judge(checking->next, row, front);

	return result != RESTORED
		       ? result
		       : next_owners_judge(&checking->owners, &checking->in_force->turn,
					   row, checking->unix_s);
}

static void judge_all(struct continuity_check *check, const struct checking *checking,
		      const struct relay_allocation *rows, size_t count)
{
	const uint32_t most = checking->next->fixed_limits.allocations_total;
	uint64_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		enum restore_result result = judge(checking, &rows[i]);

		if (result == RESTORED && most != 0 && kept >= most)
			result = RESTORE_FULL;
		if (result == RESTORED) {
			count_clients(check, &rows[i]);
			kept++;
		} else {
			check->lost[result]++;
		}
	}
}

static void check_rows(struct continuity_check *check, struct relay *relay,
		       const struct relay_config *next,
		       const struct relay_allocation *rows, size_t count)
{
	struct checking checking = {.next = next, .unix_s = time(NULL)};

	if (!next_owners_load(&checking.owners, next, check->error, sizeof(check->error)))
		return;
	checking.in_force = relay_settings(relay);
	checking.front_count = network_fronts(relay->network, checking.fronts);
	if (checking.in_force != NULL) /* without it there are no workers, and no rows */
		judge_all(check, &checking, rows, count);
	relay_settings_unref(checking.in_force);
	next_owners_release(&checking.owners);
}

bool continuity_check_make(struct continuity_check *check, struct relay *relay)
{
	struct relay_allocation *rows;
	struct relay_config *next;
	size_t count;

	memset(check, 0, sizeof(*check));
	check->continuity = continuity_of(relay);
	if (relay_allocations(relay, &rows, &count) != 0)
		return false;
	check->allocations = count;
	next = (struct relay_config *)config_load(&relay_config_schema,
						  relay->config->common.path,
						  check->error, sizeof(check->error));
	if (next != NULL) {
		if (next_start_try(next, relay->network, check->error,
				   sizeof(check->error)))
			check_rows(check, relay, next, rows, count);
		config_free(&next->common);
	}
	free(rows);
	return true;
}

uint64_t continuity_check_lost(const struct continuity_check *check)
{
	uint64_t lost = check->continuity.unsaved + check->continuity.unsaved_streams +
			check->continuity.connections.unkept;

	if (check->error[0] != '\0' || check->continuity.way == CONTINUITY_NONE)
		return check->allocations;
	for (int i = RESTORED + 1; i < RESTORE_RESULT_COUNT; i++)
		lost += check->lost[i];
	/* One may be counted twice: without a record, and on a front that is gone. */
	return lost < check->allocations ? lost : check->allocations;
}

static void add_reason(json_t *list, const char *reason, const char *text, uint64_t count)
{
	if (count > 0)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "reason", reason,
						      "text", text, "allocations",
						      control_count(count)));
}

static json_t *lost(const struct continuity_check *check)
{
	json_t *list = json_array();

	if (check->error[0] != '\0')
		add_reason(
			list, "configuration",
			"no process starts with the configuration, or with a file that it names",
			check->allocations);
	if (check->continuity.way == CONTINUITY_NONE)
		add_reason(
			list, "no-way",
			"neither systemd keeps the descriptors, nor can another process "
			"ask for them: set take_over.socket",
			check->allocations);
	for (int i = RESTORED + 1; i < RESTORE_RESULT_COUNT; i++)
		add_reason(list, restore_result_name((enum restore_result)i),
			   restore_result_text((enum restore_result)i), check->lost[i]);
	add_reason(list, "unsaved", "their record did not fit into the state file",
		   check->continuity.unsaved);
	add_reason(
		list, "unsaved-streams",
		"the record of their client's connection did not fit into the state file",
		check->continuity.unsaved_streams);
	add_reason(
		list, "unkept",
		"a TCP connection of theirs is not kept: systemd's descriptor store is "
		"full (FileDescriptorStoreMax), or LimitNOFILE too low",
		check->continuity.connections.unkept);
	return list;
}

static json_t *noticed(const struct continuity_check *check)
{
	json_t *list = json_array();

	add_reason(list, "dtls", "their clients have to make a new DTLS handshake",
		   check->handshakes);
	add_reason(list, "tls",
		   "their clients have to connect again and come back with their ticket",
		   check->reconnects);
	return list;
}

json_t *continuity_check_document(const struct continuity_check *check)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "allocations",
			 control_count(check->allocations), "data_connections",
			 control_count(check->data_connections), "lost",
			 control_count(continuity_check_lost(check)), "lost_by",
			 lost(check), "noticed_by", noticed(check), "next",
			 continuity_next(&check->continuity), "error",
			 check->error[0] != '\0' ? check->error : NULL);
}
