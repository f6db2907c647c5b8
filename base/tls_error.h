/*
 * tls_error.h - OpenSSL's error, in words.
 */
#ifndef BASE_TLS_ERROR_H
#define BASE_TLS_ERROR_H

/*
 * The errors in this thread's OpenSSL queue, which keeps them, as one phrase without a full stop.
 * Borrowed until the next call.
 */
const char *tls_error_reason(void);

#endif
