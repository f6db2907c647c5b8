/*
 * ctl_allocation.h - allocations as the control interface identifies them.
 */
#ifndef TOOLS_CTL_CTL_ALLOCATION_H
#define TOOLS_CTL_CTL_ALLOCATION_H

struct ctl_daemon;

enum { CTL_ID_LEN = 16 };

/*
 * Complete an id from its prefix, hexadecimal digits in any case. CTL_OK, or after a message
 * CTL_NOT_FOUND if none matches and CTL_FAILED if several do.
 */
int ctl_allocation_id(const struct ctl_daemon *daemon, const char *prefix,
		      char id[CTL_ID_LEN + 1]);

#endif
