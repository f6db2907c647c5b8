/*
 * reload.c - see reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "relay/reload/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "relay/front/tls.h"
#include "relay/ops/addresses.h"
#include "relay/reload/change.h"
#include "relay/reload/watched.h"

struct reload {
	struct relay *relay;
	struct config *started; /* what the relay was started with; others borrow from it */
	struct config *config; /* what was read last */
	struct settings *settings;
	struct settings_sources
		sources; /* network and in_force are filled in for a build */
	struct host_addresses *host;
	uint32_t generation;
	struct watched watched;
	bool stuck; /* what is over could not be let go; not before something else works */
	pthread_mutex_t lock; /* of config as a pointer, and of last: others look at them */
	struct reload_last last;
};

static struct host_addresses *host_copy(const struct host_addresses *host)
{
	size_t size = sizeof(*host) + host->count * sizeof(host->addresses[0]);
	struct host_addresses *copy = malloc(size);

	if (copy != NULL)
		memcpy(copy, host, size);
	return copy;
}

/* The control interface shows it, from its own thread. */
static void publish_expiry(struct reload *reload)
{
	SSL_CTX *tls = reload->settings->tls;

	__atomic_store_n(&reload->relay->tls_not_after_s,
			 tls != NULL ? tls_context_expires(tls) : 0, __ATOMIC_RELAXED);
}

/* NULL with a sentence in error. */
static struct settings *build(struct reload *reload, const struct config *config,
			      const struct network_view *network, bool read_files,
			      char *error, size_t error_size)
{
	struct settings_sources sources = reload->sources;
	struct host_addresses *host = host_copy(reload->host);

	if (host == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	sources.network = network;
	sources.in_force = reload->settings;
	sources.files = read_files ? NULL : reload->settings->files;
	struct settings *settings = settings_build(
		config, &sources, host, reload->generation + 1, error, error_size);
	if (settings == NULL)
		free(host);
	return settings;
}

static void publish(struct reload *reload, struct settings *settings)
{
	reload->generation++;
	settings_unref(reload->settings);
	reload->settings = settings;
	publish_expiry(reload);
	relay_publish(reload->relay, settings);
}

/*
 * From config, and whatever is on disk now if the files are to be read, to what the workers go
 * by, or not at all. The looks come first: a file that changes while it is read is read again.
 */
static bool rebuild(struct reload *reload, const struct config *config, bool read_files,
		    char *error, size_t error_size)
{
	struct change change;
	struct settings *settings;

	if (read_files)
		reload->watched = watched_now(config);
	if (!change_prepare(&change, reload->relay, config, error, error_size))
		return false;
	settings = build(reload, config, &change.plan, read_files, error, error_size);
	if (settings == NULL) {
		change_abandon(&change);
		return false;
	}
	if (!change_open(&change, error, error_size)) {
		settings_unref(settings);
		return false;
	}
	publish(reload, settings);
	change_finish(&change);
	reload->stuck = false;
	return true;
}

struct reload *reload_new(struct relay *relay, struct config *config,
			  const struct nonce_key *nonce_key, char *error,
			  size_t error_size)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	snprintf(error, error_size, "out of memory");
	if (reload == NULL)
		return NULL;
	reload->relay = relay;
	reload->sources = (struct settings_sources){
		.nonce_key = *nonce_key,
		.started = config,
	};
	reload->watched = watched_now(config);
	reload->host = addresses_now();
	if (reload->host == NULL) {
		snprintf(error, error_size, "cannot list the addresses of this host: %s",
			 strerror(errno));
		goto fail;
	}
	reload->settings = build(reload, config, network_view(relay->network), true,
				 error, error_size);
	if (reload->settings == NULL)
		goto fail;
	reload->generation = 1;
	publish_expiry(reload);
	reload->started = reload->config = config;
	reload->last.generation = reload->generation;
	pthread_mutex_init(&reload->lock, NULL);
	return reload;
fail:
	free(reload->host);
	free(reload);
	return NULL;
}

void reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	settings_unref(reload->settings);
	if (reload->config != reload->started)
		config_free(reload->config);
	config_free(reload->started);
	free(reload->host);
	pthread_mutex_destroy(&reload->lock);
	free(reload);
}

struct settings *reload_settings(const struct reload *reload)
{
	return reload->settings;
}

/* What a reload applies counts from what was read last ... */
static void add_applied(void *arg, const char *key, const char *before, const char *after,
			enum reload_effect effect)
{
	if (effect != RELOAD_EFFECT_RESTART)
		reload_report_add(arg, key, before, after, effect);
}

