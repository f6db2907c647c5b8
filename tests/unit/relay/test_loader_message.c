/*
 * test_loader_message.c - what the relay and the loader of the kernel plane say to each other: all fields
 * of any message are checked, and descriptors neither get lost nor pile up.
 */
#include "relay/offload/loader_message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/offload/flow_layout.h"
#include "tests/unit/lib/unit.h"

static int ends[2];

static void set_up(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    ends),
			 0);
}

static void tear_down(void)
{
	close(ends[0]);
	close(ends[1]);
}

static struct loader_message open_message(void)
{
	return (struct loader_message){.version = LOADER_MESSAGE_VERSION,
				       .kind = LOADER_OPEN,
				       .flows = 1000,
				       .device_count = 2,
				       .devices = {{.ifindex = 2, .mode = OFFLOAD_AUTO},
						   {.ifindex = 3, .mode = OFFLOAD_XDP}}};
}

static struct loader_message answer_message(void)
{
	return (struct loader_message){
		.version = LOADER_MESSAGE_VERSION,
		.kind = LOADER_ANSWER,
		.flows = 2048,
		.device_count = 2,
		.devices = {{.ifindex = 2, .mode = OFFLOAD_TC, .is_tcx = 1},
			    {.ifindex = 3, .mode = OFFLOAD_OFF, .why = "it is off"}}};
}

static struct loader_message refused_message(void)
{
	return (struct loader_message){.version = LOADER_MESSAGE_VERSION,
				       .kind = LOADER_REFUSED,
				       .why = "another relay is connected"};
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void five(int fds[LOADER_DESCRIPTOR_COUNT])
{
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fds[i], 0);
	}
}

static void close_five(const int fds[LOADER_DESCRIPTOR_COUNT])
{
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++)
		close(fds[i]);
}

START_TEST(messages_arrive_as_sent)
{
	struct loader_message sent[] = {
		open_message(),
		answer_message(),
		refused_message(),
		{.version = LOADER_MESSAGE_VERSION, .kind = LOADER_CLOSE},
		{.version = LOADER_MESSAGE_VERSION, .kind = LOADER_DEVICES}};
	struct loader_message got;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		ck_assert_int_eq(loader_message_send(ends[0], &sent[i], NULL, 0), 0);
		ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), 0);
		ck_assert_uint_eq(count, 0);
		ck_assert_int_eq(memcmp(&got, &sent[i], sizeof(got)), 0);
	}
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EAGAIN);
}
END_TEST

START_TEST(descriptors_come_with_an_answer)
{
	struct loader_message sent = answer_message(), got;
	int fds[LOADER_DESCRIPTOR_COUNT], received[LOADER_DESCRIPTOR_COUNT];
	size_t count, before = open_descriptors();

	sent.resumed = 1;
	five(fds);
	ck_assert_int_eq(
		loader_message_send(ends[0], &sent, fds, LOADER_DESCRIPTOR_COUNT), 0);
	close_five(fds);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, received, &count), 0);
	ck_assert_uint_eq(count, LOADER_DESCRIPTOR_COUNT);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(fcntl(received[i], F_GETFD), FD_CLOEXEC);
	close_five(received);
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

