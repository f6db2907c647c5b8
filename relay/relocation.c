/*
 * relocation.c - see relocation.h. Each message between workers is one object, which the receiver
 * frees or sends on.
 */
#include "relay/relocation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "relay/core/allocation.h"
#include "relay/core/allocation_move.h"
#include "relay/core/channel.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/revocation.h"
#include "relay/core/revoked_users.h"
#include "relay/core/turn.h"
#include "relay/core/visitors.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/udp.h"
#include "relay/loop.h"

enum {
	IN_FLIGHT_MAX = 256,
	PULLS_MAX = 256,
	HELD_MAX = 64,    /* datagrams of one client */
	AGAIN_MS = 1000,  /* a move that takes longer is asked for again */
	FORWARDS_MAX = 4, /* an allocation may move while a request looks for it */
};

/* A datagram of a client whose allocation is on its way here. */
struct held {
	STAILQ_ENTRY(held) link;
	struct endpoint hop;
	uint8_t tos, hop_limit;
	size_t len;
	uint8_t bytes[];
};

/* An allocation that was asked for. */
struct pull {
	LIST_ENTRY(pull) link;
	struct five_tuple tuple;
	uint32_t number; /* there may have been others for this 5-tuple */
	uint64_t asked_ms;
	bool front_closed;
	unsigned held_count;
	STAILQ_HEAD(, held) held;
};

struct relocation {
	struct delivery *delivery;
	struct udp_fronts *fronts;
	unsigned in_flight;
	unsigned pull_count;
	uint32_t pulls_made;
	LIST_HEAD(, pull) pulls;
};

/* A request on its way to the worker of an allocation, and its answer on the way back. */
struct visit {
	struct five_tuple tuple;
	struct endpoint hop; /* of the balancer that it came through */
	unsigned from, forwards;
	/* The 5-tuple is one to which an allocation there moves. */
	bool is_arrival;
	uint64_t id;
	uint16_t worker, channel_max;
	size_t len;
	uint8_t bytes[]; /* of the request, and DISPATCH_REPLY_MAX at least */
};

/* About that 5-tuple; the answer to it has an allocation, or NULL if there is none to have. */
struct notice {
	struct five_tuple tuple;
	uint64_t id;
	uint32_t pull; /* its number */
	unsigned from;
	struct allocation_move *move;
	unsigned left_by;   /* the worker that it comes from ... */
	uint32_t left_slot; /* ... and where it was there */
};

struct relocation *relocation_new(struct delivery *delivery, struct udp_fronts *fronts)
{
	struct relocation *relocation = calloc(1, sizeof(*relocation));

	if (relocation == NULL)
		return NULL;
	relocation->delivery = delivery;
	relocation->fronts = fronts;
	LIST_INIT(&relocation->pulls);
	return relocation;
}

