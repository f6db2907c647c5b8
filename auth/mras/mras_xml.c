/*
 * mras_xml.c - a request of [MS-AVEDGEA], read with expat.
 *
 * What bounds the memory of a hostile body: no DTD, so no entities but the five of XML; the
 * body is fed in pieces and a token that outgrows TOKEN_MAX ends the parse, because expat
 * holds a token whole; there are NAMES_MAX elements, attributes and namespaces in MARKUP_MAX
 * bytes of tags, because expat remembers every name it has met; text is kept only where the
 * schema wants it and only to its limit.
 */
#include "auth/mras/mras_xml.h"

#include <assert.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/mras/text.h"

#define MRAS_NAMESPACE "http://schemas.microsoft.com/2006/09/sip/mrasp"

enum {
	PIECE_LEN = 4 << 10,
	TOKEN_MAX = 16 << 10,
	NAMES_MAX = 4096,
	MARKUP_MAX = 256 << 10,
	WORD_MAX = 64,       /* bytes of a location or duration */
	DURATION_DIGITS = 9, /* 1901 years; the service clamps far below that */
};

/*
 * Where we are:
 *
 *   DOCUMENT -> REQUEST -> PART -> LEAF
 *                  \---------\------> SKIPPED, for as long as skipped_depth is not 0
 */
enum place {
	IN_DOCUMENT,
	IN_REQUEST,
	IN_PART, /* a credentialsRequest */
	IN_LEAF,
};

enum leaf { LEAF_IDENTITY, LEAF_LOCATION, LEAF_DURATION, LEAF_COUNT };

static const struct {
	const char *name;
	size_t text_max;
} leaves[LEAF_COUNT] = {
	[LEAF_IDENTITY] = {"identity", SERVICE_IDENTITY_MAX},
	[LEAF_LOCATION] = {"location", WORD_MAX},
	[LEAF_DURATION] = {"duration", WORD_MAX},
};

struct reading {
	XML_Parser parser;
	struct mras_request *request;
	enum mras_reason reason;
	bool is_stopped;
	enum place place;
	enum leaf leaf;
	bool has_leaf[LEAF_COUNT]; /* of the current part */
	struct text text;          /* of the current leaf */
	unsigned depth, skipped_depth;
	size_t markup_len;
	unsigned names;
};

const char *mras_reason_phrase(enum mras_reason reason)
{
	switch (reason) {
	case MRAS_OK:
		return "OK";
	case MRAS_MALFORMED:
		return "Request Malformed";
	case MRAS_TOO_LARGE:
		return "Request Too Large";
	case MRAS_NOT_SUPPORTED:
		return "Not Supported";
	case MRAS_VERSION_MISMATCH:
		return "Version Mismatch";
	case MRAS_FORBIDDEN:
		return "Forbidden";
	case MRAS_BUSY:
		return "Server Busy";
	case MRAS_TIME_OUT:
		return "Time Out";
	case MRAS_INTERNAL_ERROR:
		return "Internal Server Error";
	case MRAS_OTHER_FAILURE:
		break;
	}
	return "Other Failure";
}

void mras_request_free(struct mras_request *request)
{
	if (!request)
		return;
	for (size_t i = 0; i < request->count; i++) {
		free(request->requests[i].id);
		free(request->requests[i].identity);
	}
	free(request->requests);
	free(request->request_id);
	free(request->to);
	free(request->from);
	free(request);
}

static char *copy_of(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

/* Keep the first reason: nothing after it is read. */
static void stop(struct reading *reading, enum mras_reason reason)
{
	if (reading->is_stopped)
		return;
	reading->is_stopped = true;
	reading->reason = reason;
	XML_StopParser(reading->parser, XML_FALSE);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Trim white space at both ends, in place. */
static char *trimmed(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && is_space(text[len - 1]))
		text[--len] = '\0';
	while (is_space(*text))
		text++;
	return text;
}

/* Attributes have no namespace and any order; NULL if it is missing. */
static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes; attributes += 2) {
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	}
	return NULL;
}

/* At most MRAS_ID_MAX characters; expat has checked that it is UTF-8. */
static bool is_id(const char *text)
{
	size_t characters = 0;

	if (!text)
		return false;
	for (; *text; text++)
		characters += ((unsigned char)*text & 0xC0) != 0x80;
	return characters <= MRAS_ID_MAX;
}

