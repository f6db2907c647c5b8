/*
 * fuzz_mras_control.c - any request to the control interface of mrasd gets one answer.
 */
#include <string.h>

#include "auth/server/control.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"
#include "tests/fuzz/control_text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/auth/issuer_fixture.h"

static struct issuer_fixture fixture;

static void leave(void)
{
	issuer_fixture_free(&fixture);
}

static void begin(void)
{
	/* Only a reload fails: nothing can be reloaded here. */
	log_open("fuzz");
	log_set_level(LOG_LEVEL_ERROR);
	issuer_fixture_make(&fixture, "");
	atexit(leave);
}

/* Each location has a relay that is not draining, unless "force" was given. */
static void check_relays(bool forced)
{
	const struct mras_settings *settings = fixture.issuer.settings;

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
	struct control_text request;
	struct control_reply reply = {.status = 0};

	if (fixture.reload == NULL)
		begin();
	control_text_read(&request, data, size);
	control_dispatch(issuer_routes, issuer_route_count, &fixture.control,
			 &request.message, &reply);
	control_text_check(&reply);
	check_relays(memmem(data, size, "force", 5) || memmem(data, size, "\\u", 2));
	control_reply_clear(&reply);
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < SUBSYSTEM_COUNT; i++)
		log_set_subsystem_level((enum subsystem)i, false, LOG_LEVEL_ERROR);
	control_text_free(&request);
	return 0;
}
