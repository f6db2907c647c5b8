/*
 * one_fixture.h - the fixture of fake_edge.h for one test of the core, made before it and
 * freed after it; begin_with() makes it again with other options. With
 * ONE_FIXTURE_ALLOCATION defined alice has an allocation in it: al. With ONE_FIXTURE_BY_HAND
 * tests change allocations by hand.
 */
#ifndef TESTS_UNIT_CORE_ONE_FIXTURE_H
#define TESTS_UNIT_CORE_ONE_FIXTURE_H

#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

static struct fixture fixture;
#ifdef ONE_FIXTURE_ALLOCATION
static struct allocation *al;
#endif

static void begin_with(const struct fixture_options *options)
{
	fixture_stop(&fixture);
	ck_assert(fixture_start(&fixture, options));
#ifdef ONE_FIXTURE_BY_HAND
	fixture_by_hand(&fixture);
#endif
#ifdef ONE_FIXTURE_ALLOCATION
	al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert_ptr_nonnull(al);
#endif
}

static void begin(void)
{
	begin_with(NULL);
}

static void end(void)
{
	fixture_stop(&fixture);
}

#endif
