/*
 * front.c - names of sides and transports, for lists and metrics.
 */
#include "relay/core/front.h"

const char *side_name(enum side side)
{
	switch (side) {
	case SIDE_INSIDE:
		return "inside";
	case SIDE_OUTSIDE:
		return "outside";
	case SIDE_COUNT:
		break;
	}
	return "?";
}

const char *transport_name(enum transport transport)
{
	switch (transport) {
	case TRANSPORT_UDP:
		return "udp";
	case TRANSPORT_TCP:
		return "tcp";
	case TRANSPORT_TLS:
		return "tls";
	case TRANSPORT_DTLS:
		return "dtls";
	case TRANSPORT_COUNT:
		break;
	}
	return "?";
}
