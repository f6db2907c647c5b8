/*
 * test_offload.c - the kernel plane of a process, with a loader that the test plays: its tables are files, and
 * its answers are right, wrong, late or none. In a network namespace of its own, with an Ethernet device that
 * carries nothing.
 */
#include "relay/offload/offload.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "relay/offload/loader_message.h"
#include "tests/unit/lib/unit.h"

enum { PLACES = 1024 };

/* --- a loader -------------------------------------------------------------------------------------- */

enum answer {
	RIGHT,
	REFUSES,
	SILENT,
	NO_TABLES,
	TOO_SMALL,
	OTHER_LAYOUT,
	NO_DEVICE,
	GARBAGE,
	HANGS_UP,
};

static struct {
	char directory[32], path[64];
	int listener;
	pthread_t thread;
	enum answer answer;
	int fds[LOADER_DESCRIPTOR_COUNT];
	int socket; /* of the relay; -1: none */
	struct loader_message last;
	unsigned opened, told, closed; /* atomic */
} loader = {.listener = -1, .socket = -1};

static const size_t sizes[LOADER_DESCRIPTOR_COUNT] = {
	[LOADER_SETTINGS] = sizeof(struct flow_settings),
	[LOADER_BUCKETS] = PLACES / FLOW_WAYS * sizeof(struct flow_bucket),
	[LOADER_FLOWS] = PLACES * sizeof(struct flow),
	[LOADER_FLOW_HOPS] = FLOW_HOPS * sizeof(struct flow_hop),
	[LOADER_COUNTS] = FLOW_CPUS_MAX * sizeof(struct flow_counts),
};

static void make_tables(void)
{
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++) {
		loader.fds[i] = memfd_create("table", MFD_CLOEXEC);
		ck_assert_int_ge(loader.fds[i], 0);
		ck_assert_int_eq(ftruncate(loader.fds[i], (off_t)sizes[i]), 0);
	}
}

static struct flow_settings settings(void)
{
	struct flow_settings settings;

	ck_assert_int_eq(pread(loader.fds[LOADER_SETTINGS], &settings, sizeof(settings),
			       0),
			 sizeof(settings));
	return settings;
}

static void answer_devices(struct loader_message *message)
{
	for (uint32_t i = 0; i < message->device_count; i++) {
		struct loader_device *device = &message->devices[i];

		if (loader.answer == NO_DEVICE) {
			device->mode = OFFLOAD_OFF;
			snprintf(device->why, sizeof(device->why), "it cannot");
			continue;
		}
		device->mode = OFFLOAD_TC;
		device->is_tcx = 1;
	}
}

static void take_open(int fd)
{
	struct loader_message message = loader.last;
	size_t fd_count = LOADER_DESCRIPTOR_COUNT;

	message.kind = LOADER_ANSWER;
	message.flows = PLACES;
	message.resumed = 0;
	answer_devices(&message);
	switch (loader.answer) {
	case SILENT:
		return;
	case HANGS_UP:
		shutdown(fd, SHUT_RDWR);
		return;
	case GARBAGE:
		ck_assert_int_eq(send(fd, "what?", 5, 0), 5);
		return;
	case REFUSES:
		message = (struct loader_message){.kind = LOADER_REFUSED};
		snprintf(message.why, sizeof(message.why), "the moon is not right");
		fd_count = 0;
		break;
	case NO_TABLES:
		fd_count = 0;
		break;
	case TOO_SMALL:
		message.flows = 2 * PLACES;
		break;
	case RIGHT:
	case OTHER_LAYOUT:
	case NO_DEVICE:
		break;
	}
	loader_message_send(fd, &message, loader.fds, fd_count);
}

