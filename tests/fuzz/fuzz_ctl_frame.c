/*
 * fuzz_ctl_frame.c - whatever a relay answers, the screen of avedgectl top fits the
 * terminal and contains no escape sequences but our own.
 *
 * The first two bytes are the terminal's size; status, counters and allocations follow as
 * JSON, each ending in a zero byte.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/ctl/ctl_frame.h"
#include "tools/ctl/ctl_text.h"

static json_t *take_document(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, 0, *size);
	size_t len = end ? (size_t)(end - *data) : *size;
	json_t *document = json_loadb((const char *)*data, len, 0, NULL);

	*data += len + (end != NULL);
	*size -= len + (end != NULL);
	return document;
}

/* The text after one of our "\033[" sequences; NULL for any other. */
static const char *skip_sequence(const char *p)
{
	static const char *const ours[] = {"\033[H", "\033[K", "\033[J", "\033[7m",
					   "\033[0m"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strncmp(p, ours[i], strlen(ours[i])) == 0)
			return p + strlen(ours[i]);
	}
	return NULL;
}

static void check_picture(const char *text, const struct ctl_frame *frame)
{
	char line[4096];
	size_t used = 0, lines = 1;

	for (const char *p = text; *p;) {
		if (*p == '\033') {
			FUZZ_CHECK(frame->live);
			p = skip_sequence(p);
			FUZZ_CHECK(p != NULL);
		} else if (*p == '\n') {
			line[used] = '\0';
			FUZZ_CHECK(ctl_columns(line) <= frame->columns);
			used = 0;
			lines++;
			p++;
		} else {
			FUZZ_CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
			FUZZ_CHECK(used + 1 < sizeof(line));
			line[used++] = *p++;
		}
	}
	line[used] = '\0';
	FUZZ_CHECK(ctl_columns(line) <= frame->columns);
	FUZZ_CHECK(lines <= frame->lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_sample now = {0}, before = {0};
	struct ctl_frame frame = {.now = &now, .before = &before, .order = "rate"};
	json_t *documents[3];
	char *text = NULL;
	size_t text_size = 0;
	static bool ready;
	FILE *out;

	if (size < 2)
		return 0;
	if (!ready)
		ready = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
	frame.columns = 20 + data[0];
	frame.lines = 4 + data[1] % 100;
	frame.live = data[1] & 0x80;
	data += 2;
	size -= 2;
	for (int i = 0; i < 3; i++)
		documents[i] = take_document(&data, &size);
	ctl_sample_set(&before, json_deep_copy(documents[0]),
		       json_deep_copy(documents[1]), NULL, 1000);
	ctl_sample_set(&now, documents[0], documents[1], documents[2], 2000);
	out = open_memstream(&text, &text_size);
	if (out) {
		ctl_frame_draw(&frame, out);
		fclose(out);
		check_picture(text, &frame);
	}
	free(text);
	ctl_sample_clear(&now);
	ctl_sample_clear(&before);
	return 0;
}
