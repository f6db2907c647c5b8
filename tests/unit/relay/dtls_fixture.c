/*
 * dtls_fixture.c - see dtls_fixture.h.
 */
#include "tests/unit/relay/dtls_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "relay/core/quota.h"
#include "relay/front/tickets.h"
#include "relay/front/tls.h"

/* --- the certificate ------------------------------------------------------------------------- */

/* So that the flight that it is in does not fit into one datagram. */
static bool add_comment(X509 *certificate)
{
	char text[1001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	X509_EXTENSION *comment =
		X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, text);
	bool added = comment != NULL && X509_add_ext(certificate, comment, -1) == 1;

	X509_EXTENSION_free(comment);
	return added;
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name;

	if (certificate == NULL)
		return NULL;
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"relay.test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	if (!add_comment(certificate))
		return NULL;
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static SSL_CTX *make_tls(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key != NULL ? make_certificate(key) : NULL;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (certificate != NULL && ctx != NULL) {
		SSL_CTX_use_certificate(ctx, certificate);
		SSL_CTX_use_PrivateKey(ctx, key);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
	return ctx;
}

/* --- the relay ------------------------------------------------------------------------------- */

static void path_send(void *self, uint16_t front, const struct endpoint *client,
		      struct slice datagram)
{
	struct dtls_fixture *fixture = self;
	struct dtls_datagram *to = &fixture->datagrams[fixture->count];

	if (front != FRONT_DTLS || datagram.len > DTLS_DATAGRAM_MAX)
		abort();
	fixture->sent++;
	fixture->sent_bytes += datagram.len;
	if (datagram.len > fixture->longest)
		fixture->longest = datagram.len;
	if (fixture->count == DTLS_DATAGRAMS)
		return;
	to->to = *client;
	to->len = datagram.len;
	memcpy(to->bytes, datagram.data, datagram.len);
	fixture->count++;
}

static void path_relay(void *self, uint16_t front, const struct endpoint *client,
		       struct slice datagram, struct dtls_header header)
{
	(void)header;
	path_send(self, front, client, datagram);
}

static void path_flush(void *self)
{
	struct dtls_fixture *fixture = self;

	dtls_flushed(fixture->dtls);
}

static void path_hand_over(void *self, const struct five_tuple *tuple,
			   struct slice message, struct dtls_header header,
			   const struct dispatch *dispatch)
{
	struct dtls_fixture *fixture = self;

	(void)tuple;
	(void)message;
	(void)header;
	(void)dispatch;
	fixture->handed_over++;
}

static void to_peer(void *self, const struct forward *forward)
{
	struct dtls_fixture *fixture = self;

	fixture->peers++;
	fixture->to_peer = *forward;
	if (forward->payload.len <= sizeof(fixture->payload))
		memcpy(fixture->payload, forward->payload.data, forward->payload.len);
	fixture->to_peer.payload.data = fixture->payload;
}

static void expire(void *self)
{
	struct dtls_fixture *fixture = self;

	dispatch_expire(&fixture->core.turn, fixture->loop.now_ms);
}

bool dtls_fixture_start(struct dtls_fixture *fixture)
{
	const struct dtls_path path = {
		.self = fixture,
		.send = path_send,
		.relay = path_relay,
		.flush = path_flush,
		.hand_over = path_hand_over,
	};

	memset(fixture, 0, sizeof(*fixture));
	if (!fixture_start(&fixture->core, NULL) || !loop_init(&fixture->loop))
		return false;
	fixture->core.fronts[FRONT_DTLS] = fixture->core.fronts[FRONT_DTLS_PLAIN];
	fixture->core.fronts[FRONT_DTLS].transport = TRANSPORT_DTLS;
	fixture->core.shared.half_open = quota_new(1024, 0);
	fixture->loop.now_ms = fixture->core.now_ms;
	fixture->loop.unix_s = fixture->core.unix_s;
	fixture->tls = make_tls();
	fixture->settings.dtls = tls_context_dtls(fixture->tls);
	fixture->tickets = tickets_new(time(NULL));
	if (fixture->settings.dtls != NULL && fixture->tickets != NULL)
		tickets_enable(fixture->tickets, fixture->settings.dtls);
	fixture->settings.stream = (struct relay_stream_limits){
		.connections = 100,
		.unauthenticated = 100,
		.unauthenticated_per_prefix = 100,
		.greeting_ms = 30000,
		.greeting_min_ms = 5000,
		.authentication_ms = 60000,
		.authentication_min_ms = 10000,
		.frame_ms = 10000,
		.idle_ms = 300000,
		.send_queue = 1 << 20,
	};
	fixture->delivery = (struct delivery){
		.loop = &fixture->loop,
		.turn = &fixture->core.turn,
		.settings = &fixture->settings,
		.trace = &fixture->trace,
		.reply = fixture->reply,
		.self = fixture,
		.to_peer = to_peer,
		.expire = expire,
	};
	fixture->dtls = dtls_new(&fixture->delivery, &path);
	return fixture->dtls != NULL && fixture->settings.dtls != NULL &&
	       fixture->core.shared.half_open != NULL;
}

void dtls_fixture_stop(struct dtls_fixture *fixture)
{
	dtls_free(fixture->dtls);
	loop_release(&fixture->loop);
	fixture_stop(&fixture->core);
	SSL_CTX_free(fixture->settings.dtls);
	SSL_CTX_free(fixture->tls);
	tickets_free(fixture->tickets);
}

void dtls_fixture_wait(struct dtls_fixture *fixture, uint64_t ms)
{
	fixture->core.now_ms += ms;
	fixture->loop.now_ms = fixture->core.now_ms;
	fixture->loop.unix_s += (int64_t)(ms / 1000);
	fixture->core.unix_s = fixture->loop.unix_s;
	dtls_look(fixture->dtls);
}

void dtls_fixture_receive(struct dtls_fixture *fixture, const struct endpoint *client,
			  const uint8_t *bytes, size_t len)
{
	const struct five_tuple tuple = {*client, FRONT_DTLS};
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, len);
	dtls_receive(fixture->dtls, &tuple, copy, len, (struct dtls_header){0, 0});
	free(copy);
}

uint64_t dtls_fixture_drops(const struct dtls_fixture *fixture, enum drop_reason reason)
{
	return fixture->core.turn.counters.drops[reason];
}

uint64_t dtls_fixture_ends(const struct dtls_fixture *fixture, enum connection_end why)
{
	return fixture->core.turn.counters.connections_ended[why];
}

/* --- a client -------------------------------------------------------------------------------- */

bool dtls_peer_init(struct dtls_peer *peer, struct dtls_fixture *fixture,
		    const char *address, const char *alpn, int version)
{
	memset(peer, 0, sizeof(*peer));
	peer->fixture = fixture;
	peer->address = ep(address);
	peer->ctx = SSL_CTX_new(DTLS_client_method());
	if (peer->ctx == NULL)
		return false;
	SSL_CTX_set_security_level(peer->ctx, 0);
	SSL_CTX_set_min_proto_version(peer->ctx, DTLS1_VERSION);
	SSL_CTX_set_max_proto_version(peer->ctx, version);
	peer->ssl = SSL_new(peer->ctx);
	peer->in = BIO_new(BIO_s_mem());
	peer->out = BIO_new(BIO_s_mem());
	if (peer->ssl == NULL || peer->in == NULL || peer->out == NULL)
		return false;
	BIO_set_mem_eof_return(peer->in, -1);
	BIO_set_mem_eof_return(peer->out, -1);
	SSL_set_bio(peer->ssl, peer->in, peer->out);
	SSL_set_options(peer->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(peer->ssl, 1200);
	if (alpn != NULL)
		SSL_set_alpn_protos(peer->ssl, (const unsigned char *)alpn,
				    (unsigned)strlen(alpn));
	SSL_set_connect_state(peer->ssl);
	return true;
}

void dtls_peer_free(struct dtls_peer *peer)
{
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->ctx);
}

bool dtls_peer_flush(struct dtls_peer *peer)
{
	char *bytes;
	long len = BIO_get_mem_data(peer->out, &bytes);

	if (len <= 0)
		return false;
	dtls_fixture_receive(peer->fixture, &peer->address, (const uint8_t *)bytes,
			     (size_t)len);
	(void)BIO_reset(peer->out);
	return true;
}

void dtls_peer_take(struct dtls_peer *peer)
{
	struct dtls_fixture *fixture = peer->fixture;
	unsigned kept = 0;

	for (unsigned i = 0; i < fixture->count; i++) {
		struct dtls_datagram *datagram = &fixture->datagrams[i];

		if (endpoint_equal(&datagram->to, &peer->address)) {
			if (datagram->len > peer->longest)
				peer->longest = datagram->len;
			BIO_write(peer->in, datagram->bytes, (int)datagram->len);
		} else if (kept++ != i) {
			fixture->datagrams[kept - 1] = *datagram;
		}
	}
	fixture->count = kept;
}

bool dtls_peer_step(struct dtls_peer *peer)
{
	int done = SSL_do_handshake(peer->ssl);

	dtls_peer_flush(peer);
	dtls_peer_take(peer);
	return done == 1;
}

bool dtls_peer_connect(struct dtls_peer *peer)
{
	for (int i = 0; i < 10; i++) {
		if (dtls_peer_step(peer))
			return true;
	}
	return false;
}

void dtls_peer_send(struct dtls_peer *peer, const void *message, size_t len)
{
	if (SSL_write(peer->ssl, message, (int)len) != (int)len)
		abort();
	dtls_peer_flush(peer);
	dtls_peer_take(peer);
}

size_t dtls_peer_receive(struct dtls_peer *peer, uint8_t *message, size_t size)
{
	dtls_peer_take(peer);
	int len = SSL_read(peer->ssl, message, (int)size);
	return len > 0 ? (size_t)len : 0;
}
