/*
 * relay_reload.c - see relay_reload.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "relay/reload/relay_reload.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "relay/front/tickets.h"
#include "relay/front/tls.h"
#include "relay/ops/addresses.h"
#include "relay/reload/change.h"
#include "relay/reload/offload_settings.h"
#include "relay/reload/relay_remarks.h"

struct relay_reload {
	struct relay *relay;
	struct relay_settings *settings;
	struct nonce_key nonce_key;
	struct tickets *tickets;
	struct host_addresses *host;
	bool stuck; /* closing retired fronts failed; not tried before the next reload */
};

/* NULL with a sentence in error. */
static struct relay_settings *build(const struct relay_reload *reload,
				    const struct relay_config *config,
				    const struct network_view *network, bool same_files,
				    char *error, size_t error_size)
{
	const struct relay_settings_sources sources = {
		.nonce_key = reload->nonce_key,
		.tickets = reload->tickets,
		.network = network,
		.host = reload->host,
		.in_force = reload->settings,
		.same_files = same_files,
	};

	return relay_settings_build(config, &sources, error, error_size);
}

/* Also to the control interface, which shows the expiry from its own thread. */
static void publish(struct relay_reload *reload, struct relay_settings *settings)
{
	struct relay *relay = reload->relay;
	bool first = reload->settings == NULL; /* workers begin with those */

	assert(first || settings->turn.generation > reload->settings->turn.generation);
	relay_settings_unref(reload->settings);
	reload->settings = settings;
	__atomic_store_n(&relay->tls_not_after_s,
			 settings->tls != NULL ? tls_context_expires(settings->tls) : 0,
			 __ATOMIC_RELAXED);
	if (!first)
		relay_publish(relay, settings);
}

/* Also new devices, of addresses that moved. */
static void use_offload(const struct relay *relay, const struct relay_config *config)
{
	struct offload_wanted wanted;

	if (relay->offload == NULL)
		return;
	offload_settings_fill(config, network_view(relay->network), &wanted);
	offload_use(relay->offload, &wanted);
}

/* From config to what the workers go by, or not at all. */
static bool rebuild(struct relay_reload *reload, const struct relay_config *config,
		    bool same_files, char *error, size_t error_size)
{
	struct change change;
	struct relay_settings *settings;

	if (!change_prepare(&change, reload->relay, config, error, error_size))
		return false;
	settings = build(reload, config, &change.plan, same_files, error, error_size);
	if (settings == NULL) {
		change_abandon(&change);
		return false;
	}
	if (!change_open(&change, error, error_size)) {
		relay_settings_unref(settings);
		return false;
	}
	publish(reload, settings);
	change_finish(&change);
	use_offload(reload->relay, config);
	reload->stuck = false;
	return true;
}

/* The first time there are no workers yet, and main binds the fronts. */
static bool rebuild_op(void *owner, const struct config *common, char *error,
		       size_t error_size)
{
	const struct relay_config *config = (const struct relay_config *)common;
	struct relay_reload *reload = owner;

	if (reload->settings != NULL)
		return rebuild(reload, config, false, error, error_size);
	struct relay_settings *settings = build(reload, config,
						network_view(reload->relay->network),
						false, error, error_size);
	if (settings != NULL)
		publish(reload, settings);
	return settings != NULL;
}

static void remark(void *owner, struct config *config, int64_t now_s)
{
	const struct relay_reload *reload = owner;

	relay_remarks_add((struct relay_config *)config,
			  network_view(reload->relay->network), reload->settings, now_s);
}

struct relay_reload *relay_reload_new(struct relay *relay, struct config *config,
				      const struct nonce_key *nonce_key, char *error,
				      size_t error_size)
{
	static const struct reload_ops ops = {.rebuild = rebuild_op, .remark = remark};
	struct relay_reload *reload = calloc(1, sizeof(*reload));

	snprintf(error, error_size, "out of memory");
	if (reload == NULL)
		return NULL;
	reload->relay = relay;
	reload->nonce_key = *nonce_key;
	reload->tickets = tickets_new(time(NULL));
	reload->host = addresses_now();
	if (reload->tickets == NULL)
		snprintf(error, error_size,
			 "no random bytes for keys of session tickets");
	else if (reload->host == NULL)
		snprintf(error, error_size, "cannot list the addresses of this host: %s",
			 strerror(errno));
	else
		relay->reload = reload_new(&ops, reload, config, error, error_size);
	if (relay->reload != NULL)
		return reload;
	tickets_free(reload->tickets);
	free(reload->host);
	free(reload);
	return NULL;
}

void relay_reload_free(struct relay_reload *reload)
{
	if (reload == NULL)
		return;
	relay_settings_unref(reload->settings);
	reload_free(reload->relay->reload);
	reload->relay->reload = NULL;
	tickets_free(reload->tickets);
	free(reload->host);
	free(reload);
}

struct relay_settings *relay_reload_settings(const struct relay_reload *reload)
{
	return reload->settings;
}

/* The same configuration and files again. */
static bool rebuild_same(struct relay_reload *reload, char *error, size_t error_size)
{
	const struct config *config = reload_config(reload->relay->reload);

	return rebuild(reload, (const struct relay_config *)config, true, error,
		       error_size);
}

void relay_reload_periodic(struct relay_reload *reload)
{
	char error[512];

	reload_watched_files(reload->relay->reload, time(NULL));
	if (reload->stuck || !change_is_due(reload->relay))
		return;
	reload->stuck = !rebuild_same(reload, error, sizeof(error));
	if (reload->stuck)
		log_error("cannot close retired fronts: %s; trying again at the next "
			  "reload",
			  error);
}

void relay_reload_host_addresses(struct relay_reload *reload, struct host_addresses *host)
{
	char error[512];

	assert(host != NULL && reload->settings != NULL);
	free(reload->host);
	reload->host = host;
	if (rebuild_same(reload, error, sizeof(error)))
		log_info("the addresses of this host changed; the peer policy follows");
	else
		log_error("the addresses of this host changed: %s; the peer policy did "
			  "not",
			  error);
}
