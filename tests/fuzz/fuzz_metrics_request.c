/*
 * fuzz_metrics_request.c - headers of a client of the metrics listener: Accept and Host,
 * one per line. An allowed Host is never a foreign name.
 */
#include <string.h>
#include <strings.h>

#include "base/metrics/metrics_listener.h"
#include "tests/fuzz/fuzz.h"

/* The same rule, written independently: a loopback name begins like this. */
static bool looks_local(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "[", 1) == 0 ||
	       strncasecmp(host, "localhost", 9) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';

	char *host = strchr(text, '\n');
	if (host != NULL)
		*host++ = '\0';
	enum openmetrics_form form = metrics_listener_negotiate(text);
	FUZZ_CHECK(form == PROMETHEUS_0_0_4 || strcasestr(text, "openmetrics-text"));
	FUZZ_CHECK(!metrics_listener_host_allowed(host) || looks_local(host));
	free(text);
	return 0;
}
