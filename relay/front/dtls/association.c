/*
 * association.c - see association.h. OpenSSL reads from and writes to a BIO of ours that holds one
 * record at most, so that nothing is copied on the way but by OpenSSL itself.
 */
#include "relay/front/dtls/association.h"

#include <assert.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "relay/front/tls.h"

enum {
	/* Of one message; a client sends no certificate, and RSA and DH keys are short. */
	MESSAGE_MAX = 4096,
	MESSAGES_MAX = 8,
	BYTES_MAX = 32 << 10, /* of a handshake, repeated flights included */
	EARLY_MAX = 8,
	REPEATS_MAX =
		3, /* of a flight, to a client that has shown no more than a cookie */
	IP_UDP_HEADERS = 48,
};

/* --- the BIO --------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *buf, int size)
{
	struct association *as = BIO_get_data(bio);
	size_t len = as->input.len;

	BIO_clear_retry_flags(bio);
	if (len == 0 || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len > (size_t)size)
		len = (size_t)size; /* as a socket cuts a datagram off */
	memcpy(buf, as->input.data, len);
	as->input.len = 0;
	return (int)len;
}

static int bio_write(BIO *bio, const char *buf, int len)
{
	struct association *as = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len > 0)
		as->output->send(as->output->self, as,
				 (struct slice){(const uint8_t *)buf, (size_t)len});
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return ASSOCIATION_MTU;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return IP_UDP_HEADERS;
	default:
		return 0;
	}
}

BIO_METHOD *association_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "association");

	if (method != NULL && BIO_meth_set_read(method, bio_read) == 1 &&
	    BIO_meth_set_write(method, bio_write) == 1 &&
	    BIO_meth_set_ctrl(method, bio_ctrl) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* Of a call before: SSL_get_error() would take them for one of its own. There are hardly ever any. */
static void forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* --- its life -------------------------------------------------------------------------------- */

static bool fail(struct association *as, enum connection_end why)
{
	as->why = why;
	return false;
}

static bool make_ssl(struct association *as, SSL_CTX *ctx, const BIO_METHOD *method)
{
	BIO *bio = BIO_new(method);

	as->ssl = SSL_new(ctx);
	if (bio == NULL || as->ssl == NULL) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, as);
	BIO_set_init(bio, 1);
	SSL_set_bio(as->ssl, bio, bio);
	SSL_set_accept_state(as->ssl);
	SSL_set_mtu(as->ssl, ASSOCIATION_MTU);
	as->has_buffers = true;
	return true;
}

/* What SSL_do_handshake() has come to. */
static enum association_result shake(struct association *as)
{
	struct tls_refusal refusal = {.why = CONNECTION_END_HANDSHAKE};

	forget_errors();
	tls_refusal_attach(as->ssl, &refusal);
	int done = SSL_do_handshake(as->ssl);
	int error = SSL_get_error(as->ssl, done);
	tls_refusal_attach(as->ssl, NULL);
	if (done != 1 && error == SSL_ERROR_WANT_READ)
		return ASSOCIATION_NOTHING;
	if (done != 1) {
		fail(as, tls_refusal_reason(&refusal));
		return ASSOCIATION_FAILED;
	}
	as->binding_only = tls_is_nat_discovery(as->ssl);
	as->state = ASSOCIATION_OPEN;
	return ASSOCIATION_OPENED;
}

bool association_begin(struct association *as, SSL_CTX *ctx, const BIO_METHOD *method,
		       const struct dtls_hello *hello, struct slice record,
		       uint64_t now_ms)
{
	BIO_ADDR *nobody;

	assert(as->ssl == NULL && as->output != NULL);
	as->state = ASSOCIATION_HANDSHAKE;
	as->began_ms = as->last_use_ms = as->last_record_ms = now_ms;
	memcpy(as->random, hello->random.data, sizeof(as->random));
	if (!make_ssl(as, ctx, method))
		return fail(as, CONNECTION_END_BROKEN);
	nobody = BIO_ADDR_new();
	if (nobody == NULL)
		return fail(as, CONNECTION_END_BROKEN);
	/* It continues from the second hello on, as if it had asked for the cookie itself. */
	as->input = record;
	forget_errors();
	int listened = DTLSv1_listen(as->ssl, nobody);
	BIO_ADDR_free(nobody);
	as->input.len = 0;
	if (listened != 1)
		return fail(as, CONNECTION_END_HANDSHAKE);
	return shake(as) != ASSOCIATION_FAILED;
}

void association_release(struct association *as)
{
	SSL_free(as->ssl);
	as->ssl = NULL;
}

