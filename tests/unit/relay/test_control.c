/*
 * test_control.c - answers and effects of the relay's control interface, without HTTP: a
 * real relay with two workers, a thread that acts as main, and requests passed to the
 * routes.
 */
#include "relay/ops/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relay/take_up.h"
#include "tests/unit/lib/openapi_routes.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/control_fixture.h"

static struct control_fixture cw;
static struct relay_client alice, bob;
static struct control_reply reply;

static void begin(void)
{
	control_fixture_start(&cw);
	client_connect(&alice, &cw.fixture, 0);
	client_connect(&bob, &cw.fixture, 1);
}

static void end(void)
{
	control_reply_clear(&reply);
	client_close(&alice);
	client_close(&bob);
	control_fixture_stop(&cw);
}

/*
 * Method and path with its query; body may be NULL. The answer is valid until the next
 * call.
 */
static json_t *ask(unsigned want, const char *method, const char *path, const char *body)
{
	struct control_argument arguments[8];
	struct control_message message = {
		.method = method,
		.arguments = arguments,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	char copy[512], *rest, *pair;

	snprintf(copy, sizeof(copy), "%s", path);
	rest = copy;
	message.path = strsep(&rest, "?");
	while ((pair = strsep(&rest, "&")) != NULL) {
		arguments[message.argument_count].name = strsep(&pair, "=");
		arguments[message.argument_count++].value = pair;
	}
	control_reply_clear(&reply);
	control_dispatch(control_routes, control_route_count, &cw.fixture.relay, &message,
			 &reply);
	ck_assert_ptr_nonnull(reply.document);

	char *text = json_dumps(reply.document, 0);
	ck_assert_msg(reply.status == want, "%s %s: %u %s", method, path, reply.status,
		      text);
	free(text);
	return reply.document;
}

static json_t *get(const char *path)
{
	return ask(200, "GET", path, NULL);
}

static json_t *at(json_t *json, const char *key)
{
	json_t *value = json_object_get(json, key);

	ck_assert_msg(value != NULL, "no %s", key);
	return value;
}

static json_int_t number(json_t *object, const char *key)
{
	ck_assert_msg(json_is_integer(at(object, key)), "%s", key);
	return json_integer_value(at(object, key));
}

static const char *word(json_t *object, const char *key)
{
	ck_assert_msg(json_is_string(at(object, key)), "%s", key);
	return json_string_value(at(object, key));
}

static const char *path_of(const struct relay_client *client)
{
	static char path[64];

	snprintf(path, sizeof(path), "/v1/allocations/%016" PRIx64, client->id);
	return path;
}

START_TEST(status)
{
	json_t *document, *pool, *worker, *key;

	client_allocate(&alice, DIALECT_IETF);
	document = get("/v1/status");
	ck_assert_int_eq(number(document, "pid"), getpid());
	ck_assert_int_eq(number(document, "allocations"), 1);
	ck_assert_int_eq(number(document, "workers"), FIXTURE_WORKERS);
	ck_assert_str_eq(word(document, "state"), "serving");
	ck_assert(json_is_null(at(document, "drain")));
	ck_assert(json_is_null(at(document, "tls_not_after")));
	ck_assert(json_is_null(at(document, "reload")));
	ck_assert_int_eq(number(at(document, "limits"), "lifetime_default"), 600);

	pool = json_array_get(at(document, "ports"), 0);
	ck_assert_str_eq(word(pool, "protocol"), "udp");
	ck_assert_str_eq(word(pool, "public"), "203.0.113.9");
	ck_assert_int_eq(number(pool, "size"), 400);
	ck_assert_int_eq(number(pool, "used"), 0);
	pool = json_array_get(at(document, "ports"), 1);
	ck_assert_str_eq(word(pool, "protocol"), "tcp");
	ck_assert_int_eq(number(pool, "used"), 1);

	worker = json_array_get(at(document, "per_worker"), 0);
	ck_assert_int_eq(number(worker, "allocations"), 1);
	ck_assert_int_eq(number(worker, "connections"), 1);
	ck_assert(json_is_real(at(worker, "cpu_s")));
	key = json_array_get(at(document, "keys"), 0);
	ck_assert_str_eq(word(key, "id"), "k1");
	ck_assert_str_eq(word(key, "state"), "signs");
	ck_assert(json_is_null(at(key, "not_after")));
}
END_TEST

START_TEST(status_tells_what_was_taken_up)
{
	const struct take_up_report report = {
		.process = 3,
		.taken_up = 7,
		.gap_ms = 90,
		.oldest_ms = 5000,
		.lost = {[RESTORE_NO_STREAM] = 2, [RESTORE_REVOKED] = 1},
	};
	json_t *taken;

	ck_assert(json_is_null(at(get("/v1/status"), "taken_up")));
	cw.fixture.relay.taken_up = &report;
	taken = at(get("/v1/status"), "taken_up");
	ck_assert_int_eq(number(taken, "allocations"), 7);
	ck_assert_int_eq(number(taken, "lost"), 3);
	ck_assert_int_eq(number(at(taken, "lost_by"), "no-stream"), 2);
	ck_assert_int_eq(number(at(taken, "lost_by"), "damaged"), 0);
	ck_assert_int_eq(number(taken, "gap_ms"), 90);
	ck_assert_int_eq(number(taken, "oldest_ms"), 5000);
	ck_assert(json_is_null(at(at(get("/v1/status"), "next_restart"), "way")));
}
END_TEST

START_TEST(upgrade_without_a_way_or_a_file_loses_all)
{
	json_t *document;

	client_allocate(&alice, DIALECT_IETF);
	document = get("/v1/upgrade");
	ck_assert_int_eq(number(document, "allocations"), 1);
	ck_assert_int_eq(number(document, "lost"), 1);
	ck_assert_uint_eq(json_array_size(at(document, "lost_by")), 2);
	ck_assert_str_eq(word(json_array_get(at(document, "lost_by"), 0), "reason"),
			 "configuration");
	ck_assert_str_ne(word(document, "error"), "");
}
END_TEST

START_TEST(status_tells_when_the_certificate_ends)
{
	__atomic_store_n(&cw.fixture.relay.tls_not_after_s, 1767225600, __ATOMIC_RELAXED);
	ck_assert_str_eq(word(get("/v1/status"), "tls_not_after"),
			 "2026-01-01T00:00:00Z");
}
END_TEST

START_TEST(ports_lists_what_is_open)
{
	json_t *rows, *row;

	client_allocate(&alice, DIALECT_IETF);
	rows = at(get("/v1/ports"), "ports");
	ck_assert_uint_eq(json_array_size(rows), FIXTURE_WORKERS + 1);
	row = json_array_get(rows, FIXTURE_WORKERS);
	ck_assert_str_eq(word(row, "side"), "outside");
	ck_assert_int_eq(number(row, "port"), alice.local.port);
	ck_assert_str_eq(word(row, "public_address"), "203.0.113.9");
	ck_assert_str_eq(word(row, "protocol"), "tcp");
	ck_assert_str_eq(word(row, "service"), "relay");

	/* A certificate may come and go with a reload. */
	for (int64_t tls = 0; tls < 2; tls++) {
		__atomic_store_n(&cw.fixture.relay.tls_not_after_s, tls,
				 __ATOMIC_RELAXED);
		row = json_array_get(at(get("/v1/ports"), "ports"), 0);
		ck_assert_str_eq(word(row, "service"),
				 tls ? "STUN/TURN over TCP and TLS"
				     : "STUN/TURN over TCP, no TLS");
		ck_assert_uint_eq(json_array_size(at(row, "transports")), tls ? 2 : 1);
		ck_assert(json_is_false(at(row, "draining")));
		ck_assert_str_eq(word(row, "direction"), "in");
	}
}
END_TEST

/* What a firewall must let through, whether it is in use or not. */
START_TEST(ports_lists_the_range_of_relayed_addresses)
{
	json_t *ranges = at(get("/v1/ports"), "ranges");

	ck_assert_uint_eq(json_array_size(ranges), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *row = json_array_get(ranges, i);

		ck_assert_str_eq(word(row, "side"), "outside");
		ck_assert_str_eq(word(row, "public_address"), "203.0.113.9");
		ck_assert_str_eq(word(row, "protocol"), i == 0 ? "udp" : "tcp");
		ck_assert_str_eq(word(row, "direction"), "both");
		ck_assert_int_eq(number(row, "first"),
				 cw.fixture.config->relay.ports.first);
		ck_assert_int_eq(number(row, "last"),
				 cw.fixture.config->relay.ports.last);
	}
}
END_TEST

START_TEST(counters_are_sums)
{
	json_t *all;

	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_IETF);
	client_release(&bob);
	all = get("/v1/counters");
	ck_assert_int_eq(number(at(all, "allocations"), "opened"), 2);
	ck_assert_int_eq(number(at(all, "allocations"), "closed"), 1);
	ck_assert_int_eq(number(at(all, "ended"), "released"), 1);
	ck_assert_int_eq(number(at(all, "ended"), "killed"), 0);
	ck_assert_int_eq(number(at(all, "drops"), "no-permission"), 0);
	ck_assert_ptr_null(json_object_get(at(all, "drops"), "none"));
	ck_assert_int_eq(number(at(at(all, "requests"), "binding"), "success"), 2);
	ck_assert_int_eq(number(at(all, "refusals"), "draining"), 0);
}
END_TEST

