/*
 * mras_xml.h - the XML bodies of [MS-AVEDGEA]: a request read with expat (no DTD, bounded depth,
 * size and count), a response written. Pure.
 */
#ifndef AUTH_MRAS_MRAS_XML_H
#define AUTH_MRAS_MRAS_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/service.h"
#include "stun/wire.h"

enum {
	MRAS_BODY_MAX = 8 << 20, /* 100 identities of 64 KiB and their markup */
	MRAS_DEPTH_MAX = 16,
	MRAS_REQUESTS_MAX = 100,
	MRAS_ID_MAX = 64, /* characters of a request id */
};

enum mras_reason { /* reasonPhrase, [MS-AVEDGEA] 2.2.4.7 */
		   MRAS_OK,
		   MRAS_MALFORMED,
		   MRAS_TOO_LARGE,
		   MRAS_NOT_SUPPORTED,
		   MRAS_VERSION_MISMATCH,
		   MRAS_FORBIDDEN,
		   MRAS_BUSY,
		   MRAS_TIME_OUT,
		   MRAS_INTERNAL_ERROR,
		   MRAS_OTHER_FAILURE,
};
const char *mras_reason_phrase(enum mras_reason reason);

struct mras_credentials_request {
	char *id; /* credentialsRequestID */
	char *identity;
	enum service_location location;
	int64_t duration_min; /* 0: absent */
};

struct mras_request {
	char *request_id, *to, *from;
	int version;    /* 1, 2 or 3 */
	bool direct_ip; /* route="directip" */
	size_t count;
	struct mras_credentials_request *requests;
};

/*
 * Read a body. Owner: the caller, mras_request_free().
 *
 * *reason MRAS_OK: the request is complete. Another reason and a request: well-formed as
 * far as it was read; only its request_id, to and from, which go into the answer, are
 * valid. NULL with *reason: malformed, or its sender is unknown.
 */
struct mras_request *mras_request_parse(struct slice body, enum mras_reason *reason);
void mras_request_free(struct mras_request *request); /* NULL is allowed */

/*
 * Serve the request and write the response body; with a reason other than MRAS_OK the
 * response carries only that reason, and request may be NULL. Owner: the caller, free().
 *
 * All or nothing: [MS-AVEDGEA] has one reasonPhrase for the whole response and none for
 * its parts, so one refused identity refuses them all.
 *
 * NULL if out of memory; else *len bytes.
 */
char *mras_respond(const struct service *service, struct service_memory *memory,
		   const struct service_server *server,
		   const struct mras_request *request, enum mras_reason reason,
		   uint64_t now_ms, int64_t unix_s, size_t *len);

#endif
