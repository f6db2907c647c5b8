/*
 * sip_message.c - see sip_message.h.
 *
 * libosip2 parses values, not the message: its own splitting of headers would be a second
 * opinion on where they end, accepts a negative Content-Length, rewrites what we must
 * send back unchanged, and prints its complaints to standard output. What its value
 * parsers accept and RFC 3261 does not is checked here.
 */
#include "auth/mras/sip_message.h"

#include <assert.h>
#include <osipparser2/osip_headers.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CSEQ_MAX = 0x7FFFFFFF };

/*
 * A C string for libosip2, malloc'ed: folds and tabs become spaces, and so does the NUL
 * of a quoted pair, the only one that sip_head_parse() accepts.
 */
static char *value_string(struct slice value)
{
	char *string = malloc(value.len + 1);

	if (!string)
		return NULL;
	for (size_t i = 0; i < value.len; i++) {
		char c = (char)value.data[i];

		string[i] = c == '\r' || c == '\n' || c == '\t' || c == '\0' ? ' ' : c;
	}
	string[value.len] = '\0';
	return string;
}

/* Take one of a list of values off the front; commas in quotes and brackets are not separators. */
static struct slice value_take(struct slice *rest)
{
	struct slice value = {rest->data, 0};
	bool in_quotes = false;
	bool in_brackets = false;

	for (; value.len < rest->len; value.len++) {
		uint8_t byte = rest->data[value.len];

		if (in_quotes && byte == '\\' && value.len + 1 < rest->len)
			value.len++;
		else if (byte == '"' && !in_brackets)
			in_quotes = !in_quotes;
		else if (byte == '<' && !in_quotes)
			in_brackets = true;
		else if (byte == '>' && !in_quotes)
			in_brackets = false;
		else if (byte == ',' && !in_quotes && !in_brackets)
			break;
	}
	assert(value.len <= rest->len);
	*rest = slice_skip(*rest, value.len < rest->len ? value.len + 1 : value.len);
	return value;
}

static bool is_number(const char *text)
{
	uint64_t number;

	return sip_read_number((struct slice){(const uint8_t *)text, strlen(text)},
			       &number);
}

static bool via_is_valid(struct slice value)
{
	char *string = value_string(value);
	osip_via_t *via = NULL;
	bool valid = false;

	if (string && osip_via_init(&via) == 0 && osip_via_parse(via, string) == 0)
		valid = via->host && *via->host && !strchr(via->host, ' ') &&
			(!via->port || is_number(via->port));
	osip_via_free(via);
	free(string);
	return valid;
}

static bool vias_are_valid(struct slice values)
{
	if (values.len == 0 || values.data[values.len - 1] == ',')
		return false;
	while (values.len > 0) {
		if (!via_is_valid(value_take(&values)))
			return false;
	}
	return true;
}

/* A From or To: one address, of any scheme. */
static bool address_is_valid(struct slice value, bool *has_tag)
{
	char *string = value_string(value);
	struct slice rest = value;
	osip_from_t *from = NULL;
	osip_generic_param_t *tag = NULL;
	bool valid = false;

	*has_tag = false;
	value_take(&rest);
	if (string && rest.len == 0 && osip_from_init(&from) == 0 &&
	    osip_from_parse(from, string) == 0 && from->url) {
		osip_from_param_get_byname(from, (char[]){"tag"}, &tag);
		*has_tag = tag != NULL;
		valid = true;
	}
	osip_from_free(from);
	free(string);
	return valid;
}

/* A number below 2^31 (section 8.1.1.5) and a method. */
static bool cseq_is_valid(struct slice value, struct slice method, bool *is_of_method)
{
	char *string = value_string(value);
	osip_cseq_t *cseq = NULL;
	uint64_t number = 0;
	bool valid = false;

	*is_of_method = false;
	if (string && osip_cseq_init(&cseq) == 0 && osip_cseq_parse(cseq, string) == 0 &&
	    cseq->number && cseq->method) {
		valid = sip_read_number((struct slice){(const uint8_t *)cseq->number,
						       strlen(cseq->number)},
					&number) &&
			number <= CSEQ_MAX && !strchr(cseq->method, ' ');
		*is_of_method = strlen(cseq->method) == method.len &&
				memcmp(cseq->method, method.data, method.len) == 0;
	}
	osip_cseq_free(cseq);
	free(string);
	return valid;
}

