/*
 * offload_mode.h - how the kernel plane is wanted on a side, and what relay and loader bound.
 */
#ifndef RELAY_OFFLOAD_OFFLOAD_MODE_H
#define RELAY_OFFLOAD_OFFLOAD_MODE_H

/* What a side of the configuration says. */
enum offload_mode {
	OFFLOAD_AUTO, /* XDP where all drivers do it natively, else TC */
	OFFLOAD_TC,
	OFFLOAD_XDP,
	OFFLOAD_OFF,
	OFFLOAD_MODE_COUNT
};

enum {
	OFFLOAD_DEVICES_MAX = 32,
	OFFLOAD_WHY_MAX = 256, /* a sentence, with its NUL */
	OFFLOAD_FLOWS_MIN = 1024,
	OFFLOAD_FLOWS_MAX = 1 << 20,
};

#endif