static void serve(int fd)
{
	int none[LOADER_DESCRIPTOR_COUNT];
	struct loader_message message;
	size_t count;

	while (loader_message_receive(fd, &message, none, &count) == 0) {
		loader.last = message;
		switch ((enum loader_kind)message.kind) {
		case LOADER_OPEN:
			take_open(fd);
			__atomic_add_fetch(&loader.opened, 1, __ATOMIC_SEQ_CST);
			break;
		case LOADER_DEVICES:
			message.kind = LOADER_ANSWER;
			message.flows = PLACES;
			answer_devices(&message);
			loader_message_send(fd, &message, NULL, 0);
			__atomic_add_fetch(&loader.told, 1, __ATOMIC_SEQ_CST);
			break;
		case LOADER_CLOSE:
			__atomic_add_fetch(&loader.closed, 1, __ATOMIC_SEQ_CST);
			return;
		case LOADER_ANSWER:
		case LOADER_REFUSED:
		case LOADER_KIND_COUNT:
			ck_abort_msg("the relay sent %u", message.kind);
		}
	}
}

static void *run_loader(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept4(loader.listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		__atomic_store_n(&loader.socket, fd, __ATOMIC_SEQ_CST);
		serve(fd);
		__atomic_store_n(&loader.socket, -1, __ATOMIC_SEQ_CST);
		close(fd);
	}
}

static void start_loader(enum answer answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	loader.answer = answer;
	if (answer == OTHER_LAYOUT)
		ck_assert_int_eq(pwrite(loader.fds[LOADER_SETTINGS], &(uint32_t){99},
					sizeof(uint32_t), 0),
				 sizeof(uint32_t));
	loader.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", loader.path);
	ck_assert_int_eq(
		bind(loader.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(loader.listener, 4), 0);
	ck_assert_int_eq(pthread_create(&loader.thread, NULL, run_loader, NULL), 0);
}

/* With the connection of the relay. */
static void end_loader(void)
{
	int fd = __atomic_load_n(&loader.socket, __ATOMIC_SEQ_CST);

	if (loader.listener < 0)
		return;
	shutdown(loader.listener, SHUT_RDWR);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_join(loader.thread, NULL);
	close(loader.listener);
	loader.listener = -1;
	unlink(loader.path);
}

/* --- a host and a relay ----------------------------------------------------------------------------- */

static bool may;
static struct event_base *base;
static struct offload *offload;
static struct offload_wanted wanted;
static unsigned changes;
static struct flow_table *seen; /* at the last change */

static void changed(void *arg)
{
	(void)arg;
	changes++;
	seen = offload_table(offload);
}

static void ip_do(const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "ip %s", command);
	ck_assert_msg(system(line) == 0, "%s", line);
}

static void make_host(void)
{
	may = unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
	if (!may)
		return;
	ip_do("link add one type veth peer name two");
	ip_do("addr add 192.0.2.10/24 dev one");
	ip_do("addr add 192.0.2.11/24 dev two");
	ip_do("link set one up");
	ip_do("link set two up");
	ip_do("link set lo up");
}

static void set_up(void)
{
	make_host();
	snprintf(loader.directory, sizeof(loader.directory), "/tmp/offload-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(loader.directory));
	snprintf(loader.path, sizeof(loader.path), "%s/socket", loader.directory);
	make_tables();
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	memset(&wanted, 0, sizeof(wanted));
	snprintf(wanted.socket, sizeof(wanted.socket), "%s", loader.path);
	wanted.addresses[0].side = SIDE_OUTSIDE;
	ip_addr_parse("192.0.2.10", &wanted.addresses[0].ip);
	wanted.address_count = 1;
	wanted.flows = PLACES / 2;
	wanted.relay_port_first = 50000;
	wanted.relay_port_last = 50009;
}

static void start(void)
{
	offload = offload_start(&wanted, base);
	ck_assert_ptr_nonnull(offload);
	offload_on_change(offload, changed, NULL);
}

static void tear_down(void)
{
	offload_stop(offload);
	end_loader();
	event_base_free(base);
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++)
		close(loader.fds[i]);
	rmdir(loader.directory);
}

static struct offload_view view(void)
{
	struct offload_view view;

