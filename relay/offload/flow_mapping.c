/*
 * flow_mapping.c - see flow_mapping.h. A BPF array refuses to be mapped beyond its end; of a file, as in tests,
 * what is beyond it would be a signal.
 */
#include "relay/offload/flow_mapping.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int map(struct flow_mapping *mapping, enum loader_descriptor which, int fd,
	       size_t size)
{
	struct stat file;
	void *at;

	if (fstat(fd, &file) < 0)
		return -errno;
	if (S_ISREG(file.st_mode) && (size_t)file.st_size < size)
		return -EINVAL;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	mapping->parts[which].at = at;
	mapping->parts[which].size = size;
	return 0;
}

int flow_mapping_make(struct flow_mapping *mapping,
		      const int fds[LOADER_DESCRIPTOR_COUNT], uint32_t flows)
{
	const size_t buckets = flows / FLOW_WAYS;
	const size_t sizes[LOADER_DESCRIPTOR_COUNT] = {
		[LOADER_SETTINGS] = sizeof(struct flow_settings),
		[LOADER_BUCKETS] = buckets * sizeof(struct flow_bucket),
		[LOADER_FLOWS] = flows * sizeof(struct flow),
		[LOADER_FLOW_HOPS] = FLOW_HOPS * sizeof(struct flow_hop),
		[LOADER_COUNTS] = FLOW_CPUS_MAX * sizeof(struct flow_counts),
	};
	int result = 0;

	assert(flows >= FLOW_WAYS && (flows & (flows - 1)) == 0);
	memset(mapping, 0, sizeof(*mapping));
	for (int i = 0; result == 0 && i < LOADER_DESCRIPTOR_COUNT; i++)
		result = map(mapping, i, fds[i], sizes[i]);
	mapping->memory = (struct flow_memory){
		.settings = mapping->parts[LOADER_SETTINGS].at,
		.buckets = mapping->parts[LOADER_BUCKETS].at,
		.flows = mapping->parts[LOADER_FLOWS].at,
		.bucket_count = buckets,
		.hops = mapping->parts[LOADER_FLOW_HOPS].at,
		.counts = mapping->parts[LOADER_COUNTS].at,
	};
	/* Nobody has written it yet, or it is of a relay before. */
	if (result == 0 && mapping->memory.settings->version != 0 &&
	    mapping->memory.settings->version != FLOW_LAYOUT_VERSION)
		result = -EPROTO;
	if (result != 0)
		flow_mapping_release(mapping);
	return result;
}

void flow_mapping_release(struct flow_mapping *mapping)
{
	for (int i = 0; i < LOADER_DESCRIPTOR_COUNT; i++) {
		if (mapping->parts[i].at != NULL)
			munmap(mapping->parts[i].at, mapping->parts[i].size);
	}
	memset(mapping, 0, sizeof(*mapping));
}
