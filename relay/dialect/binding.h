/*
 * binding.h - STUN Binding as a basic server (RFC 8489 section 12).
 */
#ifndef RELAY_DIALECT_BINDING_H
#define RELAY_DIALECT_BINDING_H

struct request;

/*
 * Answer a Binding request: never authenticated, and as small as is legal (T-042, attack 12).
 * Without the cookie it is classic STUN (RFC 3489) and is answered in its terms (T-050).
 */
void binding_request(struct request *rq);

#endif