	offload_view(offload, &view);
	return view;
}

static void turn_once(unsigned wait_ms)
{
	const struct timeval wait = {.tv_usec = wait_ms * 1000};

	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
}

#define UNTIL(condition)                                      \
	do {                                                  \
		for (int i = 0; i < 500 && !(condition); i++) \
			turn_once(10);                        \
		ck_assert_msg(condition, "%s", #condition);   \
	} while (0)

#define NEEDS_NAMESPACES                                                   \
	do {                                                               \
		if (!may) {                                                \
			start();                                           \
			puts("network namespaces are not permitted here"); \
			return;                                            \
		}                                                          \
	} while (0)

/* --- */

START_TEST(without_a_loader_it_says_so)
{
	uint16_t hop;

	NEEDS_NAMESPACES;
	start();
	ck_assert_ptr_null(offload_table(offload));
	ck_assert(strstr(view().why, "correct offload.socket") != NULL);
	ck_assert(!view().is_on && !view().is_missed);
	ck_assert(!offload_covers(offload, &wanted.addresses[0].ip));
	ck_assert(!offload_hop(offload, &wanted.addresses[0].ip, &wanted.addresses[0].ip,
			       &hop));
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_TC;
	offload_use(offload, &wanted);
	ck_assert(view().is_missed);
}
END_TEST

START_TEST(with_a_loader_it_is_on_at_once)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	ck_assert_ptr_nonnull(offload_table(offload));
	ck_assert(view().is_on);
	ck_assert_str_eq(view().why, "");
	ck_assert_uint_eq(view().flows_max, PLACES);
	ck_assert_uint_eq(view().device_count, 1);
	ck_assert_str_eq(view().devices[0].name, "one");
	ck_assert_str_eq(view().devices[0].program, "tcx");
	ck_assert(offload_covers(offload, &wanted.addresses[0].ip));
	ck_assert_uint_eq(loader.last.flows, PLACES / 2);
	ck_assert_uint_eq(loader.last.resumed, 0);

	struct flow_settings is = settings();

	ck_assert(is.version == FLOW_LAYOUT_VERSION && is.on == 1 && is.seed != 0);
	ck_assert(is.relay_port_first == 50000 && is.relay_port_last == 50009);
}
END_TEST

START_TEST(a_process_that_takes_over_says_so_and_keeps_the_seed)
{
	const struct flow_settings before = {.version = FLOW_LAYOUT_VERSION,
					     .seed = 4711};

	NEEDS_NAMESPACES;
	ck_assert_int_eq(pwrite(loader.fds[LOADER_SETTINGS], &before, sizeof(before), 0),
			 sizeof(before));
	wanted.takes_over = true;
	start_loader(RIGHT);
	start();
	ck_assert(view().is_on);
	ck_assert_uint_eq(loader.last.resumed, 1);
	ck_assert_uint_eq(settings().seed, 4711);
}
END_TEST

static const struct {
	enum answer answer;
	const char *why;
} wrong[] = {
	{REFUSES, "the moon is not right"}, {NO_TABLES, "answered what was not asked"},
	{TOO_SMALL, "of another release"},  {OTHER_LAYOUT, "of another release"},
	{GARBAGE, "of another release"},    {HANGS_UP, "has ended"},
	{SILENT, "has not answered yet"},
};

