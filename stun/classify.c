/*
 * classify.c - see classify.h.
 */
#include "stun/classify.h"

#include <stdbool.h>
#include <string.h>

#include "stun/ms_msg.h"
#include "stun/registry.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A chain of comparisons, most frequent kinds first: this is on the packet path. */
enum datagram_kind datagram_classify(struct slice datagram)
{
	if (datagram.len == 0)
		return DATAGRAM_EMPTY;

	uint8_t first = datagram.data[0];
	if (first >= 64 && first <= 79)
		return DATAGRAM_CHANNEL_DATA;
	if (first <= 3)
		return DATAGRAM_STUN;
	if (first <= 15)
		return DATAGRAM_OTHER;
	if (first <= 19)
		return DATAGRAM_ZRTP;
	if (first <= 63)
		return DATAGRAM_DTLS;
	if (first >= 128 && first <= 191)
		return DATAGRAM_RTP;
	return DATAGRAM_QUIC;
}

bool datagram_is_ms_control(struct slice datagram)
{
	return ms_msg_begins(datagram);
}

/*
 * How the bytes so far compare with a constant: different, equal as far as they go, or equal to
 * all of it.
 */
enum match {
	MATCH_NO,
	MATCH_SO_FAR,
	MATCH_WHOLE,
};

static enum match match(struct slice bytes, const void *constant, size_t len)
{
	size_t seen = bytes.len < len ? bytes.len : len;

	if (seen > 0 && memcmp(bytes.data, constant, seen) != 0)
		return MATCH_NO;
	return seen < len ? MATCH_SO_FAR : MATCH_WHOLE;
}

/*
 * The client hello of Microsoft's pseudo-TLS up to its time stamp: a TLS 1.0 record of 45
 * bytes with a ClientHello of 41. No real client sends one that short: without extensions and
 * with one cipher suite no server would accept it.
 */
static const uint8_t pseudo_tls[] = {0x16, 0x03, 0x01, 0x00, 0x2d, 0x01,
				     0x00, 0x00, 0x29, 0x03, 0x01};

static enum stream_kind classify_hello(struct slice bytes)
{
	switch (match(bytes, pseudo_tls, sizeof(pseudo_tls))) {
	case MATCH_WHOLE:
		return STREAM_PSEUDO_TLS;
	case MATCH_SO_FAR:
		return STREAM_UNDECIDED;
	case MATCH_NO:
		break;
	}

	/* Handshake record, major version 3, any minor version and length, ClientHello. */
	if (bytes.len > 1 && bytes.data[1] != 0x03)
		return STREAM_OTHER;
	if (bytes.len < 6)
		return STREAM_UNDECIDED;
	return bytes.data[5] == 0x01 ? STREAM_TLS : STREAM_OTHER;
}

static bool length_is_whole(struct slice bytes)
{
	return bytes.len < 4 || bytes.data[3] % 4 == 0;
}

static enum match match_cookie(struct slice bytes)
{
	static const uint8_t cookie[] = {0x21, 0x12, 0xA4, 0x42};

	if (bytes.len <= 4)
		return MATCH_SO_FAR;
	return match(slice_skip(bytes, 4), cookie, sizeof(cookie));
}

/* A STUN header begins with type, length and cookie; eight bytes decide. */
static enum stream_kind classify_stun(struct slice bytes)
{
	enum match cookie = match_cookie(bytes);

	if (cookie == MATCH_NO || !length_is_whole(bytes))
		return STREAM_OTHER;
	return cookie == MATCH_WHOLE ? STREAM_STUN : STREAM_UNDECIDED;
}

/*
 * 02 00 and 03 00 begin a frame of MS-TURN, and also the STUN types of method 0x080. STUN has the
 * cookie in bytes 4 to 7. The first MS frame is a control message and has type and length there,
 * and 0x2112 is no type; its transaction id, which may look like the cookie, begins at byte 8.
 */
