/*
 * http_status.h - names of HTTP statuses, for status lines and titles of problems.
 */
#ifndef BASE_HTTP_STATUS_H
#define BASE_HTTP_STATUS_H

/* The name in RFC 9110 section 15 and RFC 6585; "Error" for a status we never send. */
const char *http_status_title(unsigned status);

#endif
