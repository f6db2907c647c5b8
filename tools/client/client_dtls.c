/*
 * client_dtls.c - see client_dtls.h. OpenSSL reads one datagram at a time from a BIO of ours, and
 * writes to it one datagram at a time.
 */
#include "tools/client/client_dtls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/bio.h>
#include <openssl/err.h>

#include "tools/client/client_tls.h"

enum {
	MTU = 1200,    /* of a flight's datagrams; RFC 8656 section 15 suggests no less */
	OVERHEAD = 48, /* IPv6 and UDP headers */
};

struct client_dtls {
	SSL *ssl;
	BIO_METHOD *method;
	struct client_dtls_events events;
	struct event retransmit;
	struct slice arrived; /* the datagram being read; empty: it was */
	int output_error;     /* of the last output(); 0: it went out */
	bool connected, ended;
};

/* --- the BIO ------------------------------------------------------------------------------ */

static int bio_read(BIO *bio, char *out, int size)
{
	struct client_dtls *dtls = BIO_get_data(bio);
	size_t len = dtls->arrived.len;

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len > (size_t)size) /* as a socket does; the record is then invalid */
		len = (size_t)size;
	memcpy(out, dtls->arrived.data, len);
	dtls->arrived.len = 0;
	return (int)len;
}

/* A datagram that does not go out is lost, which DTLS survives: OpenSSL need not repeat it. */
static int bio_write(BIO *bio, const char *data, int len)
{
	struct client_dtls *dtls = BIO_get_data(bio);
	struct slice datagram = {(const uint8_t *)data, (size_t)len};

	BIO_clear_retry_flags(bio);
	dtls->output_error = dtls->events.output(dtls->events.arg, datagram) ? 0 : errno;
	return len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return OVERHEAD;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return MTU;
	default:
		return 0;
	}
}

static bool set_bio(struct client_dtls *dtls)
{
	BIO *bio;

	dtls->method =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
	if (dtls->method == NULL || BIO_meth_set_read(dtls->method, bio_read) != 1 ||
	    BIO_meth_set_write(dtls->method, bio_write) != 1 ||
	    BIO_meth_set_ctrl(dtls->method, bio_control) != 1)
		return false;
	bio = BIO_new(dtls->method);
	if (bio == NULL)
		return false;
	BIO_set_data(bio, dtls);
	BIO_set_init(bio, 1);
	SSL_set_bio(dtls->ssl, bio, bio);
	return true;
}

/* --- what happens ------------------------------------------------------------------------- */

static void lose(struct client_dtls *dtls, const char *what)
{
	if (dtls->ended)
		return;
	dtls->ended = true;
	event_del(&dtls->retransmit);
	dtls->events.lost(dtls->events.arg, what);
}

/* result: of an SSL_ function. True: it only waits for more. */
static bool only_waits(struct client_dtls *dtls, int result)
{
	char what[200];

	switch (SSL_get_error(dtls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return true;
	case SSL_ERROR_ZERO_RETURN:
		lose(dtls, "DTLS: the server closed the association");
		return false;
	default:
		client_tls_describe(dtls->ssl, "DTLS", ERR_peek_error(),
				    dtls->output_error, what, sizeof(what));
		lose(dtls, what);
		return false;
	}
}

static void arm(struct client_dtls *dtls)
{
	struct timeval wait;

	if (dtls->ended || DTLSv1_get_timeout(dtls->ssl, &wait) != 1)
		event_del(&dtls->retransmit);
	else
		event_add(&dtls->retransmit, &wait);
}

static void shake_hands(struct client_dtls *dtls)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(dtls->ssl);
	if (result == 1) {
		dtls->connected = true;
		dtls->events.connected(dtls->events.arg);
	} else {
		only_waits(dtls, result);
	}
	arm(dtls);
}

static void retransmit_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client_dtls *dtls = arg;

	ERR_clear_error();
	if (DTLSv1_handle_timeout(dtls->ssl) < 0)
		lose(dtls, "DTLS: no answer from the server");
	arm(dtls);
}

/* --- all of it ---------------------------------------------------------------------------- */

struct client_dtls *client_dtls_new(struct event_base *base, SSL_CTX *context,
				    const char *name,
				    const struct client_dtls_events *events)
{
	static const uint8_t alpn[] = "\x09stun.turn";
	struct client_dtls *dtls = calloc(1, sizeof(*dtls));

	if (dtls == NULL)
		return NULL;
	dtls->events = *events;
	event_assign(&dtls->retransmit, base, -1, 0, retransmit_due, dtls);
	dtls->ssl = client_tls_new(context, name);
	if (dtls->ssl == NULL || !set_bio(dtls) ||
	    SSL_set_alpn_protos(dtls->ssl, alpn, sizeof(alpn) - 1) != 0) {
		client_dtls_free(dtls);
		errno = ENOMEM;
		return NULL;
	}
	SSL_set_options(dtls->ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION);
	SSL_set_mtu(dtls->ssl, MTU);
	SSL_set_connect_state(dtls->ssl);
	shake_hands(dtls);
	return dtls;
}

void client_dtls_free(struct client_dtls *dtls)
{
	if (dtls == NULL)
		return;
	event_del(&dtls->retransmit);
	if (dtls->connected && !dtls->ended)
		SSL_shutdown(dtls->ssl);
	ERR_clear_error();
	SSL_free(dtls->ssl);
	BIO_meth_free(dtls->method);
	free(dtls);
}

bool client_dtls_is_connected(const struct client_dtls *dtls)
{
	return dtls->connected;
}

void client_dtls_receive(struct client_dtls *dtls, struct slice datagram,
			 uint64_t arrived_ns)
{
	uint8_t message[CLIENT_DTLS_MAX];
	int len;

	if (dtls->ended)
		return;
	dtls->arrived = datagram;
	if (!dtls->connected)
		shake_hands(dtls);
	if (!dtls->connected || dtls->ended)
		return;
	ERR_clear_error();
	while ((len = SSL_read(dtls->ssl, message, sizeof(message))) > 0) {
		struct slice content = {message, (size_t)len};

		dtls->events.message(dtls->events.arg, content, arrived_ns);
	}
	only_waits(dtls, len);
}

bool client_dtls_send(struct client_dtls *dtls, struct slice message)
{
	assert(dtls->connected);
	if (dtls->ended) {
		errno = ENOTCONN;
		return false;
	}
	if (message.len > CLIENT_DTLS_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	ERR_clear_error();
	dtls->output_error = 0;
	if (SSL_write(dtls->ssl, message.data, (int)message.len) <= 0) {
		errno = EIO;
		return false;
	}
	errno = dtls->output_error;
	return errno == 0;
}
