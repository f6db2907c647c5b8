/*
 * reload.c - see reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "base/config/reload.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file_stamp.h"
#include "base/log.h"

enum {
	WATCHED_MAX = 16,
	REMARK_EVERY_S = 86400,
};

struct reload {
	const struct reload_ops *ops;
	void *owner;
	struct config *first; /* others borrow from it until the end */
	struct config *config;
	struct file_stamp
		stamps[WATCHED_MAX]; /* how the watched files looked, if there are so many */
	int64_t remarked_s;          /* Unix seconds of the last look for remarks */
	/* Of config as a pointer and of what follows: others look at them. */
	pthread_mutex_t lock;
	struct reload_last last;
	struct pending {
		char *key, *value;
	} * pending; /* whose value in the file waits for a restart */
	size_t pending_count;
};

static void look(const struct config *config, struct file_stamp stamps[WATCHED_MAX])
{
	struct config_file file;

	for (size_t i = 0; config_watched(config, i, &file); i++) {
		assert(i < WATCHED_MAX);
		stamps[i] = file_stamp_of(file.path);
	}
}

static void remark(struct reload *reload, int64_t now_s)
{
	if (reload->ops->remark)
		reload->ops->remark(reload->owner, reload->config, now_s);
	reload->remarked_s = now_s;
}

static void free_pending(struct reload *reload)
{
	for (size_t i = 0; i < reload->pending_count; i++) {
		free(reload->pending[i].key);
		free(reload->pending[i].value);
	}
	free(reload->pending);
	reload->pending = NULL;
	reload->pending_count = 0;
}

struct reload *reload_new(const struct reload_ops *ops, void *owner,
			  struct config *config, char *error, size_t error_size)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	assert(config != NULL && ops->rebuild != NULL);
	if (!reload) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	*reload = (struct reload){
		.ops = ops,
		.owner = owner,
		.first = config,
		.config = config,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.last.generation = 1,
	};
	look(config, reload->stamps);
	if (ops->rebuild(owner, config, error, error_size)) {
		remark(reload, time(NULL));
		return reload;
	}
	free(reload);
	return NULL;
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	if (reload->config != reload->first)
		config_free(reload->config);
	config_free(reload->first);
	free_pending(reload);
	pthread_mutex_destroy(&reload->lock);
	free(reload);
}

const struct config *reload_config(const struct reload *reload)
{
	return reload->config;
}

/* --- the report ------------------------------------------------------------------------------ */

const char *reload_effect_name(enum reload_effect effect)
{
	static const char *const names[] = {
		[RELOAD_EFFECT_RESTART] = "restart",
		[RELOAD_EFFECT_APPLIED] = "applied",
		[RELOAD_EFFECT_NEW_ALLOCATIONS] = "new-allocations",
		[RELOAD_EFFECT_DRAINING] = "draining",
	};

	assert(effect <= RELOAD_EFFECT_DRAINING);
	return names[effect];
}

const char *reload_result_name(enum reload_result result)
{
	static const char *const names[] = {"unchanged", "applied", "rejected"};

	assert(result <= RELOAD_REJECTED);
	return names[result];
}

static void free_change(struct reload_change *change)
{
	free(change->key);
	free(change->before);
	free(change->after);
}

/* A config_difference_fn. Out of memory, a change is applied but not told. */
static void add_change(void *arg, const char *key, const char *before, const char *after,
		       enum reload_effect effect)
{
	struct reload_report *report = arg;
	struct reload_change *changes =
		reallocarray(report->changes, report->count + 1, sizeof(*changes));
	if (!changes)
		return;
	report->changes = changes;

	struct reload_change change = {strdup(key), strdup(before), strdup(after),
				       effect};
	if (change.key && change.before && change.after) {
		changes[report->count++] = change;
		return;
	}
	free_change(&change);
}

void reload_report_clear(struct reload_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free_change(&report->changes[i]);
	free(report->changes);
	memset(report, 0, sizeof(*report));
}

static void log_change(const struct reload_change *change)
{
	static const char *const remarks[] = {
		[RELOAD_EFFECT_APPLIED] = "",
		[RELOAD_EFFECT_NEW_ALLOCATIONS] = " for new allocations",
		[RELOAD_EFFECT_DRAINING] = "; removed fronts drain",
	};

	if (change->effect == RELOAD_EFFECT_RESTART)
		log_warning("reload: %s: %s -> %s needs a restart; not applied",
			    change->key, change->before, change->after);
	else
		log_notice("reload: %s: %s -> %s%s", change->key, change->before,
			   change->after, remarks[change->effect]);
}

