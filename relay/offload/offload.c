/*
 * offload.c - see offload.h.
 *
 *	IDLE       there is no connection: it is off, or a retry follows
 *	ASKED      connected, the loader has not answered yet
 *	THERE      there is a plane: tables, which workers use
 *
 * Workers see the plane under the lock, or as the table, which they let go of before the plane is freed
 * (offload_changed_fn). Everything else is main's alone.
 */
#include "relay/offload/offload.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "base/log.h"
#include "relay/offload/loader_link.h"
#include "relay/offload/offload_plane.h"
#include "relay/offload/plane_devices.h"
#include "relay/offload/route_watch.h"
#include "relay/offload/routes.h"

enum {
	RETRY_MS = 10000,
	/* After one that has served: systemd starts the next at once. */
	AGAIN_MS = 1000,
	/* A loader that is started by our connection has to load its programs first. */
	START_WAIT_MS = 2000,
};

struct offload {
	struct event_base *base;
	pthread_t main;
	struct offload_wanted wanted;
	offload_changed_fn *changed;
	void *changed_arg;
	struct loader_link *link; /* NULL: IDLE */
	struct event *retry;
	struct route_watch *watch;
	bool is_turned_off, is_paused;
	char told[OFFLOAD_WHY_MAX]; /* the last in the log */

	pthread_mutex_t
		lock; /* of what follows, between main, which alone writes, and others */
	struct offload_plane *
		plane; /* NULL: not THERE; then the table is atomic, for offload_table() */
	struct flow_table *table;
	struct plane_devices devices;
	char why[OFFLOAD_WHY_MAX];
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- what is said of it -------------------------------------------------------------------------------- */

static bool any_side(const struct offload_wanted *wanted)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (wanted->modes[i] != OFFLOAD_OFF)
			return true;
	}
	return false;
}

static bool is_asked_for(const struct offload_wanted *wanted)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (wanted->modes[i] == OFFLOAD_TC || wanted->modes[i] == OFFLOAD_XDP)
			return true;
	}
	return false;
}

/* Once for each reason; what the configuration asks for by name is a warning. */
static void tell_off(struct offload *offload)
{
	enum log_level level = is_asked_for(&offload->wanted) && !offload->is_turned_off
				       ? LOG_LEVEL_WARNING
				       : LOG_LEVEL_INFO;

	if (strcmp(offload->told, offload->why) == 0)
		return;
	memcpy(offload->told, offload->why, sizeof(offload->told));
	log_write(LOG_SUBSYSTEM, level, "media is relayed by sockets only: %s",
		  offload->why);
}

__attribute__((format(printf, 2, 3))) static void say_why(struct offload *offload,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&offload->lock);
	vsnprintf(offload->why, sizeof(offload->why), format, args);
	pthread_mutex_unlock(&offload->lock);
	va_end(args);
	tell_off(offload);
}

/* By their names and what is attached there; those that cannot are each a line. */
static void tell_on(struct offload *offload)
{
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < offload->devices.count; i++) {
		const struct plane_device *device = &offload->devices.list[i];

		if (device->attached == OFFLOAD_OFF) {
			log_write(LOG_SUBSYSTEM,
				  device->wanted == OFFLOAD_AUTO ? LOG_LEVEL_INFO
								 : LOG_LEVEL_WARNING,
				  "media on %s is relayed by sockets: %s", device->name,
				  device->why);
			continue;
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s (%s)",
					len > 0 ? ", " : "", device->name,
					plane_device_program(device));
		if (len >= sizeof(text))
			len = sizeof(text) - 1;
	}
	if (len > 0)
		log_notice("media is relayed by the kernel on %s", text);
	offload->told[0] = '\0';
}

/* --- the plane ------------------------------------------------------------------------------------------ */

static void use_plane(struct offload *offload, struct offload_plane *plane)
{
	pthread_mutex_lock(&offload->lock);
	offload->plane = plane;
	__atomic_store_n(&offload->table, plane != NULL ? plane->table : NULL,
			 __ATOMIC_RELEASE);
	pthread_mutex_unlock(&offload->lock);
}

static void tell_workers(const struct offload *offload)
{
	if (offload->changed != NULL)
		offload->changed(offload->changed_arg);
}

static void watch_routes(struct offload *offload)
{
	struct route_watch_xdp xdp = {.count = 0};

	for (size_t i = 0; i < offload->devices.count; i++) {
		if (offload->devices.list[i].attached == OFFLOAD_XDP)
			xdp.ifindex[xdp.count++] = offload->devices.list[i].ifindex;
	}
	if (offload->watch != NULL)
		route_watch_use(offload->watch,
				offload->plane != NULL ? offload->plane->routes : NULL,
				&xdp);
}

