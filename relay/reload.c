/*
 * reload.c - see reload.h.
 */
#include "relay/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_stamp.h"
#include "base/log.h"
#include "relay/front/tls.h"
#include "relay/ops/addresses.h"
#include "relay/worker.h"

enum { WATCHED_KEYS, WATCHED_CERTIFICATE, WATCHED_PRIVATE_KEY, WATCHED_COUNT };

struct reload {
	struct relay *relay;
	struct config *started; /* what the relay was started with; others borrow from it */
	struct config *config; /* what was read last */
	struct settings *settings;
	struct settings_fixed fixed;
	struct host_addresses *host;
	uint32_t generation;
	struct file_stamp stamps[WATCHED_COUNT];
};

static void take_stamps(const struct config *config,
			struct file_stamp stamps[WATCHED_COUNT])
{
	stamps[WATCHED_KEYS] = file_stamp_of(config->keys);
	stamps[WATCHED_CERTIFICATE] = file_stamp_of(config->tls.certificate);
	stamps[WATCHED_PRIVATE_KEY] = file_stamp_of(config->tls.private_key);
}

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

/*
 * Build from config and whatever is on disk now, and publish. The stamps come first: a file
 * that changes while it is read is read again.
 */
static bool rebuild(struct reload *reload, const struct config *config, const char *why)
{
	struct file_stamp stamps[WATCHED_COUNT];
	char error[512] = "out of memory";
	struct host_addresses *host = host_copy(reload->host);
	struct settings *settings = NULL;

	take_stamps(config, stamps);
	memcpy(reload->stamps, stamps, sizeof(stamps));
	if (host != NULL)
		settings = settings_build(config, &reload->fixed, host,
					  reload->generation + 1, error, sizeof(error));
	if (settings == NULL) {
		free(host);
		log_error("%s: %s; everything stays as it was", why, error);
		return false;
	}
	reload->generation++;
	settings_unref(reload->settings);
	reload->settings = settings;
	publish_expiry(reload);
	for (size_t i = 0; i < reload->relay->worker_count; i++)
		worker_publish(reload->relay->workers[i], settings);
	return true;
}

struct reload *reload_new(struct relay *relay, struct config *config,
			  const struct nonce_key *nonce_key, char *error,
			  size_t error_size)
{
	struct reload *reload = calloc(1, sizeof(*reload));
	struct host_addresses *host = NULL;

	snprintf(error, error_size, "out of memory");
	if (reload == NULL)
		return NULL;
	reload->relay = relay;
	reload->fixed = (struct settings_fixed){
		.nonce_key = *nonce_key,
		.commons = &relay->commons,
		.started = config,
	};
	take_stamps(config, reload->stamps);
	reload->host = addresses_now();
	if (reload->host == NULL) {
		snprintf(error, error_size, "cannot list the addresses of this host: %s",
			 strerror(errno));
		goto fail;
	}
	host = host_copy(reload->host);
	if (host == NULL)
		goto fail;
	reload->generation = 1;
	reload->settings = settings_build(config, &reload->fixed, host,
					  reload->generation, error, error_size);
	if (reload->settings == NULL)
		goto fail;
	publish_expiry(reload);
	reload->started = reload->config = config;
	return reload;
fail:
	free(host);
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
	free(reload);
}

struct settings *reload_settings(const struct reload *reload)
{
	return reload->settings;
}

/* What a reload applies, against what was read last. */
static void log_applied(void *arg, const char *key, const char *before, const char *after,
			bool reloads)
{
	size_t *applied = arg;

	if (!reloads)
		return;
	log_notice("reload: %s: %s -> %s", key, before, after);
	(*applied)++;
}

/* What waits for a restart, against what runs. */
static void log_waiting(void *arg, const char *key, const char *before, const char *after,
			bool reloads)
{
	(void)arg;
	if (!reloads)
		log_warning("reload: %s: %s -> %s needs a restart; it stays as it was",
			    key, before, after);
}

bool reload_configuration(struct reload *reload)
{
	char error[512];
	struct config *config = config_load(reload->config->path, error, sizeof(error));

	if (config == NULL) {
		log_error("reload: %s; everything stays as it was", error);
		return false;
	}
	if (!rebuild(reload, config, "reload")) {
		config_free(config);
		return false;
	}
	enum log_level level;
	if (log_level_parse(config->log.level, &level))
		log_set_level(level);
	size_t applied = 0;
	config_compare(reload->config, config, log_applied, &applied);
	config_compare(reload->started, config, log_waiting, NULL);
	log_notice("reload: done, %zu change%s; keys and certificate read again", applied,
		   applied == 1 ? "" : "s");
	if (reload->config != reload->started)
		config_free(reload->config);
	reload->config = config;
	return true;
}

void reload_watched_files(struct reload *reload)
{
	struct file_stamp stamps[WATCHED_COUNT];
	bool changed = false;

	take_stamps(reload->config, stamps);
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		changed |= !file_stamp_equal(&stamps[i], &reload->stamps[i]);
	if (changed && rebuild(reload, reload->config, "changed file"))
		log_notice("keys or certificate have changed and were read again");
}

void reload_host_addresses(struct reload *reload, struct host_addresses *host)
{
	free(reload->host);
	reload->host = host;
	if (rebuild(reload, reload->config, "changed addresses"))
		log_info("this host has other addresses now; the peer policy follows");
}