static bool call_id_is_valid(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] <= ' ' || value.data[i] == 0x7F)
			return false;
	}
	return value.len > 0;
}

static void set_fault(struct sip_message *message, const char *fault)
{
	if (!message->fault)
		message->fault = fault;
}

static enum sip_method method_of(struct slice name)
{
	static const struct {
		const char *name;
		enum sip_method method;
	} methods[] = {
		{"ACK", SIP_METHOD_ACK},
		{"BENOTIFY", SIP_METHOD_REFUSED}, /* [MS-SIP] */
		{"BYE", SIP_METHOD_REFUSED},
		{"CANCEL", SIP_METHOD_CANCEL},
		{"INFO", SIP_METHOD_REFUSED},
		{"INVITE", SIP_METHOD_REFUSED},
		{"MESSAGE", SIP_METHOD_REFUSED},
		{"NEGOTIATE", SIP_METHOD_REFUSED}, /* [MS-CONMGMT] */
		{"NOTIFY", SIP_METHOD_REFUSED},
		{"OPTIONS", SIP_METHOD_OPTIONS},
		{"PRACK", SIP_METHOD_REFUSED},
		{"PUBLISH", SIP_METHOD_REFUSED},
		{"REFER", SIP_METHOD_REFUSED},
		{"REGISTER", SIP_METHOD_REFUSED},
		{"SERVICE", SIP_METHOD_SERVICE},
		{"SUBSCRIBE", SIP_METHOD_REFUSED},
		{"UPDATE", SIP_METHOD_REFUSED},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (name.len == strlen(methods[i].name) &&
		    memcmp(name.data, methods[i].name, name.len) == 0)
			return methods[i].method;
	}
	return SIP_METHOD_UNKNOWN;
}

static struct slice word_take(struct slice *rest)
{
	const uint8_t *space = memchr(rest->data, ' ', rest->len);
	struct slice word = *rest;

	if (space)
		word.len = (size_t)(space - rest->data);
	*rest = slice_skip(*rest, space ? word.len + 1 : word.len);
	return word;
}

/* NULL, or why this Request-URI is refused (sections 8.2.2.1 and 19.1.1). */
static const char *request_uri_fault(struct slice text)
{
	size_t scheme_len = 0;
	char *string;
	osip_uri_t *uri = NULL;
	bool valid = false;

	while (scheme_len < text.len && sip_is_token_char(text.data[scheme_len]))
		scheme_len++;
	if (scheme_len == 0 || scheme_len == text.len || text.data[scheme_len] != ':')
		return "400 Bad Request-URI";
	if (!(scheme_len == 3 && strncasecmp((const char *)text.data, "sip", 3) == 0) &&
	    !(scheme_len == 4 && strncasecmp((const char *)text.data, "sips", 4) == 0))
		return "416 Unsupported URI Scheme";
	string = value_string(text);
	if (string && osip_uri_init(&uri) == 0 && osip_uri_parse(uri, string) == 0)
		valid = uri->host && (!uri->port || is_number(uri->port)) &&
			osip_list_size(&uri->url_headers) == 0;
	osip_uri_free(uri);
	free(string);
	return valid ? NULL : "400 Bad Request-URI";
}

/* Returns the method as received. */
static struct slice read_start_line(struct sip_message *message)
{
	struct slice rest = message->head.start_line;
	struct slice method = word_take(&rest);
	struct slice uri = word_take(&rest);
	const char *version = (const char *)rest.data;

	if (method.len >= 4 && strncasecmp((const char *)method.data, "SIP/", 4) == 0) {
		message->is_response = true;
		return method;
	}
	message->method = method_of(method);
	message->fault_is_in_start_line = true;
	for (size_t i = 0; i < method.len; i++) {
		if (!sip_is_token_char(method.data[i]))
			set_fault(message, "400 Bad Request Line");
	}
	if (method.len == 0 || uri.len == 0 || rest.len < 5 ||
	    strncasecmp(version, "SIP/", 4) != 0 || memchr(version, ' ', rest.len))
		set_fault(message, "400 Bad Request Line");
	else if (rest.len != 7 || memcmp(version + 4, "2.0", 3) != 0)
		set_fault(message, "505 Version Not Supported");
	message->fault_is_in_start_line = message->fault != NULL;
	if (!message->fault)
		set_fault(message, request_uri_fault(uri));
	return method;
}