/* Each is one change of a message that is right. */
static void is_longest(struct loader_message *message)
{
	message->device_count = OFFLOAD_DEVICES_MAX;
	for (uint32_t i = 0; i < OFFLOAD_DEVICES_MAX; i++)
		message->devices[i] = (struct loader_device){.ifindex = i + 1};
}
static void has_too_many_devices(struct loader_message *message)
{
	message->device_count = OFFLOAD_DEVICES_MAX + 1;
}
static void has_no_flows(struct loader_message *message)
{
	message->flows = 0;
}
static void has_most_flows(struct loader_message *message)
{
	message->flows = OFFLOAD_FLOWS_MAX;
}
static void has_too_many_flows(struct loader_message *message)
{
	message->flows = OFFLOAD_FLOWS_MAX + 1;
}
static void has_odd_flows(struct loader_message *message)
{
	message->flows = 2056;
}
static void has_few_flows(struct loader_message *message)
{
	message->flows = FLOW_WAYS / 2;
}
static void takes_over(struct loader_message *message)
{
	message->resumed = 1;
}
static void resumes_twice(struct loader_message *message)
{
	message->resumed = 2;
}
static void says_why(struct loader_message *message)
{
	strcpy(message->why, "no");
}
static void says_nothing(struct loader_message *message)
{
	message->why[0] = '\0';
	memset(message->why, 0, sizeof(message->why));
}
static void never_ends(struct loader_message *message)
{
	memset(message->why, 'a', sizeof(message->why));
}
static void goes_on_behind_its_end(struct loader_message *message)
{
	message->why[OFFLOAD_WHY_MAX - 1] = 'a';
}
static void has_a_line_break(struct loader_message *message)
{
	strcpy(message->why, "a\nb");
}
static void has_device_0(struct loader_message *message)
{
	message->devices[0].ifindex = 0;
}
static void has_a_negative_device(struct loader_message *message)
{
	message->devices[0].ifindex = 0x80000000;
}
static void has_a_device_twice(struct loader_message *message)
{
	message->devices[1].ifindex = message->devices[0].ifindex;
}
static void has_no_such_mode(struct loader_message *message)
{
	message->devices[0].mode = OFFLOAD_OFF + 1;
}
static void has_mode_auto(struct loader_message *message)
{
	message->devices[0].mode = OFFLOAD_AUTO;
}
static void has_mode_off(struct loader_message *message)
{
	message->devices[0].mode = OFFLOAD_OFF;
}
static void has_mode_xdp(struct loader_message *message)
{
	message->devices[0].mode = OFFLOAD_XDP;
}
static void is_attached_but_says_why(struct loader_message *message)
{
	strcpy(message->devices[0].why, "no");
}
static void has_a_device_with_a_reason(struct loader_message *message)
{
	strcpy(message->devices[1].why, "no");
}
static void asks_for_tcx(struct loader_message *message)
{
	message->devices[0].is_tcx = 1;
}
static void has_something_reserved(struct loader_message *message)
{
	message->devices[0].reserved[1] = 1;
}
static void has_no_such_kind(struct loader_message *message)
{
	message->kind = LOADER_KIND_COUNT;
}
static void is_of_the_next_version(struct loader_message *message)
{
	message->version++;
}
static void is_closing(struct loader_message *message)
{
	*message = (struct loader_message){.version = LOADER_MESSAGE_VERSION,
					   .kind = LOADER_CLOSE};
}
static void closes_devices(struct loader_message *message)
{
	message->kind = LOADER_CLOSE;
	message->flows = 0;
}
static void changes_devices(struct loader_message *message)
{
	message->kind = LOADER_DEVICES;
	message->flows = 0;
}
static void changes_devices_and_flows(struct loader_message *message)
{
	message->kind = LOADER_DEVICES;
}
static void nothing(struct loader_message *message)
{
	(void)message;
}

