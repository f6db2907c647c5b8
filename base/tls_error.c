/*
 * tls_error.c - see tls_error.h.
 */
#include "base/tls_error.h"

#include <string.h>

#include <openssl/err.h>

const char *tls_error_reason(void)
{
	/* A failed system call comes first; later entries only follow from it. */
	unsigned long first = ERR_peek_error();
	if (ERR_SYSTEM_ERROR(first))
		return strerror(ERR_GET_REASON(first));

	/* The last entry says most, unless it only names a library: "PEM lib". */
	unsigned long last = ERR_peek_last_error();
	const char *reason =
		ERR_reason_error_string(ERR_COMMON_ERROR(last) ? first : last);

	return reason != NULL ? reason : "unknown error";
}