START_TEST(a_wrong_answer_is_told_and_nothing_is_used)
{
	NEEDS_NAMESPACES;
	start_loader(wrong[_i].answer);
	start();
	ck_assert_ptr_null(offload_table(offload));
	ck_assert_msg(strstr(view().why, wrong[_i].why) != NULL, "%s", view().why);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(a_device_that_cannot_is_no_plane)
{
	NEEDS_NAMESPACES;
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_XDP;
	start_loader(NO_DEVICE);
	start();
	ck_assert(!view().is_on && view().is_missed);
	ck_assert_str_eq(view().devices[0].why, "it cannot");
	ck_assert_ptr_null(view().devices[0].program);
	ck_assert(!offload_covers(offload, &wanted.addresses[0].ip));
}
END_TEST

START_TEST(workers_are_told_when_the_loader_ends)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	end_loader();
	UNTIL(changes == 1);
	ck_assert_ptr_null(seen);
	ck_assert_ptr_null(offload_table(offload));
	ck_assert_uint_eq(settings().on, 0);
	ck_assert(strstr(view().why, "has ended") != NULL);
	start_loader(RIGHT);
	offload_turn(offload, false); /* rather than to wait for the retry */
	offload_turn(offload, true);
	ck_assert_uint_eq(changes, 2);
	ck_assert_ptr_nonnull(seen);
	ck_assert(view().is_on);
}
END_TEST

START_TEST(it_is_turned_off_and_on)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	offload_turn(offload, false);
	ck_assert_uint_eq(changes, 1);
	ck_assert(seen == NULL && view().is_turned_off && !view().is_on);
	UNTIL(__atomic_load_n(&loader.closed, __ATOMIC_SEQ_CST) == 1);
	offload_turn(offload, false);
	ck_assert_uint_eq(changes, 1);
	offload_turn(offload, true);
	ck_assert_uint_eq(changes, 2);
	ck_assert(seen != NULL && view().is_on && !view().is_turned_off);
	ck_assert_str_eq(view().why, "");
}
END_TEST

START_TEST(a_reload_is_followed)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_TC;
	wanted.relay_port_last = 50019;
	offload_use(offload, &wanted);
	UNTIL(__atomic_load_n(&loader.told, __ATOMIC_SEQ_CST) == 1);
	ck_assert_uint_eq(loader.last.devices[0].mode, OFFLOAD_TC);
	ck_assert_uint_eq(settings().relay_port_last, 50019);
	/* Workers judge what came or left by a device that may not be one any more. */
	ck_assert(seen != NULL && seen == offload_table(offload) && changes == 1);
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_OFF;
	wanted.modes[SIDE_INSIDE] = OFFLOAD_OFF;
	offload_use(offload, &wanted);
	ck_assert(seen == NULL && changes == 2);
	ck_assert(strstr(view().why, "off on both sides") != NULL);
	wanted.modes[SIDE_OUTSIDE] = OFFLOAD_AUTO;
	wanted.flows = PLACES; /* other tables */
	offload_use(offload, &wanted);
	UNTIL(view().is_on);
	ck_assert_uint_eq(loader.last.flows, PLACES);
	wanted.socket[0] = '\0';
	offload_use(offload, &wanted);
	ck_assert(strstr(view().why, "offload.socket is empty") != NULL);
}
END_TEST

START_TEST(devices_come_and_go)
{
	const struct ip_addr *ip = &wanted.addresses[0].ip;

	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	ip_do("addr del 192.0.2.10/24 dev one");
	UNTIL(!view().is_on);
	ck_assert(strstr(view().why, "no address of this relay") != NULL);
	ck_assert(!offload_covers(offload, ip));
	ip_do("addr add 192.0.2.10/24 dev two");
	UNTIL(view().is_on);
	ck_assert_str_eq(view().devices[0].name, "two");
	ck_assert(offload_covers(offload, ip));
}
END_TEST

static const struct flow_hop *hop_at(uint16_t index)
{
	static struct flow_hop hop;

	ck_assert_int_eq(pread(loader.fds[LOADER_FLOW_HOPS], &hop, sizeof(hop),
			       (off_t)(index * sizeof(hop))),
			 sizeof(hop));
	return &hop;
}