static const struct {
	const char *name;
	struct loader_message (*from)(void);
	void (*change)(struct loader_message *message);
	size_t fd_count;
	enum loader_verdict want;
} changes[] = {
	{"open", open_message, nothing, 0, LOADER_READ},
	{"open: the longest", open_message, is_longest, 0, LOADER_READ},
	{"open: takes over", open_message, takes_over, 0, LOADER_READ},
	{"open: most flows", open_message, has_most_flows, 0, LOADER_READ},
	{"open: no flows", open_message, has_no_flows, 0, LOADER_GARBAGE},
	{"open: too many flows", open_message, has_too_many_flows, 0, LOADER_GARBAGE},
	{"open: resumes twice", open_message, resumes_twice, 0, LOADER_GARBAGE},
	{"open: with a reason", open_message, says_why, 0, LOADER_GARBAGE},
	{"open: with a descriptor", open_message, nothing, 1, LOADER_GARBAGE},
	{"open: with five", open_message, nothing, LOADER_DESCRIPTOR_COUNT,
	 LOADER_GARBAGE},
	{"open: device 0", open_message, has_device_0, 0, LOADER_GARBAGE},
	{"open: negative device", open_message, has_a_negative_device, 0, LOADER_GARBAGE},
	{"open: a device twice", open_message, has_a_device_twice, 0, LOADER_GARBAGE},
	{"open: wrong mode", open_message, has_no_such_mode, 0, LOADER_GARBAGE},
	{"open: asks for tcx", open_message, asks_for_tcx, 0, LOADER_GARBAGE},
	{"open: a reason", open_message, has_a_device_with_a_reason, 0, LOADER_GARBAGE},
	{"open: reserved", open_message, has_something_reserved, 0, LOADER_GARBAGE},
	{"devices", open_message, changes_devices, 0, LOADER_READ},
	{"devices: flows, too", open_message, changes_devices_and_flows, 0,
	 LOADER_GARBAGE},
	{"close", open_message, is_closing, 0, LOADER_READ},
	{"close: with devices", open_message, closes_devices, 0, LOADER_GARBAGE},
	{"close: with a descriptor", open_message, is_closing, 1, LOADER_GARBAGE},
	{"no such kind", open_message, has_no_such_kind, 0, LOADER_GARBAGE},
	{"next version", open_message, is_of_the_next_version, 0, LOADER_OTHER_VERSION},
	{"answer", answer_message, nothing, 0, LOADER_READ},
	{"answer: tables", answer_message, nothing, LOADER_DESCRIPTOR_COUNT, LOADER_READ},
	{"answer: tables of before", answer_message, takes_over, LOADER_DESCRIPTOR_COUNT,
	 LOADER_READ},
	{"answer: resumed without tables", answer_message, takes_over, 0, LOADER_GARBAGE},
	{"answer: four descriptors", answer_message, nothing, LOADER_DESCRIPTOR_COUNT - 1,
	 LOADER_GARBAGE},
	{"answer: no power of two", answer_message, has_odd_flows, 0, LOADER_GARBAGE},
	{"answer: no whole bucket", answer_message, has_few_flows, 0, LOADER_GARBAGE},
	{"answer: auto", answer_message, has_mode_auto, 0, LOADER_GARBAGE},
	{"answer: off without reason", answer_message, has_mode_off, 0, LOADER_GARBAGE},
	{"answer: XDP and tcx", answer_message, has_mode_xdp, 0, LOADER_GARBAGE},
	{"answer: on with a reason", answer_message, is_attached_but_says_why, 0,
	 LOADER_GARBAGE},
	{"refused", refused_message, nothing, 0, LOADER_READ},
	{"refused: without reason", refused_message, says_nothing, 0, LOADER_GARBAGE},
	{"refused: endless", refused_message, never_ends, 0, LOADER_GARBAGE},
	{"refused: behind the end", refused_message, goes_on_behind_its_end, 0,
	 LOADER_GARBAGE},
	{"refused: two lines", refused_message, has_a_line_break, 0, LOADER_GARBAGE},
	{"refused: resumed", refused_message, takes_over, 0, LOADER_GARBAGE},
	{"too many devices", open_message, has_too_many_devices, 0, LOADER_GARBAGE},
};

START_TEST(every_field_is_checked)
{
	struct loader_message message = changes[_i].from(), got;
	enum loader_verdict verdict;
	size_t len;

	changes[_i].change(&message);
	len = message.device_count <= OFFLOAD_DEVICES_MAX ? loader_message_size(&message)
							  : sizeof(message);
	verdict = loader_message_read(&message, len, changes[_i].fd_count, &got);
	ck_assert_msg(verdict == changes[_i].want, "%s: %d", changes[_i].name, verdict);
}
END_TEST

START_TEST(only_whole_messages_are_read)
{
	struct loader_message message = open_message(), got;
	size_t len = loader_message_size(&message);
	enum loader_verdict verdict;

	for (size_t cut = 0; cut <= sizeof(message); cut++) {
		verdict = loader_message_read(&message, cut, 0, &got);
		ck_assert_msg((verdict == LOADER_READ) == (cut == len), "%zu of %zu", cut,
			      len);
	}
}
END_TEST