/*
 * sip: or sips:, then something that may be a host, and no character that a URI cannot
 * have (RFC 3261 section 25.1). It is only ever sent back.
 */
static bool is_sip_uri(const char *text)
{
	const char *host;

	if (!text)
		return false;
	if (strncasecmp(text, "sip:", 4) == 0)
		host = text + 4;
	else if (strncasecmp(text, "sips:", 5) == 0)
		host = text + 5;
	else
		return false;
	for (const char *c = host; *c; c++) {
		if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{}|", *c))
			return false;
	}
	const char *at = strchr(host, '@');
	if (at == host)
		return false;
	if (at)
		host = at + 1;
	return *host != '\0' && !strchr(":;?@", *host);
}

/* major.minor; false if it has another form. *version 0: one that we do not speak. */
static bool read_version(const char *text, int *version)
{
	size_t major = 0;
	size_t minor = 0;

	if (!text)
		return false;
	while (is_digit(text[major]))
		major++;
	if (major == 0 || text[major] != '.')
		return false;
	while (is_digit(text[major + 1 + minor]))
		minor++;
	if (minor == 0 || text[major + 1 + minor] != '\0')
		return false;
	*version = 0;
	if (major == 1 && minor == 1 && text[0] >= '1' && text[0] <= '3' &&
	    text[2] == '0')
		*version = text[0] - '0';
	return true;
}

static void begin_request(struct reading *reading, const XML_Char **attributes)
{
	struct mras_request *request = calloc(1, sizeof(*request));
	const char *id = attribute(attributes, "requestID");
	const char *to = attribute(attributes, "to");
	const char *from = attribute(attributes, "from");
	const char *route = attribute(attributes, "route");

	assert(reading->place == IN_DOCUMENT);
	if (!request) {
		stop(reading, MRAS_INTERNAL_ERROR);
		return;
	}
	if (!is_id(id) || !is_sip_uri(to) || !is_sip_uri(from) ||
	    !read_version(attribute(attributes, "version"), &request->version)) {
		free(request);
		stop(reading, MRAS_MALFORMED);
		return;
	}
	request->request_id = copy_of(id);
	request->to = copy_of(to);
	request->from = copy_of(from);
	if (!request->request_id || !request->to || !request->from) {
		mras_request_free(request);
		stop(reading, MRAS_INTERNAL_ERROR);
		return;
	}
	reading->request = request;
	reading->place = IN_REQUEST;
	request->direct_ip = route && strcmp(route, "directip") == 0;
	/* Check the version first: another one may have other names for a route. */
	if (request->version == 0)
		stop(reading, MRAS_VERSION_MISMATCH);
	else if (route && !request->direct_ip && strcmp(route, "loadbalanced") != 0)
		stop(reading, MRAS_NOT_SUPPORTED);
}

static void begin_part(struct reading *reading, const XML_Char **attributes)
{
	struct mras_request *request = reading->request;
	const char *id = attribute(attributes, "credentialsRequestID");

	assert(request != NULL && request->count <= MRAS_REQUESTS_MAX);
	if (!is_id(id)) {
		stop(reading, MRAS_MALFORMED);
		return;
	}
	if (request->count == MRAS_REQUESTS_MAX) {
		stop(reading, MRAS_TOO_LARGE);
		return;
	}
	if (!request->requests)
		request->requests = calloc(MRAS_REQUESTS_MAX, sizeof(*request->requests));
	if (!request->requests) {
		stop(reading, MRAS_INTERNAL_ERROR);
		return;
	}
	struct mras_credentials_request *part = &request->requests[request->count];
	part->location = LOCATION_ANY;
	part->id = copy_of(id);
	if (!part->id) {
		stop(reading, MRAS_INTERNAL_ERROR);
		return;
	}
	request->count++;
	memset(reading->has_leaf, 0, sizeof(reading->has_leaf));
	reading->place = IN_PART;
}

static void begin_leaf(struct reading *reading, enum leaf leaf)
{
	assert(leaf < LEAF_COUNT);
	if (reading->has_leaf[leaf]) {
		stop(reading, MRAS_MALFORMED);
		return;
	}
	reading->has_leaf[leaf] = true;
	reading->leaf = leaf;
	reading->text.limit = leaves[leaf].text_max;
	reading->place = IN_LEAF;
}

