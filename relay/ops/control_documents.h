/*
 * control_documents.h - inside the control interface: its documents, and how their smallest
 * parts are written. A document is a new reference, NULL if out of memory.
 */
#ifndef RELAY_OPS_CONTROL_DOCUMENTS_H
#define RELAY_OPS_CONTROL_DOCUMENTS_H

#include <stdint.h>

#include <jansson.h>

#include "base/control/control_api.h"
#include "relay/core/counters.h"
#include "relay/reload/drain.h"
#include "stun/endpoint.h"

struct relay;

json_t *control_status(struct relay *relay);
json_t *control_ports(struct relay *relay);
json_t *control_counters(struct relay *relay);
json_t *control_limits(struct relay *relay);
/* The member "drain" of the status: null while it serves. */
json_t *control_drain(const struct drain_state *state);

json_t *control_offload(const struct relay *relay);
/* The member "offload" of the status: the same in short. */
json_t *control_offload_state(const struct relay *relay);

/* Handlers of /v1/offload. */
control_handler control_get_offload;
control_handler control_put_offload;

/* Handlers of /v1/allocations. */
control_handler control_list_allocations;
control_handler control_end_allocations;
control_handler control_show_allocation;
control_handler control_end_allocation;

/* Handler of /v1/records. */
control_handler control_stream_records;

json_t *control_count(uint64_t value);
json_t *control_figure(uint64_t value); /* null for 0: not set */
json_t *control_ip(const struct ip_addr *ip);
json_t *control_endpoint(const struct endpoint *ep);
json_t *control_traffic(const struct traffic *traffic);

#endif
