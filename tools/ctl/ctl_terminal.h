/*
 * ctl_terminal.h - the terminal during avedgectl top: the alternate screen, keys without echo,
 * and everything restored whatever ends the program.
 *
 * Plain escape sequences and termios instead of a library: whole lines are drawn from the top,
 * which every current terminal supports, and the same lines go to a file.
 *
 * Owner    one at a time; ctl_terminal_close() restores.
 */
#ifndef TOOLS_CTL_CTL_TERMINAL_H
#define TOOLS_CTL_CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct ctl_terminal;

/* NULL if standard input or output is not a terminal, or cannot be set up. */
struct ctl_terminal *ctl_terminal_open(void);
/* NULL is allowed. */
void ctl_terminal_close(struct ctl_terminal *terminal);

/* The current size; 80x24 if unknown. */
void ctl_terminal_size(size_t *columns, size_t *lines);

enum ctl_key {
	KEY_TIMEOUT, /* none within the time */
	KEY_RESIZED,
	KEY_END, /* a signal or the end of the terminal: see ctl_terminal_signal() */
	KEY_QUIT,
	KEY_SORT,
	KEY_HELP,
	KEY_USER,
	KEY_ADDRESS,
	KEY_DIALECT,
	KEY_CLEAR,
	KEY_REFRESH,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_FIRST,
	KEY_LAST,
	KEY_OTHER,
	/* Of ctl_terminal_type() alone: */
	KEY_TYPED, /* the text has changed */
	KEY_ENTER,
	KEY_CANCEL,
};

/* The next key, or what happened instead. Ctrl-Z is handled inside. */
enum ctl_key ctl_terminal_key(struct ctl_terminal *terminal, int timeout_ms);

/*
 * The same while somebody types a text of at most size - 1 bytes of UTF-8: KEY_TYPED, KEY_ENTER,
 * KEY_CANCEL (Escape), KEY_OTHER for what types nothing, or KEY_TIMEOUT, KEY_RESIZED, KEY_END.
 * Backspace takes a character back, Ctrl-U all of them.
 */
enum ctl_key ctl_terminal_type(struct ctl_terminal *terminal, int timeout_ms, char *text,
			       size_t size);

/* The signal of a KEY_END, 0 if the terminal has gone. */
int ctl_terminal_signal(const struct ctl_terminal *terminal);

#endif