static void end_pull(struct relocation *relocation, struct pull *pull)
{
	struct held *held;

	while ((held = STAILQ_FIRST(&pull->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&pull->held, link);
		free(held);
	}
	LIST_REMOVE(pull, link);
	assert(relocation->pull_count > 0);
	relocation->pull_count--;
	free(pull);
}

void relocation_free(struct relocation *relocation)
{
	if (relocation == NULL)
		return;
	while (!LIST_EMPTY(&relocation->pulls))
		end_pull(relocation, LIST_FIRST(&relocation->pulls));
	free(relocation);
}

static void drop(struct delivery *delivery)
{
	counter_add(&delivery->turn->counters.drops[DROP_RELOCATION], 1);
}

/* --- requests -------------------------------------------------------------------------------- */

static void visit_back(struct delivery *here, void *arg)
{
	struct relocation *relocation = here->relocation;
	struct visit *visit = arg;
	struct slice reply = {visit->bytes, visit->len};

	assert(relocation->in_flight > 0);
	relocation->in_flight--;
	if (visit->is_arrival) {
		struct visitor *visitor =
			visitors_add(here->turn->visitors, &visit->tuple);

		if (visitor != NULL) {
			visitor->id = visit->id;
			visitor->worker = visit->worker;
			visitor->channel_max = visit->channel_max;
		}
	}
	if (reply.len > 0)
		udp_front_answer(relocation->fronts, &visit->tuple, &visit->hop, reply,
				 visit->is_arrival);
	free(visit);
}

static void visit_there(struct delivery *there, void *arg)
{
	struct visit *visit = arg;
	struct dispatch dispatch;
	const struct allocation *al;

	dispatch_visit(there->turn, &visit->tuple, visit->from,
		       (struct slice){visit->bytes, visit->len}, there->loop->now_ms,
		       there->loop->unix_s, there->reply, &dispatch);
	if (dispatch.action == DISPATCH_HAND_OVER && visit->forwards++ < FORWARDS_MAX &&
	    there->post(there->self, dispatch.worker, visit_there, visit))
		return;
	if (dispatch.authenticated)
		there->expire(there->self);
	visit->len = 0;
	if (dispatch.action == DISPATCH_REPLY) {
		visit->len = dispatch.reply_len;
		memcpy(visit->bytes, there->reply, visit->len);
	}
	al = allocation_find_arriving(there->turn->table, &visit->tuple);
	visit->is_arrival = al != NULL &&
			    mobility_of(there->turn, al)->via == visit->from;
	if (visit->is_arrival) {
		visit->id = al->id;
		visit->worker = there->turn->worker;
		visit->channel_max = channel_data_max(al);
	}
	/* Its client asks again if that worker has just ended. */
	if (!there->post(there->self, visit->from, visit_back, visit))
		free(visit);
}

static void visit(struct relocation *relocation, const struct client_datagram *from,
		  unsigned worker)
{
	struct delivery *delivery = relocation->delivery;
	const struct slice message = from->message;
	size_t room = message.len > DISPATCH_REPLY_MAX ? message.len : DISPATCH_REPLY_MAX;
	struct visit *visit = NULL;

	if (relocation->in_flight < IN_FLIGHT_MAX)
		visit = calloc(1, sizeof(*visit) + room);
	if (visit == NULL) {
		drop(delivery);
		return;
	}
	visit->tuple = *from->tuple;
	visit->hop = *from->hop;
	visit->from = delivery->turn->worker;
	visit->len = message.len;
	memcpy(visit->bytes, message.data, message.len);
	relocation->in_flight++;
	if (delivery->post(delivery->self, worker, visit_there, visit))
		return;
	relocation->in_flight--;
	drop(delivery);
	free(visit);
}

/* --- an allocation comes --------------------------------------------------------------------- */

static struct pull *find_pull(struct relocation *relocation,
			      const struct five_tuple *tuple)
{
	struct pull *pull;

	LIST_FOREACH(pull, &relocation->pulls, link)
	{
		if (five_tuple_equal(&pull->tuple, tuple))
			break;
	}
	return pull;
}

static void forget_visitor(struct delivery *here, const struct five_tuple *tuple)
{
	struct visitor *visitor = visitors_find(here->turn->visitors, tuple);

	if (visitor != NULL)
		visitors_remove(here->turn->visitors, visitor);
}

/* Its data was held for nothing; the fronts of both keep what they counted. */
static void settle(struct delivery *here, struct pull *pull)
{
	forget_visitor(here, &pull->tuple);
	if (!pull->front_closed)
		turn_count_on_front(here->turn, pull->tuple.front, -1);
}

static void take(struct delivery *here, const struct allocation_move *move,
		 const struct pull *pull)
{
	struct turn *turn = here->turn;
	struct allocation *al = allocation_move_unpack(turn, move);

	if (al == NULL) {
		allocation_move_discard(turn, move, here->loop->now_ms);
		mobility_count(turn, MOBILITY_LOST);
	} else if (pull == NULL || pull->front_closed || !al->moving ||
		   allocation_find(turn->table, &pull->tuple) != NULL) {
		/* Its client cannot be reached from here, and no other worker has it. */
		allocation_delete(turn, al, END_SHUTDOWN, here->loop->now_ms);
		mobility_count(turn, MOBILITY_LOST);
	} else if (revoked_users_has(turn->settings->revoked,
				     allocation_user(turn->table, al))) {
		/* New settings came into force here before it came, and there after it left. */
		allocation_delete(turn, al, END_REVOKED, here->loop->now_ms);
	} else {
		allocation_bound(turn, al,
				 revocation_deadline_of(turn, al, here->loop->now_ms,
							here->loop->unix_s));
		mobility_complete(turn, al);
		mobility_count(turn, MOBILITY_WORKER);
	}
}

static void left_there(struct delivery *there, void *arg)
{
	struct notice *notice = arg;

	allocation_move_left(there->turn, notice->left_slot);
	there->expire(there->self);
	free(notice);
}

static void pulled(struct delivery *here, void *arg)
{
	struct relocation *relocation = here->relocation;
	struct notice *notice = arg;
	struct pull *pull = find_pull(relocation, &notice->tuple);
	struct held *held;

	/* That there is none is the answer of an earlier one, which came late. */
	if (notice->move == NULL && pull != NULL && pull->number != notice->pull)
		pull = NULL;
	if (notice->move != NULL)
		take(here, notice->move, pull);
	if (pull != NULL) {
		bool handles = !pull->front_closed;

		settle(here, pull);
		STAILQ_FOREACH(held, &pull->held, link)
		{
			if (handles)
				udp_front_handle(relocation->fronts,
						 &(struct client_datagram){
							 &pull->tuple,
							 &held->hop,
							 {held->bytes, held->len},
							 held->tos,
							 held->hop_limit});
		}
		here->flush_peers(here->self);
		end_pull(relocation, pull);
	}
	here->expire(here->self);
	bool came = notice->move != NULL;

	allocation_move_free(notice->move);
	notice->move = NULL;
	if (!came || !here->post(here->self, notice->left_by, left_there, notice))
		free(notice);
}

/* On the worker that has it: the answer goes back in the same notice. */
static void pull_there(struct delivery *there, void *arg)
{
	struct turn *turn = there->turn;
	struct notice *notice = arg;
	struct allocation *al = mobility_find(turn, mobility_name(notice->id));
	struct mobility_place place = {0};

	if (al != NULL && al->moving && mobility_of(turn, al)->via == notice->from &&
	    five_tuple_equal(&mobility_of(turn, al)->to, &notice->tuple))
		notice->move = allocation_move_new();
	if (notice->move != NULL) {
		notice->left_by = turn->worker;
		allocation_move_pack(turn, al, notice->move);
		notice->left_slot = notice->move->left_slot;
		place = allocation_move_place(notice->move, notice->from);
	}
	/* From here on the notice is the other's, if it gets it. */
	uint64_t id = notice->id;
	bool moves = notice->move != NULL;

	if (there->post(there->self, notice->from, pulled, notice)) {
		if (moves)
			mobility_directory_move(turn->shared->mobile, mobility_name(id),
						place);
		return;
	}
	if (moves) {
		/* Its slot is still its own, so there is room. */
		al = allocation_move_put_back(turn, notice->move);
		mobility_abandon(turn, al);
	}
	allocation_move_free(notice->move);
	free(notice);
}

/* Ask for the allocation of a visitor. NULL: it cannot be had now. */
static struct pull *start_pull(struct relocation *relocation,
			       const struct visitor *visitor)
{
	struct delivery *here = relocation->delivery;
	struct pull *pull = find_pull(relocation, &visitor->tuple);
	struct notice *notice;

	if (pull != NULL && here->loop->now_ms < pull->asked_ms + AGAIN_MS)
		return pull;
	if (pull == NULL && relocation->pull_count < PULLS_MAX) {
		pull = calloc(1, sizeof(*pull));
		if (pull == NULL)
			return NULL;
		pull->tuple = visitor->tuple;
		pull->number = ++relocation->pulls_made;
		STAILQ_INIT(&pull->held);
		LIST_INSERT_HEAD(&relocation->pulls, pull, link);
		relocation->pull_count++;
		/* The front stays open for the allocation that is to come. */
		turn_count_on_front(here->turn, pull->tuple.front, 1);
	}
	notice = pull != NULL ? calloc(1, sizeof(*notice)) : NULL;
	if (notice == NULL)
		return pull;
	pull->asked_ms = here->loop->now_ms;
	notice->tuple = visitor->tuple;
	notice->id = visitor->id;
	notice->pull = pull->number;
	notice->from = here->turn->worker;
	if (!here->post(here->self, visitor->worker, pull_there, notice))
		free(notice);
	return pull;
}

static void hold(struct relocation *relocation, const struct client_datagram *from)
{
	struct delivery *here = relocation->delivery;
	const struct slice message = from->message;
	const struct visitor *visitor = visitors_find(here->turn->visitors, from->tuple);
	struct pull *pull = visitor != NULL ? start_pull(relocation, visitor) : NULL;
	struct held *held = NULL;

	if (pull != NULL && pull->held_count < HELD_MAX)
		held = malloc(sizeof(*held) + message.len);
	if (held == NULL) {
		drop(here);
		return;
	}
	held->hop = *from->hop;
	held->tos = from->tos;
	held->hop_limit = from->hop_limit;
	held->len = message.len;
	memcpy(held->bytes, message.data, message.len);
	STAILQ_INSERT_TAIL(&pull->held, held, link);
	pull->held_count++;
}

void relocation_datagram(struct relocation *relocation,
			 const struct client_datagram *from,
			 const struct dispatch *dispatch)
{
	assert(dispatch->action == DISPATCH_HAND_OVER);
	if (dispatch->is_data)
		hold(relocation, from);
	else
		visit(relocation, from, dispatch->worker);
}

/* --- what the core says ---------------------------------------------------------------------- */

static void arrival_ended_there(struct delivery *there, void *arg)
{
	struct notice *notice = arg;

	/* What was asked for is answered; that settles it, too. */
	if (find_pull(there->relocation, &notice->tuple) == NULL)
		forget_visitor(there, &notice->tuple);
	free(notice);
}

static void arrival_due_there(struct delivery *there, void *arg)
{
	struct notice *notice = arg;
	const struct visitor *visitor =
		visitors_find(there->turn->visitors, &notice->tuple);

	if (visitor != NULL)
		start_pull(there->relocation, visitor);
	free(notice);
}

static void tell(struct relocation *relocation, unsigned worker,
		 const struct five_tuple *tuple,
		 void (*fn)(struct delivery *there, void *arg))
{
	struct delivery *here = relocation->delivery;
	struct notice *notice = calloc(1, sizeof(*notice));

	if (notice == NULL)
		return;
	notice->tuple = *tuple;
	if (!here->post(here->self, worker, fn, notice))
		free(notice);
}

void relocation_arrival_ended(struct relocation *relocation, unsigned worker,
			      const struct five_tuple *tuple)
{
	tell(relocation, worker, tuple, arrival_ended_there);
}

void relocation_arrival_due(struct relocation *relocation, unsigned worker,
			    const struct five_tuple *tuple)
{
	tell(relocation, worker, tuple, arrival_due_there);
}

void relocation_close_fronts(struct relocation *relocation, const bool fronts[FRONTS_MAX])
{
	struct turn *turn = relocation->delivery->turn;
	struct pull *pull;

	LIST_FOREACH(pull, &relocation->pulls, link)
	{
		if (!fronts[pull->tuple.front] || pull->front_closed)
			continue;
		pull->front_closed = true;
		turn_count_on_front(turn, pull->tuple.front, -1);
	}
}
