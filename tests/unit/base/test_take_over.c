/*
 * test_take_over.c - a process that asks another one for its descriptors. The old one is a thread with a
 * loop; whatever the new one does but take over, it serves on.
 */
#include "base/descriptors/take_over.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/inherited.h"
#include "base/descriptors/take_over_listener.h"
#include "base/descriptors/take_over_packet.h"
#include "base/net/unix_listener.h"
#include "base/version.h"
#include "tests/unit/lib/unit.h"

enum { MANY = 600, PATIENCE_MS = 20000 };

static char directory[64], path[96];
static pthread_t thread;
static struct event_base *base;
static struct take_over_listener *listener;
static int many[MANY], few[2], listening;
static const char *cannot; /* pause */
/* Atomic. */
static unsigned pauses, resumes, leaves;
static bool ends, stands_still; /* each() */
static unsigned given;

static bool pause_old(void *self, char *error, size_t size)
{
	ck_assert_ptr_eq(self, many);
	if (cannot != NULL) {
		snprintf(error, size, "%s", cannot);
		return false;
	}
	__atomic_add_fetch(&pauses, 1, __ATOMIC_SEQ_CST);
	return true;
}

static void each(void *self, take_over_give_fn *give, void *arg)
{
	ck_assert_ptr_eq(self, many);
	while (__atomic_load_n(&stands_still, __ATOMIC_SEQ_CST))
		usleep(100);
	for (unsigned i = 0; i < 2; i++)
		give(arg, "few", few[i]);
	for (unsigned i = 0; i < given; i++)
		give(arg, "many.0", many[i]);
}

static void resume_old(void *self)
{
	ck_assert_ptr_eq(self, many);
	__atomic_add_fetch(&resumes, 1, __ATOMIC_SEQ_CST);
}

static void leave_old(void *self)
{
	ck_assert_ptr_eq(self, many);
	__atomic_add_fetch(&leaves, 1, __ATOMIC_SEQ_CST);
}

static void *serve(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&ends, __ATOMIC_SEQ_CST)) {
		const struct timeval short_time = {.tv_usec = 5000};

		event_base_loopexit(base, &short_time);
		event_base_dispatch(base);
	}
	return NULL;
}

static int memory(const char *text, unsigned number)
{
	char bytes[16];
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	snprintf(bytes, sizeof(bytes), "%s %u", text, number);
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	return fd;
}

static bool holds(int fd, const char *text, unsigned number)
{
	char bytes[16], want[16];

	snprintf(want, sizeof(want), "%s %u", text, number);
	return pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
	       strcmp(bytes, want) == 0;
}

static int listen_there(void)
{
	char error[256] = "";
	int fd = unix_listener_bind(
		path,
		&(const struct unix_listener_options){.key = "take_over.socket",
						      .type = SOCK_SEQPACKET,
						      .owner = geteuid(),
						      .group = (gid_t)-1},
		error, sizeof(error));

	ck_assert_msg(fd >= 0, "%s", error);
	return fd;
}

