/*
 * http_body.h - is it clear where the body of a request ends? libmicrohttpd 0.9.75 decides for itself
 * where fields disagree (RFC 9112 section 6.3), so a proxy before it may see another end, and what
 * follows as no request.
 */
#ifndef BASE_HTTP_BODY_H
#define BASE_HTTP_BODY_H

struct MHD_Connection;

/*
 * NULL, or a sentence for 400: more than one Content-Length, Transfer-Encoding or Host; both of the
 * first two; a coding other than chunked, or any in HTTP/1.0; a field name with white space.
 * version: as libmicrohttpd gives it. Answer in the first call of a request, so that the library
 * closes the connection after it.
 */
const char *http_body_fault(struct MHD_Connection *connection, const char *version);

#endif
