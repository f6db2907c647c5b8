/*
 * client_ms.h - the Microsoft dialect of TURN as a client speaks it, over UDP, framed TCP and
 * pseudo-TLS.
 */
#ifndef TOOLS_CLIENT_CLIENT_MS_H
#define TOOLS_CLIENT_CLIENT_MS_H

#include "tools/client/client_state.h"

extern const struct client_dialect client_ms;

#endif
