/*
 * checked_dispatch.h - dispatch.h, with records.h looking at what each call has left. Whoever includes it
 * calls these without knowing.
 */
#ifndef TESTS_UNIT_DIALECT_CHECKED_DISPATCH_H
#define TESTS_UNIT_DIALECT_CHECKED_DISPATCH_H

#include "relay/dialect/dispatch.h"
#include "tests/unit/core/fake_edge.h"

static inline void checked_from_client(struct turn *turn, const struct five_tuple *tuple,
				       struct slice message, uint64_t now_ms,
				       int64_t unix_s, uint8_t *reply,
				       struct dispatch *out)
{
	dispatch_from_client(turn, tuple, message, now_ms, unix_s, reply, out);
	fixture_check_saved(turn, now_ms);
}

static inline void checked_visit(struct turn *turn, const struct five_tuple *tuple,
				 unsigned via, struct slice message, uint64_t now_ms,
				 int64_t unix_s, uint8_t *reply, struct dispatch *out)
{
	dispatch_visit(turn, tuple, via, message, now_ms, unix_s, reply, out);
	fixture_check_saved(turn, now_ms);
}

static inline void checked_ms_frame(struct turn *turn, const struct five_tuple *tuple,
				    struct slice frame, uint64_t now_ms, int64_t unix_s,
				    uint8_t *reply, struct dispatch *out)
{
	dispatch_ms_frame(turn, tuple, frame, now_ms, unix_s, reply, out);
	fixture_check_saved(turn, now_ms);
}

static inline void checked_from_peer(struct turn *turn, uint32_t slot,
				     const struct endpoint *source, struct slice payload,
				     uint64_t now_ms, struct forward *out)
{
	dispatch_from_peer(turn, slot, source, payload, now_ms, out);
	fixture_check_saved(turn, now_ms);
}

static inline void checked_client_gone(struct turn *turn, const struct five_tuple *tuple,
				       enum end_reason reason, uint64_t now_ms)
{
	dispatch_client_gone(turn, tuple, reason, now_ms);
	fixture_check_saved(turn, now_ms);
}

static inline uint64_t checked_expire(struct turn *turn, uint64_t now_ms)
{
	uint64_t next = dispatch_expire(turn, now_ms);

	fixture_check_saved(turn, now_ms);
	return next;
}

#define dispatch_from_client checked_from_client
#define dispatch_visit checked_visit
#define dispatch_ms_frame checked_ms_frame
#define dispatch_from_peer checked_from_peer
#define dispatch_client_gone checked_client_gone
#define dispatch_expire checked_expire

#endif