/* --- records of the client ------------------------------------------------------------------- */

/* Messages in the clear: of a modest length and number. */
static bool is_modest(struct slice content)
{
	struct dtls_handshake message;

	while (content.len > 0) {
		if (!dtls_handshake_take(&content, &message) ||
		    message.len > MESSAGE_MAX || message.sequence > MESSAGES_MAX)
			return false;
	}
	return true;
}

/* May it go into a handshake? Data has to wait until the client has been heard. */
static bool fits_handshake(struct association *as, const struct dtls_record *record)
{
	switch (record->epoch) {
	case 0:
		return (record->type == DTLS_HANDSHAKE && is_modest(record->content)) ||
		       record->type == DTLS_CHANGE_CIPHER_SPEC ||
		       record->type == DTLS_ALERT;
	case 1:
		if (record->type != DTLS_HANDSHAKE || as->early == EARLY_MAX)
			return false;
		as->early++;
		return true;
	default:
		return false;
	}
}

static enum association_result take_handshake(struct association *as,
					      const struct dtls_record *record)
{
	as->handshake_bytes += (uint32_t)record->whole.len;
	if (as->handshake_bytes > BYTES_MAX) {
		fail(as, CONNECTION_END_HANDSHAKE);
		return ASSOCIATION_FAILED;
	}
	if (!fits_handshake(as, record))
		return ASSOCIATION_DROPPED;
	as->input = record->whole;
	enum association_result result = shake(as);
	as->input.len = 0;
	return result;
}

static enum association_result take_open(struct association *as,
					 const struct dtls_record *record, uint8_t *plain,
					 size_t *plain_len)
{
	/* Epoch 0 has ended: whatever claims to be of it is unprotected, or late. */
	if (record->epoch == 0)
		return ASSOCIATION_DROPPED;
	as->input = record->whole;
	forget_errors();
	int got = SSL_read(as->ssl, plain, (int)record->content.len);
	as->input.len = 0;
	if (got > 0) {
		*plain_len = (size_t)got;
		return ASSOCIATION_MESSAGE;
	}
	switch (SSL_get_error(as->ssl, got)) {
	case SSL_ERROR_WANT_READ:
		return record->type == DTLS_APPLICATION_DATA ? ASSOCIATION_DROPPED
							     : ASSOCIATION_NOTHING;
	case SSL_ERROR_ZERO_RETURN:
		return ASSOCIATION_CLOSED;
	default:
		fail(as, CONNECTION_END_BROKEN);
		return ASSOCIATION_FAILED;
	}
}

static bool make_buffers(struct association *as)
{
	if (!as->has_buffers)
		as->has_buffers = SSL_alloc_buffers(as->ssl) == 1;
	return as->has_buffers;
}

enum association_result association_take(struct association *as,
					 const struct dtls_record *record, uint8_t *plain,
					 size_t *plain_len)
{
	assert(as->ssl != NULL);
	if (!make_buffers(as) || record->content.len == 0)
		return ASSOCIATION_DROPPED;
	return as->state == ASSOCIATION_OPEN ? take_open(as, record, plain, plain_len)
					     : take_handshake(as, record);
}

/* --- towards the client ---------------------------------------------------------------------- */

bool association_send(struct association *as, struct slice message)
{
	assert(as->state == ASSOCIATION_OPEN && message.len > 0 &&
	       message.len <= ASSOCIATION_PLAIN_MAX);
	if (!make_buffers(as))
		return true; /* lost, as datagrams may be */
	forget_errors();
	as->failed = SSL_write(as->ssl, message.data, (int)message.len) <= 0;
	return !as->failed || fail(as, CONNECTION_END_BROKEN);
}

void association_close(struct association *as)
{
	if (as->ssl == NULL || as->state != ASSOCIATION_OPEN || !make_buffers(as))
		return;
	forget_errors();
	SSL_shutdown(as->ssl);
}

bool association_retransmit(struct association *as)
{
	assert(as->state == ASSOCIATION_HANDSHAKE);
	if (as->repeats == REPEATS_MAX)
		return true; /* the client repeats its own, until limits.greeting */
	forget_errors();
	long repeated = DTLSv1_handle_timeout(as->ssl);
	if (repeated > 0)
		as->repeats++;
	return repeated >= 0 || fail(as, CONNECTION_END_GREETING);
}

void association_rest(struct association *as)
{
	if (as->has_buffers && as->state == ASSOCIATION_OPEN)
		as->has_buffers = SSL_free_buffers(as->ssl) != 1;
}
