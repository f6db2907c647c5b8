/*
 * tls_remarks.c - see tls_remarks.h.
 */
#include "base/config/tls_remarks.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

enum {
	SOON_S = 30 * 86400,
	NAME_SIZE = 128,
	TIME_SIZE = 32,
};

/* --- dates ----------------------------------------------------------------------------------- */

/* Unix seconds; other if it cannot be read. */
static int64_t seconds_of(const ASN1_TIME *time, int64_t other)
{
	struct tm tm;

	return time && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : other;
}

static const char *time_text(int64_t unix_s, char text[TIME_SIZE])
{
	time_t seconds = (time_t)unix_s;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, TIME_SIZE, "an unknown time");
	return text;
}

static const char *subject_of(const X509 *certificate, char text[NAME_SIZE])
{
	X509_NAME_oneline(X509_get_subject_name(certificate), text, NAME_SIZE);
	return text;
}

/* Something in the file of a field that is valid for a time. */
struct dated {
	char *const *field;
	const char *what; /* after the path: "", " (CA /CN=x)" */
	const char *fate, *remedy;
	int64_t from_s, until_s;
};

static void check_dates(struct config *config, const struct dated *dated, int64_t now_s)
{
	int64_t left_s = dated->until_s - now_s;
	int64_t soon_s = (dated->until_s - dated->from_s) / 3;
	char time[TIME_SIZE];

	if (soon_s > SOON_S)
		soon_s = SOON_S;
	if (dated->from_s > now_s)
		config_warn(config, dated->field,
			    "%s%s is not valid before %s; check the clock of this host, "
			    "or wait",
			    *dated->field, dated->what, time_text(dated->from_s, time));
	else if (left_s <= 0)
		config_warn(config, dated->field, "%s%s expired at %s, so %s; %s",
			    *dated->field, dated->what, time_text(dated->until_s, time),
			    dated->fate, dated->remedy);
	else if (left_s < soon_s)
		config_warn(config, dated->field, "%s%s expires at %s; %s", *dated->field,
			    dated->what, time_text(dated->until_s, time), dated->remedy);
}

static void check_certificate_dates(struct config *config, struct dated *dated,
				    const X509 *certificate, int64_t now_s)
{
	dated->from_s = seconds_of(X509_get0_notBefore(certificate), now_s);
	dated->until_s = seconds_of(X509_get0_notAfter(certificate), INT64_MAX);
	check_dates(config, dated, now_s);
}

/* --- the certificate of a server ------------------------------------------------------------- */

static GENERAL_NAMES *names_of(SSL_CTX *tls)
{
	return X509_get_ext_d2i(SSL_CTX_get0_certificate(tls), NID_subject_alt_name, NULL,
				NULL);
}

static void check_chain(struct config *config, char *const *field, SSL_CTX *tls,
			int64_t now_s)
{
	STACK_OF(X509) *chain = NULL;
	char subject[NAME_SIZE], what[NAME_SIZE + 16];

	SSL_CTX_get0_chain_certs(tls, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *certificate = sk_X509_value(chain, i);
		struct dated dated = {field,
				      what,
				      "clients refuse it",
				      "replace it by the CA's new one",
				      0,
				      0};

		snprintf(what, sizeof(what), " (%s of its chain)",
			 subject_of(certificate, subject));
		check_certificate_dates(config, &dated, certificate, now_s);
	}
}

void tls_remarks_certificate(struct config *config, char *const *field, SSL_CTX *tls,
			     int64_t now_s)
{
	const X509 *certificate = SSL_CTX_get0_certificate(tls);
	struct dated dated = {field, "", "clients refuse it", "renew it", 0, 0};
	GENERAL_NAMES *names;

	assert(*field && certificate);
	check_certificate_dates(config, &dated, certificate, now_s);
	check_chain(config, field, tls, now_s);
	names = names_of(tls);
	if (sk_GENERAL_NAME_num(names) <= 0)
		config_warn(
			config, field,
			"%s has no subjectAltName, so clients that check names refuse "
			"it; order one with the name that they connect to",
			*field);
	GENERAL_NAMES_free(names);
}

/* Does the list have that address? *any: it has some address. */
static bool has_address(const GENERAL_NAMES *names, const struct ip_addr *ip, bool *any)
{
	int len = ip->family == IP_V4 ? 4 : 16;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_IPADD)
			continue;
		*any = true;
		if (ASN1_STRING_length(name->d.iPAddress) == len &&
		    memcmp(ASN1_STRING_get0_data(name->d.iPAddress), ip->bytes,
			   (size_t)len) == 0)
			return true;
	}
	return false;
}

void tls_remarks_addresses(struct config *config, char *const *field, SSL_CTX *tls,
			   const struct ip_addr *list, size_t count)
{
	GENERAL_NAMES *names = names_of(tls);
	char text[ENDPOINT_TEXT_LEN];
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!has_address(names, &list[i], &any) && any)
			config_warn(
				config, field,
				"%s names other addresses, but not %s; order one that "
				"names it, or let clients connect by a name in it",
				*field, ip_addr_format(&list[i], text, sizeof(text)));
	}
	GENERAL_NAMES_free(names);
}

/* --- whom it trusts -------------------------------------------------------------------------- */

void tls_remarks_trust(struct config *config, char *const *ca, char *const *crl,
		       SSL_CTX *tls, int64_t now_s)
{
	const STACK_OF(X509_OBJECT) *objects =
		X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls));
	char subject[NAME_SIZE], what[NAME_SIZE + 16];

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		const X509 *certificate = X509_OBJECT_get0_X509(object);
		X509_CRL *list = X509_OBJECT_get0_X509_CRL(object);

		if (certificate) {
			struct dated dated = {ca,
					      what,
					      "servers that it signed are refused",
					      "replace it by the CA's new one",
					      0,
					      0};

			snprintf(what, sizeof(what), " (%s)",
				 subject_of(certificate, subject));
			check_certificate_dates(config, &dated, certificate, now_s);
		} else if (list && *crl) {
			const struct dated dated = {
				crl,
				" (a revocation list)",
				"servers of its CA are refused",
				"fetch the next one",
				seconds_of(X509_CRL_get0_lastUpdate(list), now_s),
				seconds_of(X509_CRL_get0_nextUpdate(list), INT64_MAX)};

			check_dates(config, &dated, now_s);
		}
	}
}
