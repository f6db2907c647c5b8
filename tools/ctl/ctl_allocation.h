/*
 * ctl_allocation.h - allocations, as the control interface names them.
 */
#ifndef TOOLS_CTL_CTL_ALLOCATION_H
#define TOOLS_CTL_CTL_ALLOCATION_H

struct ctl_daemon;

enum { CTL_ID_LEN = 16 };

/*
 * The whole id that begins with prefix, hexadecimal digits in any case. CTL_OK, or after a
 * complaint CTL_NOT_FOUND if there is none and CTL_FAILED if there are several.
 */
int ctl_allocation_id(const struct ctl_daemon *daemon, const char *prefix,
		      char id[CTL_ID_LEN + 1]);

#endif
