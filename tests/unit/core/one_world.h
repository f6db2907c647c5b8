/*
 * one_world.h - the world of fake_edge.h that a test of the core has for itself, made before it
 * and taken down after it; begin_with() makes it anew with other options. With
 * ONE_WORLD_ALLOCATION defined alice has an allocation in it: al.
 */
#ifndef TESTS_UNIT_CORE_ONE_WORLD_H
#define TESTS_UNIT_CORE_ONE_WORLD_H

#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

static struct world world;
#ifdef ONE_WORLD_ALLOCATION
static struct allocation *al;
#endif

static void begin_with(const struct world_options *options)
{
	world_stop(&world);
	ck_assert(world_start(&world, options));
#ifdef ONE_WORLD_ALLOCATION
	al = world_allocate(&world, "alice", 1, NULL);
	ck_assert_ptr_nonnull(al);
#endif
}

static void begin(void)
{
	begin_with(NULL);
}

static void end(void)
{
	world_stop(&world);
}

#endif
