/*
 * oom.c - the linker's --wrap puts these functions in front of libc's.
 */
#include "tests/unit/lib/oom.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

static _Thread_local struct {
	bool armed;
	bool failed;
	unsigned left;
	long live;
} oom;

static bool fails(void)
{
	if (!oom.armed || oom.failed || oom.left-- > 0)
		return false;
	oom.failed = true;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	oom.live += block != NULL;
	return block;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	void *block = __real_realloc(old, size);
	return old ? block : counted(block);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
	oom.live -= block != NULL;
	__real_free(block);
}

void oom_arm(unsigned n)
{
	oom.armed = true;
	oom.failed = false;
	oom.left = n;
}

bool oom_disarm(void)
{
	oom.armed = false;
	return oom.failed;
}

long oom_live_blocks(void)
{
	return oom.live;
}

unsigned oom_try_each(void *(*make)(void *arg), void (*drop)(void *object), void *arg)
{
	for (unsigned n = 0;; n++) {
		/* No assertion in between: libcheck allocates too. */
		long before = oom.live;
		oom_arm(n);
		void *object = make(arg);
		bool failed = oom_disarm();
		long held = oom.live - before;
		if (!failed && object)
			drop(object);
		long left = oom.live - before;

		ck_assert_msg(left == 0, "allocation %u: %ld blocks remain", n + 1, left);
		if (!failed) {
			ck_assert_msg(object != NULL && held > 0,
				      "no failure and no object");
			return n;
		}
		ck_assert_msg(!object, "allocation %u failed, yet an object came back",
			      n + 1);
	}
}