START_TEST(an_allocation_in_full)
{
	struct ip_addr peer = cw.fixture.peers;
	char text[ENDPOINT_TEXT_LEN];
	json_t *document, *permission;

	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &peer);
	document = get(path_of(&alice));
	ck_assert_str_eq(word(document, "user"), "alice");
	ck_assert_str_eq(word(document, "side"), "inside");
	ck_assert_str_eq(word(document, "transport"), "tcp");
	ck_assert_str_eq(word(document, "relay_transport"), "tcp");
	ck_assert_str_eq(word(document, "dialect"), "ietf");
	ck_assert_str_eq(word(document, "stream_type"), "unknown");
	ck_assert_str_eq(word(document, "client"),
			 endpoint_format(&alice.tuple.client, text, sizeof(text)));
	ck_assert_str_eq(word(document, "relayed"),
			 endpoint_format(&alice.public, text, sizeof(text)));
	ck_assert_str_eq(word(document, "front"),
			 endpoint_format(&cw.fixture.fronts[0].local, text,
					 sizeof(text)));
	ck_assert_int_eq(number(document, "lifetime_s"), 600);
	ck_assert_int_gt(number(document, "expires_in_ms"), 590000);
	ck_assert(json_is_null(at(document, "active_destination")));
	ck_assert_int_eq(number(document, "permissions"), 1);
	ck_assert_uint_eq(json_array_size(at(document, "channel_list")), 0);
	permission = json_array_get(at(document, "permission_list"), 0);
	ck_assert_str_eq(word(permission, "peer"),
			 ip_addr_format(&peer, text, sizeof(text)));
	ck_assert_int_le(number(permission, "expires_in_ms"), 300000);
	ck_assert_int_gt(number(permission, "expires_in_ms"), 290000);
	ck_assert_int_eq(number(at(document, "rate"), "to_peer_bps"), 0);
}
END_TEST

