/*
 * reload.h - a new configuration, or new files that it names, while the daemon runs. All or
 * nothing: what cannot be built leaves everything as it is. Its owner, one of the daemons, builds;
 * here is what both do alike: read, compare, watch files, report and log.
 *
 * Owner    reload_new() takes the configuration over; the first one lives until reload_free().
 * Threads  main only, but for reload_last(), reload_pending() and reload_values().
 */
#ifndef BASE_CONFIG_RELOAD_H
#define BASE_CONFIG_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config/config.h"

enum { RELOAD_ABOUT_MAX = 336 };

struct reload;

struct reload_ops {
	/*
	 * Put this configuration, and the files that it names as they are now, in force. False
	 * with a sentence in error: nothing has changed.
	 */
	bool (*rebuild)(void *owner, const struct config *config, char *error,
			size_t error_size);
	/* Add remarks on that configuration, which is in force, and on its files. May be NULL. */
	void (*remark)(void *owner, struct config *config, int64_t now_s);
	/* What is in the index-th watched file, never a secret. NULL: its date and size do. */
	void (*about)(void *owner, size_t index, char text[RELOAD_ABOUT_MAX]);
};

/*
 * The owner builds for the first time from config and the files. NULL with a sentence in error;
 * then config is still the caller's.
 */
struct reload *reload_new(const struct reload_ops *ops, void *owner,
			  struct config *config, char *error, size_t error_size);
void reload_free(struct reload *reload); /* NULL is allowed */

/* In force; borrowed until the next reload. */
const struct config *reload_config(const struct reload *reload);

enum reload_result {
	RELOAD_UNCHANGED,
	RELOAD_APPLIED,
	RELOAD_REJECTED, /* error says why; everything is as it was */
};

struct reload_change {
	char *key; /* as in the manual, "limits.idle"; a file that it names: "tls.certificate" */
	char *before, *after; /* as in the file; never a secret */
	enum reload_effect effect;
};

/* What a reload came to; all strings in it are its own. */
struct reload_report {
	enum reload_result result;
	uint32_t generation; /* of what is in force now */
	struct reload_change *changes;
	size_t count;
	char error[512]; /* "FILE:LINE:COLUMN: what is wrong; what to do" */
};
/* Frees what it holds and zeroes it. */
void reload_report_clear(struct reload_report *report);

/* As in the control interface: "applied", "new-allocations", "draining", "restart". */
const char *reload_effect_name(enum reload_effect effect);
/* "unchanged", "applied", "rejected" */
const char *reload_result_name(enum reload_result result);

/*
 * Read the configuration file again and what it names. Logs what changed, key by key, or why
 * nothing did, and fills the report, which the caller clears; may be NULL. now_s:
 * Unix seconds. False if it was rejected.
 */
bool reload_configuration(struct reload *reload, int64_t now_s,
			  struct reload_report *report);

/*
 * Has a watched file changed? Then read them again. True if that put new ones in force. Once a day
 * it looks for new remarks, too: certificates come to their end.
 */
bool reload_watched_files(struct reload *reload, int64_t now_s);

/* What the last one came to, for the status. */
struct reload_last {
	int64_t at_s; /* Unix seconds; 0: there was none since the start */
	enum reload_result result;
	uint32_t generation; /* of what is in force now */
	char error[512];     /* of RELOAD_REJECTED, otherwise empty */
	/* Keys that reload_pending() tells, as "realm, workers"; "" for none. */
	char restart_pending[384];
};
struct reload_last reload_last(struct reload *reload);

/*
 * Each key whose new value in the file waits for a restart: since the last reload that was not
 * rejected, until the restart, or until the old value is back. Returns how many; report may be
 * NULL, and a reload waits meanwhile. Any thread.
 */
typedef void reload_pending_fn(void *arg, const char *key);
size_t reload_pending(struct reload *reload, reload_pending_fn *report, void *arg);

/*
 * config_list() of what is in force, with what waits for a restart. A reload waits meanwhile, so
 * report() only copies.
 */
bool reload_values(struct reload *reload, config_entry_fn *report, void *arg);

#endif