static enum leaf leaf_of(const char *name)
{
	enum leaf leaf = LEAF_IDENTITY;

	while (leaf < LEAF_COUNT && strcmp(name, leaves[leaf].name) != 0)
		leaf++;
	return leaf;
}

/*
 * A known element of the namespace is accepted only where the schema has it. Unknown ones
 * are skipped with their content: a later version or another vendor added them.
 */
static void begin_named(struct reading *reading, const char *name,
			const XML_Char **attributes)
{
	enum leaf leaf = leaf_of(name);
	bool is_request = strcmp(name, "request") == 0;
	bool is_part = strcmp(name, "credentialsRequest") == 0;

	if (reading->place == IN_DOCUMENT && is_request)
		begin_request(reading, attributes);
	else if (reading->place == IN_REQUEST && is_part)
		begin_part(reading, attributes);
	else if (reading->place == IN_PART && leaf < LEAF_COUNT)
		begin_leaf(reading, leaf);
	else if (reading->place == IN_DOCUMENT || is_request || is_part ||
		 leaf < LEAF_COUNT)
		stop(reading, MRAS_MALFORMED);
	else
		reading->skipped_depth = 1;
}

static bool has_room_for_name(struct reading *reading)
{
	if (++reading->names > NAMES_MAX)
		stop(reading, MRAS_TOO_LARGE);
	return !reading->is_stopped;
}

static void XMLCALL on_namespace(void *user, const XML_Char *prefix, const XML_Char *uri)
{
	(void)prefix;
	(void)uri;
	has_room_for_name(user);
}

static void XMLCALL on_start(void *user, const XML_Char *name,
			     const XML_Char **attributes)
{
	static const char prefix[] = MRAS_NAMESPACE "\n";
	struct reading *reading = user;

	if (reading->is_stopped || !has_room_for_name(reading))
		return;
	reading->names += (unsigned)XML_GetSpecifiedAttributeCount(reading->parser) / 2;
	reading->markup_len += (size_t)XML_GetCurrentByteCount(reading->parser);
	if (++reading->depth > MRAS_DEPTH_MAX) {
		stop(reading, MRAS_MALFORMED);
		return;
	}
	if (reading->markup_len > MARKUP_MAX) {
		stop(reading, MRAS_TOO_LARGE);
		return;
	}
	if (reading->skipped_depth > 0) {
		reading->skipped_depth++;
		return;
	}
	if (reading->place == IN_LEAF) {
		stop(reading, MRAS_MALFORMED);
		return;
	}
	if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
		begin_named(reading, name + sizeof(prefix) - 1, attributes);
	else if (reading->place == IN_DOCUMENT)
		stop(reading, MRAS_MALFORMED);
	else
		reading->skipped_depth = 1;
}

/* A positive number of minutes; XML Schema allows a plus sign and leading zeros. */
static bool read_duration(const char *text, int64_t *minutes)
{
	if (*text == '+')
		text++;
	if (!is_digit(*text))
		return false;
	while (*text == '0')
		text++;
	*minutes = 0;
	for (size_t i = 0; is_digit(text[i]); i++) {
		if (!is_digit(text[i + 1]) && text[i + 1] != '\0')
			return false;
		*minutes = i < DURATION_DIGITS ? *minutes * 10 + (text[i] - '0')
					       : INT32_MAX;
	}
	return *minutes > 0;
}

static bool read_location(const char *text, enum service_location *location)
{
	if (strcmp(text, "intranet") == 0)
		*location = LOCATION_INTRANET;
	else if (strcmp(text, "internet") == 0)
		*location = LOCATION_INTERNET;
	else
		return false;
	return true;
}

static bool read_leaf(enum leaf leaf, const char *text,
		      struct mras_credentials_request *part, bool *out_of_memory)
{
	switch (leaf) {
	case LEAF_IDENTITY:
		part->identity = copy_of(text);
		*out_of_memory = !part->identity;
		return *text != '\0';
	case LEAF_LOCATION:
		return read_location(text, &part->location);
	case LEAF_DURATION:
		return read_duration(text, &part->duration_min);
	case LEAF_COUNT:
		break;
	}
	return false;
}

