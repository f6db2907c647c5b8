/*
 * offload_view.c - see offload_view.h.
 */
#include "relay/offload/offload_view.h"

#include <assert.h>

const char *offload_mode_name(enum offload_mode mode)
{
	static const char *const names[OFFLOAD_MODE_COUNT] = {
		[OFFLOAD_AUTO] = "auto",
		[OFFLOAD_TC] = "tc",
		[OFFLOAD_XDP] = "xdp",
		[OFFLOAD_OFF] = "off",
	};

	assert(mode < OFFLOAD_MODE_COUNT);
	return names[mode];
}

static const struct {
	const char *name, *text;
} ups[FLOW_UP_COUNT] = {
#define X(id, name, text) [FLOW_UP_##id] = {name, text},
	FLOW_UPS(X)
#undef X
};

const char *offload_up_name(enum flow_up reason)
{
	assert(reason < FLOW_UP_COUNT);
	return ups[reason].name;
}

const char *offload_up_text(enum flow_up reason)
{
	assert(reason < FLOW_UP_COUNT);
	return ups[reason].text;
}

const char *offload_view_state(const struct offload_view *view)
{
	if (view->is_on)
		return "on";
	return view->is_turned_off ? "turned off" : "off";
}
