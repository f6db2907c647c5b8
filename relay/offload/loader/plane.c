/*
 * plane.c - see plane.h.
 */
#include "relay/offload/loader/plane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/fail.h"
#include "base/log.h"
#include "relay/offload/bpf/flow_program.h"
#include "relay/offload/flow_layout.h"
#include "relay/offload/loader/attachment.h"

struct plane {
	struct flow_program *program;
	uint32_t buckets;
	int descriptors[LOADER_DESCRIPTOR_COUNT];
	struct flow_settings *settings;         /* mapped */
	const struct flow_bucket *bucket_table; /* mapped */
	struct attachment_programs programs;
	struct attachment attachments[OFFLOAD_DEVICES_MAX];
	size_t attachment_count;
};

/* The same, in the same order. */
_Static_assert((int)LOADER_SETTINGS == (int)FLOW_PROGRAM_SETTINGS &&
		       (int)LOADER_BUCKETS == (int)FLOW_PROGRAM_BUCKETS &&
		       (int)LOADER_FLOWS == (int)FLOW_PROGRAM_FLOWS &&
		       (int)LOADER_FLOW_HOPS == (int)FLOW_PROGRAM_HOPS &&
		       (int)LOADER_COUNTS == (int)FLOW_PROGRAM_COUNTS &&
		       (int)LOADER_DESCRIPTOR_COUNT == (int)FLOW_PROGRAM_TABLES,
	       "a descriptor of each table");

static uint32_t buckets_for(uint32_t flows)
{
	uint32_t buckets = 1;

	assert(flows > 0 && flows <= OFFLOAD_FLOWS_MAX);
	while (buckets * (FLOW_WAYS / 2) < flows)
		buckets *= 2;
	assert(buckets <= FLOW_PROGRAM_BUCKETS_MAX);
	return buckets;
}

static bool map_tables(struct plane *plane, char *why, size_t why_size)
{
	size_t size = flow_program_table_size(plane->program, FLOW_PROGRAM_BUCKETS);
	void *settings =
		mmap(NULL, flow_program_table_size(plane->program, FLOW_PROGRAM_SETTINGS),
		     PROT_READ | PROT_WRITE, MAP_SHARED,
		     plane->descriptors[LOADER_SETTINGS], 0);
	void *buckets = mmap(NULL, size, PROT_READ, MAP_SHARED,
			     plane->descriptors[LOADER_BUCKETS], 0);

	/* NULL: nothing to unmap. */
	plane->settings = settings != MAP_FAILED ? settings : NULL;
	plane->bucket_table = buckets != MAP_FAILED ? buckets : NULL;
	if (plane->settings != NULL && plane->bucket_table != NULL)
		return true;
	return fail(why, why_size, "cannot map the tables: %s", strerror(errno));
}

static void unmap_tables(struct plane *plane)
{
	if (plane->settings != NULL)
		munmap(plane->settings,
		       flow_program_table_size(plane->program, FLOW_PROGRAM_SETTINGS));
	if (plane->bucket_table != NULL)
		munmap((void *)(uintptr_t)plane->bucket_table,
		       flow_program_table_size(plane->program, FLOW_PROGRAM_BUCKETS));
}

static bool begin(struct plane *plane, char *why, size_t why_size)
{
	uint64_t seed;

	plane->program = flow_program_load(plane->buckets, why, why_size);
	if (plane->program == NULL)
		return false;
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++)
		plane->descriptors[i] =
			flow_program_table(plane->program, (enum flow_program_table)i);
	plane->programs.tc = flow_program_tc(plane->program);
	plane->programs.xdp = flow_program_xdp(plane->program);
	if (!map_tables(plane, why, why_size))
		return false;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return fail(why, why_size, "no random bytes: %s", strerror(errno));
	plane->settings->seed = seed;
	plane->settings->version = FLOW_LAYOUT_VERSION;
	return true;
}

struct plane *plane_new(uint32_t flows, bool without_tcx, char *why, size_t why_size)
{
	struct plane *plane = calloc(1, sizeof(*plane));

	if (plane == NULL) {
		fail(why, why_size, "out of memory");
		return NULL;
	}
	plane->buckets = buckets_for(flows);
	plane->programs.without_tcx = without_tcx;
	if (begin(plane, why, why_size))
		return plane;
	plane_free(plane);
	return NULL;
}

static void end_attachment(struct attachment *attachment)
{
	if (attachment->kind != ATTACHMENT_NONE)
		log_info("%s: detached", attachment->name);
	attachment_end(attachment);
}

void plane_free(struct plane *plane)
{
	if (plane == NULL)
		return;
	for (size_t i = 0; i < plane->attachment_count; i++)
		end_attachment(&plane->attachments[i]);
	if (plane->program != NULL)
		unmap_tables(plane);
	flow_program_free(plane->program);
	free(plane);
}

bool plane_has_size(const struct plane *plane, uint32_t flows)
{
	return plane->buckets == buckets_for(flows);
}

uint32_t plane_places(const struct plane *plane)
{
	return plane->buckets * FLOW_WAYS;
}

const int *plane_descriptors(const struct plane *plane)
{
	return plane->descriptors;
}

/* --- devices --------------------------------------------------------------------------------- */