START_TEST(peers_over_tcp_are_listed)
{
	struct endpoint from;
	char text[ENDPOINT_TEXT_LEN];
	json_t *row;

	client_allocate(&alice, DIALECT_IETF);
	client_permit(&alice, &cw.fixture.peers);
	int peer = peer_connect(&cw.fixture, &alice.local, &from);
	EVENTUALLY(client_connections(&alice) == 1);
	row = json_array_get(at(get(path_of(&alice)), "peer_connection_list"), 0);
	ck_assert_str_eq(word(row, "peer"), endpoint_format(&from, text, sizeof(text)));
	ck_assert_str_eq(word(row, "state"), "open");
	close(peer);
}
END_TEST

static const struct {
	const char *query;
	unsigned want;
} filters[] = {
	{"", 2},
	{"?user=alice", 2},
	{"?user=carol", 0},
	{"?key_id=k1&side=inside&transport=tcp&relay_transport=tcp", 2},
	{"?side=outside", 0},
	{"?transport=udp", 0},
	{"?relay_transport=udp", 0},
	{"?dialect=ms", 1},
	{"?dialect=ietf", 1},
	{"?client=127.0.0.0/8", 2},
	{"?client=10.0.0.0/8", 0},
	{"?peer=127.0.0.0/8", 1},
	{"?peer=10.0.0.1", 0},
	{"?limit=1", 2},
	{"?sort=rate", 2},
	{"?sort=bytes", 2},
	{"?sort=user", 2},
	{"?sort=expires", 2},
};

