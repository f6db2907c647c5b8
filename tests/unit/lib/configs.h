/*
 * configs.h - the configuration of either daemon, parsed from memory into its struct.
 */
#ifndef TESTS_UNIT_LIB_CONFIGS_H
#define TESTS_UNIT_LIB_CONFIGS_H

#include "auth/server/mras_config.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_schema.h"

static inline struct relay_config *relay_config_parse(const char *path, const char *text,
						      size_t len, char *error,
						      size_t error_size)
{
	return (struct relay_config *)config_parse(&relay_config_schema, path, text, len,
						   error, error_size);
}

static inline void relay_config_free(struct relay_config *config)
{
	config_free(config ? &config->common : NULL);
}

static inline struct mras_config *mras_config_parse(const char *path, const char *text,
						    size_t len, char *error,
						    size_t error_size)
{
	return (struct mras_config *)config_parse(&mras_config_schema, path, text, len,
						  error, error_size);
}

static inline void mras_config_free(struct mras_config *config)
{
	config_free(config ? &config->common : NULL);
}

#endif
