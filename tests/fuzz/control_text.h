/*
 * control_text.h - a request to a control interface, as a fuzzer writes one: "METHOD
 * PATH[?QUERY]" in the first line, the body behind it.
 */
#ifndef TESTS_FUZZ_CONTROL_TEXT_H
#define TESTS_FUZZ_CONTROL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/control/control_api.h"

struct control_text {
	char *text; /* all of it, cut into pieces */
	struct control_argument arguments[8];
	struct control_message message;
};

/* Taken apart as HTTP would have done it; control_text_free() it. */
void control_text_read(struct control_text *request, const uint8_t *data, size_t size);
void control_text_free(struct control_text *request);

/* What every answer must be: of a known status, a document that can be written, or a stream. */
void control_text_check(const struct control_reply *reply);

#endif