/* Workers count what the flows have carried, and let go, before the memory goes. */
static void drop_plane(struct offload *offload)
{
	struct offload_plane *plane = offload->plane;

	pthread_mutex_lock(&offload->lock);
	plane_devices_detach(&offload->devices);
	pthread_mutex_unlock(&offload->lock);
	if (plane == NULL)
		return;
	offload_plane_turn(offload->plane, false);
	pthread_mutex_lock(&offload->lock);
	__atomic_store_n(&offload->table, NULL, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&offload->lock);
	tell_workers(offload);
	use_plane(offload, NULL);
	watch_routes(offload);
	offload_plane_free(plane);
}

/* --- the loader ----------------------------------------------------------------------------------------- */

static void arm_retry(struct offload *offload, unsigned wait_ms)
{
	const struct timeval wait = {.tv_sec = wait_ms / 1000};

	if (!event_pending(offload->retry, EV_TIMEOUT, NULL))
		event_add(offload->retry, &wait);
}

static void take_devices(struct offload *offload, const struct loader_message *message)
{
	pthread_mutex_lock(&offload->lock);
	plane_devices_answer(&offload->devices, message);
	if (plane_devices_attached(&offload->devices) > 0)
		offload->why[0] = '\0';
	else
		snprintf(offload->why, sizeof(offload->why),
			 "no device takes a program; \"avedgectl offload\" says why");
	pthread_mutex_unlock(&offload->lock);
	watch_routes(offload);
	tell_on(offload);
	if (offload->why[0] != '\0')
		tell_off(offload);
}

static bool answered(void *arg, const struct loader_message *message, const int *fds,
		     size_t fd_count, char why[OFFLOAD_WHY_MAX])
{
	struct offload *offload = arg;
	bool is_first = offload->plane == NULL;

	if (is_first != (fd_count == LOADER_DESCRIPTOR_COUNT)) {
		snprintf(why, OFFLOAD_WHY_MAX,
			 "avedge-offload answered what was not asked; install the same "
			 "release of it and of the relay");
		return false;
	}
	if (is_first) {
		struct offload_plane *plane =
			offload_plane_make(fds, message->flows, now_ms(), why);

		if (plane == NULL)
			return false;
		offload_plane_use(plane, &offload->wanted);
		use_plane(offload, plane);
	}
	take_devices(offload, message);
	offload_plane_turn(offload->plane, true);
	if (is_first)
		tell_workers(offload);
	return true;
}

/* The programs have gone with it, or are about to. */
static void ended(void *arg, const char *why)
{
	struct offload *offload = arg;
	bool was_there = offload->plane != NULL;

	loader_link_free(offload->link);
	offload->link = NULL;
	drop_plane(offload);
	if (was_there)
		log_warning("the kernel plane is gone: %s; media goes on over sockets",
			    why);
	say_why(offload, "%s", why);
	arm_retry(offload, was_there ? AGAIN_MS : RETRY_MS);
}

/* NULL: nothing stands in the way of asking the loader. */
static const char *reason_to_stay_off(const struct offload *offload)
{
	if (offload->is_turned_off)
		return "turned off; \"avedgectl offload on\" turns it on again";
	if (!any_side(&offload->wanted))
		return "off on both sides; set offload = \"auto\" on one of them";
	if (offload->wanted.socket[0] == '\0')
		return "offload.socket is empty; write the socket of avedge-offload";
	if (offload->watch == NULL)
		return "the devices of this host cannot be listed by netlink; allow "
		       "AF_NETLINK";
	if (plane_devices_possible(&offload->devices) == 0)
		return "no address of this relay is on an Ethernet device of this host";
	return NULL;
}

static void open_link(struct offload *offload)
{
	const struct loader_link_ops ops = {answered, ended, offload};
	struct loader_message message = {
		.kind = LOADER_OPEN,
		.flows = (uint32_t)offload->wanted.flows,
		.resumed = offload->wanted.takes_over,
	};
	char why[OFFLOAD_WHY_MAX];

	assert(offload->link == NULL && offload->plane == NULL);
	offload->link =
		loader_link_open(offload->wanted.socket, offload->base, &ops, why);
	if (offload->link == NULL) {
		say_why(offload, "%s", why);
		arm_retry(offload, RETRY_MS);
		return;
	}
	pthread_mutex_lock(&offload->lock);
	snprintf(offload->why, sizeof(offload->why),
		 "avedge-offload has not answered yet; see its log if this stays");
	pthread_mutex_unlock(&offload->lock);
	plane_devices_ask(&offload->devices, &message);
	/* If it cannot be sent, ended() says so. */
	if (loader_link_send(offload->link, &message))
		offload->wanted.takes_over = false;
}

