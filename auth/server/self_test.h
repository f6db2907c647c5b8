/*
 * self_test.h - before mrasd reports that it is ready: does it issue a credential that
 * the relay accepts? Sockets, trust and limits are left out.
 */
#ifndef AUTH_SERVER_SELF_TEST_H
#define AUTH_SERVER_SELF_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct issuer;

/*
 * issuer has its settings and has read the clocks. Leaves no trace in its counters, records and
 * memory. False with a sentence in error.
 */
bool issuer_self_test(const struct issuer *issuer, char *error, size_t error_size);

#endif
