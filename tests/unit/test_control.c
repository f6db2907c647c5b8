/*
 * test_control.c - the control interface over its socket, with a relay whose workers are made
 * up here.
 */
#include "relay/ops/control.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/control_socket.h"
#include "relay/handoff.h"
#include "relay/network.h"
#include "relay/relay.h"
#include "tests/unit/unit.h"

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	ck_assert(endpoint_parse(text, 0, &ep));
	return ep;
}

/* The made-up relay: what relay.c would ask its workers. */

int relay_port_table(struct relay *relay, struct relay_port **rows, size_t *count)
{
	(void)relay;
	*count = 2;
	*rows = calloc(2, sizeof(**rows));
	ck_assert_ptr_nonnull(*rows);
	(*rows)[0] = (struct relay_port){.side = SIDE_INSIDE,
					 .address = endpoint("10.0.0.5:3478"),
					 .public = endpoint("10.0.0.5:3478"),
					 .protocol = "udp",
					 .service = "TURN/STUN",
					 .purpose = "clients"};
	(*rows)[1] = (struct relay_port){.side = SIDE_OUTSIDE,
					 .address = endpoint("192.0.2.10:50001"),
					 .public = endpoint("203.0.113.10:50001"),
					 .protocol = "udp",
					 .service = "relay",
					 .purpose = "for an inside client"};
	return 0;
}

void relay_counters(struct relay *relay, struct counters *sum)
{
	(void)relay;
	*sum = (struct counters){.allocations_opened = 7, .allocations_closed = 4};
	sum->drops[DROP_NO_PERMISSION] = 12345678901234;
	sum->peer_events[PEER_STRANGER] = 5;
	sum->to_peer[SIDE_OUTSIDE][TRANSPORT_UDP] =
		(struct traffic){.packets = 3, .bytes = 480};
	sum->requests[REQUEST_ALLOCATE][request_result_index(401)] = 9;
}

int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count)
{
	(void)relay;
	*count = 1;
	*rows = calloc(1, sizeof(**rows));
	ck_assert_ptr_nonnull(*rows);

	struct relay_allocation *row = *rows;
	row->id = 0xFFEEDDCCBBAA9988;
	row->tuple.client = endpoint("[2001:db8::7]:40000");
	row->side = SIDE_OUTSIDE;
	row->transport = TRANSPORT_TLS;
	row->relay_transport = TRANSPORT_TCP;
	row->peer_connections = 3;
	row->relayed_local = endpoint("192.0.2.10:50001");
	row->relayed_public = endpoint("203.0.113.10:50001");
	strcpy(row->user, "alice");
	strcpy(row->key_id, "k1");
	row->to_client.bytes = 99;
	return 0;
}

bool handoff_call(struct handoff *handoff, handoff_fn *fn, void *arg)
{
	(void)handoff;
	(void)fn;
	(void)arg;
	return false;
}

static char folder[] = P_tmpdir "/avedge-control-XXXXXX";
static char path[64];
static struct relay relay;
static struct config *config;

