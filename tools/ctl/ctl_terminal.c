/*
 * ctl_terminal.c - the terminal during avedgectl top.
 *
 * Signals are blocked and read like keys, so that all of them take the same way out.
 */
#include "tools/ctl/ctl_terminal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS = 80, LINES = 24, ESCAPE_WAIT_MS = 50, KEYS_MAX = 16, CTRL_U = 0x15 };

struct ctl_terminal {
	struct termios before;
	sigset_t signals, signals_before;
	int signal_fd;
	int signal;
	char keys[KEYS_MAX]; /* read, but not yet decoded */
	size_t count;
	char *typed; /* of ctl_terminal_type(); NULL: keys are commands */
	size_t typed_size;
};

/* The alternate screen, cleared and without a cursor; and the way back. */
static const char enter_text[] = "\033[?1049h\033[?25l\033[H\033[2J";
static const char leave_text[] = "\033[0m\033[?25h\033[?1049l";

static void enter(const struct ctl_terminal *terminal)
{
	struct termios raw = terminal->before;

	/* Ctrl-C and Ctrl-Z stay signals. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	fputs(enter_text, stdout);
	fflush(stdout);
}

static void leave(const struct ctl_terminal *terminal)
{
	fputs(leave_text, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->before);
}

struct ctl_terminal *ctl_terminal_open(void)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGHUP,
				      SIGQUIT, SIGTSTP, SIGWINCH};
	struct ctl_terminal *terminal = calloc(1, sizeof(*terminal));

	if (!terminal)
		return NULL;
	terminal->signal_fd = -1;
	sigemptyset(&terminal->signals);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&terminal->signals, signals[i]);
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &terminal->before) < 0)
		goto fail;
	sigprocmask(SIG_BLOCK, &terminal->signals, &terminal->signals_before);
	terminal->signal_fd =
		signalfd(-1, &terminal->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (terminal->signal_fd < 0) {
		sigprocmask(SIG_SETMASK, &terminal->signals_before, NULL);
		goto fail;
	}
	enter(terminal);
	return terminal;
fail:
	free(terminal);
	return NULL;
}

void ctl_terminal_close(struct ctl_terminal *terminal)
{
	if (!terminal)
		return;
	assert(terminal->signal_fd >= 0);
	leave(terminal);
	close(terminal->signal_fd);
	sigprocmask(SIG_SETMASK, &terminal->signals_before, NULL);
	free(terminal);
}

void ctl_terminal_size(size_t *columns, size_t *lines)
{
	struct winsize size = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*columns = size.ws_col > 0 ? size.ws_col : COLUMNS;
	*lines = size.ws_row > 0 ? size.ws_row : LINES;
}

int ctl_terminal_signal(const struct ctl_terminal *terminal)
{
	return terminal->signal;
}

/* Return the screen to the shell, stop, and take it back. */
static void stop(struct ctl_terminal *terminal)
{
	leave(terminal);
	raise(SIGSTOP);
	enter(terminal);
}

static const struct {
	const char *text;
	enum ctl_key key;
} sequences[] = {
	{"\033[A", KEY_UP},       {"\033OA", KEY_UP},    {"k", KEY_UP},
	{"\033[B", KEY_DOWN},     {"\033OB", KEY_DOWN},  {"j", KEY_DOWN},
	{"\033[5~", KEY_PAGE_UP}, {"b", KEY_PAGE_UP},    {"\033[6~", KEY_PAGE_DOWN},
	{"f", KEY_PAGE_DOWN},     {"\033[H", KEY_FIRST}, {"\033OH", KEY_FIRST},
	{"\033[1~", KEY_FIRST},   {"g", KEY_FIRST},      {"\033[F", KEY_LAST},
	{"\033OF", KEY_LAST},     {"\033[4~", KEY_LAST}, {"G", KEY_LAST},
	{"q", KEY_QUIT},          {"Q", KEY_QUIT},       {"s", KEY_SORT},
	{"S", KEY_SORT},          {" ", KEY_REFRESH},    {"\n", KEY_REFRESH},
	{"h", KEY_HELP},          {"?", KEY_HELP},       {"u", KEY_USER},
	{"a", KEY_ADDRESS},       {"d", KEY_DIALECT},    {"c", KEY_CLEAR},
};

static void drop_keys(struct ctl_terminal *terminal, size_t count)
{
	assert(count <= terminal->count);
	terminal->count -= count;
	memmove(terminal->keys, terminal->keys + count, terminal->count);
}

/* A character that was typed, complete or not: a byte after the other. */
static void append(struct ctl_terminal *terminal, char byte)
{
	size_t len = strlen(terminal->typed);

	if (len + 1 < terminal->typed_size) {
		terminal->typed[len] = byte;
		terminal->typed[len + 1] = '\0';
	}
}

/* With all bytes of it. */
static void take_back(struct ctl_terminal *terminal)
{
	size_t len = strlen(terminal->typed);

	while (len > 0 && ((unsigned char)terminal->typed[--len] & 0xc0) == 0x80)
		;
	terminal->typed[len] = '\0';
}

/* The same while a text is typed. */
static bool decode_typed(struct ctl_terminal *terminal, bool complete, enum ctl_key *key)
{
	char byte = terminal->keys[0];

	assert(terminal->count > 0 && terminal->typed);
	if (byte == '\033') {
		if (terminal->count == 1 && !complete)
			return false;
		*key = terminal->count == 1 ? KEY_CANCEL : KEY_OTHER;
		drop_keys(terminal, terminal->count);
		return true;
	}
	drop_keys(terminal, 1);
	*key = KEY_TYPED;
	if (byte == '\n' || byte == '\r')
		*key = KEY_ENTER;
	else if (byte == 0x7f || byte == '\b')
		take_back(terminal);
	else if (byte == CTRL_U)
		*terminal->typed = '\0';
	else if ((unsigned char)byte < ' ')
		*key = KEY_OTHER;
	else
		append(terminal, byte);
	return true;
}

/* Decode the first key; false if it may be incomplete. */
static bool decode_command(struct ctl_terminal *terminal, bool complete,
			   enum ctl_key *key)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		size_t len = strlen(sequences[i].text);
		size_t have = terminal->count < len ? terminal->count : len;

		if (memcmp(sequences[i].text, terminal->keys, have) != 0)
			continue;
		if (have < len && !complete)
			return false;
		if (have < len)
			continue;
		drop_keys(terminal, len);
		*key = sequences[i].key;
		return true;
	}
	/* Unknown: drop a whole escape sequence, or one byte of anything else. */
	drop_keys(terminal, terminal->keys[0] == '\033' ? terminal->count : 1);
	*key = KEY_OTHER;
	return true;
}

