/*
 * binding.h - STUN Binding as a basic server (RFC 8489 section 12).
 */
#ifndef RELAY_DIALECT_BINDING_H
#define RELAY_DIALECT_BINDING_H

struct request;

/*
 * Answer a Binding request: never authenticated, and as small as is legal, so that reflecting
 * it gains little. Without the cookie it is classic STUN (RFC 3489) and is answered in that
 * format.
 */
void binding_request(struct request *rq);

#endif
