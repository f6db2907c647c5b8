/*
 * sip_head.h - the head of a SIP message (RFC 3261 section 7.3.1): start line and
 * headers, where they begin and end. The only place that knows about line ends, folding
 * and compact names; sip_message reads values.
 *
 * Strict: a line ends with CRLF. A lone CR or LF, a NUL outside a quoted pair or a line
 * that is not a header make the whole head broken, because two readers may see different
 * headers in it.
 */
#ifndef AUTH_MRAS_SIP_HEAD_H
#define AUTH_MRAS_SIP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* The headers that we read, also by their compact names (section 7.3.3). */
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
		value; /* as received, folds included, without surrounding white space */
};

struct sip_head {
	struct slice start_line; /* without CRLF */
	struct slice headers;    /* whole lines, without the empty one at the end */
	size_t len; /* of all, with an empty line before and the one behind */
};

enum sip_head_status {
	SIP_HEAD_MORE, /* right so far, but incomplete */
	SIP_HEAD_COMPLETE,
	SIP_HEAD_BROKEN,
};

/* Parse the head at the front; everything in head is borrowed. */
enum sip_head_status sip_head_parse(struct slice arrived, struct sip_head *head);

/* Take one header off the front of *rest, initially head->headers. False at the end. */
bool sip_header_next(struct slice *rest, struct sip_header *header);

/* The only header of this name; false, with *count how many there are, if it is not one. */
bool sip_header_only(const struct sip_head *head, enum sip_header_id id,
		     struct slice *value, size_t *count);

/* Digits only; a number beyond UINT64_MAX becomes UINT64_MAX. */
bool sip_read_number(struct slice text, uint64_t *number);

bool sip_is_token_char(uint8_t byte);

#endif
