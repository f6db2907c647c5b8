/*
 * fuzz_ctl_text.c - no name, whatever its bytes, reaches a terminal as an escape
 * sequence, and its width in columns is known.
 */
#include <locale.h>
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/ctl/ctl_text.h"

static void check_clean(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		FUZZ_CHECK(*p >= ' ' && *p != 0x7f);
		/* C1 in UTF-8: U+0080 to U+009F, of which U+009B begins a sequence. */
		FUZZ_CHECK(!(p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[CTL_CELL_MAX * 4], clean[CTL_CELL_MAX], again[CTL_CELL_MAX];
	size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	static bool ready;
	static const size_t sizes[] = {1, 2, 5, 16, CTL_CELL_MAX};

	if (!ready)
		ready = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
	memcpy(text, data, len);
	text[len] = '\0';
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ctl_clean(text, clean, sizes[i]);
		FUZZ_CHECK(strlen(clean) < sizes[i]);
		check_clean(clean);
		/* Clean text is unchanged. */
		FUZZ_CHECK(strcmp(ctl_clean(clean, again, sizeof(again)), clean) == 0);
	}
	for (size_t columns = 0; columns <= ctl_columns(clean) && columns < 40;
	     columns++) {
		size_t fits = ctl_fit(clean, columns);

		FUZZ_CHECK(fits <= strlen(clean));
		memcpy(again, clean, fits);
		again[fits] = '\0';
		FUZZ_CHECK(ctl_columns(again) <= columns);
	}
	FUZZ_CHECK(ctl_fit(clean, ctl_columns(clean)) == strlen(clean));
	return 0;
}
