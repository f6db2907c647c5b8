/*
 * mras_files.c - see mras_files.h.
 */
#include "auth/server/mras_files.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/credential/timestamp.h"
#include "base/tls_server.h"

enum { SERIAL_SIZE = 48 };

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm;

	return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : INT64_MAX;
}

static void add_until(struct mras_file_facts *facts)
{
	size_t len = strlen(facts->about);
	char time[TIMESTAMP_SIZE];

	if (timestamp_format(facts->expires_s, time))
		snprintf(facts->about + len, sizeof(facts->about) - len, "; until %s",
			 time);
}

/*
 * The keys sign one after the other without a gap, as far as that can be said beforehand: the
 * end is where no key is valid that is valid then or before.
 */
static int64_t last_signature(const struct keyring *keyring, int64_t now_s)
{
	int64_t end_s = now_s;
	bool later = true;

	while (later) {
		later = false;
		for (size_t i = 0; i < keyring->count; i++) {
			const struct key *key = &keyring->keys[i];

			if (key->not_before_s > end_s || key->not_after_s <= end_s)
				continue;
			end_s = key->not_after_s;
			later = true;
		}
	}
	return end_s;
}

static void describe_keys(const struct keyring *keyring, int64_t now_s,
			  struct mras_file_facts *facts)
{
	size_t len = 0;

	assert(keyring->count > 0); /* an empty keyring is refused */
	facts->count = keyring->count;
	facts->expires_s = last_signature(keyring, now_s);
	for (size_t i = 0; i < keyring->count && len < sizeof(facts->about); i++)
		len += (size_t)snprintf(facts->about + len, sizeof(facts->about) - len,
					"%s%s", i == 0 ? "" : ", ", keyring->keys[i].id);
	add_until(facts);
}

static void describe_certificate(SSL_CTX *tls, struct mras_file_facts *facts)
{
	const X509 *certificate = SSL_CTX_get0_certificate(tls);
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	char hex[SERIAL_SIZE] = "";

	assert(certificate != NULL && serial != NULL);
	for (int i = 0; i < serial->length && i < (SERIAL_SIZE - 1) / 2; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02X", serial->data[i]);
	facts->count = 1;
	facts->expires_s = tls_server_expires(tls);
	snprintf(facts->about, sizeof(facts->about), "serial %s", hex);
	add_until(facts);
}

static void count_in(struct mras_file_facts *facts, int64_t expires_s)
{
	facts->count++;
	if (expires_s < facts->expires_s)
		facts->expires_s = expires_s;
}

static void describe_trust(SSL_CTX *tls, struct mras_file_facts *ca,
			   struct mras_file_facts *crl)
{
	const STACK_OF(X509_OBJECT) *objects =
		X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls));

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		const X509 *certificate = X509_OBJECT_get0_X509(object);
		X509_CRL *list = X509_OBJECT_get0_X509_CRL(object);

		if (certificate != NULL)
			count_in(ca, seconds_of(X509_get0_notAfter(certificate)));
		else if (list != NULL)
			count_in(crl, seconds_of(X509_CRL_get0_nextUpdate(list)));
	}
	snprintf(ca->about, sizeof(ca->about), "%zu certificate%s", ca->count,
		 ca->count == 1 ? "" : "s");
	add_until(ca);
	if (crl->count == 0)
		return;
	snprintf(crl->about, sizeof(crl->about), "%zu list%s", crl->count,
		 crl->count == 1 ? "" : "s");
	add_until(crl);
}

void mras_files_describe(const struct mras_config *config, const struct keyring *keyring,
			 SSL_CTX *tls, int64_t now_s,
			 struct mras_file_facts facts[MRAS_FILE_COUNT])
{
	memset(facts, 0, MRAS_FILE_COUNT * sizeof(*facts));
	for (int id = 0; id < MRAS_FILE_COUNT; id++) {
		facts[id].expires_s = INT64_MAX;
		snprintf(facts[id].about, sizeof(facts[id].about), "none");
	}
	describe_keys(keyring, now_s, &facts[MRAS_FILE_KEYS]);
	describe_certificate(tls, &facts[MRAS_FILE_CERTIFICATE]);
	describe_trust(tls, &facts[MRAS_FILE_CA], &facts[MRAS_FILE_CRL]);
	facts[MRAS_FILE_PRIVATE_KEY].count = 1;
	facts[MRAS_FILE_PRIVATE_KEY].expires_s = facts[MRAS_FILE_CERTIFICATE].expires_s;
	snprintf(facts[MRAS_FILE_PRIVATE_KEY].about, MRAS_FILE_ABOUT_SIZE, "that of %s",
		 config->tls.certificate);
}
