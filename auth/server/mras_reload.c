/*
 * mras_reload.c - see mras_reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "auth/server/mras_reload.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/credential/timestamp.h"
#include "auth/mras/mras_drain.h"
#include "auth/server/mras_connections.h"
#include "auth/server/mras_listener.h"
#include "auth/server/mras_remarks.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

enum {
	WARN_BEFORE_S = 14 * 86400,
	WARN_EVERY_S = 86400,
};

struct mras_reload {
	struct reload *engine;
	struct issuer *issuer;
	struct mras_settings *settings;
	int64_t warned_s;
	uint32_t warned_generation; /* new files are warned of at once */
};

/* Before the first listeners, *listeners stays NULL. */
static bool prepare_listeners(struct mras_reload *reload,
			      const struct mras_config *config,
			      struct mras_listeners **listeners, char *error,
			      size_t error_size)
{
	struct mras_listener_sockets sockets;

	if (reload->issuer->listeners == NULL)
		return true;
	if (!mras_listener_bind(config, reload->issuer->listeners, NULL, &sockets, error,
				error_size))
		return config_locate(&config->common, &config->addresses, error,
				     error_size);
	*listeners = mras_listeners_new(reload->issuer, &sockets);
	mras_listener_close(&sockets);
	if (*listeners == NULL)
		snprintf(error, error_size, "out of memory; free some");
	return *listeners != NULL;
}

/* Cannot fail. */
static void apply(struct mras_reload *reload, struct mras_settings *settings,
		  struct mras_listeners *listeners)
{
	struct issuer *issuer = reload->issuer;
	struct mras_settings *before = reload->settings;

	assert(settings != before && (listeners == NULL || issuer->listeners != NULL));
	if (before != NULL)
		mras_drain_carry_over(before->relays, before->service.relay_count,
				      settings->relays, settings->service.relay_count);
	reload->settings = settings;
	issuer->settings = settings;
	if (listeners != NULL) {
		mras_listeners_start(listeners, settings->config, issuer->listeners);
		issuer->listeners = listeners;
	}
	if (issuer->connections != NULL)
		mras_connections_check_again(issuer);
	mras_settings_free(before);
}

static bool rebuild(void *owner, const struct config *common, char *error,
		    size_t error_size)
{
	const struct mras_config *config = (const struct mras_config *)common;
	struct mras_reload *reload = owner;
	struct mras_listeners *listeners = NULL;
	struct mras_settings *settings = mras_settings_build(
		config, issuer_decided, reload->issuer, error, error_size);

	if (settings == NULL)
		return false;
	if (!prepare_listeners(reload, config, &listeners, error, error_size)) {
		mras_settings_free(settings);
		return false;
	}
	apply(reload, settings, listeners);
	return true;
}

static void about(void *owner, size_t index, char text[RELOAD_ABOUT_MAX])
{
	const struct mras_reload *reload = owner;

	assert(index < MRAS_FILE_COUNT);
	snprintf(text, RELOAD_ABOUT_MAX, "%s", reload->settings->files[index].about);
}

static void remark(void *owner, struct config *config, int64_t now_s)
{
	const struct mras_reload *reload = owner;

	mras_remarks_add((struct mras_config *)config, reload->settings, now_s);
}

struct mras_reload *mras_reload_new(struct issuer *issuer, struct config *config,
				    char *error, size_t error_size)
{
	static const struct reload_ops ops = {rebuild, remark, about};
	struct mras_reload *reload = calloc(1, sizeof(*reload));

	if (reload == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	reload->issuer = issuer;
	reload->engine = reload_new(&ops, reload, config, error, error_size);
	if (reload->engine != NULL)
		return reload;
	free(reload);
	return NULL;
}

void mras_reload_free(struct mras_reload *reload)
{
	if (reload == NULL)
		return;
	mras_settings_free(reload->settings);
	reload_free(reload->engine);
	free(reload);
}

struct reload *mras_reload_engine(struct mras_reload *reload)
{
	return reload->engine;
}

static void warn_of(const struct mras_reload *reload, size_t index, int64_t now_s)
{
	const struct mras_file_facts *facts = &reload->settings->files[index];
	struct config_file file;
	char time[TIMESTAMP_SIZE];

	if (facts->expires_s >= now_s + WARN_BEFORE_S ||
	    !timestamp_format(facts->expires_s, time) ||
	    !config_watched(reload_config(reload->engine), index, &file))
		return;
	if (index == MRAS_FILE_KEYS && facts->expires_s <= now_s)
		log_warning("keys: no key of %s is valid now: no credential is issued; "
			    "make one with 'avedgectl key new --keys %s'",
			    file.path, file.path);
	else
		log_warning("%s: %s %s %s; renew it", file.key, file.path,
			    facts->expires_s <= now_s ? "expired at" : "expires at",
			    time);
}

/* Expired files refuse every server: warn before. */
static void warn_of_ends(struct mras_reload *reload)
{
	struct mras_settings *settings = reload->settings;
	int64_t now_s = reload->issuer->unix_s;
	uint32_t generation = reload_last(reload->engine).generation;

	if (generation == reload->warned_generation &&
	    now_s - reload->warned_s < WARN_EVERY_S)
		return;
	reload->warned_s = now_s;
	reload->warned_generation = generation;
	/* A key that was in the future may sign by now. */
	mras_files_describe(settings->config, settings->keyring, settings->tls, now_s,
			    settings->files);
	for (size_t i = 0; i < MRAS_FILE_COUNT; i++) {
		if (i != MRAS_FILE_PRIVATE_KEY) /* it ends with its certificate */
			warn_of(reload, i, now_s);
	}
}

void mras_reload_periodic(struct mras_reload *reload)
{
	warn_of_ends(reload);
	reload_watched_files(reload->engine, reload->issuer->unix_s);
}