static void end_leaf(struct reading *reading)
{
	struct mras_request *request = reading->request;
	bool out_of_memory = false;
	size_t len;
	char *text = text_finish(&reading->text, &len);

	assert(request->count > 0 && reading->leaf < LEAF_COUNT);
	reading->place = IN_PART;
	if (!text) {
		stop(reading, MRAS_INTERNAL_ERROR);
		return;
	}
	if (!read_leaf(reading->leaf, trimmed(text),
		       &request->requests[request->count - 1], &out_of_memory))
		stop(reading, MRAS_MALFORMED);
	else if (out_of_memory)
		stop(reading, MRAS_INTERNAL_ERROR);
	free(text);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
	struct reading *reading = user;

	(void)name;
	if (reading->is_stopped)
		return;
	assert(reading->depth > reading->skipped_depth);
	reading->depth--;
	if (reading->skipped_depth > 0) {
		reading->skipped_depth--;
		return;
	}
	switch (reading->place) {
	case IN_LEAF:
		end_leaf(reading);
		break;
	case IN_PART:
		if (!reading->has_leaf[LEAF_IDENTITY])
			stop(reading, MRAS_MALFORMED);
		reading->place = IN_REQUEST;
		break;
	case IN_REQUEST:
		if (reading->request->count == 0)
			stop(reading, MRAS_MALFORMED);
		reading->place = IN_DOCUMENT;
		break;
	case IN_DOCUMENT:
		break;
	}
}

static void XMLCALL on_text(void *user, const XML_Char *data, int len)
{
	struct reading *reading = user;

	if (reading->is_stopped || reading->skipped_depth > 0)
		return;
	if (reading->place == IN_LEAF) {
		if ((size_t)len > reading->text.limit - reading->text.len)
			stop(reading, MRAS_MALFORMED);
		else
			text_add(&reading->text, data, (size_t)len);
		return;
	}
	for (int i = 0; i < len; i++) {
		if (!is_space(data[i])) {
			stop(reading, MRAS_MALFORMED);
			return;
		}
	}
}

static void XMLCALL on_doctype(void *user, const XML_Char *name,
			       const XML_Char *system_id, const XML_Char *public_id,
			       int has_internal_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal_subset;
	stop(user, MRAS_MALFORMED);
}

static void feed(struct reading *reading, struct slice body)
{
	XML_Index fed = 0;

	do {
		size_t len = body.len < PIECE_LEN ? body.len : PIECE_LEN;
		enum XML_Status status = XML_Parse(reading->parser,
						   (const char *)body.data, (int)len,
						   len == body.len);

		if (status != XML_STATUS_OK &&
		    XML_GetErrorCode(reading->parser) == XML_ERROR_NO_MEMORY)
			stop(reading, MRAS_INTERNAL_ERROR);
		else if (status != XML_STATUS_OK)
			stop(reading, MRAS_MALFORMED);
		if (reading->is_stopped)
			return;
		fed += (XML_Index)len;
		body = slice_skip(body, len);
		if (fed - XML_GetCurrentByteIndex(reading->parser) > TOKEN_MAX) {
			stop(reading, MRAS_MALFORMED);
			return;
		}
	} while (body.len > 0);
}

struct mras_request *mras_request_parse(struct slice body, enum mras_reason *reason)
{
	struct reading reading = {.reason = MRAS_OK};

	if (body.len > MRAS_BODY_MAX) {
		*reason = MRAS_TOO_LARGE;
		return NULL;
	}
	reading.parser = XML_ParserCreateNS(NULL, '\n');
	if (!reading.parser) {
		*reason = MRAS_INTERNAL_ERROR;
		return NULL;
	}
	XML_SetUserData(reading.parser, &reading);
	XML_SetElementHandler(reading.parser, on_start, on_end);
	XML_SetStartNamespaceDeclHandler(reading.parser, on_namespace);
	XML_SetCharacterDataHandler(reading.parser, on_text);
	XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
	feed(&reading, body);
	XML_ParserFree(reading.parser);
	text_free(&reading.text);
	assert(reading.reason != MRAS_OK || reading.request != NULL);

	*reason = reading.reason;
	if (reading.reason == MRAS_MALFORMED) {
		mras_request_free(reading.request);
		return NULL;
	}
	return reading.request;
}
