/*
 * reload.c - see reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "auth/reload.h"

#include <stdlib.h>
#include <string.h>

#include "auth/connections.h"
#include "auth/settings.h"
#include "base/file_stamp.h"
#include "base/log.h"

enum { WATCHED_COUNT = 5 };

struct reload {
	struct issuer *issuer;
	struct config *config; /* what was read last */
	struct settings *settings;
	struct file_stamp stamps[WATCHED_COUNT];
};

static void take_stamps(const struct config *config,
			struct file_stamp stamps[WATCHED_COUNT])
{
	const char *const paths[WATCHED_COUNT] = {
		config->keys,   config->tls.certificate, config->tls.private_key,
		config->tls.ca, config->tls.crl,
	};

	for (size_t i = 0; i < WATCHED_COUNT; i++)
		stamps[i] = file_stamp_of(paths[i]);
}

/*
 * Build from config and whatever is on disk now, and put it into force. The stamps come first:
 * a file that changes while it is read is read again.
 */
static bool rebuild(struct reload *reload, const struct config *config, char *error,
		    size_t error_size)
{
	take_stamps(config, reload->stamps);

	struct settings *settings =
		settings_build(config, issuer_decided, reload->issuer, error, error_size);
	struct settings *before = reload->settings;

	if (settings == NULL)
		return false;
	reload->settings = settings;
	reload->issuer->settings = settings;
	if (reload->issuer->connections != NULL)
		connections_check_again(reload->issuer);
	settings_free(before);
	return true;
}

struct reload *reload_new(struct issuer *issuer, struct config *config, char *error,
			  size_t error_size)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (reload == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	reload->issuer = issuer;
	if (!rebuild(reload, config, error, error_size)) {
		free(reload);
		return NULL;
	}
	reload->config = config;
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

static void log_difference(void *arg, const char *key, const char *before,
			   const char *after, bool reloads)
{
	(void)arg;
	if (reloads)
		log_notice("reload: %s: %s -> %s", key, before, after);
	else
		log_warning("reload: %s: %s -> %s needs a restart; it stays as it was",
			    key, before, after);
}

bool reload_configuration(struct reload *reload)
{
	char error[512];
	struct config *before = reload->config;
	struct config *config = config_load(before->path, error, sizeof(error));
	enum log_level level;

	if (config == NULL || !rebuild(reload, config, error, sizeof(error))) {
		log_error("reload: %s; everything stays as it was", error);
		config_free(config);
		return false;
	}
	reload->config = config;
	if (log_level_parse(config->log.level, &level))
		log_set_level(level);
	size_t differences = config_compare(before, config, log_difference, NULL);
	log_notice("reload: done, %zu difference%s; keys and certificates read again",
		   differences, differences == 1 ? "" : "s");
	config_free(before);
	return true;
}

void reload_watched_files(struct reload *reload)
{
	struct file_stamp stamps[WATCHED_COUNT];
	bool changed = false;
	char error[512];

	take_stamps(reload->config, stamps);
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		changed |= !file_stamp_equal(&stamps[i], &reload->stamps[i]);
	if (!changed)
		return;
	if (rebuild(reload, reload->config, error, sizeof(error)))
		log_notice("keys or certificates have changed and were read again");
	else
		log_error("changed file: %s; everything stays as it was", error);
}
