/*
 * plane_devices.c - see plane_devices.h.
 */
#include "relay/offload/plane_devices.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct plane_device *plane_devices_find(const struct plane_devices *devices,
					      uint32_t ifindex)
{
	for (size_t i = 0; i < devices->count; i++) {
		if (devices->list[i].ifindex == ifindex)
			return &devices->list[i];
	}
	return NULL;
}

const struct plane_device *plane_devices_of(const struct plane_devices *devices,
					    const struct ip_addr *ip)
{
	for (size_t i = 0; i < devices->address_count; i++) {
		if (ip_addr_equal(&devices->addresses[i].ip, ip))
			return plane_devices_find(devices, devices->addresses[i].ifindex);
	}
	return NULL;
}

bool plane_devices_have(const struct plane_devices *devices, const struct ip_addr *ip)
{
	for (size_t i = 0; i < devices->address_count; i++) {
		if (ip_addr_equal(&devices->addresses[i].ip, ip))
			return true;
	}
	return false;
}

/* Of two sides on one device: TC can do whatever XDP can, and AUTO leaves the choice. */
static enum offload_mode both(enum offload_mode a, enum offload_mode b)
{
	if (a == OFFLOAD_TC || b == OFFLOAD_TC)
		return OFFLOAD_TC;
	return a == OFFLOAD_XDP || b == OFFLOAD_XDP ? OFFLOAD_XDP : OFFLOAD_AUTO;
}

static void add(struct plane_devices *devices, const struct route_link *link,
		enum offload_mode mode)
{
	const struct plane_device *found = plane_devices_find(devices, link->ifindex);
	struct plane_device *device;

	if (found != NULL) {
		device = &devices->list[found - devices->list];
		device->wanted = both(device->wanted, mode);
		return;
	}
	if (devices->count == OFFLOAD_DEVICES_MAX)
		return;
	device = &devices->list[devices->count++];
	*device = (struct plane_device){
		.ifindex = link->ifindex,
		.wanted = mode,
		.attached = OFFLOAD_OFF,
		.is_possible = link->is_ethernet,
	};
	snprintf(device->name, sizeof(device->name), "%s", link->name);
	snprintf(device->why, sizeof(device->why), "%s",
		 link->is_ethernet ? "avedge-offload has not answered yet"
				   : "not an Ethernet device");
}

/* Is what the loader was asked for the same? */
static bool same(const struct plane_devices *a, const struct plane_devices *b)
{
	size_t matching = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct plane_device *other =
			plane_devices_find(b, a->list[i].ifindex);

		if (other != NULL && other->wanted == a->list[i].wanted &&
		    other->is_possible == a->list[i].is_possible)
			matching++;
	}
	return matching == a->count && matching == b->count;
}

static void keep_answers(struct plane_devices *devices,
			 const struct plane_devices *before)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct plane_device *device = &devices->list[i];
		const struct plane_device *was =
			plane_devices_find(before, device->ifindex);

		if (was == NULL || !device->is_possible || !was->is_possible)
			continue;
		device->attached = was->attached;
		device->is_tcx = was->is_tcx;
		memcpy(device->why, was->why, sizeof(device->why));
	}
}

bool plane_devices_choose(struct plane_devices *devices,
			  const struct offload_wanted *wanted, const struct links *links)
{
	const struct plane_devices before = *devices;

	devices->count = 0;
	devices->address_count = 0;
	for (size_t i = 0; i < wanted->address_count; i++) {
		const struct offload_address *address = &wanted->addresses[i];
		enum offload_mode mode = wanted->modes[address->side];
		const struct route_link *link;

		if (mode == OFFLOAD_OFF)
			continue;
		link = links_find(links, links_of_address(links, &address->ip));
		if (link != NULL && link->is_loopback)
			link = NULL;
		devices->addresses[devices->address_count].ip = address->ip;
		devices->addresses[devices->address_count++].ifindex =
			link != NULL ? link->ifindex : 0;
		if (link != NULL)
			add(devices, link, mode);
	}
	keep_answers(devices, &before);
	return same(&before, devices);
}

void plane_devices_ask(const struct plane_devices *devices,
		       struct loader_message *message)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct plane_device *device = &devices->list[i];

		if (!device->is_possible)
			continue;
		assert(message->device_count < OFFLOAD_DEVICES_MAX);
		message->devices[message->device_count++] = (struct loader_device){
			.ifindex = device->ifindex,
			.mode = (uint8_t)device->wanted,
		};
	}
}

void plane_devices_answer(struct plane_devices *devices,
			  const struct loader_message *message)
{
	for (uint32_t i = 0; i < message->device_count; i++) {
		const struct loader_device *answer = &message->devices[i];
		const struct plane_device *found =
			plane_devices_find(devices, answer->ifindex);

		if (found == NULL || !found->is_possible)
			continue;
		struct plane_device *device = &devices->list[found - devices->list];

		device->attached = (enum offload_mode)answer->mode;
		device->is_tcx = answer->is_tcx != 0;
		snprintf(device->why, sizeof(device->why), "%s", answer->why);
	}
}

void plane_devices_detach(struct plane_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct plane_device *device = &devices->list[i];

		if (!device->is_possible)
			continue;
		device->attached = OFFLOAD_OFF;
		snprintf(device->why, sizeof(device->why), "the kernel plane is off");
	}
}

size_t plane_devices_possible(const struct plane_devices *devices)
{
	size_t count = 0;

	for (size_t i = 0; i < devices->count; i++)
		count += devices->list[i].is_possible;
	return count;
}

size_t plane_devices_attached(const struct plane_devices *devices)
{
	size_t count = 0;

	for (size_t i = 0; i < devices->count; i++)
		count += devices->list[i].attached != OFFLOAD_OFF;
	return count;
}

const char *plane_device_program(const struct plane_device *device)
{
	switch (device->attached) {
	case OFFLOAD_TC:
		return device->is_tcx ? "tcx" : "clsact";
	case OFFLOAD_XDP:
		return "xdp";
	case OFFLOAD_AUTO:
	case OFFLOAD_OFF:
	case OFFLOAD_MODE_COUNT:
		break;
	}
	return "-";
}
