/*
 * descriptor_limit.c - see descriptor_limit.h.
 */
#include "relay/descriptor_limit.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "relay/front/clients.h"
#include "relay/front/web/pass_through.h"
#include "relay/relay.h"
#include "relay/reload/relay_config.h"

/* What the web server's connections of all workers may take, as far as a start can tell. */
static uint64_t descriptors_passed(const struct relay *relay)
{
	uint64_t most = 0;

	/* The sides share one count. */
	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct relay_pass_through *side = &relay->config->pass_through[i];

		if (side->backend.ip.family != IP_NONE && side->connections > most)
			most = side->connections;
	}
	return most * PASS_THROUGH_DESCRIPTORS * relay->worker_count;
}

uint32_t descriptor_limit_unauthenticated(const struct relay *relay)
{
	uint32_t configured = relay->config->stream.unauthenticated;
	size_t workers = relay->worker_count;
	uint64_t passed = descriptors_passed(relay);
	char beside[64] = "";
	struct rlimit files;
	uint32_t most;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return UINT32_MAX;
	most = clients_unauthenticated_max(files.rlim_cur, passed, workers);
	if (configured <= most)
		return most;
	if (passed > 0)
		snprintf(beside, sizeof(beside), " beside the %ju of pass_through",
			 (uintmax_t)passed);
	/* No warning: with defaults the host decides, and the cap is no harm. */
	log_notice(
		"limits.unauthenticated = %u of each of %zu workers is more than half of "
		"the %ju descriptors%s; each worker allows %u; raise LimitNOFILE, and the "
		"hard limit of the host or container where that is lower, to %ju, or lower "
		"the key",
		configured, workers, (uintmax_t)files.rlim_cur, beside, most,
		(uintmax_t)configured * workers * 2 + passed);
	return most;
}