/* Off, with all that is attached. */
static void close_link(struct offload *offload)
{
	event_del(offload->retry);
	drop_plane(offload);
	if (offload->link != NULL)
		loader_link_close(offload->link);
	offload->link = NULL;
}

static void follow(struct offload *offload)
{
	const char *off = reason_to_stay_off(offload);

	if (off != NULL) {
		close_link(offload);
		say_why(offload, "%s", off);
	} else if (offload->link == NULL) {
		open_link(offload);
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct offload *offload = arg;

	(void)fd;
	(void)what;
	if (!offload->is_paused)
		follow(offload);
}

/* --- devices ---------------------------------------------------------------------------------------------- */

/* True: as they were. */
static bool choose_devices(struct offload *offload)
{
	bool same;

	if (offload->watch == NULL)
		return true;
	pthread_mutex_lock(&offload->lock);
	same = plane_devices_choose(&offload->devices, &offload->wanted,
				    route_watch_links(offload->watch));
	pthread_mutex_unlock(&offload->lock);
	return same;
}

static void devices_changed(void *arg)
{
	struct offload *offload = arg;
	struct loader_message message = {.kind = LOADER_DEVICES};

	if (choose_devices(offload) || offload->is_paused)
		return;
	if (offload->plane != NULL && reason_to_stay_off(offload) == NULL) {
		plane_devices_ask(&offload->devices, &message);
		loader_link_send(offload->link, &message);
		watch_routes(offload);
		/* What came or left by one that is not wanted any more ends now. */
		tell_workers(offload);
		return;
	}
	/* What was asked before is no longer what is wanted. */
	if (offload->link != NULL && offload->plane == NULL) {
		loader_link_free(offload->link);
		offload->link = NULL;
	}
	follow(offload);
}

/* --- for main ----------------------------------------------------------------------------------------------- */

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
	offload->main = pthread_self();
	offload->wanted = *wanted;
	offload->retry = evtimer_new(base, on_retry, offload);
	if (offload->retry == NULL) {
		offload_leave(offload);
		return NULL;
	}
	offload->watch = route_watch_new(base, &offload->lock, devices_changed, offload);
	if (offload->watch == NULL)
		log_warning("cannot follow the devices of this host by netlink: %s",
			    strerror(errno));
	choose_devices(offload);
	follow(offload);
	/* State of the process before is taken up next, and its flows with it. */
	if (offload->link != NULL)
		loader_link_wait(offload->link, START_WAIT_MS);
	return offload;
}

static void release(struct offload *offload)
{
	if (offload->retry != NULL)
		event_free(offload->retry);
	route_watch_free(offload->watch);
	offload_plane_free(offload->plane);
	pthread_mutex_destroy(&offload->lock);
	free(offload);
}

void offload_stop(struct offload *offload)
{
	if (offload == NULL)
		return;
	offload->changed = NULL; /* there are no workers any more */
	close_link(offload);
	release(offload);
}

void offload_leave(struct offload *offload)
{
	if (offload == NULL)
		return;
	loader_link_free(offload->link);
	release(offload);
}

void offload_pause(struct offload *offload)
{
	offload->is_paused = true;
	if (offload->watch != NULL)
		route_watch_pause(offload->watch);
	if (offload->link != NULL)
		loader_link_hold(offload->link);
}

/* The other process may have the tables by now, and be about to end. */
void offload_resume(struct offload *offload)
{
	offload->is_paused = false;
	if (offload->watch != NULL)
		route_watch_resume(offload->watch);
	loader_link_free(offload->link);
	offload->link = NULL;
	drop_plane(offload);
	offload->wanted.takes_over = true;
	follow(offload);
	if (offload->link != NULL)
		loader_link_wait(offload->link, START_WAIT_MS);
}

void offload_use(struct offload *offload, const struct offload_wanted *wanted)
{
	bool another = strcmp(wanted->socket, offload->wanted.socket) != 0 ||
		       wanted->flows != offload->wanted.flows;

	pthread_mutex_lock(&offload->lock);
	offload->wanted = *wanted;
	pthread_mutex_unlock(&offload->lock);
	/* Another loader, or other tables. */
	if (another)
		close_link(offload);
	if (offload->plane != NULL)
		offload_plane_use(offload->plane, wanted);
	devices_changed(offload);
	follow(offload);
}

