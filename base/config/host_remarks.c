/*
 * host_remarks.c - see host_remarks.h.
 */
#include "base/config/host_remarks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config/explain.h"
#include "base/privdrop.h"
#include "base/sockaddr.h"
#include "base/whole_file.h"

enum {
	SECRET_MODE_MAX = 0640,
	SYSCTL_MAX = 4096, /* bytes; a longer list of reserved ports is cut */
};

/* --- addresses ------------------------------------------------------------------------------- */

/* The kernel knows best: whole networks can be local, and foreign addresses be allowed. */
static bool is_on_host(const struct ip_addr *ip)
{
	const struct endpoint local = {.ip = *ip, .port = 0};
	struct sockaddr_storage address;
	socklen_t len = sockaddr_from_endpoint(&local, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	bool ok = bind(fd, (const struct sockaddr *)&address, len) == 0 ||
		  errno != EADDRNOTAVAIL;
	close(fd);
	return ok;
}

void host_remarks_addresses(struct config *config, const struct ip_addr *list,
			    size_t count)
{
	char text[ENDPOINT_TEXT_LEN], have[256];

	for (size_t i = 0; i < count; i++) {
		if (is_on_host(&list[i]))
			continue;
		explain_addresses(list[i].family, have, sizeof(have));
		config_warn(config, &list[i],
			    "%s is not on this host (which has %s); correct it, or give "
			    "the address to an interface before the start",
			    ip_addr_format(&list[i], text, sizeof(text)),
			    *have ? have : "none of that family");
	}
}

/* --- files ----------------------------------------------------------------------------------- */

void host_remarks_secret(struct config *config, char *const *field)
{
	struct stat st;

	if (!*field || stat(*field, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 07777 & ~(mode_t)SECRET_MODE_MAX) == 0)
		return;
	config_warn(config, field,
		    "%s: mode %04o lets others read or write it; run 'chmod 0640 %s'",
		    *field, (unsigned)(st.st_mode & 07777), *field);
}

void host_remarks_user(struct config *config)
{
	struct privdrop_identity who;
	struct config_file file;
	char error[256];

	/* systemd passes copies of what that user may not read; see secret_file.h. */
	if (config->user == NULL || getenv("CREDENTIALS_DIRECTORY") != NULL ||
	    !privdrop_lookup(config->user, config->group, &who, error, sizeof(error)))
		return;
	for (size_t i = 0; config_watched(config, i, &file); i++) {
		if (file.path == NULL || privdrop_may_read(&who, file.path))
			continue;
		config_warn(config, file.field,
			    "%s: user %s may not read it, and every reload will fail; "
			    "permit it by group or mode, here and for its directories",
			    file.path, config->user);
	}
}

/* --- ports ----------------------------------------------------------------------------------- */

/* Does the list have the port? */
static bool is_reserved(const char *list, unsigned port)
{
	unsigned first, last;
	int used;

	while (sscanf(list, "%u%n", &first, &used) == 1) {
		list += used;
		last = first;
		if (*list == '-' && sscanf(list, "-%u%n", &last, &used) == 1)
			list += used;
		if (port >= first && port <= last)
			return true;
		list += strspn(list, ", \t\n");
	}
	return false;
}

bool host_remarks_ephemeral(uint16_t first, uint16_t last, const char *range,
			    const char *reserved, uint16_t *low, uint16_t *high)
{
	unsigned from, to;
	bool any = false;

	assert(first <= last);
	if (sscanf(range, "%u %u", &from, &to) != 2)
		return false;
	for (unsigned port = first; port <= last; port++) {
		if (port < from || port > to || is_reserved(reserved, port))
			continue;
		*low = any ? *low : (uint16_t)port;
		*high = (uint16_t)port;
		any = true;
	}
	return any;
}

/* Without its line break; "" if it cannot be read. */
static void read_sysctl(const char *path, char text[SYSCTL_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : whole_file_read(fd, text, SYSCTL_MAX);

	text[len < 0 ? 0 : len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

void host_remarks_ports(struct config *config, const void *field, uint16_t first,
			uint16_t last)
{
	char range[SYSCTL_MAX], reserved[SYSCTL_MAX];
	uint16_t low, high;

	read_sysctl("/proc/sys/net/ipv4/ip_local_port_range", range);
	read_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
	if (!host_remarks_ephemeral(first, last, range, reserved, &low, &high))
		return;
	range[strcspn(range, "\t ")] = '-';
	config_warn(
		config, field,
		"%u-%u is in the ephemeral range of this host, %s, so any program may "
		"take these ports; set sysctl "
		"net.ipv4.ip_local_reserved_ports=%.200s%s%u-%u",
		low, high, range, reserved, *reserved ? "," : "", low, high);
}