/* Exactly one, or the fault. */
static struct slice read_only(struct sip_message *message, enum sip_header_id id,
			      const char *missing, const char *repeated)
{
	struct slice value = {NULL, 0};
	size_t count;

	assert(repeated != NULL);
	if (!sip_header_only(&message->head, id, &value, &count) &&
	    (count > 0 || missing))
		set_fault(message, count > 0 ? repeated : missing);
	return value;
}

static void read_vias(struct sip_message *message)
{
	struct slice rest = message->head.headers;
	struct sip_header header;
	bool has_via = false;

	while (sip_header_next(&rest, &header)) {
		if (header.id != SIP_VIA)
			continue;
		if (!vias_are_valid(header.value))
			set_fault(message, "400 Bad Via");
		if (!has_via)
			message->via = header.value;
		has_via = true;
	}
	if (!has_via)
		set_fault(message, "400 Missing Via");
}

/*
 * Max-Forwards 0 is valid, since we do not forward (RFC 4475 section 3.3.11); a value
 * beyond 255 is not (section 3.1.2.4).
 */
static void read_max_forwards(struct sip_message *message)
{
	struct slice value =
		read_only(message, SIP_MAX_FORWARDS, NULL, "400 Repeated Max-Forwards");
	uint64_t hops;

	if (value.data && !sip_read_number(value, &hops))
		set_fault(message, "400 Bad Max-Forwards");
}

static void read_headers(struct sip_message *message, struct slice method)
{
	bool has_tag;
	bool is_of_method;

	read_vias(message);
	message->from =
		read_only(message, SIP_FROM, "400 Missing From", "400 Repeated From");
	if (message->from.data && !address_is_valid(message->from, &has_tag))
		set_fault(message, "400 Bad From");
	message->to = read_only(message, SIP_TO, "400 Missing To", "400 Repeated To");
	message->to_is_valid = message->to.data &&
			       address_is_valid(message->to, &message->to_has_tag);
	if (message->to.data && !message->to_is_valid)
		set_fault(message, "400 Bad To");
	message->call_id = read_only(message, SIP_CALL_ID, "400 Missing Call-ID",
				     "400 Repeated Call-ID");
	if (message->call_id.data && !call_id_is_valid(message->call_id))
		set_fault(message, "400 Bad Call-ID");
	message->cseq =
		read_only(message, SIP_CSEQ, "400 Missing CSeq", "400 Repeated CSeq");
	if (message->cseq.data && !cseq_is_valid(message->cseq, method, &is_of_method))
		set_fault(message, "400 Bad CSeq");
	/* An unknown method may differ: it gets 501 (RFC 4475 section 3.1.2.18). */
	else if (message->cseq.data && !is_of_method &&
		 message->method != SIP_METHOD_UNKNOWN)
		set_fault(message, "400 CSeq Of Another Method");
	read_max_forwards(message);
	read_only(message, SIP_CONTENT_TYPE, NULL, "400 Repeated Content-Type");
}

bool sip_message_parse(struct slice bytes, struct sip_message *message)
{
	struct slice method;

	*message = (struct sip_message){.is_response = false};
	if (sip_head_parse(bytes, &message->head) != SIP_HEAD_COMPLETE)
		return false;
	message->body = slice_skip(bytes, message->head.len);
	method = read_start_line(message);
	if (!message->is_response)
		read_headers(message, method);
	return true;
}

bool sip_message_is_of_type(const struct sip_message *message, const char *type,
			    const char *subtype)
{
	struct slice value;
	size_t count;
	char *string;
	osip_content_type_t *content_type = NULL;
	bool is_it = false;

	if (!sip_header_only(&message->head, SIP_CONTENT_TYPE, &value, &count))
		return false;
	string = value_string(value);
	if (string && osip_content_type_init(&content_type) == 0 &&
	    osip_content_type_parse(content_type, string) == 0)
		is_it = content_type->type && content_type->subtype &&
			strcasecmp(content_type->type, type) == 0 &&
			strcasecmp(content_type->subtype, subtype) == 0;
	osip_content_type_free(content_type);
	free(string);
	return is_it;
}