void offload_turn(struct offload *offload, bool on)
{
	if (offload->is_turned_off == !on)
		return;
	pthread_mutex_lock(&offload->lock);
	offload->is_turned_off = !on;
	pthread_mutex_unlock(&offload->lock);
	follow(offload);
	/* Whoever asked is about to look. */
	if (offload->link != NULL && offload->plane == NULL)
		loader_link_wait(offload->link, START_WAIT_MS);
}

void offload_on_change(struct offload *offload, offload_changed_fn *fn, void *arg)
{
	offload->changed = fn;
	offload->changed_arg = arg;
}

/* --- for all threads ------------------------------------------------------------------------------------------ */

struct flow_table *offload_table(const struct offload *offload)
{
	return __atomic_load_n(&offload->table, __ATOMIC_ACQUIRE);
}

bool offload_hop(struct offload *offload, const struct ip_addr *from,
		 const struct ip_addr *to, uint16_t *hop)
{
	enum routes_taken taken = ROUTES_NONE;
	bool is_main = pthread_equal(offload->main, pthread_self());

	for (int attempt = 0; attempt < 2; attempt++) {
		pthread_mutex_lock(&offload->lock);
		if (offload->plane != NULL && plane_devices_have(&offload->devices, from))
			taken = routes_take(offload->plane->routes, from, to, now_ms(),
					    hop);
		pthread_mutex_unlock(&offload->lock);
		if (taken != ROUTES_ASKED || !is_main)
			break;
		route_watch_answer(offload->watch);
	}
	if (taken == ROUTES_ASKED && !is_main)
		route_watch_wake(offload->watch);
	return taken == ROUTES_TAKEN;
}

void offload_hop_release(struct offload *offload, uint16_t hop)
{
	assert(hop < FLOW_HOPS);
	pthread_mutex_lock(&offload->lock);
	assert(offload->plane != NULL);
	routes_release(offload->plane->routes, hop, now_ms());
	pthread_mutex_unlock(&offload->lock);
}

bool offload_covers(struct offload *offload, const struct ip_addr *local)
{
	const struct plane_device *device;
	bool covers;

	pthread_mutex_lock(&offload->lock);
	device = plane_devices_of(&offload->devices, local);
	covers = device != NULL && device->attached != OFFLOAD_OFF;
	pthread_mutex_unlock(&offload->lock);
	return covers;
}

static bool is_missed(const struct offload *offload)
{
	if (!is_asked_for(&offload->wanted))
		return false;
	if (offload->plane == NULL || plane_devices_attached(&offload->devices) == 0)
		return true;
	for (size_t i = 0; i < offload->devices.count; i++) {
		const struct plane_device *device = &offload->devices.list[i];

		if (device->wanted != OFFLOAD_AUTO && device->attached == OFFLOAD_OFF)
			return true;
	}
	return false;
}

static void view_device(const struct plane_device *device, struct offload_device *view)
{
	memcpy(view->name, device->name, sizeof(view->name));
	view->program = device->attached != OFFLOAD_OFF ? plane_device_program(device)
							: NULL;
	memcpy(view->why, device->why, sizeof(view->why));
}

void offload_view(struct offload *offload, struct offload_view *view)
{
	memset(view, 0, sizeof(*view));
	pthread_mutex_lock(&offload->lock);
	view->is_turned_off = offload->is_turned_off;
	view->is_missed = is_missed(offload);
	memcpy(view->why, offload->why, sizeof(view->why));
	memcpy(view->socket, offload->wanted.socket, sizeof(view->socket));
	memcpy(view->modes, offload->wanted.modes, sizeof(view->modes));
	for (size_t i = 0; i < offload->devices.count; i++)
		view_device(&offload->devices.list[i], &view->devices[i]);
	view->device_count = offload->devices.count;
	if (offload->plane != NULL && offload->table != NULL) {
		const struct offload_plane *plane = offload->plane;

		view->is_on = plane_devices_attached(&offload->devices) > 0;
		view->flows = flow_table_count(plane->table);
		view->flows_max = offload_plane_room(plane);
		view->hops = routes_count(plane->routes);
		flow_table_counts(plane->table, &view->counts);
	}
	pthread_mutex_unlock(&offload->lock);
}
