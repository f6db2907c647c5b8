/*
 * ctl_terminal.h - a terminal that is ours for a while: a screen of its own, keys without
 * echo, and back as it was whatever ends us.
 *
 * Plain escape sequences and termios instead of a library: we draw whole lines of text from
 * the top, which every terminal of today understands, and the same lines go to a file.
 *
 * Owner    one at a time; ctl_terminal_close() restores.
 */
#ifndef TOOLS_CTL_CTL_TERMINAL_H
#define TOOLS_CTL_CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct ctl_terminal;

/* NULL if standard input or output is no terminal, or does not do as told. */
struct ctl_terminal *ctl_terminal_open(void);
/* NULL is allowed. */
void ctl_terminal_close(struct ctl_terminal *terminal);

/* The size now; 80x24 where nobody knows. */
void ctl_terminal_size(size_t *columns, size_t *lines);

enum ctl_key {
	KEY_TIMEOUT, /* none within the time */
	KEY_RESIZED,
	KEY_END, /* a signal that ends programs came: see ctl_terminal_signal() */
	KEY_QUIT,
	KEY_SORT,
	KEY_REFRESH,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_FIRST,
	KEY_LAST,
	KEY_OTHER,
};

/* The next key, or what happened instead. Stops, as Ctrl-Z wants, happen inside. */
enum ctl_key ctl_terminal_key(struct ctl_terminal *terminal, int timeout_ms);

/* The signal behind KEY_END, 0 if the terminal itself has gone. */
int ctl_terminal_signal(const struct ctl_terminal *terminal);

#endif
