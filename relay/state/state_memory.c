/*
 * state_memory.c - memory of state files by memfd_create(2). It is not locked, and may be swapped
 * like any other of the process; it is left out of core dumps, as the shared file has secrets.
 */
#include "relay/state/state_memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static const struct state_memory nothing = {.fd = -1};

static int open_memory(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

	/* Linux before 6.3 knows the flag not; later ones complain where it is missing. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd;
}

/* Maps all of fd, which stays the caller's. */
static int map(struct state_memory *out, int fd, size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, bytes, MADV_DONTDUMP);
	*out = (struct state_memory){.fd = fd, .memory = memory, .bytes = bytes};
	return 0;
}

int state_memory_make(struct state_memory *out, const char *name, size_t bytes)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int err;

	assert(bytes > 0);
	*out = nothing;
	int fd = open_memory(name);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0)
		err = -errno;
	else
		err = map(out, fd, bytes, PROT_READ | PROT_WRITE);
	if (err != 0)
		close(fd);
	return err;
}

int state_memory_map(struct state_memory *out, int fd)
{
	struct stat st;
	int err = -EINVAL;

	*out = nothing;
	/* Seals are a property of memfds alone: everything else fails here. */
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= SIZE_MAX / 2) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		err = map(out, fd, (size_t)st.st_size, PROT_READ);
	}
	if (err != 0)
		close(fd);
	return err;
}

void state_memory_release(struct state_memory *memory)
{
	if (memory->memory)
		munmap(memory->memory, memory->bytes);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = nothing;
}

/* 32 hexadecimal digits, with hyphens anywhere. */
static bool parse_uuid(const char *text, uint8_t out[16])
{
	static const char digits[] = "0123456789abcdef";
	unsigned count = 0;

	for (; *text && *text != '\n'; text++) {
		const char *digit = strchr(digits, *text);

		if (*text == '-')
			continue;
		if (!digit || count == 32)
			return false;
		out[count / 2] = (uint8_t)(out[count / 2] << 4 | (digit - digits));
		count++;
	}
	return count == 32;
}

bool state_boot_id(uint8_t out[16])
{
	char text[64] = {0};
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(out, 0, 16);
	/* A sandbox may hide it (ProcSubset=pid); memory does not outlive a boot anyway. */
	if (fd < 0)
		return errno == ENOENT || errno == EACCES;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && parse_uuid(text, out);
}
