/*
 * restarts.c - see restarts.h.
 */
#include "base/descriptors/restarts.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/log.h"

struct life {
	uint64_t magic;
	uint64_t serving_ms; /* monotonic; 0: not yet */
	uint64_t short_ones; /* before it */
	uint64_t said;       /* enum restarts_said, since one has served */
};

static const uint64_t magic = 0x61766564676c6966;

/* Of this process, open from its start until it serves; -1. */
static int own = -1;

static uint32_t to_wait(uint64_t short_ones)
{
	uint64_t more = short_ones > RESTARTS_FREE ? short_ones - RESTARTS_FREE : 0;
	uint64_t wait = RESTARTS_FIRST_MS;

	if (more == 0)
		return 0;
	while (--more > 0 && wait < RESTARTS_LAST_MS)
		wait *= 2;
	return wait < RESTARTS_LAST_MS ? (uint32_t)wait : RESTARTS_LAST_MS;
}

static bool read_life(int fd, struct life *life)
{
	return pread(fd, life, sizeof(*life), 0) == (ssize_t)sizeof(*life) &&
	       life->magic == magic;
}

uint32_t restarts_begin(struct inherited *inherited, uint64_t now_ms, uint32_t *count)
{
	struct life life = {.magic = magic};
	int fd = inherited_take(inherited, RESTARTS_NAME);
	bool is_new = fd < 0;

	assert(now_ms > 0 && own < 0);

	*count = 0;
	if (!fd_store_is_there() && is_new)
		return 0;
	if (is_new)
		fd = memfd_create("restarts", MFD_CLOEXEC);
	else if (read_life(fd, &life) &&
		 (life.serving_ms == 0 || now_ms - life.serving_ms < RESTARTS_SHORT_MS))
		life.short_ones++;
	else
		life = (struct life){.magic = magic};
	if (fd < 0)
		return 0;

	uint32_t wait_ms = to_wait(life.short_ones);
	if (life.serving_ms != 0)
		life.said = 0;
	life.serving_ms = 0;
	if (pwrite(fd, &life, sizeof(life), 0) == (ssize_t)sizeof(life) && is_new)
		fd_store_put(RESTARTS_NAME, &fd, 1, false);
	own = fd;
	*count = life.short_ones < UINT32_MAX ? (uint32_t)life.short_ones : UINT32_MAX;
	return wait_ms;
}

void restarts_end(uint64_t now_ms)
{
	struct life life;

	if (own < 0)
		return;
	if (read_life(own, &life)) {
		life.serving_ms = now_ms;
		/* Without it, this process seems to have ended at once. */
		if (pwrite(own, &life, sizeof(life), 0) < 0)
			log_debug("restarts: %s", strerror(errno));
	}
	close(own);
	own = -1;
}

bool restarts_say(enum restarts_said what)
{
	struct life life;

	if (own < 0 || !read_life(own, &life))
		return true;
	if ((life.said & what) != 0)
		return false;
	life.said |= what;
	if (pwrite(own, &life, sizeof(life), 0) < 0)
		log_debug("restarts: %s", strerror(errno));
	return true;
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void restarts_serving(void)
{
	restarts_end(monotonic_ms());
}

void restarts_pause(struct inherited *inherited)
{
	struct timespec now;
	uint32_t count, wait_ms = restarts_begin(inherited, monotonic_ms(), &count);

	if (wait_ms == 0)
		return;
	log_warning(
		"ended %u times in a row before it had served for a tenth of a second; "
		"waiting %u ms; the messages before this one say why",
		count, wait_ms);
	now = (struct timespec){.tv_sec = wait_ms / 1000,
				.tv_nsec = (long)(wait_ms % 1000) * 1000000};
	while (nanosleep(&now, &now) != 0 && errno == EINTR)
		;
}
