/*
 * test_relays.c - whose the tables are: relays that open, take over, close, are killed, say nothing or
 * nonsense, with a hand-moved clock and a plane that only remembers. What the kernel does with it, t-offload-loader shows.
 */
#include "relay/offload/loader/relays.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/offload/flow_layout.h"
#include "relay/offload/loader/plane.h"
#include "relay/offload/loader_message.h"
#include "tests/unit/lib/unit.h"

/* --- the plane ------------------------------------------------------------------------------- */

struct plane {
	uint32_t flows;
	int descriptors[LOADER_DESCRIPTOR_COUNT];
	struct loader_device devices[OFFLOAD_DEVICES_MAX];
	size_t device_count;
};

static unsigned made, freed; /* planes */
static struct plane *current;
static const char *cannot;

struct plane *plane_new(uint32_t flows, bool without_tcx, char *why, size_t why_size)
{
	ck_assert(!without_tcx);
	ck_assert_ptr_null(current);
	if (cannot != NULL) {
		snprintf(why, why_size, "%s", cannot);
		return NULL;
	}
	current = calloc(1, sizeof(*current));
	ck_assert_ptr_nonnull(current);
	current->flows = flows;
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++)
		current->descriptors[i] = STDERR_FILENO;
	made++;
	return current;
}

void plane_free(struct plane *plane)
{
	if (plane == NULL)
		return;
	ck_assert_ptr_eq(plane, current);
	current = NULL;
	free(plane);
	freed++;
}

bool plane_has_size(const struct plane *plane, uint32_t flows)
{
	return plane->flows == flows;
}

uint32_t plane_places(const struct plane *plane)
{
	return plane->flows * 2;
}

const int *plane_descriptors(const struct plane *plane)
{
	return plane->descriptors;
}

void plane_use(struct plane *plane, const struct loader_device *wanted, size_t count,
	       struct loader_device *answer)
{
	memcpy(plane->devices, wanted, count * sizeof(*wanted));
	plane->device_count = count;
	for (size_t i = 0; i < count; i++)
		answer[i] = (struct loader_device){.ifindex = wanted[i].ifindex,
						   .mode = OFFLOAD_TC};
}

void plane_count(const struct plane *plane, size_t *devices, size_t *flows)
{
	*devices = plane->device_count;
	*flows = 1;
}

/* --- relays ---------------------------------------------------------------------------------- */

enum { RELAYS = 12, START_MS = 100000, FLOWS = 1024 };

static struct relays *relays;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listener;
static uint64_t now_ms;

static void set_up(void)
{
	/* An abstract name: nothing to remove. */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "test_relays-%d",
		 getpid());
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, RELAYS), 0);
	now_ms = START_MS;
	made = freed = 0;
	cannot = NULL;
	log_set_level(LOG_LEVEL_ERROR);
	relays = relays_new(
		&(struct relays_options){.listener = listener, .user = (uid_t)-1});
	ck_assert_ptr_nonnull(relays);
}

static void tear_down(void)
{
	relays_free(relays);
	close(listener);
	ck_assert_uint_eq(made, freed);
}

/* All that is there to do, and that is due. */
static void serve(void)
{
	struct pollfd polled[RELAYS_WATCHED_MAX];

	for (;;) {
		size_t count = relays_watch(relays, polled);
		int ready = poll(polled, count, 0);

		ck_assert_int_ge(ready, 0);
		relays_serve(relays, polled, count, now_ms);
		if (ready == 0)
			return;
	}
}

static int connected(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	serve();
	return fd;
}

static void send_message(int fd, enum loader_kind kind, uint32_t flows, bool takes_over,
			 uint32_t ifindex)
{
	struct loader_message message = {.kind = kind,
					 .flows = flows,
					 .resumed = takes_over,
					 .device_count = ifindex != 0,
					 .devices = {{.ifindex = ifindex}}};

	ck_assert_int_eq(loader_message_send(fd, &message, NULL, 0), 0);
	serve();
}

/* What it was answered: a kind, LOADER_KIND_COUNT if it was disconnected. */
static enum loader_kind answered(int fd, struct loader_message *message)
{
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count;
	int error = loader_message_receive(fd, message, fds, &count);

	if (error == -EPIPE)
		return LOADER_KIND_COUNT;
	ck_assert_int_eq(error, 0);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return (enum loader_kind)message->kind;
}

/* One that has the tables. */
static int opened(uint32_t flows, bool takes_over, uint32_t ifindex, bool resumes)
{
	struct loader_message message;
	int fd = connected();

	send_message(fd, LOADER_OPEN, flows, takes_over, ifindex);
	ck_assert_int_eq(answered(fd, &message), LOADER_ANSWER);
	ck_assert_uint_eq(message.resumed, resumes);
	ck_assert_uint_eq(message.flows, flows * 2);
	ck_assert_uint_eq(current->devices[0].ifindex, ifindex);
	return fd;
}