static void begin(void)
{
	static const char text[] = "side inside { addresses = {10.0.0.5} }\n"
				   "side outside { addresses = {192.0.2.10} }\n"
				   "limits { channels = 77 }\n";
	char error[256];

	strcpy(folder, P_tmpdir "/avedge-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(path, sizeof(path), "%s/new/relay.sock", folder);
	config = config_parse("F", text, sizeof(text) - 1, error, sizeof(error));
	ck_assert_msg(config != NULL, "%s", error);

	struct network_view view;
	relay = (struct relay){.config = config, .network = network_new()};
	ck_assert_ptr_nonnull(relay.network);
	ck_assert(network_plan(relay.network, config, &view, error, sizeof(error)));
	network_set(relay.network, &view);

	const struct port_pool_config pool = {.address_count = 1,
					      .first = config->relay.first,
					      .last = config->relay.last};
	relay.commons.ports = port_pool_new(&pool);
	relay.commons.tcp_ports = port_pool_new(&pool);
	ck_assert_ptr_nonnull(relay.commons.ports);
	ck_assert_ptr_nonnull(relay.commons.tcp_ports);
	ck_assert_uint_ne(port_pool_take(relay.commons.ports, 0, PORT_ANY, 0), 0);
}

static void end(void)
{
	char command[128];

	network_free(relay.network);
	port_pool_free(relay.commons.ports);
	port_pool_free(relay.commons.tcp_ports);
	config_free(config);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static struct control_socket *start(gid_t group)
{
	char error[256] = "";
	struct control_socket *control =
		control_socket_bind(path, geteuid(), group, error, sizeof(error));

	ck_assert_msg(control != NULL, "%s", error);
	ck_assert_msg(control_socket_start(control, control_routes, control_route_count,
					   &relay, error, sizeof(error)),
		      "%s", error);
	return control;
}

static const char *refused(void)
{
	static char error[256];

	ck_assert_ptr_null(
		control_socket_bind(path, geteuid(), (gid_t)-1, error, sizeof(error)));
	return error;
}

/* Send a request, give the whole answer; "" if not even connected. */
static const char *ask(const char *request)
{
	static char answer[64 * 1024];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	strcpy(address.sun_path, path);
	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
				 (ssize_t)strlen(request));
		while ((n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
			len += (size_t)n;
		answer[len] = '\0';
	}
	close(fd);
	return answer;
}

static unsigned status_of(const char *answer)
{
	unsigned status = 0;

	sscanf(answer, "HTTP/1.%*d %u", &status);
	return status;
}

static json_t *get(const char *what, unsigned want)
{
	char request[256];
	json_error_t error;

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n", what);

	const char *answer = ask(request);
	const char *body = strstr(answer, "\r\n\r\n");
	ck_assert_msg(status_of(answer) == want, "%s: %s", what, answer);
	ck_assert_ptr_nonnull(body);

	json_t *json = json_loads(body + 4, 0, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, body);
	return json;
}

static json_int_t number(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_integer(value), "%s", key);
	return json_integer_value(value);
}

static const char *word(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_string(value), "%s", key);
	return json_string_value(value);
}