static bool decode(struct ctl_terminal *terminal, bool complete, enum ctl_key *key)
{
	return terminal->typed ? decode_typed(terminal, complete, key)
			       : decode_command(terminal, complete, key);
}

/* Turn a signal into a key; false if there is none. */
static bool take_signal(struct ctl_terminal *terminal, enum ctl_key *key)
{
	struct signalfd_siginfo info;

	if (read(terminal->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGTSTP) {
		if (info.ssi_signo == SIGTSTP)
			stop(terminal);
		*key = KEY_RESIZED;
		return true;
	}
	terminal->signal = (int)info.ssi_signo;
	*key = KEY_END;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum ctl_key ctl_terminal_key(struct ctl_terminal *terminal, int timeout_ms)
{
	struct pollfd fds[] = {{terminal->signal_fd, POLLIN, 0},
			       {STDIN_FILENO, POLLIN, 0}};
	int64_t end_ms = now_ms() + timeout_ms;
	bool complete = false;
	enum ctl_key key;

	for (;;) {
		if (terminal->count > 0 && decode(terminal, complete, &key))
			return key;

		/* ESC alone is a key, too: wait for the rest of a sequence. */
		int64_t left = terminal->count > 0 ? ESCAPE_WAIT_MS : end_ms - now_ms();
		int ready = poll(fds, 2, left > 0 ? (int)left : 0);

		complete = ready == 0;
		if (ready < 0 && errno != EINTR)
			return KEY_END;
		if (ready == 0 && terminal->count == 0)
			return KEY_TIMEOUT;
		if (ready <= 0)
			continue;
		if (fds[0].revents && take_signal(terminal, &key))
			return key;
		if (fds[1].revents) {
			assert(terminal->count < KEYS_MAX);
			ssize_t len = read(STDIN_FILENO, terminal->keys + terminal->count,
					   KEYS_MAX - terminal->count);

			/* Readable without data: the terminal has gone. */
			if (len <= 0)
				return KEY_END;
			terminal->count += (size_t)len;
		}
	}
}

enum ctl_key ctl_terminal_type(struct ctl_terminal *terminal, int timeout_ms, char *text,
			       size_t size)
{
	enum ctl_key key;

	assert(size > 1 && strlen(text) < size);
	terminal->typed = text;
	terminal->typed_size = size;
	key = ctl_terminal_key(terminal, timeout_ms);
	terminal->typed = NULL;
	return key;
}
