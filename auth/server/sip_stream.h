/*
 * sip_stream.h - SIP on a connection: messages one after the other, each answered at once.
 */
#ifndef AUTH_SERVER_SIP_STREAM_H
#define AUTH_SERVER_SIP_STREAM_H

#include "auth/server/connection.h"

connection_read_fn sip_stream_read;

#endif
