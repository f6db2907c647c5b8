/*
 * http_stream.h - HTTP on a connection: requests one after the other, each answered at once.
 */
#ifndef AUTH_SERVER_HTTP_STREAM_H
#define AUTH_SERVER_HTTP_STREAM_H

#include "auth/server/connection.h"

connection_read_fn http_stream_read;

#endif
