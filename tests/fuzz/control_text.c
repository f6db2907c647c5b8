/*
 * control_text.c - see control_text.h.
 */
#include "tests/fuzz/control_text.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void split(struct control_text *request, char *query)
{
	const size_t room = sizeof(request->arguments) / sizeof(request->arguments[0]);
	size_t count = 0;
	char *rest = NULL;

	for (char *part = strtok_r(query, "&", &rest); part && count < room;
	     part = strtok_r(NULL, "&", &rest)) {
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		request->arguments[count++] = (struct control_argument){part, value};
	}
	request->message.arguments = request->arguments;
	request->message.argument_count = count;
}

void control_text_read(struct control_text *request, const uint8_t *data, size_t size)
{
	struct control_message *message = &request->message;
	char *text = malloc(size + 1), *end, *path, *query;

	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	*request = (struct control_text){.text = text};
	*message = (struct control_message){.method = "GET", .path = ""};
	end = memchr(text, '\n', size);
	if (end) {
		*end = '\0';
		message->body = end + 1;
		message->body_len = size - (size_t)(message->body - text);
	}
	path = strchr(text, ' ');
	if (!path)
		return;
	*path++ = '\0';
	message->method = text;
	message->path = path;
	query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
		split(request, query);
	}
}

void control_text_free(struct control_text *request)
{
	free(request->text);
}

void control_text_check(const struct control_reply *reply)
{
	static const unsigned statuses[] = {200, 400, 404, 405, 409, 413, 422};
	bool known = false;
	char *text;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		known |= reply->status == statuses[i];
	FUZZ_CHECK(known);
	FUZZ_CHECK((reply->status == 405) == (reply->allow[0] != '\0'));
	if (reply->stream.read) {
		FUZZ_CHECK(reply->status == 200 && !reply->document);
		return;
	}
	FUZZ_CHECK(reply->document);
	if (reply->status != 200)
		FUZZ_CHECK(json_is_string(json_object_get(reply->document, "detail")));
	text = json_dumps(reply->document, JSON_COMPACT | JSON_ENCODE_ANY);
	FUZZ_CHECK(text != NULL);
	free(text);
}
