/*
 * mras_remarks.h - remarks (base/config/config.h) on mrasd.conf: what is valid there and probably
 * not meant.
 *
 * Threads  main.
 */
#ifndef AUTH_SERVER_MRAS_REMARKS_H
#define AUTH_SERVER_MRAS_REMARKS_H

#include <stdint.h>

#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"

/* Add them to the configuration that the settings were built from. now_s: Unix seconds. */
void mras_remarks_add(struct mras_config *config, const struct mras_settings *settings,
		      int64_t now_s);

/* What a start notices only later: no key is valid now. False with a sentence in error. */
bool mras_remarks_start(const struct mras_settings *settings, int64_t now_s, char *error,
			size_t error_size);

#endif
