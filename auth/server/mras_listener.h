/*
 * mras_listener.h - the listening sockets of mrasd, on inside addresses only. They outlive the process in
 * the store of descriptors (base/descriptors/fd_store.h): connections wait in them for the next one.
 */
#ifndef AUTH_SERVER_MRAS_LISTENER_H
#define AUTH_SERVER_MRAS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/server/mras_config.h"

struct inherited;
struct issuer;
struct mras_listeners;

/* Bound sockets; at start they are taken before privileges are dropped. */
struct mras_listener_sockets {
	size_t count;
	struct mras_listener_socket {
		struct endpoint local;
		int fd;
		bool is_stored;
	} list[MRAS_CONFIG_ADDRESSES_MAX];
};

/*
 * Bind one for each configured address except those that now already listens on; now may
 * be NULL. inherited: those that the process before has left are used in place of new ones, the
 * others are ended; or NULL. False with a sentence in error that names the holder of the port; then nothing
 * stays open.
 */
bool mras_listener_bind(const struct mras_config *config,
			const struct mras_listeners *now, struct inherited *inherited,
			struct mras_listener_sockets *sockets, char *error,
			size_t error_size);
/* Close those not taken over. */
void mras_listener_close(struct mras_listener_sockets *sockets);

/* Listeners that do not accept yet; sockets are taken over. NULL: out of memory. */
struct mras_listeners *mras_listeners_new(struct issuer *issuer,
					  struct mras_listener_sockets *sockets);
void mras_listeners_free(struct mras_listeners *listeners); /* NULL is allowed */

/*
 * Begin to accept. Listeners that the configuration still names are taken over from
 * before, which is freed with the others; their connections stay. before may be NULL.
 */
void mras_listeners_start(struct mras_listeners *listeners,
			  const struct mras_config *config,
			  struct mras_listeners *before);

/* Accept no more. Connections that come wait for the next process. */
void mras_listeners_pause(struct mras_listeners *listeners);

#endif
