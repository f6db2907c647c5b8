/*
 * fuzz_mras_control.c - any request to the control interface of mrasd has one answer: "METHOD
 * PATH[?QUERY]" in the first line, the body behind it.
 */
#include <string.h>

#include "auth/control.h"
#include "auth/settings.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/issuer_world.h"

enum { ARGUMENTS_MAX = 8 };

static struct issuer_world world;

static void leave(void)
{
	issuer_world_free(&world);
}

static void begin(void)
{
	/* Only what goes wrong with a reload, of which there is nothing here. */
	log_open("fuzz");
	log_set_level(LOG_LEVEL_ERROR);
	issuer_world_make(&world, "");
	atexit(leave);
}

/* "a=b&c" as HTTP would have taken it apart; cuts the text. */
static size_t split(char *query, struct control_argument list[ARGUMENTS_MAX])
{
	size_t count = 0;
	char *rest = NULL;

	for (char *part = strtok_r(query, "&", &rest); part && count < ARGUMENTS_MAX;
	     part = strtok_r(NULL, "&", &rest)) {
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		list[count++] = (struct control_argument){part, value};
	}
	return count;
}

static void check(const struct control_reply *reply)
{
	bool known = reply->status == 200 || reply->status == 400 ||
		     reply->status == 404 || reply->status == 405 ||
		     reply->status == 409 || reply->status == 413;

	FUZZ_CHECK(known && reply->document && !reply->stream.read);
	FUZZ_CHECK((reply->status == 405) == (reply->allow[0] != '\0'));
	if (reply->status != 200)
		FUZZ_CHECK(json_is_string(json_object_get(reply->document, "detail")));

	char *text = json_dumps(reply->document, JSON_COMPACT);
	FUZZ_CHECK(text != NULL);
	free(text);
}

/* Somebody is named at each location unless "force" was said. */
static void check_relays(bool forced)
{
	const struct settings *settings = world.issuer.settings;

	FUZZ_CHECK(settings->service.relay_count == 3);
	if (!forced) {
		FUZZ_CHECK(!settings->relays[2].draining);
		FUZZ_CHECK(!settings->relays[0].draining ||
			   !settings->relays[1].draining);
	}
	for (size_t i = 0; i < settings->service.relay_count; i++)
		settings->relays[i].draining = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_argument arguments[ARGUMENTS_MAX];
	struct control_message message = {.method = "GET", .path = ""};
	struct control_reply reply = {.status = 0};
	char *head = malloc(size + 1);

	if (world.reload == NULL)
		begin();
	FUZZ_CHECK(head != NULL);
	memcpy(head, data, size);
	head[size] = '\0';

	char *end = memchr(head, '\n', size);
	if (end) {
		*end = '\0';
		message.body = end + 1;
		message.body_len = size - (size_t)(message.body - head);
	}
	char *path = strchr(head, ' ');
	if (path) {
		*path++ = '\0';
		message.method = head;
		char *query = strchr(path, '?');
		if (query)
			*query++ = '\0';
		message.path = path;
		message.arguments = arguments;
		message.argument_count = query ? split(query, arguments) : 0;
	}
	control_dispatch(issuer_routes, issuer_route_count, &world.control, &message,
			 &reply);
	check(&reply);
	check_relays(memmem(data, size, "force", 5) || memmem(data, size, "\\u", 2));
	control_reply_clear(&reply);
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < SUBSYSTEM_COUNT; i++)
		log_set_subsystem_level((enum subsystem)i, false, LOG_LEVEL_ERROR);
	free(head);
	return 0;
}