START_TEST(sentences_are_sent_printable)
{
	struct loader_message sent = answer_message(), got;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count;

	memset(sent.devices[1].why, '\xFC', sizeof(sent.devices[1].why));
	ck_assert_int_eq(loader_message_send(ends[0], &sent, NULL, 0), 0);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), 0);
	ck_assert_uint_eq(strlen(got.devices[1].why), OFFLOAD_WHY_MAX - 1);
	ck_assert_uint_eq(strspn(got.devices[1].why, "?"), OFFLOAD_WHY_MAX - 1);
}
END_TEST

/* Whatever sends. */
static void send_raw(void *data, size_t len, size_t fd_count)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct iovec bytes = {data, len};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (fd_count > 0) {
		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		*CMSG_FIRSTHDR(&header) =
			(struct cmsghdr){.cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS,
					 .cmsg_len = CMSG_LEN(fd_count * sizeof(int))};
		for (size_t i = 0; i < fd_count; i++)
			((int *)CMSG_DATA(CMSG_FIRSTHDR(&header)))[i] = STDIN_FILENO;
	}
	ck_assert_int_eq(sendmsg(ends[0], &header, 0), len);
}

START_TEST(descriptors_of_garbage_are_closed)
{
	struct loader_message message = open_message(), got;
	char longer[2 * sizeof(message)];
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count, before = open_descriptors(), len = loader_message_size(&message);

	memset(longer, 1, sizeof(longer));
	send_raw(&message, len, 1);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPROTO);
	send_raw(&message, len, LOADER_DESCRIPTOR_COUNT);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPROTO);
	send_raw(&message, len, 60);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPROTO);
	send_raw(longer, sizeof(longer), 3);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPROTO);
	message.version++;
	send_raw(&message, len, 2);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count),
			 -EPROTONOSUPPORT);
	send_raw(&message, 0, 2);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPIPE);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(out_of_descriptors_says_so)
{
	struct loader_message sent = answer_message(), got;
	int fds[LOADER_DESCRIPTOR_COUNT], last;
	struct rlimit limit;
	size_t count, before;

	five(fds);
	ck_assert_int_eq(
		loader_message_send(ends[0], &sent, fds, LOADER_DESCRIPTOR_COUNT), 0);
	before = open_descriptors();
	last = dup(STDIN_FILENO);
	close(last);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)last + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EMFILE);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(a_refusal_outlives_the_connection)
{
	struct loader_message unread = open_message(), sent = refused_message(), got;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count;

	ck_assert_int_eq(loader_message_send(ends[1], &unread, NULL, 0), 0);
	ck_assert_int_eq(loader_message_send(ends[0], &sent, NULL, 0), 0);
	close(ends[0]);
	ends[0] = -1;
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), 0);
	ck_assert_str_eq(got.why, sent.why);
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPIPE);
}
END_TEST

START_TEST(the_other_end_is_gone)
{
	struct loader_message message = open_message(), got;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t count;

	close(ends[0]);
	ends[0] = -1;
	ck_assert_int_eq(loader_message_receive(ends[1], &got, fds, &count), -EPIPE);
	ck_assert_int_eq(loader_message_send(ends[1], &message, NULL, 0), -EPIPE);
}
END_TEST

static void loader_message_suite(Suite *suite)
{
	TCase *tc = tcase_create("loader_message");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, messages_arrive_as_sent);
	tcase_add_test(tc, descriptors_come_with_an_answer);
	tcase_add_loop_test(tc, every_field_is_checked, 0, ROWS(changes));
	tcase_add_test(tc, only_whole_messages_are_read);
	tcase_add_test(tc, sentences_are_sent_printable);
	tcase_add_test(tc, descriptors_of_garbage_are_closed);
	tcase_add_test(tc, out_of_descriptors_says_so);
	tcase_add_test(tc, a_refusal_outlives_the_connection);
	tcase_add_test(tc, the_other_end_is_gone);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("loader_message", loader_message_suite)