static enum stream_kind classify_ms_or_stun(struct slice bytes)
{
	if (bytes.len < 2)
		return STREAM_UNDECIDED;
	if (bytes.data[1] != 0x00)
		return classify_stun(bytes);
	/* The length proves nothing before the cookie: an MS frame may have any. */
	switch (match_cookie(bytes)) {
	case MATCH_NO:
		return STREAM_MS_FRAMED;
	case MATCH_SO_FAR:
		return STREAM_UNDECIDED;
	case MATCH_WHOLE:
		break;
	}
	return classify_stun(bytes);
}

/* "PRI" begins the preface of HTTP/2. */
static const char *const http_methods[] = {"GET ",    "HEAD ",    "POST ",    "PUT ",
					   "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ",
					   "PATCH ",  "PRI "};

static enum stream_kind classify_http(struct slice bytes)
{
	bool possible = false;

	for (size_t i = 0; i < ARRAY_LEN(http_methods); i++) {
		switch (match(bytes, http_methods[i], strlen(http_methods[i]))) {
		case MATCH_WHOLE:
			return STREAM_HTTP;
		case MATCH_SO_FAR:
			possible = true;
			break;
		case MATCH_NO:
			break;
		}
	}
	return possible ? STREAM_UNDECIDED : STREAM_OTHER;
}

static enum stream_kind classify_proxy(struct slice bytes)
{
	static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
					    0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
	bool binary = bytes.data[0] == signature[0];

	switch (match(bytes, binary ? (const void *)signature : "PROXY ",
		      binary ? sizeof(signature) : strlen("PROXY "))) {
	case MATCH_WHOLE:
		return STREAM_PROXY;
	case MATCH_SO_FAR:
		return STREAM_UNDECIDED;
	case MATCH_NO:
		break;
	}
	return STREAM_OTHER;
}

/* Methods of HTTP, or the line of the PROXY protocol. */
static enum stream_kind classify_p(struct slice bytes)
{
	enum stream_kind proxy = classify_proxy(bytes);

	return proxy == STREAM_PROXY   ? proxy
	       : proxy == STREAM_OTHER ? classify_http(bytes)
				       : STREAM_UNDECIDED;
}

static enum stream_kind classify(struct slice first_bytes)
{
	switch (first_bytes.data[0]) {
	case 0x00:
	case 0x01:
		return classify_stun(first_bytes);
	case 0x02:
	case 0x03:
		return classify_ms_or_stun(first_bytes);
	case 0x0D:
		return classify_proxy(first_bytes);
	case 0x16:
		return classify_hello(first_bytes);
	case 'P':
		return classify_p(first_bytes);
	default:
		return classify_http(first_bytes);
	}
}

enum stream_kind stream_classify(struct slice first_bytes)
{
	enum stream_kind kind = first_bytes.len > 0 ? classify(first_bytes)
						    : STREAM_UNDECIDED;

	assert(kind != STREAM_UNDECIDED || first_bytes.len < STREAM_CLASSIFY_MAX);
	return kind;
}

const char *datagram_kind_name(enum datagram_kind kind)
{
	static const char *const names[DATAGRAM_KIND_COUNT] = {
		[DATAGRAM_EMPTY] = "empty",
		[DATAGRAM_STUN] = "stun",
		[DATAGRAM_CHANNEL_DATA] = "channel-data",
		[DATAGRAM_DTLS] = "dtls",
		[DATAGRAM_ZRTP] = "zrtp",
		[DATAGRAM_RTP] = "rtp",
		[DATAGRAM_QUIC] = "quic",
		[DATAGRAM_OTHER] = "other",
	};

	assert(kind < DATAGRAM_KIND_COUNT);
	return names[kind];
}

const char *stream_kind_name(enum stream_kind kind)
{
	static const char *const names[STREAM_KIND_COUNT] = {
		[STREAM_UNDECIDED] = "undecided",
		[STREAM_STUN] = "stun",
		[STREAM_TLS] = "tls",
		[STREAM_PSEUDO_TLS] = "pseudo-tls",
		[STREAM_MS_FRAMED] = "ms-framed",
		[STREAM_PROXY] = "proxy",
		[STREAM_HTTP] = "http",
		[STREAM_OTHER] = "other",
	};

	assert(kind < STREAM_KIND_COUNT);
	return names[kind];
}
