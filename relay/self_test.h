/*
 * self_test.h - before anybody is told that we serve: does the relay do what clients will ask
 * of it? Every worker answers a Binding request and accepts a credential of its own keyring,
 * by the code that clients meet and on the thread that they will meet. Sockets are left out.
 */
#ifndef RELAY_SELF_TEST_H
#define RELAY_SELF_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay;

/*
 * The workers run and nobody reads their counters yet: these will not show the test.
 *
 * unix_s  wall clock, for the keys
 *
 * False with a sentence in error. Never from a worker's thread; waits for all of them.
 */
bool relay_self_test(struct relay *relay, int64_t unix_s, char *error, size_t error_size);

#endif