START_TEST(filters_select_rows)
{
	char path[256];

	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_MS);
	client_permit(&bob, &cw.fixture.peers);
	snprintf(path, sizeof(path), "/v1/allocations%s", filters[_i].query);
	ck_assert_msg(number(get(path), "total") == filters[_i].want, "%s",
		      filters[_i].query);
}
END_TEST

static const struct {
	const char *query;
	const char *remedy;
} wrong[] = {
	{"?side=middle", "use inside or outside"},
	{"?transport=quic", "use udp, tcp or tls"},
	{"?relay_transport=", "use udp or tcp"},
	{"?dialect=latin", "use ietf or ms"},
	{"?client=nobody", "an address or a prefix"},
	{"?client=", "an address or a prefix"},
	{"?peer=10.0.0.1/8", "an address or a prefix"},
	{"?sort=colour", "use age, bytes, rate, user or expires"},
	{"?limit=0", "use 1 to"},
	{"?limit=-1", "use 1 to"},
	{"?limit=many", "use 1 to"},
	{"?limit=1000001", "use 1 to"},
	{"?limit=", "use 1 to"},
	{"?colour=red", "colour"},
};

START_TEST(filters_refuse_unknown_values)
{
	char path[256];

	snprintf(path, sizeof(path), "/v1/allocations%s", wrong[_i].query);
	const char *detail = word(ask(400, "GET", path, NULL), "detail");
	ck_assert_msg(strstr(detail, wrong[_i].remedy) != NULL, "%s: %s", wrong[_i].query,
		      detail);
}
END_TEST

START_TEST(rows_are_sorted_and_limited)
{
	json_t *rows;
	char want[17];

	client_allocate(&bob, DIALECT_IETF);
	usleep(20000); /* the clock of the workers is coarse */
	client_allocate(&alice, DIALECT_IETF);
	rows = at(get("/v1/allocations?sort=age&limit=1"), "allocations");
	ck_assert_uint_eq(json_array_size(rows), 1);
	snprintf(want, sizeof(want), "%016" PRIx64, bob.id);
	ck_assert_str_eq(word(json_array_get(rows, 0), "id"), want);
	rows = at(get("/v1/allocations?sort=expires"), "allocations");
	ck_assert_str_eq(word(json_array_get(rows, 0), "id"), want);
}
END_TEST

START_TEST(an_end_by_id_ends_one)
{
	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_IETF);
	ck_assert_int_eq(number(ask(200, "DELETE", path_of(&bob), NULL), "ended"), 1);
	ask(404, "DELETE", path_of(&bob), NULL);
	ask(404, "GET", path_of(&bob), NULL);
	get(path_of(&alice));
	ck_assert_int_eq(number(at(get("/v1/counters"), "ended"), "killed"), 1);
}
END_TEST

START_TEST(an_end_by_user_or_key_ends_all_of_all_workers)
{
	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_MS);
	ck_assert_int_eq(number(ask(200, "DELETE", "/v1/allocations?user=carol", NULL),
				"ended"),
			 0);
	ck_assert_int_eq(number(ask(200, "DELETE", "/v1/allocations?key_id=k1", NULL),
				"ended"),
			 2);
	client_allocate(&alice, DIALECT_IETF);
	ck_assert_int_eq(number(ask(200, "DELETE", "/v1/allocations?user=alice", NULL),
				"ended"),
			 1);
	ask(400, "DELETE", "/v1/allocations", NULL);
	ask(400, "DELETE", "/v1/allocations?user=alice&key_id=k1", NULL);
}
END_TEST

static const char *const strange_ids[] = {
	"0",
	"0000000000000000",
	"ffffffffffffffff",
	"0x00000000000000",
	"00000000000000000",
	" 000000000000000",
	"zzzzzzzzzzzzzzzz",
};

START_TEST(unknown_ids)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/allocations/%s", strange_ids[_i]);
	ask(404, "GET", path, NULL);
	ask(404, "DELETE", path, NULL);
}
END_TEST

