/*
 * http_body.c - see http_body.h.
 */
#include "base/http_body.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

struct fields {
	unsigned lengths, codings, hosts;
	const char *fault;
};

static enum MHD_Result note_field(void *arg, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct fields *fields = arg;

	(void)kind;
	if (strpbrk(name, " \t") != NULL || *name == '\0')
		fields->fault = "a field name is empty or has white space";
	fields->hosts += strcasecmp(name, "Host") == 0;
	fields->lengths += strcasecmp(name, "Content-Length") == 0;
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

	MHD_get_connection_values(connection, MHD_HEADER_KIND, note_field, &fields);
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
