/*
 * reload.c - see reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "auth/server/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/timestamp.h"
#include "auth/mras/mras_drain.h"
#include "auth/server/connections.h"
#include "auth/server/files.h"
#include "auth/server/mras_listener.h"
#include "auth/server/settings.h"
#include "base/log.h"

enum {
	WARN_BEFORE_S = 14 * 86400,
	WARN_EVERY_S = 86400,
};

struct reload {
	struct issuer *issuer;
	struct config *config; /* in force */
	struct settings *settings;
	struct file_stamps stamps;
	struct reload_last last;
	int64_t warned_s;
};

/* What a reload makes before it touches anything. */
struct successor {
	struct settings *settings;
	struct mras_listeners *listeners; /* NULL: nobody listens yet */
	struct file_stamps stamps;
};

static bool prepare_listeners(struct reload *reload, const struct config *config,
			      struct successor *next, char *error, size_t error_size)
{
	struct mras_listener_sockets sockets;

	if (reload->issuer->listeners == NULL)
		return true;
	if (!mras_listener_bind(config, reload->issuer->listeners, &sockets, error,
				error_size)) {
		config_blame(config, config->lines.addresses, "addresses", error,
			     error_size);
		return false;
	}
	next->listeners = mras_listeners_new(reload->issuer, &sockets);
	mras_listener_close(&sockets);
	if (next->listeners == NULL)
		snprintf(error, error_size, "out of memory; free some");
	return next->listeners != NULL;
}

/*
 * Build from config and whatever is on disk now. The stamps come first: a file that changes
 * while it is read is read again.
 */
static bool prepare(struct reload *reload, const struct config *config,
		    struct successor *next, char *error, size_t error_size)
{
	*next = (struct successor){.settings = NULL};
	files_stamp(config, &next->stamps);
	next->settings =
		settings_build(config, issuer_decided, reload->issuer, error, error_size);
	if (next->settings == NULL)
		return false;
	if (prepare_listeners(reload, config, next, error, error_size))
		return true;
	settings_free(next->settings);
	return false;
}

/* Cannot fail. The settings before are still needed by whoever compares, and then freed. */
static struct settings *apply(struct reload *reload, const struct successor *next)
{
	struct issuer *issuer = reload->issuer;
	struct settings *before = reload->settings;

	if (before != NULL)
		mras_drain_carry_over(before->relays, before->service.relay_count,
				      next->settings->relays,
				      next->settings->service.relay_count);
	reload->settings = next->settings;
	reload->stamps = next->stamps;
	issuer->settings = next->settings;
	if (next->listeners != NULL) {
		mras_listeners_start(next->listeners, next->settings->config,
				     issuer->listeners);
		issuer->listeners = next->listeners;
	}
	if (issuer->connections != NULL)
		connections_check_again(issuer);
	return before;
}

struct reload *reload_new(struct issuer *issuer, struct config *config, char *error,
			  size_t error_size)
{
	struct reload *reload = calloc(1, sizeof(*reload));
	struct successor next;

	if (reload == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	reload->issuer = issuer;
	if (!prepare(reload, config, &next, error, error_size)) {
		free(reload);
		return NULL;
	}
	apply(reload, &next);
	reload->config = config;
	reload->last.generation = 1;
	return reload;
}

void reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	settings_free(reload->settings);
	config_free(reload->config);
	free(reload);
}

const struct reload_last *reload_last(const struct reload *reload)
{
	return &reload->last;
}

/* --- what came of it ----------------------------------------------------------------------- */

static void add_difference(void *arg, const char *key, const char *before,
			   const char *after, enum reload_effect effect)
{
	reload_report_add(arg, key, before, after, effect);
}

static bool same_path(const struct config *before, const struct config *after,
		      enum file_id id)
{
	const char *was = file_path(before, id), *is = file_path(after, id);

	return was != NULL && is != NULL && strcmp(was, is) == 0;
}

/* Files whose path is the same and whose content is not. */
static void add_files(const struct config *was, const struct file_stamps *stamps,
		      const struct settings *before, const struct reload *reload,
		      struct reload_report *report)
{
	char after[FILE_ABOUT_SIZE + 16];

	for (int i = 0; i < FILE_COUNT; i++) {
		enum file_id id = (enum file_id)i;
		const char *about = before->files[id].about;
		const char *is = reload->settings->files[id].about;

		if (!same_path(was, reload->settings->config, id) ||
		    file_stamp_equal(&stamps->list[id], &reload->stamps.list[id]))
			continue;
		snprintf(after, sizeof(after), "%s%s", is,
			 strcmp(about, is) == 0 ? "; read again" : "");
		reload_report_add(report, file_key(id), about, after,
				  RELOAD_EFFECT_APPLIED);
	}
}

static void log_change(const struct reload_change *change)
{
	if (change->effect == RELOAD_EFFECT_RESTART)
		log_warning("reload: %s: %s -> %s needs a restart; it stays as it was",
			    change->key, change->before, change->after);
	else
		log_notice("reload: %s: %s -> %s", change->key, change->before,
			   change->after);
}