/* report holds the changes, or the error. False if it was rejected. */
static bool finish(struct reload *reload, int64_t now_s, struct reload_report *report,
		   const char *why)
{
	size_t applied = 0;

	assert(report->count == 0 || report->changes != NULL);
	for (size_t i = 0; i < report->count; i++)
		applied += report->changes[i].effect != RELOAD_EFFECT_RESTART;
	report->result = report->error[0] != '\0' ? RELOAD_REJECTED
			 : applied > 0            ? RELOAD_APPLIED
						  : RELOAD_UNCHANGED;

	pthread_mutex_lock(&reload->lock);
	report->generation = reload->last.generation + (report->result == RELOAD_APPLIED);
	reload->last =
		(struct reload_last){now_s, report->result, report->generation, "", ""};
	memcpy(reload->last.error, report->error, sizeof(reload->last.error));
	pthread_mutex_unlock(&reload->lock);

	if (report->result == RELOAD_REJECTED) {
		while (report->count > 0)
			free_change(&report->changes[--report->count]);
		log_error("%s: %s; nothing was changed", why, report->error);
		return false;
	}
	for (size_t i = 0; i < report->count; i++)
		log_change(&report->changes[i]);
	log_notice("%s: done, %zu change%s", why, applied, applied == 1 ? "" : "s");
	return true;
}

/* --- files ----------------------------------------------------------------------------------- */

static void describe(const struct reload *reload, size_t index,
		     const struct file_stamp *stamp, char text[RELOAD_ABOUT_MAX])
{
	struct tm tm;
	char date[32];

	assert(index < WATCHED_MAX);
	if (reload->ops->about) {
		reload->ops->about(reload->owner, index, text);
	} else if (stamp->inode == 0 || !gmtime_r(&stamp->modified.tv_sec, &tm)) {
		snprintf(text, RELOAD_ABOUT_MAX, "no file");
	} else {
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
		snprintf(text, RELOAD_ABOUT_MAX, "%s, %lld bytes", date,
			 (long long)stamp->size);
	}
}

/* Files whose path is the same and whose content is not. */
static void add_files(const struct reload *reload, const struct config *next,
		      const struct file_stamp before[WATCHED_MAX],
		      char texts[WATCHED_MAX][RELOAD_ABOUT_MAX],
		      struct reload_report *report)
{
	struct config_file was, is;
	char after[RELOAD_ABOUT_MAX];

	for (size_t i = 0; config_watched(reload->config, i, &was); i++) {
		config_watched(next, i, &is);
		if (!was.path || !is.path || strcmp(was.path, is.path) != 0 ||
		    file_stamp_equal(&before[i], &reload->stamps[i]))
			continue;
		describe(reload, i, &reload->stamps[i], after);
		if (strcmp(texts[i], after) == 0)
			strncat(after, "; read again", sizeof(after) - strlen(after) - 1);
		add_change(report, was.key, texts[i], after, RELOAD_EFFECT_APPLIED);
	}
}

/* --- reloading ------------------------------------------------------------------------------- */

/*
 * Put next in force, with the files as they are now. The looks come first: a file that changes
 * while it is read is read again.
 */
static bool rebuild(struct reload *reload, const struct config *next,
		    struct reload_report *report)
{
	struct file_stamp before[WATCHED_MAX];
	char texts[WATCHED_MAX][RELOAD_ABOUT_MAX] = {0};
	struct config_file file;

	memcpy(before, reload->stamps, sizeof(before));
	for (size_t i = 0; config_watched(reload->config, i, &file); i++)
		describe(reload, i, &before[i], texts[i]);
	look(next, reload->stamps);
	if (!reload->ops->rebuild(reload->owner, next, report->error,
				  sizeof(report->error))) {
		/* The same files are not read again before they change again. */
		if (next != reload->config)
			memcpy(reload->stamps, before, sizeof(before));
		return false;
	}
	add_files(reload, next, before, texts, report);
	return true;
}

/* What the control interface has set stays where the file has not changed. */
static void set_log_level(const struct config *before, const struct config *after)
{
	enum log_level level;

	if (strcmp(before->log.level, after->log.level) != 0 &&
	    log_level_parse(after->log.level, &level))
		log_set_level(level);
}

