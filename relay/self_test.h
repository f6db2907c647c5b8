/*
 * self_test.h - before the relay reports that it serves: does it do what clients will ask of it?
 * Every worker answers a Binding request and accepts a credential of its own keyring, with the
 * code and on the thread that clients will meet. Sockets are left out.
 */
#ifndef RELAY_SELF_TEST_H
#define RELAY_SELF_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turn;

/*
 * On the worker's thread. Its counters are as before afterwards; they must not be read meanwhile.
 *
 * keys    where the keyring is, for the message
 * unix_s  wall clock, for the keys
 *
 * False with a sentence in error.
 */
bool self_test_run(struct turn *turn, const char *keys, uint64_t now_ms, int64_t unix_s,
		   char *error, size_t error_size);

#endif
