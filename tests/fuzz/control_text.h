/*
 * control_text.h - a control interface request as a fuzzer writes it: "METHOD
 * PATH[?QUERY]" in the first line, then the body.
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

/* Split as HTTP would split it; release with control_text_free(). */
void control_text_read(struct control_text *request, const uint8_t *data, size_t size);
void control_text_free(struct control_text *request);

/* Every answer has a known status, and is a document that can be written, or a stream. */
void control_text_check(const struct control_reply *reply);

#endif
