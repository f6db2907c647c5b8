/*
 * http_body.c - see http_body.h.
 */
#include "base/http_body.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

struct fields {
	unsigned lengths, codings, hosts;
	const char *fault;
};

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) &&
		    (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL))
			return false;
	}
	return len > 0;
}

/* RFC 9110 section 5.5: no line may hide in a value. */
static bool is_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' && text[i] != '\t')
			return false;
	}
	return true;
}

static enum MHD_Result note_field(void *arg, enum MHD_ValueKind kind, const char *name,
				  size_t name_len, const char *value, size_t value_len)
{
	struct fields *fields = arg;

	(void)kind;
	if (!is_token(name, name_len))
		fields->fault = "a field name is empty or has white space";
	if (value != NULL && !is_value(value, value_len))
		fields->fault = "a field value has control characters";
	fields->hosts += strcasecmp(name, "Host") == 0;
	if (strcasecmp(name, "Content-Length") == 0) {
		fields->lengths++;
		if (value == NULL || value_len == 0 ||
		    strspn(value, "0123456789") != value_len)
			fields->fault = "Content-Length is not a number on its line";
	}
	if (strcasecmp(name, "Transfer-Encoding") != 0)
		return MHD_YES;
	fields->codings++;
	if (value == NULL || strcasecmp(value, "chunked") != 0)
		fields->fault = "the only transfer coding served is chunked";
	return MHD_YES;
}

const char *http_body_fault(struct MHD_Connection *connection, const char *version)
{
	struct fields fields = {.fault = NULL};

	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, note_field, &fields);
	if (fields.fault != NULL)
		return fields.fault;
	if (fields.hosts > 1)
		return "Host appears twice";
	if (fields.lengths > 1 || fields.codings > 1)
		return "Content-Length or Transfer-Encoding appears twice";
	if (fields.lengths > 0 && fields.codings > 0)
		return "Content-Length and Transfer-Encoding exclude each other";
	if (fields.codings > 0 && strcmp(version, MHD_HTTP_VERSION_1_0) == 0)
		return "HTTP/1.0 has no Transfer-Encoding";
	return NULL;
}
