/*
 * charge.h - what a new allocation counts against: the relay, its side, its user and its source
 * prefix (RFC 8656 section 7.2 step 10).
 *
 * Users are counted separately for each dialect, because each has its own limits. A credential
 * that names nobody, whose username is only an expiry, is shared by everybody whom a site gave
 * it: there each source prefix counts as a user.
 *
 * Threads  the worker of turn; what is counted is shared by all workers.
 */
#ifndef RELAY_CORE_CHARGE_H
#define RELAY_CORE_CHARGE_H

#include <stdbool.h>

#include "relay/core/counters.h"

struct allocation;
struct turn;

/*
 * Charge a new allocation and note to whom. False if a limit is reached: *why says which, and
 * nothing is charged.
 */
bool charge_take(struct turn *turn, struct allocation *al, enum refusal *why);

/* It ended. */
void charge_return(struct turn *turn, const struct allocation *al);

#endif