/* ... and what waits for a restart from what runs. */
static void add_waiting(void *arg, const char *key, const char *before, const char *after,
			enum reload_effect effect)
{
	if (effect == RELOAD_EFFECT_RESTART)
		reload_report_add(arg, key, before, after, effect);
}

static void note_last(struct reload *reload, const struct reload_report *report)
{
	pthread_mutex_lock(&reload->lock);
	reload->last.at_s = time(NULL);
	reload->last.result = report->result;
	reload->last.generation = report->generation;
	memcpy(reload->last.error, report->error, sizeof(reload->last.error));
	pthread_mutex_unlock(&reload->lock);
}

static void log_change(const struct reload_change *change)
{
	static const char *const remarks[] = {
		[RELOAD_EFFECT_APPLIED] = "",
		[RELOAD_EFFECT_NEW_ALLOCATIONS] = " for new allocations",
		[RELOAD_EFFECT_DRAINING] = "; what is gone drains",
	};

	if (change->effect == RELOAD_EFFECT_RESTART)
		log_warning("reload: %s: %s -> %s needs a restart; it stays as it was",
			    change->key, change->before, change->after);
	else
		log_notice("reload: %s: %s -> %s%s", change->key, change->before,
			   change->after, remarks[change->effect]);
}

/* report holds the changes, or the error. */
static bool finish(struct reload *reload, struct reload_report *report, const char *why)
{
	size_t applied = 0;

	report->generation = reload->generation;
	if (report->error[0] != '\0') {
		report->result = RELOAD_REJECTED;
		log_error("%s: %s; everything stays as it was", why, report->error);
		note_last(reload, report);
		return false;
	}
	for (size_t i = 0; i < report->count; i++) {
		applied += report->changes[i].effect != RELOAD_EFFECT_RESTART;
		log_change(&report->changes[i]);
	}
	report->result = applied > 0 ? RELOAD_APPLIED : RELOAD_UNCHANGED;
	log_notice("%s: done, %zu change%s", why, applied, applied == 1 ? "" : "s");
	note_last(reload, report);
	return true;
}

/* config is taken over. */
static bool replace(struct reload *reload, struct config *config,
		    struct reload_report *report)
{
	struct watched looked = reload->watched;
	struct config *old = reload->config;
	enum log_level level;

	if (!rebuild(reload, config, true, report->error, sizeof(report->error))) {
		config_free(config);
		return false;
	}
	if (log_level_parse(config->log.level, &level))
		log_set_level(level);
	config_compare(old, config, add_applied, report);
	watched_report(old, &looked, config, &reload->watched, report);
	config_compare(reload->started, config, add_waiting, report);

	pthread_mutex_lock(&reload->lock);
	reload->config = config;
	pthread_mutex_unlock(&reload->lock);
	if (old != reload->started)
		config_free(old);
	return true;
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

void reload_watched_files(struct reload *reload)
{
	struct watched looked = reload->watched, look = watched_now(reload->config);
	struct reload_report report = {0};

	if (watched_equal(&looked, &look))
		return;
	if (rebuild(reload, reload->config, true, report.error, sizeof(report.error)))
		watched_report(reload->config, &looked, reload->config, &reload->watched,
			       &report);
	finish(reload, &report, "changed file");
	reload_report_clear(&report);
}

void reload_retired(struct reload *reload)
{
	char error[512];

	if (reload->stuck || !change_is_due(reload->relay))
		return;
	reload->stuck = !rebuild(reload, reload->config, false, error, sizeof(error));
	if (reload->stuck)
		log_error("what is no longer served: %s; it stays until the next reload",
			  error);
}

void reload_host_addresses(struct reload *reload, struct host_addresses *host)
{
	char error[512];

	free(reload->host);
	reload->host = host;
	if (rebuild(reload, reload->config, false, error, sizeof(error)))
		log_info("this host has other addresses now; the peer policy follows");
	else
		log_error("changed addresses: %s; the peer policy stays as it was",
			  error);
}

struct reload_last reload_last(struct reload *reload)
{
	pthread_mutex_lock(&reload->lock);
	struct reload_last last = reload->last;
	pthread_mutex_unlock(&reload->lock);
	return last;
}

bool reload_values(struct reload *reload, config_entry_fn *report, void *arg)
{
	pthread_mutex_lock(&reload->lock);
	bool complete = config_in_force(reload->started, reload->config, report, arg);
	pthread_mutex_unlock(&reload->lock);
	return complete;
}
