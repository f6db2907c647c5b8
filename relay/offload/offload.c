/*
 * offload.c - see offload.h.
 */
#include "relay/offload/offload.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct offload {
	struct event_base *base;
	struct offload_wanted wanted;
	struct flow_table *table; /* atomic */
	bool is_turned_off;
	offload_changed_fn *changed;
	void *changed_arg;
	pthread_mutex_t lock; /* of what is shown */
	char why[OFFLOAD_WHY_MAX];
};

static bool any_side(const struct offload_wanted *wanted)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (wanted->modes[i] != OFFLOAD_OFF)
			return true;
	}
	return false;
}

static void judge(struct offload *offload)
{
	const struct offload_wanted *wanted = &offload->wanted;

	pthread_mutex_lock(&offload->lock);
	if (offload->is_turned_off)
		snprintf(offload->why, sizeof(offload->why),
			 "turned off; \"avedgectl offload on\" turns it on again");
	else if (!any_side(wanted))
		snprintf(offload->why, sizeof(offload->why),
			 "off on both sides; set offload = auto on one of them");
	else if (wanted->socket[0] == '\0')
		snprintf(offload->why, sizeof(offload->why),
			 "offload.socket is empty; write the socket of avedge-offload");
	else
		snprintf(offload->why, sizeof(offload->why),
			 "no avedge-offload at %.100s; start it, and the relay connects "
			 "within seconds",
			 wanted->socket);
	pthread_mutex_unlock(&offload->lock);
}

struct offload *offload_start(const struct offload_wanted *wanted,
			      struct event_base *base)
{
	struct offload *offload = calloc(1, sizeof(*offload));

	if (offload == NULL)
		return NULL;
	if (pthread_mutex_init(&offload->lock, NULL) != 0) {
		free(offload);
		return NULL;
	}
	offload->base = base;
	offload->wanted = *wanted;
	judge(offload);
	return offload;
}

void offload_stop(struct offload *offload)
{
	offload_leave(offload);
}

void offload_leave(struct offload *offload)
{
	if (offload == NULL)
		return;
	pthread_mutex_destroy(&offload->lock);
	free(offload);
}

void offload_use(struct offload *offload, const struct offload_wanted *wanted)
{
	offload->wanted = *wanted;
	judge(offload);
}

void offload_turn(struct offload *offload, bool on)
{
	offload->is_turned_off = !on;
	judge(offload);
}

struct flow_table *offload_table(const struct offload *offload)
{
	return __atomic_load_n(&offload->table, __ATOMIC_ACQUIRE);
}

void offload_on_change(struct offload *offload, offload_changed_fn *fn, void *arg)
{
	offload->changed = fn;
	offload->changed_arg = arg;
}

bool offload_hop(struct offload *offload, const struct ip_addr *from,
		 const struct ip_addr *to, uint16_t *hop)
{
	(void)offload;
	(void)from;
	(void)to;
	*hop = 0;
	return false;
}

void offload_hop_release(struct offload *offload, uint16_t hop)
{
	(void)offload;
	assert(hop < FLOW_HOPS);
}

bool offload_covers(const struct offload *offload, const struct ip_addr *local)
{
	(void)local;
	return offload_table(offload) != NULL;
}

void offload_view(struct offload *offload, struct offload_view *view)
{
	memset(view, 0, sizeof(*view));
	pthread_mutex_lock(&offload->lock);
	memcpy(view->why, offload->why, sizeof(view->why));
	pthread_mutex_unlock(&offload->lock);
}
