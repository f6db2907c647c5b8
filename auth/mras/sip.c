/*
 * sip.c - the response to a SIP request.
 *
 * A stateless user agent server (RFC 3261 section 8.2.7): every answer is final and sent
 * at once, and the same request gets the same To tag. Faults that an XML answer can
 * express go there, in a 200: SIPE takes any SIP error to mean "never any credentials".
 */
#include "auth/mras/sip.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip_message.h"
#include "auth/mras/text.h"

#define MRAS_TYPE "application"
#define MRAS_SUBTYPE "msrtc-media-relay-auth+xml"
#define METHODS "SERVICE, OPTIONS"

enum { TAG_BYTES = 8 };

static void add_header(struct text *out, const char *name, struct slice value)
{
	if (!value.data)
		return;
	text_add_string(out, name);
	text_add_string(out, ": ");
	text_add_slice(out, value);
	text_add_string(out, "\r\n");
}

/* All headers of one name, each on a line of its own, as received. */
static void add_headers(struct text *out, const struct sip_head *head,
			enum sip_header_id id, const char *name)
{
	struct slice rest = head->headers;
	struct sip_header header;

	while (sip_header_next(&rest, &header)) {
		if (header.id == id)
			add_header(out, name, header.value);
	}
}

/* The tag of section 19.3, derived from what distinguishes requests. */
static void add_tag(struct text *out, const struct sip_message *message)
{
	const struct slice parts[] = {message->via, message->from, message->call_id,
				      message->cseq};
	uint8_t digest[EVP_MAX_MD_SIZE] = {0};
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool made = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; made && i < sizeof(parts) / sizeof(parts[0]); i++)
		made = EVP_DigestUpdate(md, parts[i].data, parts[i].len) == 1 &&
		       EVP_DigestUpdate(md, "\n", 1) == 1;
	if (!made || EVP_DigestFinal_ex(md, digest, NULL) != 1)
		out->failed = true;
	EVP_MD_CTX_free(md);
	text_add_string(out, ";tag=");
	for (size_t i = 0; i < TAG_BYTES; i++)
		text_format(out, "%02x", digest[i]);
}

/* Everything up to the answer's own headers. */
static void begin_response(struct text *out, const struct sip_message *message,
			   const char *status)
{
	text_add_string(out, "SIP/2.0 ");
	text_add_string(out, status);
	text_add_string(out, "\r\n");
	add_headers(out, &message->head, SIP_VIA, "Via");
	add_header(out, "From", message->from);
	if (message->to.data) {
		text_add_string(out, "To: ");
		text_add_slice(out, message->to);
		if (message->to_is_valid && !message->to_has_tag)
			add_tag(out, message);
		text_add_string(out, "\r\n");
	}
	add_header(out, "Call-ID", message->call_id);
	add_header(out, "CSeq", message->cseq);
	if (*status == '2')
		add_headers(out, &message->head, SIP_RECORD_ROUTE, "Record-Route");
	text_add_string(out, "Server: avedge\r\n");
}

static char *end_response(struct text *out, const char *body, size_t body_len,
			  size_t *len)
{
	if (body_len > 0)
		text_add_string(out, "Content-Type: " MRAS_TYPE "/" MRAS_SUBTYPE "\r\n");
	text_format(out, "Content-Length: %zu\r\n\r\n", body_len);
	text_add(out, body, body_len);
	return text_finish(out, len);
}

/* A response without a body; header: NULL or whole lines. */
static char *plain_response(const struct sip_message *message, const char *status,
			    const char *header, size_t *len)
{
	struct text out = {.limit = 0};

	begin_response(&out, message, status);
	if (header)
		text_add_string(&out, header);
	return end_response(&out, NULL, 0, len);
}

/* Section 8.2.2.3: we support no extension that can be required. */
static char *refuse_extensions(const struct sip_message *message, size_t *len)
{
	struct text out = {.limit = 0};

	begin_response(&out, message, "420 Bad Extension");
	add_headers(&out, &message->head, SIP_REQUIRE, "Unsupported");
	return end_response(&out, NULL, 0, len);
}

