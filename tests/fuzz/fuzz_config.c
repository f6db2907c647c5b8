/*
 * fuzz_config.c - any text is a configuration or an error that says where and what to do.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/config.h"
#include "tests/fuzz/fuzz.h"

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
	struct config *config =
		config_parse("F", (const char *)data, size, error, sizeof(error));

	if (!config) {
		if (strncmp(error, "F:", 2) != 0 || !strchr(error, ';'))
			abort();
		return 0;
	}
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (config->sides[i].address_count == 0)
			abort();
	}
	if (config->relay.first < 1024 || config->relay.first > config->relay.last)
		abort();
	config_compare(config, config, difference, NULL);
	config_free(config);
	return 0;
}
