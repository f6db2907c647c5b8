/*
 * data_flow.h - the bytes of a data connection that is bound: two pumps (base/net/byte_pump.h)
 * between its two ends, as far as bandwidth allows, and the end of each side.
 *
 * Threads  its worker's only.
 */
#ifndef RELAY_PEER_DATA_FLOW_H
#define RELAY_PEER_DATA_FLOW_H

#include <stdbool.h>

struct data_conn;
struct data_conns;

/* What outlives the process: keep copies of pipes, and note whose bytes are in them. Once. */
void data_flow_keep_pipes(struct data_conns *conns);

/* Wait at each end for what the pumps need. */
void data_flow_watch(struct data_conn *conn);
/* Run the pump to the peer, to the client, or both, as far as they go. It may be gone. */
void data_flow_run(struct data_conn *conn, bool to_peer, bool to_client);
/* Look whether ends that are not read are still there. It may be gone. */
void data_flow_look(struct data_conn *conn);
/* Read nothing for want of bandwidth, or go on. */
void data_flow_throttle(struct data_conn *conn, bool throttle);

#endif