/* report holds the changes, or the error. */
static bool finish(struct reload *reload, struct reload_report *report, const char *why)
{
	struct reload_last *last = &reload->last;
	size_t applied = 0;

	for (size_t i = 0; i < report->count; i++)
		applied += report->changes[i].effect != RELOAD_EFFECT_RESTART;
	report->result = report->error[0] != '\0' ? RELOAD_REJECTED
			 : applied > 0            ? RELOAD_APPLIED
						  : RELOAD_UNCHANGED;
	if (report->result == RELOAD_APPLIED) {
		last->generation++;
		reload->warned_s = 0; /* of new files at once */
	}
	report->generation = last->generation;
	last->at_s = reload->issuer->unix_s;
	last->result = report->result;
	memcpy(last->error, report->error, sizeof(last->error));
	if (report->result == RELOAD_REJECTED) {
		log_error("%s: %s; everything stays as it was", why, report->error);
		return false;
	}
	for (size_t i = 0; i < report->count; i++)
		log_change(&report->changes[i]);
	log_notice("%s: done, %zu change%s applied", why, applied,
		   applied == 1 ? "" : "s");
	return true;
}

/* --- reloading ----------------------------------------------------------------------------- */

/* config is taken over. */
static void replace(struct reload *reload, struct config *config,
		    struct reload_report *report)
{
	struct config *was = reload->config;
	struct file_stamps stamps = reload->stamps;
	struct successor next;
	enum log_level level;

	if (!prepare(reload, config, &next, report->error, sizeof(report->error))) {
		config_free(config);
		return;
	}
	config_compare(was, config, add_difference, report);
	config_keep_fixed(was, config);
	reload->config = config;

	struct settings *before = apply(reload, &next);

	add_files(was, &stamps, before, reload, report);
	/* What the control interface has set stays where the file has not changed. */
	if (strcmp(was->log.level, config->log.level) != 0 &&
	    log_level_parse(config->log.level, &level))
		log_set_level(level);
	settings_free(before);
	config_free(was);
}

bool reload_configuration(struct reload *reload, struct reload_report *report)
{
	struct reload_report own = {0};
	struct reload_report *into = report != NULL ? report : &own;

	memset(into, 0, sizeof(*into));
	struct config *config =
		config_load(reload->config->path, into->error, sizeof(into->error));
	if (config != NULL)
		replace(reload, config, into);
	bool ok = finish(reload, into, "reload");
	reload_report_clear(&own);
	return ok;
}

static bool stamps_equal(const struct file_stamps *a, const struct file_stamps *b)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		if (!file_stamp_equal(&a->list[i], &b->list[i]))
			return false;
	}
	return true;
}

static void warn_of(const struct reload *reload, enum file_id id, int64_t now_s)
{
	const struct file_facts *facts = &reload->settings->files[id];
	const char *path = file_path(reload->config, id);
	char time[TIMESTAMP_SIZE];

	if (facts->expires_s >= now_s + WARN_BEFORE_S ||
	    !timestamp_format(facts->expires_s, time))
		return;
	if (id == FILE_KEYS && facts->expires_s <= now_s)
		log_warning(
			"keys: no key of %s is valid now: no credential is issued; make "
			"one with 'avedgectl key new'",
			path);
	else
		log_warning("%s: what is in %s %s %s; renew it", file_key(id), path,
			    facts->expires_s <= now_s ? "has ended at" : "ends at", time);
}

/* What has ended refuses everybody: somebody should hear of it before. */
static void warn_of_ends(struct reload *reload)
{
	struct settings *settings = reload->settings;
	int64_t now_s = reload->issuer->unix_s;

	if (now_s - reload->warned_s < WARN_EVERY_S)
		return;
	reload->warned_s = now_s;
	/* A key that was in the future may sign by now. */
	files_describe(reload->config, settings->keyring, settings->tls, now_s,
		       settings->files);
	for (int i = 0; i < FILE_COUNT; i++) {
		if (i != FILE_PRIVATE_KEY) /* it ends with its certificate */
			warn_of(reload, (enum file_id)i, now_s);
	}
}

void reload_watched_files(struct reload *reload)
{
	struct reload_report report = {.error = ""};
	struct file_stamps now, stamps = reload->stamps;
	struct successor next;

	warn_of_ends(reload);
	files_stamp(reload->config, &now);
	if (stamps_equal(&now, &stamps))
		return;
	if (prepare(reload, reload->config, &next, report.error, sizeof(report.error))) {
		struct settings *before = apply(reload, &next);

		add_files(reload->config, &stamps, before, reload, &report);
		settings_free(before);
	} else {
		/* Not again before it changes again. */
		reload->stamps = now;
	}
	finish(reload, &report, "changed file");
	reload_report_clear(&report);
}