START_TEST(a_drain_goes_on_until_the_last_call_ends)
{
	json_t *drain;

	client_allocate(&alice, DIALECT_IETF);
	ck_assert(json_is_null(get("/v1/drain")));
	drain = ask(200, "PUT", "/v1/drain", NULL);
	ck_assert_int_eq(number(drain, "began_with"), 1);
	ck_assert_int_eq(number(drain, "remaining"), 1);
	ck_assert(json_is_null(at(drain, "deadline")));
	ck_assert(turn_is_draining(&cw.fixture.relay.shared));
	ck_assert_str_eq(word(get("/v1/status"), "state"), "draining");
	client_release(&alice);
	ck_assert_int_eq(number(get("/v1/drain"), "remaining"), 0);
	ck_assert(json_is_null(ask(200, "DELETE", "/v1/drain", NULL)));
	ck_assert(!turn_is_draining(&cw.fixture.relay.shared));
	ck_assert_str_eq(word(get("/v1/status"), "state"), "serving");
}
END_TEST

START_TEST(the_deadline_of_a_drain_ends_what_is_left)
{
	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_IETF);
	ask(200, "PUT", "/v1/drain", "{\"deadline_s\": 3600}");
	ck_assert(json_is_string(at(get("/v1/drain"), "deadline")));
	/* A second drain only replaces the deadline. */
	ask(200, "PUT", "/v1/drain", "{\"deadline_s\": 1}");
	ck_assert_int_eq(number(get("/v1/drain"), "began_with"), 2);
	EVENTUALLY(relay_allocation_count(&cw.fixture.relay) == 0);
	ck_assert_int_eq(number(at(get("/v1/counters"), "ended"), "drained"), 2);
}
END_TEST

START_TEST(an_ended_drain_has_no_deadline)
{
	client_allocate(&alice, DIALECT_IETF);
	ask(200, "PUT", "/v1/drain", "{\"deadline_s\": 1}");
	ask(200, "DELETE", "/v1/drain", NULL);
	usleep(1200000);
	get(path_of(&alice));
}
END_TEST

static const char *const wrong_deadlines[] = {
	"{\"deadline_s\": -1}",         "{\"deadline_s\": \"1h\"}",
	"{\"deadline_s\": 1.5}",        "{\"deadline_s\": null}",
	"{\"deadline_s\": 1e99}",       "{\"deadline_s\": 2678401}",
	"{\"deadline_s\": 4294967297}", "{\"deadline\": 1}",
};

START_TEST(deadlines_are_seconds)
{
	ask(400, "PUT", "/v1/drain", wrong_deadlines[_i]);
	ck_assert(json_is_null(get("/v1/drain")));
}
END_TEST

START_TEST(a_rejected_reload_says_why)
{
	json_t *problem = ask(422, "POST", "/v1/reload", NULL);

	ck_assert_ptr_nonnull(strstr(word(problem, "detail"), "/nonexistent/relay.conf"));
	json_t *last = at(get("/v1/status"), "reload");
	ck_assert_str_eq(word(last, "result"), "rejected");
	ck_assert_ptr_nonnull(strstr(word(last, "error"), "/nonexistent/relay.conf"));
}
END_TEST

/* After main has left, no request waits for it. */
START_TEST(requests_to_main_are_refused_at_the_end)
{
	control_fixture_end_main(&cw);
	ask(503, "POST", "/v1/reload", NULL);
	ask(503, "PUT", "/v1/drain", NULL);
	get("/v1/status");
}
END_TEST

START_TEST(limits_show_their_use)
{
	json_t *document, *row, *user = NULL;
	size_t i;

	client_allocate(&alice, DIALECT_IETF);
	client_allocate(&bob, DIALECT_IETF);
	document = get("/v1/limits");
	json_array_foreach(at(document, "limits"), i, row)
	{
		if (strcmp(word(row, "name"), "limits.allocations_per_user") == 0)
			user = row;
	}
	ck_assert_ptr_nonnull(user);
	ck_assert_int_eq(number(user, "used"), 2);
	ck_assert(
		json_is_null(at(user, "limit"))); /* the fixture's configuration says 0 */
	ck_assert(json_is_null(at(user, "reserved"))); /* of bandwidth only */
	ck_assert_int_eq(number(at(document, "reservations"), "count"), 0);
	ck_assert_int_eq(number(at(document, "reservations"), "bps"), 0);
	ck_assert_int_eq(number(at(document, "exceeding"), "average"), 0);
	ck_assert_int_eq(number(at(document, "exceeding"), "peak"), 0);
	row = json_array_get(at(document, "users"), 0);
	ck_assert_str_eq(word(row, "user"), "alice");
	ck_assert_int_eq(number(row, "allocations"), 2);
	ck_assert_uint_eq(json_array_size(at(document, "prefixes")), 1);
}
END_TEST