/* Out of memory, some are not told. The lock is held. */
static void set_pending(struct reload *reload, const struct reload_report *report)
{
	free_pending(reload);
	reload->pending = calloc(report->count + 1, sizeof(*reload->pending));
	for (size_t i = 0; reload->pending && i < report->count; i++) {
		const struct reload_change *change = &report->changes[i];
		struct pending pending = {NULL, NULL};

		if (change->effect != RELOAD_EFFECT_RESTART)
			continue;
		pending.key = strdup(change->key);
		pending.value = strdup(change->after);
		if (pending.key && pending.value) {
			reload->pending[reload->pending_count++] = pending;
			continue;
		}
		free(pending.key);
		free(pending.value);
	}
}

/* next is taken over. */
static void replace(struct reload *reload, struct config *next, int64_t now_s,
		    struct reload_report *report)
{
	struct config *old = reload->config;

	assert(next != old && next->schema == old->schema);
	config_compare(old, next, add_change, report);
	if (!config_keep_fixed(old, next))
		snprintf(report->error, sizeof(report->error), "out of memory");
	if (report->error[0] != '\0' || !rebuild(reload, next, report)) {
		config_free(next);
		return;
	}
	set_log_level(old, next);
	pthread_mutex_lock(&reload->lock);
	reload->config = next;
	set_pending(reload, report);
	pthread_mutex_unlock(&reload->lock);
	remark(reload, now_s);
	config_remember_remarks(old, next);
	config_tell_remarks(next, NULL);
	if (old != reload->first)
		config_free(old);
}

bool reload_configuration(struct reload *reload, int64_t now_s,
			  struct reload_report *report)
{
	struct reload_report own = {0};
	struct reload_report *into = report ? report : &own;
	const struct config *config = reload->config;

	memset(into, 0, sizeof(*into));
	struct config *next = config_load(config->schema, config->path, into->error,
					  sizeof(into->error));
	if (next)
		replace(reload, next, now_s, into);
	bool ok = finish(reload, now_s, into, "reload");
	reload_report_clear(&own);
	return ok;
}

bool reload_watched_files(struct reload *reload, int64_t now_s)
{
	struct reload_report report = {0};
	struct file_stamp now[WATCHED_MAX] = {0};
	bool same = true;

	look(reload->config, now);
	for (size_t i = 0; i < WATCHED_MAX; i++)
		same = same && file_stamp_equal(&now[i], &reload->stamps[i]);
	if (same && now_s - reload->remarked_s >= REMARK_EVERY_S) {
		remark(reload, now_s);
		config_tell_remarks(reload->config, NULL);
	}
	if (same)
		return false;
	rebuild(reload, reload->config, &report);
	bool ok = finish(reload, now_s, &report, "changed file");
	if (ok) {
		remark(reload, now_s);
		config_tell_remarks(reload->config, NULL);
	}
	reload_report_clear(&report);
	return ok;
}

struct reload_last reload_last(struct reload *reload)
{
	pthread_mutex_lock(&reload->lock);
	struct reload_last last = reload->last;
	size_t len = 0;
	for (size_t i = 0; i < reload->pending_count; i++) {
		size_t room = sizeof(last.restart_pending) - len;

		if (strlen(reload->pending[i].key) + 2 < room)
			len += (size_t)snprintf(last.restart_pending + len, room, "%s%s",
						len > 0 ? ", " : "",
						reload->pending[i].key);
	}
	pthread_mutex_unlock(&reload->lock);
	return last;
}

size_t reload_pending(struct reload *reload, reload_pending_fn *report, void *arg)
{
	pthread_mutex_lock(&reload->lock);
	size_t count = reload->pending_count;
	for (size_t i = 0; report && i < count; i++)
		report(arg, reload->pending[i].key);
	pthread_mutex_unlock(&reload->lock);
	return count;
}

struct values {
	const struct reload *reload;
	config_entry_fn *report;
	void *arg;
};

/* The lock is held. */
static void add_value(void *arg, const struct config_entry *entry)
{
	const struct values *values = arg;
	struct config_entry told = *entry;

	for (size_t i = 0; i < values->reload->pending_count; i++) {
		if (strcmp(values->reload->pending[i].key, entry->key) == 0)
			told.pending = values->reload->pending[i].value;
	}
	values->report(values->arg, &told);
}

bool reload_values(struct reload *reload, config_entry_fn *report, void *arg)
{
	pthread_mutex_lock(&reload->lock);
	struct values values = {reload, report, arg};
	bool complete = config_list(reload->config, add_value, &values);
	pthread_mutex_unlock(&reload->lock);
	return complete;
}
