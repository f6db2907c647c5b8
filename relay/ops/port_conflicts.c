/*
 * port_conflicts.c - see port_conflicts.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_PEER
#include "relay/ops/port_conflicts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/config/explain.h"
#include "base/log.h"
#include "relay/relay.h"

enum { EVERY_MS = 60000 };

void port_conflicts_tell(struct port_conflicts *conflicts, const struct relay *relay,
			 uint64_t now_ms)
{
	struct endpoint local;
	bool tcp = false;
	uint64_t count = relay_conflicts(relay, &local, &tcp);
	uint64_t fresh = count - conflicts->told;
	char holder[128], text[ENDPOINT_TEXT_LEN];

	assert(count >= conflicts->told);
	if (fresh == 0 || local.port == 0 ||
	    (conflicts->told_ms != 0 && now_ms - conflicts->told_ms < EVERY_MS))
		return;
	if (!explain_port_holder(&local, tcp, holder, sizeof(holder)))
		snprintf(holder, sizeof(holder), "a process that has let go of it");
	log_warning("%" PRIu64 " relay port%s held by other programs; the last one was "
		    "%s %s, held by %s; reserve relay.ports with sysctl "
		    "net.ipv4.ip_local_reserved_ports, or stop that program",
		    fresh, fresh == 1 ? " was" : "s were", tcp ? "TCP" : "UDP",
		    endpoint_format(&local, text, sizeof(text)), holder);
	conflicts->told = count;
	conflicts->told_ms = now_ms;
}