START_TEST(the_configuration_in_force)
{
	json_t *document = get("/v1/configuration"), *key, *found = NULL;
	size_t i;

	ck_assert_str_eq(word(document, "file"), cw.fixture.relay.config->common.path);
	json_array_foreach(at(document, "keys"), i, key)
	{
		if (strcmp(word(key, "key"), "limits.channels") == 0)
			found = key;
	}
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(word(found, "value"), "64");
	ck_assert_str_eq(word(found, "default"), "64");
	ck_assert(json_is_boolean(at(found, "reload")));
	ck_assert(json_is_string(at(found, "doc")));
}
END_TEST

START_TEST(log_levels_are_set_and_follow_the_default_again)
{
	json_t *levels = get("/v1/log-levels");

	ck_assert_str_eq(word(levels, "default"), "info");
	levels = ask(200, "PUT", "/v1/log-levels/peer", "{\"level\": \"debug\"}");
	ck_assert_str_eq(word(at(levels, "subsystems"), "peer"), "debug");
	ck_assert_str_eq(word(at(levels, "subsystems"), "front"), "info");
	levels = ask(200, "PUT", "/v1/log-levels/default", "{\"level\": \"warning\"}");
	ck_assert_str_eq(word(at(levels, "subsystems"), "peer"), "debug");
	ck_assert_str_eq(word(at(levels, "subsystems"), "front"), "warning");
	levels = ask(200, "PUT", "/v1/log-levels/peer", "{\"level\": null}");
	ck_assert_str_eq(word(at(levels, "subsystems"), "peer"), "warning");
	ask(200, "PUT", "/v1/log-levels/default", "{\"level\": \"info\"}");
	ask(404, "PUT", "/v1/log-levels/nobody", "{\"level\": \"info\"}");
	ask(400, "PUT", "/v1/log-levels/default", "{\"level\": null}");
	ask(400, "PUT", "/v1/log-levels/peer", "{\"level\": 7}");
	ask(400, "PUT", "/v1/log-levels/peer", "{\"level\": \"loud\"}");
	ask(400, "PUT", "/v1/log-levels/peer", NULL);
}
END_TEST

START_TEST(requests_are_those_of_the_openapi_file)
{
	openapi_routes_check(control_routes, control_route_count,
			     "control-mediarelayd.json");
}
END_TEST

static void add_allocations(TCase *tc)
{
	tcase_add_test(tc, an_allocation_in_full);
	tcase_add_test(tc, peers_over_tcp_are_listed);
	tcase_add_loop_test(tc, filters_select_rows, 0, ROWS(filters));
	tcase_add_loop_test(tc, filters_refuse_unknown_values, 0, ROWS(wrong));
	tcase_add_test(tc, rows_are_sorted_and_limited);
	tcase_add_test(tc, an_end_by_id_ends_one);
	tcase_add_test(tc, an_end_by_user_or_key_ends_all_of_all_workers);
	tcase_add_loop_test(tc, unknown_ids, 0, ROWS(strange_ids));
}

static void control_suite(Suite *suite)
{
	TCase *tc = tcase_create("control");

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, status);
	tcase_add_test(tc, status_tells_what_was_taken_up);
	tcase_add_test(tc, upgrade_without_a_way_or_a_file_loses_all);
	tcase_add_test(tc, status_tells_when_the_certificate_ends);
	tcase_add_test(tc, ports_lists_what_is_open);
	tcase_add_test(tc, ports_lists_the_range_of_relayed_addresses);
	tcase_add_test(tc, counters_are_sums);
	add_allocations(tc);
	tcase_add_test(tc, a_drain_goes_on_until_the_last_call_ends);
	tcase_add_test(tc, the_deadline_of_a_drain_ends_what_is_left);
	tcase_add_test(tc, an_ended_drain_has_no_deadline);
	tcase_add_loop_test(tc, deadlines_are_seconds, 0, ROWS(wrong_deadlines));
	tcase_add_test(tc, a_rejected_reload_says_why);
	tcase_add_test(tc, requests_to_main_are_refused_at_the_end);
	tcase_add_test(tc, limits_show_their_use);
	tcase_add_test(tc, the_configuration_in_force);
	tcase_add_test(tc, log_levels_are_set_and_follow_the_default_again);
	tcase_add_test(tc, requests_are_those_of_the_openapi_file);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("control", control_suite)
