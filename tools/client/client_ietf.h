/*
 * client_ietf.h - RFC 8656 as a client speaks it, with the long-term credentials of RFC 8489.
 */
#ifndef TOOLS_CLIENT_CLIENT_IETF_H
#define TOOLS_CLIENT_CLIENT_IETF_H

#include "tools/client/client_state.h"

extern const struct client_dialect client_ietf;

#endif
