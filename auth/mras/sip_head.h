/*
 * sip_head.h - the lines in front of a SIP message (RFC 3261 section 7.3.1): start line and
 * headers, where they begin and end. The only place that knows about line ends, folding and
 * compact names; what a value means is read in auth/sip_message.
 *
 * Strict: a line ends with CRLF, and CR or LF alone, a NUL that is no quoted pair or a line that
 * is no header condemn the whole, because two readers may see different headers in it.
 */
#ifndef AUTH_MRAS_SIP_HEAD_H
#define AUTH_MRAS_SIP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* The headers that we read; compact names (section 7.3.3) are the same. */
enum sip_header_id {
	SIP_OTHER,
	SIP_CALL_ID,
	SIP_CONTENT_DISPOSITION,
	SIP_CONTENT_ENCODING,
	SIP_CONTENT_LANGUAGE,
	SIP_CONTENT_LENGTH,
	SIP_CONTENT_TYPE,
	SIP_CSEQ,
	SIP_FROM,
	SIP_MAX_FORWARDS,
	SIP_RECORD_ROUTE,
	SIP_REQUIRE,
	SIP_TO,
	SIP_VIA,
	SIP_HEADER_COUNT
};

struct sip_header {
	enum sip_header_id id;
	struct slice
		value; /* as it came, folds included, without the white space around it */
};

struct sip_head {
	struct slice start_line; /* without CRLF */
	struct slice headers;    /* whole lines, without the empty one at the end */
	size_t len; /* of all, with an empty line before and the one behind */
};

enum sip_head_status {
	SIP_HEAD_MORE, /* right so far, and not complete */
	SIP_HEAD_COMPLETE,
	SIP_HEAD_BROKEN,
};

/* Read the head at the front; all that head has is borrowed. */
enum sip_head_status sip_head_parse(struct slice arrived, struct sip_head *head);

/* Take one header off the front of *rest, which begins as head->headers. False at the end. */
bool sip_header_next(struct slice *rest, struct sip_header *header);

/* The only header of this name; false, with *count how many there are, if it is not one. */
bool sip_header_only(const struct sip_head *head, enum sip_header_id id,
		     struct slice *value, size_t *count);

/* Digits and nothing else; a number beyond UINT64_MAX is UINT64_MAX. */
bool sip_read_number(struct slice text, uint64_t *number);

bool sip_is_token_char(uint8_t byte);

#endif
