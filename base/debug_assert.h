/*
 * debug_assert.h - assertions that cost too much for a release: on the packet path, or over a
 * whole chain or table. assert() is for all others.
 *
 * configure defines AVEDGE_CHECK_INVARIANTS with --enable-dev and with --enable-sanitizer.
 */
#ifndef BASE_DEBUG_ASSERT_H
#define BASE_DEBUG_ASSERT_H

#include <assert.h>

#ifdef AVEDGE_CHECK_INVARIANTS
#define debug_assert(claim) assert(claim)
#else
#define debug_assert(claim) ((void)sizeof(claim)) /* compiled, never computed */
#endif

#endif
