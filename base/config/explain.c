/*
 * explain.c - whose fault it is, in a sentence. Only for errors at the start and now and then:
 * walking /proc is slow.
 */
#include "base/config/explain.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "stun/ip_prefix.h"

/* A line of /proc/net/tcp and its kin. */
struct socket_line {
	struct endpoint local;
	unsigned state;
	unsigned uid;
	unsigned long inode;
};

enum { STATE_LISTEN = 0x0A }; /* the kernel's TCP_LISTEN */

/* Addresses are hex of 32-bit words as they lie in memory; the port is a number. */
static bool parse_line(const char *line, struct socket_line *out)
{
	uint32_t words[4];
	unsigned port;
	char hex[8 * 4 + 1];

	memset(out, 0, sizeof(*out));
	if (sscanf(line, "%*u: %32[0-9A-F]:%4x %*s %x %*s %*s %*s %u %*u %lu", hex, &port,
		   &out->state, &out->uid, &out->inode) != 5)
		return false;

	int count = sscanf(hex, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32,
			   &words[0], &words[1], &words[2], &words[3]);
	if (count != 1 && count != 4)
		return false;
	memcpy(out->local.ip.bytes, words, (size_t)count * sizeof(words[0]));
	out->local.ip.family = count == 1 ? IP_V4 : IP_V6;
	out->local.port = (uint16_t)port;
	return true;
}

/* The same address, or the wildcard that includes it: "::" takes IPv4 too, as a rule. */
static bool takes(const struct ip_addr *bound, const struct ip_addr *wanted)
{
	static const uint8_t zeros[16], mapped[12] = {[10] = 0xFF, [11] = 0xFF};

	if (memcmp(bound->bytes, zeros, sizeof(zeros)) == 0)
		return bound->family == IP_V6 || wanted->family == IP_V4;
	if (bound->family == IP_V6 && wanted->family == IP_V4)
		return memcmp(bound->bytes, mapped, sizeof(mapped)) == 0 &&
		       memcmp(bound->bytes + 12, wanted->bytes, 4) == 0;
	return ip_addr_equal(bound, wanted);
}

/* A listening socket is the better answer than one of its connections. */
static bool find_in(const char *path, const struct endpoint *local, bool tcp,
		    struct socket_line *found)
{
	FILE *in = fopen(path, "re");
	char line[512];
	bool any = false;

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in)) {
		struct socket_line entry;

		if (!parse_line(line, &entry) || entry.local.port != local->port ||
		    !takes(&entry.local.ip, &local->ip))
			continue;
		if (!any || entry.state == STATE_LISTEN)
			*found = entry;
		any = true;
		if (!tcp || entry.state == STATE_LISTEN)
			break;
	}
	fclose(in);
	return any;
}

/* Through /proc/self: that is there even where systemd shows processes alone (ProcSubset=pid). */
static bool find_socket(const struct endpoint *local, bool tcp, struct socket_line *found)
{
	if (local->ip.family == IP_V4 &&
	    find_in(tcp ? "/proc/self/net/tcp" : "/proc/self/net/udp", local, tcp, found))
		return true;
	return find_in(tcp ? "/proc/self/net/tcp6" : "/proc/self/net/udp6", local, tcp,
		       found);
}

static bool has_socket(const char *pid, unsigned long inode)
{
	char path[64], wanted[64], link[64];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);

	DIR *dir = opendir(path);
	if (!dir)
		return false;
	for (const struct dirent *entry; !found && (entry = readdir(dir));) {
		ssize_t len =
			readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (len > 0) {
			link[len] = '\0';
			found = strcmp(link, wanted) == 0;
		}
	}
	closedir(dir);
	return found;
}

static void program_name(const char *pid, char *name, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);

	FILE *in = fopen(path, "re");
	if (!in || !fgets(name, (int)size, in))
		snprintf(name, size, "a process");
	if (in)
		fclose(in);
	name[strcspn(name, "\n")] = '\0';
}

