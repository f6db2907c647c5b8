/*
 * http_status.h - what the statuses of HTTP are called, for the title of a problem.
 */
#ifndef BASE_HTTP_STATUS_H
#define BASE_HTTP_STATUS_H

/* As RFC 9110 section 15 and RFC 6585 call it; "Error" for one that we never answer. */
const char *http_status_title(unsigned status);

#endif