START_TEST(control_status)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *status = get("/v1/status", 200);
	json_t *pool = json_array_get(json_object_get(status, "ports"), 0);
	json_t *limits = json_object_get(status, "limits");

	ck_assert_int_eq(number(status, "pid"), getpid());
	ck_assert_int_eq(number(status, "allocations"), 3);
	ck_assert_str_eq(word(status, "realm"), "avedge");
	ck_assert(json_is_null(json_object_get(status, "tls_not_after")));
	ck_assert_str_eq(word(pool, "address"), "192.0.2.10");
	ck_assert_int_eq(number(pool, "size"), 10000);
	ck_assert_int_eq(number(pool, "used"), 1);
	ck_assert_str_eq(word(pool, "protocol"), "udp");
	pool = json_array_get(json_object_get(status, "ports"), 1);
	ck_assert_str_eq(word(pool, "protocol"), "tcp");
	ck_assert_int_eq(number(pool, "used"), 0);
	ck_assert_int_eq(number(limits, "channels"), 77);
	ck_assert_int_eq(number(limits, "lifetime_default"), 600);
	json_decref(status);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_status_tells_when_the_certificate_ends)
{
	struct control_socket *control = start((gid_t)-1);

	relay.tls_not_after_s = 1767225600;

	json_t *status = get("/v1/status", 200);
	ck_assert_str_eq(word(status, "tls_not_after"), "2026-01-01T00:00:00Z");
	json_decref(status);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_ports)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *document = get("/v1/ports", 200);
	json_t *row = json_array_get(json_object_get(document, "ports"), 1);

	ck_assert_str_eq(word(row, "side"), "outside");
	ck_assert_str_eq(word(row, "address"), "192.0.2.10");
	ck_assert_int_eq(number(row, "port"), 50001);
	ck_assert_str_eq(word(row, "public_address"), "203.0.113.10");
	ck_assert_str_eq(word(row, "protocol"), "udp");
	ck_assert_str_eq(word(row, "service"), "relay");
	ck_assert_str_eq(word(row, "purpose"), "for an inside client");
	json_decref(document);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_counters)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *all = get("/v1/counters", 200);
	json_t *outside_traffic =
		json_object_get(json_object_get(all, "to_peer"), "outside");
	json_t *allocate = json_object_get(json_object_get(all, "requests"), "allocate");

	ck_assert_int_eq(number(json_object_get(all, "drops"), "no-permission"),
			 12345678901234);
	ck_assert_ptr_null(json_object_get(json_object_get(all, "drops"), "none"));
	ck_assert_int_eq(number(json_object_get(all, "peer_connections"), "stranger"), 5);
	ck_assert_int_eq(number(json_object_get(all, "peer_connections"), "accepted"), 0);
	ck_assert_int_eq(number(outside_traffic, "bytes"), 480);
	ck_assert_int_eq(number(json_object_get(all, "allocations"), "opened"), 7);
	ck_assert_ptr_nonnull(allocate);
	ck_assert_int_eq(number(allocate, "401"), 9);
	ck_assert_int_eq(number(allocate, "success"), 0);
	json_decref(all);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_allocations)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *document = get("/v1/allocations", 200);
	json_t *row = json_array_get(json_object_get(document, "allocations"), 0);

	ck_assert_str_eq(word(row, "id"), "ffeeddccbbaa9988");
	ck_assert_str_eq(word(row, "user"), "alice");
	ck_assert_str_eq(word(row, "client"), "[2001:db8::7]:40000");
	ck_assert_str_eq(word(row, "transport"), "tls");
	ck_assert_str_eq(word(row, "relay_transport"), "tcp");
	ck_assert_int_eq(number(row, "peer_connections"), 3);
	ck_assert_str_eq(word(row, "dialect"), "ietf");
	ck_assert_str_eq(word(row, "relayed"), "203.0.113.10:50001");
	ck_assert_int_eq(number(json_object_get(row, "to_client"), "bytes"), 99);
	json_decref(document);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_knows_nothing_else)
{
	struct control_socket *control = start((gid_t)-1);
	json_t *problem = get("/v1/../../etc/passwd", 404);

	ck_assert_int_eq(number(problem, "status"), 404);
	ck_assert_str_eq(word(problem, "title"), "Not Found");
	json_decref(problem);
	json_decref(get("/", 404));
	control_socket_stop(control);
}
END_TEST

START_TEST(control_only_reads)
{
	struct control_socket *control = start((gid_t)-1);
	const char *answer =
		ask("POST /v1/status HTTP/1.1\r\nHost: relay\r\nContent-Length: 4\r\n"
		    "Connection: close\r\n\r\nbody");

	ck_assert_uint_eq(status_of(answer), 405);
	ck_assert_ptr_nonnull(strstr(answer, "Allow: GET\r\n"));
	ck_assert_ptr_nonnull(
		strstr(answer, "Content-Type: application/problem+json\r\n"));
	control_socket_stop(control);
}
END_TEST

