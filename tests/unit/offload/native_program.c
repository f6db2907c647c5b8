/*
 * native_program.c - see native_program.h.
 */
#include "tests/unit/offload/native_program.h"

#include <bpf/bpf_helpers.h>

/*
 * The program declares a constant of that name, which is set when it is loaded. Here that becomes the declaration of a
 * function, and its uses become calls.
 */
static const volatile __u32 *mask(void);
#define bucket_mask (*mask())

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wint-to-pointer-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wredundant-decls"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#include "relay/offload/bpf/flow.bpf.c"
#pragma GCC diagnostic pop

static __u32 mask_value;

static const volatile __u32 *mask(void)
{
	return &mask_value;
}

void native_program_set_mask(__u32 value)
{
	mask_value = value;
}

struct native_tables native_program_tables(void)
{
	return (struct native_tables){
		.buckets = &buckets,
		.flows = &flows,
		.hops = &hops,
		.settings = (struct flow_settings *)(__UINTPTR_TYPE__)&settings,
		.counts = counts,
	};
}