static void start_old(void)
{
	static const struct take_over_source source = {.daemon = "testd",
						       .self = many,
						       .pause = pause_old,
						       .each = each,
						       .resume = resume_old,
						       .leave = leave_old};

	ends = stands_still = false;
	pauses = resumes = leaves = 0;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	listener = take_over_listen(base, listening, &source);
	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void stop_old(void)
{
	__atomic_store_n(&ends, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	take_over_listener_free(listener);
	event_base_free(base);
}

static void set_up(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	strcpy(directory, P_tmpdir "/avedge-take-over-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	chmod(directory, 0755);
	snprintf(path, sizeof(path), "%s/socket", directory);
	for (unsigned i = 0; i < MANY; i++)
		many[i] = memory("many", i);
	for (unsigned i = 0; i < 2; i++)
		few[i] = memory("few", i);
	cannot = NULL;
	given = MANY;
	listening = listen_there();
	start_old();
}

static void tear_down(void)
{
	stop_old();
	close(listening);
	for (unsigned i = 0; i < MANY; i++)
		close(many[i]);
	close(few[0]);
	close(few[1]);
	unlink(path);
	rmdir(directory);
}

static unsigned count(const unsigned *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void wait_for(const unsigned *counter, unsigned value)
{
	for (int i = 0; count(counter) < value && i < PATIENCE_MS; i++)
		usleep(1000);
	ck_assert_uint_eq(count(counter), value);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static char error[256];

/* What was given dies with the new process; here, with the list. */
static struct take_over *ask(struct inherited **inherited)
{
	struct take_over *take_over;

	*inherited = inherited_new();
	ck_assert_ptr_nonnull(*inherited);
	take_over = take_over_ask(path, "testd", *inherited, error, sizeof(error));
	ck_assert_msg(take_over != NULL, "%s", error);
	return take_over;
}

static void take_everything(void)
{
	struct inherited *inherited;
	struct take_over *take_over = ask(&inherited);

	ck_assert_uint_eq(count(&pauses), 1);
	ck_assert_int_eq(take_over_pid(take_over), getpid());
	ck_assert_uint_eq(inherited_count(inherited), MANY + 2);
	for (unsigned i = 0; i < MANY; i++) {
		int fd = inherited_take(inherited, "many.0");

		ck_assert_msg(fd >= 0 && holds(fd, "many", i), "%u", i);
		close(fd);
	}
	ck_assert_uint_eq(count(&leaves), 0);
	ck_assert_msg(take_over_done(take_over, TAKE_OVER_SEND_MS, error, sizeof(error)),
		      "%s", error);
	take_over_free(take_over);
	inherited_free(inherited);
	wait_for(&leaves, 1);
	ck_assert_uint_eq(count(&resumes), 0);
}

START_TEST(everything_comes_in_order)
{
	take_everything();
}
END_TEST

/* --- a new process that comes to nothing ------------------------------------------------------- */

static void refuse(void)
{
	struct inherited *inherited;
	struct take_over *take_over = ask(&inherited);

	take_over_refuse(take_over, "no room for \n many");
	take_over_free(take_over);
	inherited_free(inherited);
}

static void vanish(void)
{
	struct inherited *inherited;

	take_over_free(ask(&inherited));
	inherited_free(inherited);
}

static int connect_there(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

#define MAGIC "avedge take-over 1\n"

/* It asks, takes nothing, and goes. */
static void hello_and_vanish(void)
{
	int fd = connect_there();

	send_text(fd, MAGIC "hello testd 1\n");
	wait_for(&pauses, 1);
	close(fd);
}

static void done_twice(void)
{
	int fd = connect_there();

	send_text(fd, MAGIC "hello testd 1\n");
	send_text(fd, MAGIC "hello testd 1\n");
	wait_for(&resumes, 1);
	close(fd);
}

static void killed(void)
{
	struct inherited *inherited;
	int status;
	pid_t child = fork();

	if (child == 0) {
		ask(&inherited);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
}

/* What the old one finds when it wakes up, all there already. */
static int done_while_it_stands_still(void)
{
	int fd = connect_there();

	__atomic_store_n(&stands_still, true, __ATOMIC_SEQ_CST);
	send_text(fd, MAGIC "hello testd 1\n");
	wait_for(&pauses, 1);
	send_text(fd, MAGIC "done\n");
	return fd;
}

static void wake_up(void)
{
	__atomic_store_n(&stands_still, false, __ATOMIC_SEQ_CST);
}

static void done_and_no(void)
{
	int fd = done_while_it_stands_still();

	send_text(fd, MAGIC "no time\n");
	wake_up();
	wait_for(&resumes, 1);
	close(fd);
}

static void done_and_garbage(void)
{
	int fd = done_while_it_stands_still();

	send_text(fd, MAGIC "done\n");
	wake_up();
	wait_for(&resumes, 1);
	close(fd);
}

static void done_and_shut_down(void)
{
	int fd = done_while_it_stands_still();

	ck_assert_int_eq(shutdown(fd, SHUT_RD), 0);
	wake_up();
	wait_for(&resumes, 1);
	close(fd);
}

static void done_and_vanish(void)
{
	close(done_while_it_stands_still());
	wake_up();
}

static const struct {
	const char *name;
	void (*act)(void);
} failures[] = {
	{"says no", refuse},
	{"closes without a word", vanish},
	{"says hello only", hello_and_vanish},
	{"says something else than done", done_twice},
	{"is killed", killed},
	{"gives up and says no while the old one stands still", done_and_no},
	{"says more while the old one stands still", done_and_garbage},
	{"waits no more while the old one stands still", done_and_shut_down},
	{"goes away while the old one stands still", done_and_vanish},
};

START_TEST(the_old_one_serves_on)
{
	failures[_i].act();
	wait_for(&resumes, 1);
	ck_assert_msg(count(&pauses) == 1 && count(&leaves) == 0, "%s",
		      failures[_i].name);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert(holds(many[i], "many", i));
	/* And the next one may ask. */
	__atomic_store_n(&pauses, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&resumes, 0, __ATOMIC_SEQ_CST);
	take_everything();
}
END_TEST

START_TEST(a_done_that_waits_counts)
{
	struct take_over_packet packet = {0};
	int fd = done_while_it_stands_still();

	wake_up();
	wait_for(&leaves, 1);
	while (packet.message.kind != TAKE_OVER_GO) {
		ck_assert_msg(take_over_receive(fd, &packet,
						take_over_now_ms() + PATIENCE_MS, error,
						sizeof(error)),
			      "%s", error);
		take_over_drop(&packet);
	}
	close(fd);
	ck_assert_uint_eq(count(&resumes), 0);
}
END_TEST

/* --- one serves, and not both ------------------------------------------------------------------ */

enum { RACES = 600 };

/* What take_over_done() does, with a patience of so many microseconds. */
static bool go_within(unsigned us)
{
	struct take_over_packet packet = {0};
	int fd = connect_there();
	uint64_t until;

	send_text(fd, MAGIC "hello testd 1\n");
	while (packet.message.kind != TAKE_OVER_END)
		ck_assert(take_over_receive(fd, &packet, take_over_now_ms() + PATIENCE_MS,
					    error, sizeof(error)));
	send_text(fd, MAGIC "done\n");
	until = now_us() + us;
	while (now_us() < until)
		;
	ck_assert_int_eq(shutdown(fd, SHUT_RD), 0);
	if (!take_over_receive(fd, &packet, 0, error, sizeof(error)))
		packet.message.kind = TAKE_OVER_NO;
	/* It may be told, or not. */
	take_over_send_no(fd, "no time");
	close(fd);
	return packet.message.kind == TAKE_OVER_GO;
}

static bool go_at_once(unsigned patience_ms)
{
	struct inherited *inherited;
	struct take_over *take_over = ask(&inherited);
	bool goes = take_over_done(take_over, patience_ms, error, sizeof(error));

	if (!goes)
		take_over_refuse(take_over, "no time");
	take_over_free(take_over);
	inherited_free(inherited);
	return goes;
}

/* One gives up while the other says "go": each round, they have to agree. */
START_TEST(giving_up_and_go_at_once)
{
	unsigned went = 0;

	given = 0;
	for (unsigned i = 0; i < RACES; i++) {
		bool goes;

		stop_old();
		start_old();
		goes = i % 4 == 0 ? go_at_once(i / 4 % 2) : go_within(i % 150);
		wait_for(goes ? &leaves : &resumes, 1);
		ck_assert_uint_eq(count(goes ? &resumes : &leaves), 0);
		went += goes;
	}
	ck_assert_msg(went > 0 && went < RACES, "%u of %u", went, RACES);
}
END_TEST

/* An old process that does one step after the other; it exits with the errno of its last message. */
struct steps {
	const char *name;
	const char *first; /* after "done"; NULL: nothing */
	bool waits;        /* until the new one has given up */
	const char *last;
	bool reads; /* the "done" */
	bool hangs_up, dies;
	bool goes; /* what the new one has to find */
	int last_failed;
	const char *sentence;
};

static const struct steps steps[] = {
	{"go", .last = "go", .reads = true, .goes = true},
	{"go, too late", .waits = true, .last = "go", .reads = true, .last_failed = EPIPE,
	 .sentence = "silent"},
	{"go, too late, of one that stood still", .waits = true, .last = "go",
	 .last_failed = EPIPE, .sentence = "silent"},
	{"no", .last = "no way", .reads = true, .sentence = "serves on: way"},
	{"no, too late", .waits = true, .last = "no way", .last_failed = EPIPE,
	 .sentence = "silent"},
	{"go, and the connection reset", .last = "go", .hangs_up = true, .goes = true},
	{"no, and the connection reset", .last = "no way", .hangs_up = true,
	 .sentence = "serves on: way"},
	{"hangs up", .reads = true, .hangs_up = true, .sentence = "gone away"},
	{"resets", .hangs_up = true, .sentence = "gone away"},
	{"go and no", .first = "go", .last = "no way", .reads = true, .goes = true},
	{"something else, then go", .first = "end 0", .last = "go", .waits = true,
	 .reads = true, .last_failed = EPIPE, .sentence = "serves on"},
	{"is killed", .reads = true, .dies = true, .goes = true},
	{"is killed before it reads", .dies = true, .goes = true},
	{"says go and is killed", .last = "go", .dies = true, .goes = true},
	{"serves on and is killed", .last = "no way", .dies = true,
	 .sentence = "serves on: way"},
};

static int say(int fd, const char *what)
{
	char text[64];
	int len = snprintf(text, sizeof(text), MAGIC "%s\n", what);

	return send(fd, text, (size_t)len, MSG_NOSIGNAL) == len ? 0 : errno;
}

static void be_old(const struct steps *old, int accepting, int given_up)
{
	char bytes[TAKE_OVER_MESSAGE_MAX];
	struct pollfd polled = {.events = POLLIN};
	int failed = 0;

	alarm(PATIENCE_MS / 1000);
	polled.fd = accept(accepting, NULL, NULL);
	if (read(polled.fd, bytes, sizeof(bytes)) <= 0 ||
	    say(polled.fd, "hello testd 1") != 0 || say(polled.fd, "end 0") != 0 ||
	    poll(&polled, 1, -1) != 1)
		_exit(200);
	if (old->first != NULL && say(polled.fd, old->first) != 0)
		_exit(201);
	if (old->waits && read(given_up, bytes, 1) != 1)
		_exit(202);
	if (old->reads && read(polled.fd, bytes, sizeof(bytes)) <= 0)
		_exit(203);
	if (old->last != NULL)
		failed = say(polled.fd, old->last);
	if (old->hangs_up)
		close(polled.fd);
	if (old->dies)
		kill(getpid(), SIGKILL);
	/* It lives on until the end. */
	while (read(given_up, bytes, 1) > 0)
		;
	_exit(failed);
}

START_TEST(each_step_of_the_old_one)
{
	const struct steps *old = &steps[_i];
	struct inherited *inherited;
	struct take_over *take_over;
	int status, given_up[2];
	pid_t child;
	bool goes;

	/* The thread does not listen any more. */
	stop_old();
	ck_assert_int_eq(pipe(given_up), 0);
	fcntl(listening, F_SETFL, 0);
	child = fork();
	if (child == 0) {
		close(given_up[1]);
		be_old(old, listening, given_up[0]);
	}
	close(given_up[0]);
	take_over = ask(&inherited);
	ck_assert_int_eq(take_over_pid(take_over), child);
	goes = take_over_done(take_over, old->waits ? 100 : PATIENCE_MS, error,
			      sizeof(error));
	ck_assert_msg(goes == old->goes, "%s: %d, %s", old->name, goes, error);
	ck_assert_msg(goes || strstr(error, old->sentence) != NULL, "%s: %s", old->name,
		      error);
	if (!goes)
		take_over_refuse(take_over, error);
	/* Its socket is open still, as that of one that writes its last words. */
	if (!old->dies)
		ck_assert_int_eq(write(given_up[1], "x", 1), 1);
	close(given_up[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(old->dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
				: WIFEXITED(status) &&
					  WEXITSTATUS(status) == old->last_failed,
		      "%s: status %x", old->name, (unsigned)status);
	take_over_free(take_over);
	inherited_free(inherited);
	start_old();
}
END_TEST

static const char *const garbage[] = {
	"",
	"GET / HTTP/1.1\r\n\r\n",
	"avedge take-over 2\nhello testd 1\n",
	MAGIC "hello otherd 1\n",
	MAGIC "done\n",
	MAGIC "end 0\n",
	MAGIC "descriptors many.0 1\n",
};

START_TEST(garbage_does_not_even_pause_it)
{
	struct take_over_packet packet;
	int fd = connect_there();

	send_text(fd, garbage[_i]);
	/* An empty packet is the same as an end. */
	ck_assert_msg(take_over_receive(fd, &packet, take_over_now_ms() + PATIENCE_MS,
					error, sizeof(error)),
		      "%s", error);
	ck_assert_int_eq(packet.message.kind, TAKE_OVER_NO);
	close(fd);
	ck_assert_uint_eq(count(&pauses), 0);
	take_everything();
}
END_TEST

/* Descriptors that nobody asked for are closed. */
START_TEST(descriptors_with_a_hello_are_garbage)
{
	struct take_over_message message = {
		.kind = TAKE_OVER_DESCRIPTORS, .count = 2, .name = "gift"};
	struct take_over_packet packet;
	int fd = connect_there(), pair[2];
	char byte;

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(take_over_send(fd, &message, (int[]){pair[1], pair[1]}, 0), 0);
	close(pair[1]);
	ck_assert(take_over_receive(fd, &packet, take_over_now_ms() + PATIENCE_MS, error,
				    sizeof(error)));
	ck_assert_int_eq(packet.message.kind, TAKE_OVER_NO);
	ck_assert_int_eq(read(pair[0], &byte, 1), 0);
	close(pair[0]);
	close(fd);
}
END_TEST

/* More than may wait: the oldest gives way, and one that asks is answered at once. */
START_TEST(silent_ones_hold_up_nobody)
{
	int fds[TAKE_OVER_WAITING_MAX + 3];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_there();
	take_everything();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(one_that_cannot_pause_says_why)
{
	struct inherited *inherited = inherited_new();

	cannot = "it is draining";
	ck_assert_ptr_null(take_over_ask(path, "testd", inherited, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "refuses: it is draining"));
	inherited_free(inherited);
}
END_TEST

START_TEST(another_daemon_is_refused)
{
	struct inherited *inherited = inherited_new();

	ck_assert_ptr_null(
		take_over_ask(path, "otherd", inherited, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "it is another daemon"));
	inherited_free(inherited);
}
END_TEST

START_TEST(another_user_is_refused)
{
	int status;
	pid_t child;

	if (geteuid() != 0)
		return;
	chmod(path, 0666);
	child = fork();
	if (child == 0) {
		struct inherited *inherited = inherited_new();

		if (setuid(65534) != 0 ||
		    take_over_ask(path, "testd", inherited, error, sizeof(error)) != NULL)
			_exit(1);
		_exit(strstr(error, "only root and the user") != NULL ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(count(&pauses), 0);
	take_everything();
}
END_TEST

/* Then they are not all there, and it must not go on with some. */
START_TEST(a_new_process_without_descriptors_fails)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct inherited *inherited = inherited_new();
		const struct rlimit files = {MANY + 100, MANY + 100};

		/* Those of the parent are open here, too. */
		setrlimit(RLIMIT_NOFILE, &files);
		if (take_over_ask(path, "testd", inherited, error, sizeof(error)) != NULL)
			_exit(1);
		_exit(strstr(error, "out of descriptors") != NULL ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	wait_for(&resumes, 1);
	ck_assert_uint_eq(count(&leaves), 0);
}
END_TEST

START_TEST(nobody_listens)
{
	struct inherited *inherited = inherited_new();

	unlink(path);
	ck_assert_ptr_null(take_over_ask(path, "testd", inherited, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "no process listens on"));
	inherited_free(inherited);
}
END_TEST

/* --- messages --------------------------------------------------------------------------------- */

START_TEST(messages_are_read_as_written)
{
	struct take_over_message in = {.kind = TAKE_OVER_DESCRIPTORS, .count = 253}, out;
	char packet[TAKE_OVER_MESSAGE_MAX];
	size_t len;

	memset(in.name, 'n', sizeof(in.name) - 1);
	len = take_over_message_write(&in, packet);
	ck_assert_int_eq(take_over_message_read((struct slice){(uint8_t *)packet, len},
						&out),
			 TAKE_OVER_READ);
	ck_assert(memcmp(&in, &out, sizeof(in)) == 0);

	in = (struct take_over_message){.kind = TAKE_OVER_NO, .text = "a\nb\tc\xff"};
	len = take_over_message_write(&in, packet);
	ck_assert_int_eq(take_over_message_read((struct slice){(uint8_t *)packet, len},
						&out),
			 TAKE_OVER_READ);
	ck_assert_str_eq(out.text, "a?b?c?");
}
END_TEST

static void take_over_suite(Suite *suite)
{
	TCase *tc = tcase_create("take_over");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, everything_comes_in_order);
	tcase_add_loop_test(tc, the_old_one_serves_on, 0, ARRAY_LEN(failures));
	tcase_add_test(tc, a_done_that_waits_counts);
	tcase_add_test(tc, giving_up_and_go_at_once);
	tcase_add_loop_test(tc, each_step_of_the_old_one, 0, ARRAY_LEN(steps));
	tcase_add_loop_test(tc, garbage_does_not_even_pause_it, 0, ARRAY_LEN(garbage));
	tcase_add_test(tc, descriptors_with_a_hello_are_garbage);
	tcase_add_test(tc, silent_ones_hold_up_nobody);
	tcase_add_test(tc, one_that_cannot_pause_says_why);
	tcase_add_test(tc, another_daemon_is_refused);
	tcase_add_test(tc, another_user_is_refused);
	tcase_add_test(tc, a_new_process_without_descriptors_fails);
	tcase_add_test(tc, nobody_listens);
	suite_add_tcase(suite, tc);
	tc = tcase_create("take_over_message");
	tcase_add_test(tc, messages_are_read_as_written);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("take_over", take_over_suite)