static void is_refused(int fd, const char *why)
{
	struct loader_message message;

	ck_assert_int_eq(answered(fd, &message), LOADER_REFUSED);
	ck_assert_msg(strstr(message.why, why) != NULL, "%s", message.why);
	ck_assert_int_eq(answered(fd, &message), LOADER_KIND_COUNT);
	close(fd);
}

static void close_tables(int fd)
{
	struct loader_message message;

	send_message(fd, LOADER_CLOSE, 0, false, 0);
	ck_assert_int_eq(answered(fd, &message), LOADER_KIND_COUNT);
	close(fd);
}

static void vanish(int fd)
{
	close(fd);
	serve();
}

static void says(const char *want)
{
	char line[128];

	relays_status(relays, line, sizeof(line));
	ck_assert_str_eq(line, want);
}

/* --------------------------------------------------------------------------------------------- */

START_TEST(close_ends_all_at_once)
{
	int fd = opened(FLOWS, false, 7, false);

	ck_assert(!relays_is_idle(relays));
	says("serving: 1 device, 1 flow");
	close_tables(fd);
	ck_assert(relays_is_idle(relays));
	ck_assert_uint_eq(freed, 1);
	says("no relay");
	ck_assert_uint_eq(relays_deadline(relays), UINT64_MAX);
}
END_TEST

START_TEST(a_relay_that_vanishes_has_ten_seconds)
{
	vanish(opened(FLOWS, false, 7, false));
	says("the relay is gone: 1 device, 1 flow");
	ck_assert_uint_eq(relays_deadline(relays), START_MS + FLOW_LEASE_MS);
	now_ms += FLOW_LEASE_MS - 1;
	serve();
	ck_assert_uint_eq(freed, 0);

	int fd = opened(FLOWS, false, 8, true);
	now_ms += FLOW_LEASE_MS;
	serve();
	ck_assert_uint_eq(freed, 0);
	vanish(fd);
	now_ms += FLOW_LEASE_MS;
	serve();
	ck_assert_uint_eq(freed, 1);
	ck_assert(relays_is_idle(relays));
	vanish(opened(FLOWS, false, 7, false));
	ck_assert_uint_eq(made, 2);
}
END_TEST

START_TEST(another_size_makes_other_tables)
{
	vanish(opened(FLOWS, false, 7, false));
	vanish(opened(2 * FLOWS, false, 7, false));
	ck_assert_uint_eq(freed, 1);

	/* Also for one that takes over; the one before is told by the end of its connection. */
	struct loader_message message;
	int first = opened(2 * FLOWS, false, 7, true);
	int second = opened(FLOWS, true, 8, false);

	ck_assert_int_eq(answered(first, &message), LOADER_KIND_COUNT);
	close(first);
	close_tables(second);
}
END_TEST

START_TEST(a_second_relay_is_refused)
{
	int first = opened(FLOWS, false, 7, false), second = connected();
	char want[64];

	snprintf(want, sizeof(want), "process %d of user", getpid());
	send_message(second, LOADER_OPEN, FLOWS, false, 8);
	is_refused(second, want);
	ck_assert_uint_eq(current->devices[0].ifindex, 7);
	close_tables(first);
}
END_TEST