static const struct loader_device *find_wanted(const struct loader_device *wanted,
					       size_t count, uint32_t ifindex)
{
	for (size_t i = 0; i < count; i++) {
		if (wanted[i].ifindex == ifindex)
			return &wanted[i];
	}
	return NULL;
}

static struct attachment *find_attachment(struct plane *plane, uint32_t ifindex)
{
	for (size_t i = 0; i < plane->attachment_count; i++) {
		if (plane->attachments[i].ifindex == ifindex)
			return &plane->attachments[i];
	}
	return NULL;
}

/*
 * What AUTO is. XDP only if all devices have it: what it cannot send by XDP passes up to sockets, not to TC.
 * Once one has TC, it stays TC until it is detached; another try would interrupt it.
 */
static enum offload_mode choose_auto(struct plane *plane,
				     const struct loader_device *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct attachment *attachment =
			find_attachment(plane, wanted[i].ifindex);

		if (wanted[i].mode == OFFLOAD_TC)
			return OFFLOAD_TC;
		if (wanted[i].mode != OFFLOAD_AUTO)
			continue;
		if (attachment != NULL
			    ? attachment_fits(attachment, OFFLOAD_TC)
			    : attachment_suits(wanted[i].ifindex) == OFFLOAD_TC)
			return OFFLOAD_TC;
	}
	return OFFLOAD_XDP;
}

static enum offload_mode mode_of(const struct loader_device *wanted,
				 enum offload_mode by_itself)
{
	return wanted->mode == OFFLOAD_AUTO ? by_itself : (enum offload_mode)wanted->mode;
}

static void end_dead(struct plane *plane)
{
	size_t kept = 0;

	for (size_t i = 0; i < plane->attachment_count; i++) {
		struct attachment *attachment = &plane->attachments[i];

		if (attachment_is_alive(attachment))
			plane->attachments[kept++] = *attachment;
		else
			end_attachment(attachment);
	}
	plane->attachment_count = kept;
}

/* End those that are not wanted, or not as they are. */
static void end_others(struct plane *plane, const struct loader_device *wanted,
		       size_t count, enum offload_mode by_itself)
{
	size_t kept = 0;

	for (size_t i = 0; i < plane->attachment_count; i++) {
		struct attachment *attachment = &plane->attachments[i];
		const struct loader_device *device =
			find_wanted(wanted, count, attachment->ifindex);

		if (device != NULL &&
		    attachment_fits(attachment, mode_of(device, by_itself)))
			plane->attachments[kept++] = *attachment;
		else
			end_attachment(attachment);
	}
	plane->attachment_count = kept;
}

/* False: it cannot be attached; why is in the answer. */
static bool use_device(struct plane *plane, uint32_t ifindex, enum offload_mode mode,
		       struct loader_device *answer)
{
	struct attachment *attachment = find_attachment(plane, ifindex);

	*answer = (struct loader_device){.ifindex = ifindex, .mode = OFFLOAD_OFF};
	if (mode == OFFLOAD_OFF)
		return fail(answer->why, sizeof(answer->why), "it is off here");
	if (attachment == NULL) {
		assert(plane->attachment_count < OFFLOAD_DEVICES_MAX);
		attachment = &plane->attachments[plane->attachment_count];
		if (!attachment_begin(attachment, ifindex, mode, &plane->programs,
				      answer->why, sizeof(answer->why)))
			return false;
		plane->attachment_count++;
		log_info("%s: attached, %s", attachment->name,
			 attachment_kind_name(attachment->kind));
	}
	answer->mode = attachment->kind == ATTACHMENT_XDP ? OFFLOAD_XDP : OFFLOAD_TC;
	answer->is_tcx = attachment->kind == ATTACHMENT_TCX;
	return true;
}

/* False: one that may have TC as well cannot have XDP. */
static bool use_all(struct plane *plane, const struct loader_device *wanted, size_t count,
		    enum offload_mode by_itself, struct loader_device *answer)
{
	end_others(plane, wanted, count, by_itself);
	assert(plane->attachment_count <= count);
	for (size_t i = 0; i < count; i++) {
		if (use_device(plane, wanted[i].ifindex, mode_of(&wanted[i], by_itself),
			       &answer[i]))
			continue;
		log_info("%s", answer[i].why);
		if (wanted[i].mode == OFFLOAD_AUTO && by_itself == OFFLOAD_XDP &&
		    attachment_suits(wanted[i].ifindex) != OFFLOAD_OFF)
			return false;
	}
	return true;
}

void plane_use(struct plane *plane, const struct loader_device *wanted, size_t count,
	       struct loader_device *answer)
{
	assert(count <= OFFLOAD_DEVICES_MAX);
	end_dead(plane);
	if (!use_all(plane, wanted, count, choose_auto(plane, wanted, count), answer))
		use_all(plane, wanted, count, OFFLOAD_TC, answer);
}

void plane_count(const struct plane *plane, size_t *devices, size_t *flows)
{
	*devices = plane->attachment_count;
	*flows = 0;
	for (uint32_t i = 0; i < plane->buckets; i++) {
		for (int way = 0; way < FLOW_WAYS; way++)
			*flows += __atomic_load_n(&plane->bucket_table[i].tags[way],
						  __ATOMIC_RELAXED) != 0;
	}
}
