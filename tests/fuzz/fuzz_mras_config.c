/*
 * fuzz_mras_config.c - any text is a configuration of mrasd, or an error with its place
 * and remedy.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/server/mras_config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/lib/configs.h"

static void difference(void *arg, const char *key, const char *before, const char *after,
		       enum reload_effect effect)
{
	(void)arg;
	(void)key;
	(void)before;
	(void)after;
	(void)effect;
	abort(); /* a configuration differs from itself */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[600] = "";
	struct mras_config *config =
		mras_config_parse("F", (const char *)data, size, error, sizeof(error));

	if (!config) {
		FUZZ_CHECK(strncmp(error, "F:", 2) == 0 && strchr(error, ';'));
		return 0;
	}
	FUZZ_CHECK(config->address_count > 0 && config->server_count > 0 &&
		   config->relay_count > 0);
	FUZZ_CHECK(config->tls.certificate && config->tls.private_key && config->tls.ca);
	for (size_t i = 0; i < config->relay_count; i++)
		FUZZ_CHECK(config->relays[i].host &&
			   config->relays[i].location != LOCATION_ANY);
	config_compare(&config->common, &config->common, difference, NULL);
	mras_config_free(config);
	return 0;
}
