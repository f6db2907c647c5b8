/*
 * sip_message.h - a parsed SIP request: what a user agent server inspects before it acts
 * (RFC 3261 section 8.2). libosip2 parses the values, one header at a time.
 */
#ifndef AUTH_MRAS_SIP_MESSAGE_H
#define AUTH_MRAS_SIP_MESSAGE_H

#include <stdbool.h>

#include "auth/mras/sip_head.h"

enum sip_method {
	SIP_METHOD_UNKNOWN, /* 501 */
	SIP_METHOD_REFUSED, /* known, not ours: 405 */
	SIP_METHOD_ACK,
	SIP_METHOD_CANCEL,
	SIP_METHOD_OPTIONS,
	SIP_METHOD_SERVICE,
};

/* Everything is borrowed from the message. A header that is missing is empty. */
struct sip_message {
	struct sip_head head;
	struct slice body; /* all behind the head */
	bool is_response;
	enum sip_method method;
	/* The first of each, as received. */
	struct slice via, from, to, call_id, cseq;
	bool to_is_valid, to_has_tag;
	/*
	 * Why the message cannot be served, the first reason found, or NULL: "400 Bad
	 * CSeq".
	 */
	const char *fault;
	bool fault_is_in_start_line;
};

/* False if the head is broken or incomplete; then there is no answer. */
bool sip_message_parse(struct slice bytes, struct sip_message *message);

/* Is the body of this type? Parameters and case are ignored. */
bool sip_message_is_of_type(const struct sip_message *message, const char *type,
			    const char *subtype);

#endif