static bool find_process(unsigned long inode, char *buf, size_t size)
{
	DIR *proc = opendir("/proc");
	bool found = false;

	if (!proc)
		return false;
	for (const struct dirent *entry; !found && (entry = readdir(proc));) {
		char name[64];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !has_socket(entry->d_name, inode))
			continue;
		program_name(entry->d_name, name, sizeof(name));
		snprintf(buf, size, "%s (pid %s)", name, entry->d_name);
		found = true;
	}
	closedir(proc);
	return found;
}

bool explain_port_holder(const struct endpoint *local, bool tcp, char *buf, size_t size)
{
	struct socket_line found;

	if (!find_socket(local, tcp, &found))
		return false;
	if (find_process(found.inode, buf, size))
		return true;

	/* Somebody else's process hides its descriptors; its user is still known. */
	const struct passwd *user = getpwuid(found.uid);
	if (user)
		snprintf(buf, size, "a process of user %s", user->pw_name);
	else
		snprintf(buf, size, "a process of user %u", found.uid);
	return true;
}

static unsigned unprivileged_port_start(void)
{
	FILE *in = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	unsigned start = 1024;

	if (in) {
		if (fscanf(in, "%u", &start) != 1)
			start = 1024;
		fclose(in);
	}
	return start;
}

void explain_addresses(uint8_t family, char *buf, size_t size)
{
	struct ifaddrs *interfaces = NULL;
	char text[ENDPOINT_TEXT_LEN];
	size_t used = 0;

	buf[0] = '\0';
	if (getifaddrs(&interfaces) < 0)
		return;
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
		struct endpoint ep;

		if (!i->ifa_addr || !sockaddr_to_endpoint(i->ifa_addr, &ep) ||
		    ep.ip.family != family || (family == IP_V6 && ep.ip.bytes[0] == 0xFE))
			continue;
		ip_addr_format(&ep.ip, text, sizeof(text));
		if (used + strlen(text) + 3 > size)
			break;
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 used ? ", " : "", text);
	}
	freeifaddrs(interfaces);
}

/* What follows the port in a sentence; key: what the configuration calls it. */
static void explain_in_use(const struct endpoint *local, bool tcp, const char *key,
			   char *buf, size_t size)
{
	char holder[128];
	bool known = explain_port_holder(local, tcp, holder, sizeof(holder));

	snprintf(buf, size, " is held by %s; %sstop it or change %s",
		 known ? holder : "another process",
		 known ? "" : "find it with ss -lnp, ", key);
}

static void explain_no_right(const struct endpoint *local, const char *key, char *buf,
			     size_t size)
{
	unsigned start = unprivileged_port_start();

	if (local->port < start)
		snprintf(
			buf, size,
			" needs CAP_NET_BIND_SERVICE, as every port below %u; start by systemd or "
			"as root, or change %s",
			start, key);
	else
		snprintf(
			buf, size,
			" is refused by the system's security policy; look into its audit log");
}

static void explain_no_address(const struct endpoint *local, char *buf, size_t size)
{
	char list[256];

	explain_addresses(local->ip.family, list, sizeof(list));
	snprintf(
		buf, size,
		": the address is not on this host (which has %s); correct \"addresses\" or "
		"give the address to an interface first",
		*list ? list : "none of that family");
}

void explain_bind_failure(const struct endpoint *local, bool tcp, const char *key,
			  int error, char *buf, size_t size)
{
	char address[ENDPOINT_TEXT_LEN];
	size_t len = (size_t)snprintf(buf, size, "%s %s", tcp ? "TCP" : "UDP",
				      endpoint_format(local, address, sizeof(address)));

	assert(len < size);
	buf += len;
	size -= len;
	switch (error) {
	case EADDRINUSE:
		explain_in_use(local, tcp, key, buf, size);
		return;
	case EACCES:
	case EPERM:
		explain_no_right(local, key, buf, size);
		return;
	case EADDRNOTAVAIL:
		explain_no_address(local, buf, size);
		return;
	case EAFNOSUPPORT:
		snprintf(
			buf, size,
			": this system has IPv6 switched off; remove the address or enable IPv6");
		return;
	case EMFILE:
	case ENFILE:
		snprintf(buf, size,
			 ": too many open files; raise LimitNOFILE= of the unit");
		return;
	default:
		snprintf(buf, size, " cannot be bound: %s; see bind(2)", strerror(error));
		return;
	}
}