static bool has_header(const struct sip_message *message, enum sip_header_id id)
{
	struct slice value;
	size_t count;

	sip_header_only(&message->head, id, &value, &count);
	return count > 0;
}

static char *respond_service(const struct service *service, struct service_memory *memory,
			     const struct service_server *server,
			     const struct sip_message *message, uint64_t now_ms,
			     int64_t unix_s, size_t *len)
{
	struct text out = {.limit = 0};
	const char *refused = NULL;
	struct mras_request *request;
	enum mras_reason reason;
	char *body;
	char *response;
	size_t body_len;

	if (has_header(message, SIP_CONTENT_ENCODING))
		refused = "Accept-Encoding: identity\r\n";
	else if (!sip_message_is_of_type(message, MRAS_TYPE, MRAS_SUBTYPE))
		refused = "Accept: " MRAS_TYPE "/" MRAS_SUBTYPE "\r\n";
	if (refused) {
		service_not_understood(
			service, server,
			"415 Unsupported Media Type; SERVICE needs " MRAS_TYPE
			"/" MRAS_SUBTYPE);
		return plain_response(message, "415 Unsupported Media Type", refused,
				      len);
	}
	request = mras_request_parse(message->body, &reason);
	if (!service_admits(service, memory, server, now_ms))
		reason = MRAS_BUSY;
	body = mras_respond(service, memory, server, request, reason, now_ms, unix_s,
			    &body_len);
	assert(reason != MRAS_OK || request != NULL);
	mras_request_free(request);
	if (!body)
		return plain_response(message, "500 Server Internal Error", NULL, len);
	begin_response(&out, message, "200 OK");
	response = end_response(&out, body, body_len, len);
	OPENSSL_cleanse(body, body_len);
	free(body);
	return response;
}

char *sip_respond(const struct service *service, struct service_memory *memory,
		  const struct service_server *server, struct slice bytes,
		  uint64_t now_ms, int64_t unix_s, size_t *len, bool *close)
{
	struct sip_message message;

	*len = 0;
	*close = false;
	if (!sip_message_parse(bytes, &message)) {
		*close = true;
		return NULL;
	}
	*close = message.fault_is_in_start_line;
	if (message.is_response || message.method == SIP_METHOD_ACK)
		return NULL;
	if (message.fault)
		return plain_response(&message, message.fault, NULL, len);
	switch (message.method) {
	case SIP_METHOD_UNKNOWN:
		return plain_response(&message, "501 Not Implemented",
				      "Allow: " METHODS "\r\n", len);
	case SIP_METHOD_REFUSED:
	case SIP_METHOD_ACK:
		return plain_response(&message, "405 Method Not Allowed",
				      "Allow: " METHODS "\r\n", len);
	case SIP_METHOD_CANCEL:
		/* The transaction it cancels has already been answered (section 9.2). */
		return plain_response(&message, "481 Call/Transaction Does Not Exist",
				      NULL, len);
	case SIP_METHOD_OPTIONS:
	case SIP_METHOD_SERVICE:
		break;
	}
	if (has_header(&message, SIP_REQUIRE))
		return refuse_extensions(&message, len);
	if (message.method == SIP_METHOD_OPTIONS)
		return plain_response(&message, "200 OK",
				      "Allow: " METHODS "\r\n"
				      "Accept: " MRAS_TYPE "/" MRAS_SUBTYPE "\r\n",
				      len);
	return respond_service(service, memory, server, &message, now_ms, unix_s, len);
}

char *sip_refuse(enum sip_framing why, struct slice arrived, size_t *len)
{
	struct sip_message message;

	assert(why == SIP_BROKEN || why == SIP_TOO_LARGE);
	*len = 0;
	if (!sip_message_parse(arrived, &message) || message.is_response ||
	    message.method == SIP_METHOD_ACK)
		return NULL;
	return plain_response(&message,
			      why == SIP_TOO_LARGE ? "513 Message Too Large"
						   : "400 Bad Content-Length",
			      NULL, len);
}
