/*
 * reload_report.h - what a reload came to, for whoever asked for it: applied or rejected as a
 * whole, and key by key what changed.
 *
 * Owner    whoever asked; all strings in it are its own.
 */
#ifndef BASE_RELOAD_REPORT_H
#define BASE_RELOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reload_result {
	RELOAD_UNCHANGED,
	RELOAD_APPLIED,
	RELOAD_REJECTED, /* error says why; everything is as it was */
};

enum reload_effect {
	RELOAD_EFFECT_APPLIED,
	RELOAD_EFFECT_NEW_ALLOCATIONS, /* what exists keeps the old value until it ends */
	RELOAD_EFFECT_DRAINING,        /* a listener goes with its last allocation */
	RELOAD_EFFECT_RESTART,         /* not applied; needs a restart */
};
/* As in the control interface: "applied", "new-allocations", "draining", "restart". */
const char *reload_effect_name(enum reload_effect effect);
/* "unchanged", "applied", "rejected" */
const char *reload_result_name(enum reload_result result);

struct reload_change {
	char *key; /* as in the manual, "limits.idle"; a file that it names: "tls.certificate" */
	char *before, *after; /* as in the file; never a secret */
	enum reload_effect effect;
};

struct reload_report {
	enum reload_result result;
	uint32_t generation; /* of what is in force now */
	struct reload_change *changes;
	size_t count;
	char error[512]; /* "FILE:LINE: what is wrong; what to do" */
};

/* What the last one came to, for the status. */
struct reload_last {
	int64_t at_s; /* Unix seconds; 0: there was none since the start */
	enum reload_result result;
	uint32_t generation; /* of what is in force now */
	char error[512];     /* of RELOAD_REJECTED, otherwise empty */
};

/* Copies its texts. False if out of memory; the report is as before. */
bool reload_report_add(struct reload_report *report, const char *key, const char *before,
		       const char *after, enum reload_effect effect);
/* Frees what it holds and zeroes it. */
void reload_report_clear(struct reload_report *report);

#endif