START_TEST(one_that_takes_over_has_the_tables)
{
	int first = opened(FLOWS, false, 7, false);
	int second = opened(FLOWS, true, 8, true);
	struct loader_message message;

	/* The one before changes nothing any more, and its end ends nothing. */
	send_message(first, LOADER_DEVICES, 0, false, 9);
	ck_assert_int_eq(answered(first, &message), LOADER_ANSWER);
	ck_assert_int_eq(message.devices[0].mode, OFFLOAD_OFF);
	ck_assert_uint_eq(current->devices[0].ifindex, 8);
	close_tables(first);
	ck_assert_uint_eq(freed, 0);
	close_tables(second);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

START_TEST(one_that_takes_over_in_vain_gives_back)
{
	int first = opened(FLOWS, false, 7, false);
	struct loader_message message;

	vanish(opened(FLOWS, true, 8, true));
	ck_assert_uint_eq(current->devices[0].ifindex, 7);
	close_tables(opened(FLOWS, true, 8, true));
	ck_assert_uint_eq(current->devices[0].ifindex, 7);
	ck_assert_uint_eq(relays_deadline(relays), UINT64_MAX);
	send_message(first, LOADER_DEVICES, 0, false, 9);
	ck_assert_int_eq(answered(first, &message), LOADER_ANSWER);
	ck_assert_int_eq(message.devices[0].mode, OFFLOAD_TC);
	close_tables(first);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

/* The next process may come before the end of the one before has been read. */
START_TEST(the_next_one_is_not_refused_for_a_dead_one)
{
	int first = opened(FLOWS, false, 7, false), second = connected();
	struct loader_message message = {.kind = LOADER_OPEN, .flows = FLOWS};

	close(first);
	ck_assert_int_eq(loader_message_send(second, &message, NULL, 0), 0);
	serve();
	ck_assert_int_eq(answered(second, &message), LOADER_ANSWER);
	ck_assert_uint_eq(message.resumed, 1);
	close_tables(second);
}
END_TEST

START_TEST(what_cannot_be_made_is_told)
{
	int fd = connected();

	cannot = "the kernel is too old";
	send_message(fd, LOADER_OPEN, FLOWS, false, 7);
	is_refused(fd, cannot);
	ck_assert(relays_is_idle(relays));
	cannot = NULL;
	close_tables(opened(FLOWS, false, 7, false));
}
END_TEST

START_TEST(messages_out_of_turn)
{
	static const enum loader_kind kinds[] = {LOADER_DEVICES, LOADER_CLOSE,
						 LOADER_OPEN};
	int first = opened(FLOWS, false, 7, false);

	for (size_t i = 0; i < 2; i++) {
		int fd = connected();

		send_message(fd, kinds[i], 0, false, 0);
		is_refused(fd, "out of turn");
	}
	send_message(first, kinds[2], FLOWS, true, 7);
	is_refused(first, "opened already");
	ck_assert_uint_eq(freed, 0);
	now_ms += FLOW_LEASE_MS;
	serve();
	ck_assert_uint_eq(freed, 1);
}
END_TEST

START_TEST(silent_ones_go_after_five_seconds)
{
	int fd = connected();

	ck_assert_uint_eq(relays_deadline(relays), START_MS + 5000);
	now_ms += 4999;
	serve();
	ck_assert(!relays_is_idle(relays));
	now_ms += 1;
	serve();
	ck_assert(relays_is_idle(relays));
	is_refused(fd, "says nothing");
}
END_TEST

START_TEST(there_is_room_for_eight)
{
	int fds[RELAYS];
	struct loader_message message;

	for (size_t i = 0; i < RELAYS; i++)
		fds[i] = connected();
	for (size_t i = RELAYS_WATCHED_MAX - 1; i < RELAYS; i++)
		ck_assert_int_eq(answered(fds[i], &message), LOADER_KIND_COUNT);
	for (size_t i = 0; i < RELAYS; i++)
		vanish(fds[i]);
	ck_assert(relays_is_idle(relays));
	close_tables(opened(FLOWS, false, 7, false));
}
END_TEST

/* --- any order ------------------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t any(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % limit;
}

/* Does one thing with one of the connections; the loader may end it whenever it likes. */
static void do_something(int *fd)
{
	struct loader_message message = {.kind = any(LOADER_KIND_COUNT + 1),
					 .flows = any(3) * FLOWS,
					 .resumed = any(2),
					 .device_count = any(3),
					 .devices = {{.ifindex = 1 + any(3)},
						     {.ifindex = 1 + any(3)}}};
	int got[LOADER_DESCRIPTOR_COUNT];
	size_t count;

	switch (any(4)) {
	case 0:
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		break;
	case 1:
		now_ms += any(6000);
		break;
	default:
		if (*fd < 0) {
			*fd = connected();
			break;
		}
		/* Often what a relay would send. */
		if (any(3) > 0) {
			message.kind = any(3);
			message.flows = message.kind == LOADER_OPEN ? (1 + any(2)) * FLOWS
								    : 0;
			message.resumed &= message.kind == LOADER_OPEN;
			message.device_count = message.kind != LOADER_CLOSE;
		}
		loader_message_send(*fd, &message, NULL, 0);
		break;
	}
	if (any(3) > 0)
		serve();
	if (*fd >= 0 && loader_message_receive(*fd, &message, got, &count) == 0) {
		for (size_t i = 0; i < count; i++)
			close(got[i]);
	}
}

START_TEST(whatever_happens_it_ends)
{
	int fds[RELAYS];

	random_state = (uint32_t)_i;
	for (size_t i = 0; i < RELAYS; i++)
		fds[i] = -1;
	for (int step = 0; step < 3000; step++) {
		do_something(&fds[any(RELAYS)]);
		ck_assert_uint_le(made - freed, 1);
		ck_assert(!relays_is_idle(relays) || current == NULL);
	}
	for (size_t i = 0; i < RELAYS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	serve();
	now_ms += FLOW_LEASE_MS;
	serve();
	ck_assert(relays_is_idle(relays));
	ck_assert_uint_gt(made, 10);
}
END_TEST

static void relays_suite(Suite *suite)
{
	TCase *tc = tcase_create("relays");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, close_ends_all_at_once);
	tcase_add_test(tc, a_relay_that_vanishes_has_ten_seconds);
	tcase_add_test(tc, another_size_makes_other_tables);
	tcase_add_test(tc, a_second_relay_is_refused);
	tcase_add_test(tc, one_that_takes_over_has_the_tables);
	tcase_add_test(tc, one_that_takes_over_in_vain_gives_back);
	tcase_add_test(tc, the_next_one_is_not_refused_for_a_dead_one);
	tcase_add_test(tc, what_cannot_be_made_is_told);
	tcase_add_test(tc, messages_out_of_turn);
	tcase_add_test(tc, silent_ones_go_after_five_seconds);
	tcase_add_test(tc, there_is_room_for_eight);
	tcase_add_loop_test(tc, whatever_happens_it_ends, 1, 9);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("relays", relays_suite)
