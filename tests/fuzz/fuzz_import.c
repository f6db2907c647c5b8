/*
 * fuzz_import.c - any coturn configuration becomes one of ours: mediarelayd complains
 * only about what the notes mention, never about an unknown key or a syntax error.
 */
#include <stdio.h>
#include <string.h>

#include "relay/reload/relay_config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/lib/configs.h"
#include "tools/import/import_conf.h"
#include "tools/import/import_write.h"

/* Every note names its subject and the reason, in one line. */
static void check_notes(const struct import_conf *conf)
{
	const json_t *note;
	size_t i;

	json_array_foreach(conf->notes, i, note)
	{
		FUZZ_CHECK(json_is_string(json_object_get(note, "key")) ||
			   json_object_get(note, "key") == NULL);
		FUZZ_CHECK(json_string_length(json_object_get(note, "reason")) > 0);
	}
}

static void check_result(const char *text, size_t size)
{
	static const char *const broken[] = {"unknown",     "syntax",          "expected",
					     "given twice", "open at the end", "quote"};
	char error[600] = "";
	struct relay_config *config =
		relay_config_parse("F", text, size, error, sizeof(error));

	for (size_t i = 0; !config && i < sizeof(broken) / sizeof(broken[0]); i++)
		FUZZ_CHECK(!strstr(error, broken[i]));
	relay_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const inside[] = {"10.0.0.5", "2001:db8::1"};
	const struct import_plan plan = {inside, 2, NULL};
	struct import_conf *conf;
	char *text = NULL;
	size_t text_size = 0;
	FILE *in, *out;

	if (size == 0 || memchr(data, 0, size))
		return 0;
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!in)
		return 0;
	conf = import_conf_read(in, "F");
	fclose(in);
	out = conf ? open_memstream(&text, &text_size) : NULL;
	if (out) {
		import_write(conf, &plan, out);
		fclose(out);
		check_notes(conf);
		check_result(text, text_size);
	}
	free(text);
	import_conf_free(conf);
	return 0;
}