START_TEST(hops_follow_the_routes)
{
	struct ip_addr to;
	uint16_t hop = 0;

	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	ip_addr_parse("198.51.100.7", &to);
	ck_assert(!offload_hop(offload, &wanted.addresses[0].ip, &to, &hop));
	ip_do("route add 198.51.100.0/24 via 192.0.2.99 dev one");
	while (!offload_hop(offload, &wanted.addresses[0].ip, &to, &hop))
		turn_once(10);
	ck_assert_uint_eq(hop_at(hop)->gateway[3], 99);
	ck_assert_uint_eq(view().hops, 1);
	ip_do("route replace 198.51.100.0/24 via 192.0.2.98 dev one mtu 1300");
	UNTIL(hop_at(hop)->gateway[3] == 98 && hop_at(hop)->mtu == 1300);
	ip_do("link set one mtu 1200");
	UNTIL(hop_at(hop)->mtu == 1200);
	ip_do("link set one down");
	UNTIL(hop_at(hop)->ifindex == 0);
	ip_do("link set one up");
	ip_do("route add 198.51.100.0/24 via 192.0.2.97 dev one");
	UNTIL(hop_at(hop)->ifindex != 0 && hop_at(hop)->gateway[3] == 97);
	ip_do("rule add to 198.51.100.7 unreachable");
	UNTIL(hop_at(hop)->ifindex == 0);
	offload_hop_release(offload, hop);
	ck_assert_uint_eq(view().hops, 0);
	/* Our own, and what is not from an address of ours. */
	ip_addr_parse("192.0.2.11", &to);
	ck_assert(!offload_hop(offload, &wanted.addresses[0].ip, &to, &hop));
	ck_assert(!offload_hop(offload, &to, &wanted.addresses[0].ip, &hop));
}
END_TEST

static void *ask_as_worker(void *arg)
{
	struct ip_addr to;
	uint16_t hop;

	(void)arg;
	ip_addr_parse("192.0.2.50", &to);
	return offload_hop(offload, &wanted.addresses[0].ip, &to, &hop) ? offload : NULL;
}

static bool worker_gets_it(void)
{
	pthread_t thread;
	void *got;

	ck_assert_int_eq(pthread_create(&thread, NULL, ask_as_worker, NULL), 0);
	pthread_join(thread, &got);
	return got != NULL;
}

START_TEST(a_worker_is_not_kept_waiting)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	ck_assert(!worker_gets_it());
	UNTIL(worker_gets_it());
}
END_TEST

START_TEST(a_process_that_leaves_closes_nothing)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	offload_pause(offload);
	offload_leave(offload);
	offload = NULL;
	ck_assert_uint_eq(settings().on, 1);
	ck_assert_uint_eq(__atomic_load_n(&loader.closed, __ATOMIC_SEQ_CST), 0);
}
END_TEST

START_TEST(a_process_that_goes_on_after_all_asks_again)
{
	NEEDS_NAMESPACES;
	start_loader(RIGHT);
	start();
	offload_pause(offload);
	turn_once(20);
	offload_resume(offload);
	ck_assert_uint_eq(changes, 2);
	ck_assert(view().is_on);
	ck_assert_uint_eq(loader.last.resumed, 1);
}
END_TEST

static void offload_suite(Suite *suite)
{
	TCase *tc = tcase_create("offload");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, without_a_loader_it_says_so);
	tcase_add_test(tc, with_a_loader_it_is_on_at_once);
	tcase_add_test(tc, a_process_that_takes_over_says_so_and_keeps_the_seed);
	tcase_add_loop_test(tc, a_wrong_answer_is_told_and_nothing_is_used, 0,
			    ROWS(wrong));
	tcase_add_test(tc, a_device_that_cannot_is_no_plane);
	tcase_add_test(tc, workers_are_told_when_the_loader_ends);
	tcase_add_test(tc, it_is_turned_off_and_on);
	tcase_add_test(tc, a_reload_is_followed);
	tcase_add_test(tc, devices_come_and_go);
	tcase_add_test(tc, hops_follow_the_routes);
	tcase_add_test(tc, a_worker_is_not_kept_waiting);
	tcase_add_test(tc, a_process_that_leaves_closes_nothing);
	tcase_add_test(tc, a_process_that_goes_on_after_all_asks_again);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("offload", offload_suite)
