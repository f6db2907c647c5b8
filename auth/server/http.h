/*
 * http.h - the HTTP side of mrasd: libmicrohttpd behind a socket pair, driven by our loop.
 *
 * TLS ends in connection.c, so one port, one TLS policy and one check of the client serve
 * both languages. What it writes to the pair is one request at a time, as http_framing
 * makes it; the library never sees a client's own framing.
 *
 * Owner    main.
 */
#ifndef AUTH_SERVER_HTTP_H
#define AUTH_SERVER_HTTP_H

#include <stddef.h>

struct bufferevent;
struct http;
struct issuer;
struct service_server;

/* Calls to the owner of a connection, client. */
struct http_client_ops {
	/* The trusted server at its other end; NULL: its certificate has expired. */
	const struct service_server *(*server)(void *client);
	/* The answer to the request is in the pair, as a whole. */
	void (*answered)(void *client);
};

/* NULL with a sentence in error. */
struct http *http_new(struct issuer *issuer, char *error, size_t error_size);
void http_free(struct http *http); /* after all connections; NULL is allowed */

/*
 * Begin to serve a connection: our end of the pair. NULL: out of descriptors or memory.
 */
struct bufferevent *http_attach(struct http *http, const struct http_client_ops *ops,
				void *client);

/* Detach the client, whatever it was doing. */
void http_detach(struct http *http, void *client);

#endif
