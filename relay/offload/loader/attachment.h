/*
 * attachment.h - the program on one device.
 *
 * A link (tcx, XDP) lives as long as its descriptor, so it ends with this process, however that ends. A
 * filter (clsact) stays, see tc_filter.h.
 *
 * Owner    the caller, who ends it.
 * Threads  one.
 */
#ifndef RELAY_OFFLOAD_LOADER_ATTACHMENT_H
#define RELAY_OFFLOAD_LOADER_ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/offload_mode.h"

enum attachment_kind {
	ATTACHMENT_NONE,
	ATTACHMENT_TCX,
	ATTACHMENT_CLSACT,
	ATTACHMENT_XDP,
};

struct attachment {
	enum attachment_kind kind;
	uint32_t ifindex;
	int link;    /* of TCX and XDP */
	int program; /* borrowed */
	char name[16];
};

/* Descriptors of the program, borrowed; xdp may be -1: there is none. */
struct attachment_programs {
	int tc, xdp;
	bool without_tcx; /* clsact, even where the kernel has tcx */
};

/*
 * What suits that device best: XDP on hardware whose driver runs it natively, if nobody else has a program
 * there; else TC; OFF: it takes none, or there is no such device.
 */
enum offload_mode attachment_suits(uint32_t ifindex);

/*
 * Attach to that device.
 *
 * wanted  TC; or XDP: natively, or not at all, and not where redirected packets would be lost
 *
 * False with a sentence in why, and then it is of kind NONE.
 */
bool attachment_begin(struct attachment *attachment, uint32_t ifindex,
		      enum offload_mode wanted,
		      const struct attachment_programs *programs, char *why,
		      size_t why_size);
/* Of kind NONE: nothing to do. */
void attachment_end(struct attachment *attachment);

/* Is it still there? A device may have gone, or an administrator may have removed it. */
bool attachment_is_alive(const struct attachment *attachment);
/* Is it what is wanted: TC or XDP? */
bool attachment_fits(const struct attachment *attachment, enum offload_mode wanted);

/* Does this kernel have tcx? program is one for TC. */
bool attachment_has_tcx(int program);

const char *attachment_kind_name(enum attachment_kind kind);

#endif
