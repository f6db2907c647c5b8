/*
 * privileges.c - see privileges.h.
 */
#include "relay/offload/loader/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include <linux/capability.h>

#include "base/fail.h"
#include "base/self_name.h"

#ifndef CAP_BPF
#define CAP_PERFMON 38 /* Linux 5.8 */
#define CAP_BPF 39
#endif

/* A sanitizer that looks for leaks in the end has to trace its own process. */
#ifdef __SANITIZE_ADDRESS__
enum { DUMPABLE = 1 };
#else
enum { DUMPABLE = 0 };
#endif

bool privileges_keep(char *error, size_t error_size)
{
	char self[64];

	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_BPF) ||
	    !capng_have_capability(CAPNG_PERMITTED, CAP_PERFMON) ||
	    !capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		return fail(
			error, error_size,
			"%s lacks CAP_BPF, CAP_PERFMON or CAP_NET_ADMIN; start as root, or with "
			"systemctl start avedge-offload.socket",
			self_name(self, sizeof(self)));

	/* In a container, root may not be allowed to shrink the bounding set. */
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_select_t what = may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;

	capng_clear(what);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_PERFMON,
		      CAP_NET_ADMIN, -1);
	if (may_bound)
		capng_updatev(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_BPF, CAP_PERFMON,
			      CAP_NET_ADMIN, -1);
	if (capng_apply(what) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0)
		return fail(error, error_size, "cannot drop capabilities: %s",
			    strerror(errno));
	return true;
}
