/*
 * tickets.c - see tickets.h.
 */
#include "relay/front/tickets.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { NAME_LEN = 16, KEY_LEN = 32, KEYS = 2 };

struct ticket_key {
	int64_t made_s; /* 0: there is none */
	unsigned char name[NAME_LEN];
	unsigned char cipher[KEY_LEN], mac[KEY_LEN];
};

struct tickets {
	pthread_mutex_t lock;
	struct ticket_key keys[KEYS]; /* the one that is given out, and the one before */
};

static bool make_key(struct ticket_key *key, int64_t now_s)
{
	key->made_s = now_s;
	return RAND_bytes(key->name, NAME_LEN) == 1 &&
	       RAND_priv_bytes(key->cipher, KEY_LEN) == 1 &&
	       RAND_priv_bytes(key->mac, KEY_LEN) == 1;
}

struct tickets *tickets_new(int64_t now_s)
{
	struct tickets *tickets = calloc(1, sizeof(*tickets));

	if (tickets == NULL)
		return NULL;
	if (!make_key(&tickets->keys[0], now_s)) {
		free(tickets);
		return NULL;
	}
	pthread_mutex_init(&tickets->lock, NULL);
	return tickets;
}

void tickets_free(struct tickets *tickets)
{
	if (tickets == NULL)
		return;
	pthread_mutex_destroy(&tickets->lock);
	OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
	free(tickets);
}

/* Without random bytes the old key serves on. With the lock. */
static void renew(struct tickets *tickets, int64_t now_s)
{
	struct ticket_key *now = &tickets->keys[0], *before = &tickets->keys[1], fresh;

	assert(now->made_s != 0);
	if (now_s - now->made_s >= TICKETS_KEY_S && make_key(&fresh, now_s)) {
		*before = *now;
		*now = fresh;
		OPENSSL_cleanse(&fresh, sizeof(fresh));
	}
	if (before->made_s != 0 && now_s - before->made_s >= 2 * TICKETS_KEY_S)
		OPENSSL_cleanse(before, sizeof(*before));
}

void tickets_renew(struct tickets *tickets, int64_t now_s)
{
	pthread_mutex_lock(&tickets->lock);
	renew(tickets, now_s);
	pthread_mutex_unlock(&tickets->lock);
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, KEY_LEN),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(struct ticket_key *key, unsigned char *name, unsigned char *iv,
		EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	memcpy(name, key->name, NAME_LEN);
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1 &&
	    set_mac(mac, key))
		return 1;
	return -1;
}

/* 0: no key of ours, so the handshake is a full one; 2: with a new ticket. */
static int open_with(struct ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, bool is_newest)
{
	if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) != 1 ||
	    !set_mac(mac, key))
		return -1;
	return is_newest ? 1 : 2;
}

/* The return values are those of SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv,
		   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	struct tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	int result = 0;

	pthread_mutex_lock(&tickets->lock);
	renew(tickets, time(NULL));
	if (sealing)
		result = seal(&tickets->keys[0], name, iv, cipher, mac);
	for (int i = 0; i < KEYS && !sealing && result == 0; i++) {
		struct ticket_key *key = &tickets->keys[i];

		if (key->made_s != 0 && memcmp(key->name, name, NAME_LEN) == 0)
			result = open_with(key, iv, cipher, mac, i == 0);
	}
	pthread_mutex_unlock(&tickets->lock);
	return result;
}

void tickets_enable(struct tickets *tickets, SSL_CTX *ctx)
{
	static const unsigned char context[] = "avedge";

	SSL_CTX_set_app_data(ctx, tickets);
	SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_timeout(ctx, TICKETS_KEY_S);
	SSL_CTX_set_session_id_context(ctx, context, sizeof(context) - 1);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_key);
}
