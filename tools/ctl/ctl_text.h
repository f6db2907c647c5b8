/*
 * ctl_text.h - text for a terminal: names chosen by strangers, figures for people.
 */
#ifndef TOOLS_CTL_CTL_TEXT_H
#define TOOLS_CTL_CTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	CTL_CELL_MAX = 512,  /* a cleaned text */
	CTL_FIGURE_MAX = 32, /* a number with its unit */
};

/*
 * A copy that is safe on a terminal: control characters, what is not printable in this locale,
 * what changes the direction of writing and what is not UTF-8 become "\x1b" or "\u202e". Cut
 * after a whole character if size is too small. Returns buf.
 */
const char *ctl_clean(const char *text, char *buf, size_t size);

/* Columns that a cleaned text takes. */
size_t ctl_columns(const char *text);
/* Bytes of a cleaned text that fit into that many columns. */
size_t ctl_fit(const char *text, size_t columns);

/* A member as a cleaned text; "-" if it is missing, null or a list. */
const char *ctl_member(const json_t *object, const char *name, char buf[CTL_CELL_MAX]);
/* A member as a number; 0 if it is not one. */
int64_t ctl_integer(const json_t *object, const char *name);
double ctl_real(const json_t *object, const char *name);

/* "999", "1.2k", "34.5M"; without a unit and in bits per second. */
const char *ctl_count_text(double value, char buf[CTL_FIGURE_MAX]);
const char *ctl_rate_text(double bps, char buf[CTL_FIGURE_MAX]);
/*
 * What a date such as "2027-01-01T00:00:00Z" means for who has to renew something: ", 12 days
 * left" within a month, ", 5h02m left" within two days, ", EXPIRED 3h04m ago"; else "".
 */
const char *ctl_left_text(const char *not_after, int64_t now_s, char buf[CTL_FIGURE_MAX]);

/* "61s", "12m05s", "3h04m", "2d11h". */
const char *ctl_age_text(int64_t seconds, char buf[CTL_FIGURE_MAX]);

#endif
