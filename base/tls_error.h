/*
 * tls_error.h - what OpenSSL complains of, for people.
 */
#ifndef BASE_TLS_ERROR_H
#define BASE_TLS_ERROR_H

/*
 * The errors in OpenSSL's queue of this thread, which stay there, in one phrase without a full
 * stop. Borrowed until the next call.
 */
const char *tls_error_reason(void);

#endif