START_TEST(control_socket_is_removed_and_closed)
{
	struct stat st;
	int before, after;

	control_socket_stop(start((gid_t)-1));
	ck_assert_int_lt(stat(path, &st), 0);
	before = dup(0);
	close(before);
	control_socket_stop(start((gid_t)-1));
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

static unsigned mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(name, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	return st.st_mode & 0777;
}

START_TEST(control_socket_mode_follows_the_group)
{
	struct control_socket *control = start((gid_t)-1);

	ck_assert_uint_eq(mode_of(path), 0600);
	control_socket_stop(control);
	control = start(getgid());
	ck_assert_uint_eq(mode_of(path), 0660);
	control_socket_stop(control);
}
END_TEST

START_TEST(control_replaces_a_left_over_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	control_socket_stop(start((gid_t)-1)); /* makes the folder */
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	control_socket_stop(start((gid_t)-1));
}
END_TEST

START_TEST(control_takes_nothing_from_a_living_process)
{
	struct control_socket *control = start((gid_t)-1);
	char want[256];

	snprintf(want, sizeof(want),
		 "control.socket: another process answers at %s; stop it, or change "
		 "control.socket",
		 path);
	ck_assert_str_eq(refused(), want);
	json_decref(get("/v1/status", 200)); /* and the first one still serves */
	control_socket_stop(control);
}
END_TEST

START_TEST(control_removes_no_ordinary_file)
{
	struct stat st;
	FILE *file;

	control_socket_stop(start((gid_t)-1));
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_ptr_nonnull(strstr(refused(), "exists and is not a socket; remove it"));
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

/* Root makes it all for the user that the relay will run as. */
START_TEST(control_belongs_to_the_future_owner)
{
	char error[256] = "", parent[64];
	struct stat st;

	if (geteuid() != 0) {
		printf("skipped: only root can give things away\n");
		return;
	}

	struct control_socket *control =
		control_socket_bind(path, 65534, 12345, error, sizeof(error));
	ck_assert_msg(control != NULL, "%s", error);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	ck_assert_uint_eq(st.st_gid, 12345);
	snprintf(parent, sizeof(parent), "%s/new", folder);
	ck_assert_int_eq(stat(parent, &st), 0);
	ck_assert_uint_eq(st.st_uid, 65534);
	control_socket_stop(control);
}
END_TEST

/* The mode of the socket is opened by accident; the credentials still decide. */
static const struct {
	const char *name;
	uid_t uid;
	gid_t gid;
	unsigned want;
} peers[] = {
	{"a stranger", 65534, 65534, 403},
	{"a stranger in the group", 65534, 12345, 200},
	{"root", 0, 0, 200},
};

START_TEST(control_asks_for_credentials)
{
	int result;

	if (geteuid() != 0) {
		printf("skipped: only root can be somebody else\n");
		return;
	}

	struct control_socket *control = start(12345);
	ck_assert_int_eq(chmod(path, 0666), 0);

	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (setgroups(0, NULL) < 0 || setgid(peers[_i].gid) < 0 ||
		    setuid(peers[_i].uid) < 0)
			_exit(2);
		_exit(status_of(ask("GET /v1/status HTTP/1.1\r\nHost: relay\r\n"
				    "Connection: close\r\n\r\n")) == peers[_i].want
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(waitpid(child, &result, 0), child);
	ck_assert_msg(WIFEXITED(result) && WEXITSTATUS(result) == 0, "%s",
		      peers[_i].name);
	control_socket_stop(control);
}
END_TEST

static void control_suite(Suite *suite)
{
	TCase *tc = tcase_create("control");

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, control_status);
	tcase_add_test(tc, control_status_tells_when_the_certificate_ends);
	tcase_add_test(tc, control_ports);
	tcase_add_test(tc, control_counters);
	tcase_add_test(tc, control_allocations);
	tcase_add_test(tc, control_knows_nothing_else);
	tcase_add_test(tc, control_only_reads);
	tcase_add_test(tc, control_socket_is_removed_and_closed);
	tcase_add_test(tc, control_socket_mode_follows_the_group);
	tcase_add_test(tc, control_replaces_a_left_over_socket);
	tcase_add_test(tc, control_takes_nothing_from_a_living_process);
	tcase_add_test(tc, control_removes_no_ordinary_file);
	tcase_add_test(tc, control_belongs_to_the_future_owner);
	tcase_add_loop_test(tc, control_asks_for_credentials, 0, ROWS(peers));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("control", control_suite)
