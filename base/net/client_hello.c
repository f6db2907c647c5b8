/*
 * client_hello.c - see client_hello.h. RFC 8446 section 4.1.2, which TLS 1.2 shares.
 */
#include "base/net/client_hello.h"

#include <assert.h>
#include <string.h>

enum {
	RECORD_HEADER_LEN = 5,
	RECORD_HANDSHAKE = 22,
	RECORD_MAX = 16384,
	MESSAGE_HEADER_LEN = 4,
	MESSAGE_CLIENT_HELLO = 1,
	VERSION_AND_RANDOM_LEN = 2 + 32,
	SESSION_ID_MAX = 32,
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_ALPN = 16,
	NAME_TYPE_HOST = 0,
};

/* --- vectors ---------------------------------------------------------------------------------- */

/* Take a vector with a length of that many bytes, 1 or 2. False if it is longer than rest. */
static bool vector_take(struct slice *rest, size_t length_len, struct slice *vector)
{
	if (rest->len < length_len)
		return false;
	size_t len = length_len == 1 ? rest->data[0] : load_be16(rest->data);
	if (rest->len - length_len < len)
		return false;
	*vector = (struct slice){rest->data + length_len, len};
	*rest = slice_skip(*rest, length_len + len);
	return true;
}

static bool number_take(struct slice *rest, uint16_t *number)
{
	if (rest->len < 2)
		return false;
	*number = load_be16(rest->data);
	*rest = slice_skip(*rest, 2);
	return true;
}

bool client_hello_alpn_next(struct slice *alpn, struct slice *name)
{
	return vector_take(alpn, 1, name);
}

/* --- extensions ------------------------------------------------------------------------------- */

/* The first name of a host; the only one, because no other type was ever defined. */
static bool read_server_name(struct slice extension, struct slice *server_name)
{
	struct slice list, name;

	if (!vector_take(&extension, 2, &list) || extension.len > 0 || list.len == 0)
		return false;
	while (list.len > 0) {
		uint8_t type = list.data[0];

		list = slice_skip(list, 1);
		if (!vector_take(&list, 2, &name) || name.len == 0)
			return false;
		if (type == NAME_TYPE_HOST && server_name->len == 0)
			*server_name = name;
	}
	return true;
}

static bool read_alpn(struct slice extension, struct slice *alpn)
{
	struct slice list, rest, name;

	if (!vector_take(&extension, 2, &list) || extension.len > 0 || list.len == 0)
		return false;
	for (rest = list; rest.len > 0;) {
		if (!client_hello_alpn_next(&rest, &name) || name.len == 0)
			return false;
	}
	*alpn = list;
	return true;
}

static bool read_extensions(struct slice extensions, struct client_hello *hello)
{
	struct slice extension;
	uint16_t type;

	while (extensions.len > 0) {
		if (!number_take(&extensions, &type) ||
		    !vector_take(&extensions, 2, &extension))
			return false;
		/* Twice is not allowed, and would be read one way here and another there. */
		if (type == EXTENSION_SERVER_NAME &&
		    (hello->server_name.len > 0 ||
		     !read_server_name(extension, &hello->server_name)))
			return false;
		if (type == EXTENSION_ALPN &&
		    (hello->alpn.len > 0 || !read_alpn(extension, &hello->alpn)))
			return false;
	}
	return true;
}

/* body: of the message, behind its header. */
static bool read_body(struct slice body, struct client_hello *hello)
{
	struct slice session_id, suites, compressions, extensions;

	*hello = (struct client_hello){0};
	if (body.len < VERSION_AND_RANDOM_LEN)
		return false;
	body = slice_skip(body, VERSION_AND_RANDOM_LEN);
	if (!vector_take(&body, 1, &session_id) || session_id.len > SESSION_ID_MAX ||
	    !vector_take(&body, 2, &suites) || suites.len == 0 || suites.len % 2 != 0 ||
	    !vector_take(&body, 1, &compressions) || compressions.len == 0)
		return false;
	if (body.len == 0)
		return true; /* without extensions */
	return vector_take(&body, 2, &extensions) && body.len == 0 &&
	       read_extensions(extensions, hello);
}

/* --- records ---------------------------------------------------------------------------------- */

/* What is known of the message after some of its bytes. */
struct message {
	uint8_t *bytes;
	size_t len; /* so far */
};

/* Of the whole message with its header; 0: not known yet. */
static size_t message_len(const struct message *message)
{
	const uint8_t *bytes = message->bytes;

	if (message->len < MESSAGE_HEADER_LEN)
		return 0;
	return MESSAGE_HEADER_LEN + ((size_t)bytes[1] << 16 | load_be16(bytes + 2));
}

static bool message_can_be_hello(const struct message *message)
{
	return (message->len == 0 || message->bytes[0] == MESSAGE_CLIENT_HELLO) &&
	       message_len(message) <= CLIENT_HELLO_MAX;
}

/* Is that the header of a record that may be part of a hello? As far as it is there. */
static bool record_can_be(struct slice rest)
{
	if (rest.len > 0 && rest.data[0] != RECORD_HANDSHAKE)
		return false;
	if (rest.len > 1 && rest.data[1] != 3)
		return false;
	if (rest.len < RECORD_HEADER_LEN)
		return true;
	size_t len = load_be16(rest.data + 3);
	return len > 0 && len <= RECORD_MAX;
}

static enum client_hello_verdict more(size_t at_least, size_t *needed)
{
	*needed = at_least;
	return at_least <= CLIENT_HELLO_MAX ? CLIENT_HELLO_MORE : CLIENT_HELLO_UNKNOWN;
}

enum client_hello_verdict client_hello_read(struct slice bytes,
					    uint8_t scratch[CLIENT_HELLO_MAX],
					    struct client_hello *hello, size_t *needed)
{
	struct message message = {.bytes = scratch};
	struct slice rest = bytes;

	if (rest.len > CLIENT_HELLO_MAX)
		rest.len = CLIENT_HELLO_MAX;
	for (;;) {
		size_t at = (size_t)(rest.data - bytes.data);

		if (!record_can_be(rest))
			return CLIENT_HELLO_UNKNOWN;
		if (rest.len < RECORD_HEADER_LEN)
			return more(at + RECORD_HEADER_LEN, needed);
		size_t len = load_be16(rest.data + 3);
		rest = slice_skip(rest, RECORD_HEADER_LEN);
		size_t here = len < rest.len ? len : rest.len;

		/* No more than there are bytes to look at, so it fits. */
		assert(message.len + here <= CLIENT_HELLO_MAX);
		memcpy(message.bytes + message.len, rest.data, here);
		message.len += here;
		if (!message_can_be_hello(&message))
			return CLIENT_HELLO_UNKNOWN;
		size_t whole = message_len(&message);
		if (whole != 0 && message.len >= whole)
			return read_body(
				       (struct slice){message.bytes + MESSAGE_HEADER_LEN,
						      whole - MESSAGE_HEADER_LEN},
				       hello)
				       ? CLIENT_HELLO_COMPLETE
				       : CLIENT_HELLO_UNKNOWN;
		if (here < len) {
			/* The message, if it ends in this record, or all of the record. */
			size_t wanted = whole != 0 ? whole : MESSAGE_HEADER_LEN;
			size_t missing = len - here;
			if (wanted - message.len < missing)
				missing = wanted - message.len;
			return more(at + RECORD_HEADER_LEN + here + missing, needed);
		}
		rest = slice_skip(rest, here);
	}
}
