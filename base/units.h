/*
 * units.h - durations, sizes and bit rates as people write them.
 *
 * A decimal number directly followed by a unit; the default is the base unit. No sign, no
 * fraction, no space, nothing after the unit. Shared by the configuration and the tools.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All three return false and leave the result alone if the text is anything but a number and
 * one of the units, or the result overflows.
 */

/* Seconds: s, m, h, d, w ("30s", "15m", "8h", "90d"). */
bool units_duration(const char *text, int64_t *seconds);

/* Bytes: B; K or KiB, M or MiB, G or GiB (powers of 1024); kB, MB, GB (powers of 1000). */
bool units_bytes(const char *text, uint64_t *bytes);

/* Bits per second, powers of 1000: bit, kbit, Mbit, Gbit ("10Mbit"), "/s" may follow. */
bool units_bitrate(const char *text, uint64_t *bits_per_s);

enum { UNITS_TEXT_MAX = 32 };

/* A duration in the largest unit that divides it ("8h", "90m"); a negative one with '-'. */
const char *units_duration_text(int64_t seconds, char buf[UNITS_TEXT_MAX]);

/* A bit rate in the largest unit that divides it ("3Mbit", "1500kbit"); 0 is "0". */
const char *units_bitrate_text(uint64_t bits_per_s, char buf[UNITS_TEXT_MAX]);

/* Bytes in the largest power of 1024 that divides them ("256K", "1000"); 0 is "0". */
const char *units_bytes_text(uint64_t bytes, char buf[UNITS_TEXT_MAX]);

#endif
