/*
 * probe_tls.c - the connection of mras-probe to mrasd.
 *
 * In TLS 1.3 a client finishes before the server verifies its certificate: a refusal shows at the
 * first read, as an alert.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/tls_error.h"
#include "tools/client/client_server.h"
#include "tools/client/clock.h"
#include "tools/probe/probe.h"

enum {
	RESPONSE_MAX = 1 << 20,
	ALERT_BASE = 1000, /* OpenSSL's reasons for alerts begin here */
	NAMES_SIZE = 400,
	SUBJECT_SIZE = 200,
};

struct probe_tls {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	bool heard; /* mrasd has answered: it accepted our certificate */
};

static double ms_since(uint64_t start_ns)
{
	return (double)(clock_monotonic_ns() - start_ns) / 1e6;
}

/* --- certificates ---------------------------------------------------------------------------- */

static void names_of(X509 *certificate, char *buf, size_t size)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	snprintf(buf, size, "none");
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < size; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		used += (size_t)snprintf(
			buf + used, size - used, "%s%.*s", used ? ", " : "",
			ASN1_STRING_length(name->d.dNSName),
			(const char *)ASN1_STRING_get0_data(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
}

static int days_left(const X509 *certificate)
{
	int days = 0, seconds = 0;

	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
	return seconds < 0 && days == 0 ? -1 : days;
}

static void show_certificate(struct probe_report *report, const char *what,
			     X509 *certificate, bool with_names)
{
	char subject[SUBJECT_SIZE], names[NAMES_SIZE] = "";

	X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof(subject));
	if (with_names)
		names_of(certificate, names, sizeof(names));
	probe_note(report, "certificate", "%s %s%s%s, %d days left", what, subject,
		   with_names ? ", names " : "", names, days_left(certificate));
}

static void show_certificates(const struct probe_tls *tls, struct probe_report *report)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);
	X509 *ours = SSL_get_certificate(tls->ssl);

	for (int i = 0; i < sk_X509_num(chain); i++)
		show_certificate(report, i == 0 ? "mrasd's:" : "  issued by:",
				 sk_X509_value(chain, i), i == 0);
	if (ours != NULL)
		show_certificate(report, "ours:", ours, true);
}

/* --- connecting ------------------------------------------------------------------------------ */

static int connect_to(const struct addrinfo *address)
{
	static const struct timeval limit = {.tv_sec = PROBE_TIMEOUT_S};
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC,
			address->ai_protocol);

	if (fd < 0)
		return -1;
	/* Both limit the connect and the handshake, too. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;

	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static const char *connect_advice(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "mrasd is not running there, or listens on another address or port; see "
		       "'addresses' and 'port' in mrasd.conf";
	case EINPROGRESS:
	case ETIMEDOUT:
		return "a firewall drops it, or that is not an inside address of the edge";
	default:
		return "no route to that address; check routing";
	}
}

static int open_socket(const struct probe_options *options, struct probe_report *report)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	uint64_t start = clock_monotonic_ns();
	int fd = -1, failed = getaddrinfo(options->host, options->port, &hints, &list);
	char name[NI_MAXHOST];

	if (failed != 0) {
		probe_fail(report, "connect", "use the name or address of mrasd",
			   "%s: %s", options->host, gai_strerror(failed));
		return -1;
	}
	for (const struct addrinfo *i = list; i != NULL && fd < 0; i = i->ai_next) {
		fd = connect_to(i);
		if (fd >= 0 && getnameinfo(i->ai_addr, i->ai_addrlen, name, sizeof(name),
					   NULL, 0, NI_NUMERICHOST) == 0)
			probe_ok(report, "connect", "%s port %s, %.1f ms", name,
				 options->port, ms_since(start));
	}
	if (fd < 0)
		probe_fail(report, "connect", connect_advice(errno), "%s port %s: %s",
			   options->host, options->port,
			   errno == EINPROGRESS ? "timeout" : strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* --- the handshake --------------------------------------------------------------------------- */

/* What the alert of a refusal means here. */
static const char *alert_advice(int reason)
{
	switch (reason - ALERT_BASE) {
	case 116: /* certificate_required */
		return "mrasd requires a certificate; use --cert and --key";
	case SSL_AD_UNKNOWN_CA:
		return "mrasd does not trust the CA of our certificate; add it to tls.ca in "
		       "mrasd.conf, or use another certificate";
	case SSL_AD_CERTIFICATE_EXPIRED:
		return "our certificate has expired, or the clock is wrong; renew it";
	case SSL_AD_CERTIFICATE_REVOKED:
		return "our certificate is revoked; use another";
	case SSL_AD_HANDSHAKE_FAILURE:
		return "our certificate names no trusted server, or we connect from outside its "
		       "networks; add server \"NAME\" { } to mrasd.conf with one of our names "
		       "above";
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
		return "our certificate cannot be used for this; see the log of mrasd";
	case SSL_AD_PROTOCOL_VERSION:
		return "mrasd supports TLS 1.2 and 1.3";
	default:
		return "see the log of mrasd";
	}
}

/* step: where it shows. With TLS 1.3 mrasd checks our certificate when we are done. */
static bool handshake_failed(const struct probe_tls *tls, const char *step,
			     struct probe_report *report)
{
	int reason = ERR_GET_REASON(ERR_peek_error());

	if (ERR_peek_error() == 0)
		return probe_fail(report, step, "is that mrasd? If so, see its log", "%s",
				  errno == EAGAIN ? "timeout"
						  : "the connection was closed");
	if (tls->ssl != NULL && SSL_get_certificate(tls->ssl) == NULL &&
	    reason == ALERT_BASE + SSL_AD_HANDSHAKE_FAILURE)
		reason = ALERT_BASE + 116;
	return probe_fail(report, step, alert_advice(reason), "%s", tls_error_reason());
}

static bool load(struct probe_tls *tls, const struct probe_options *options,
		 struct probe_report *report)
{
	tls->ctx = client_server_tls(options->ca);
	if (tls->ctx == NULL)
		return probe_fail(report, "certificate",
				  "use a readable PEM file for --ca", "%s: %s",
				  options->ca != NULL ? options->ca : "system CAs",
				  tls_error_reason());
	if (options->certificate != NULL &&
	    SSL_CTX_use_certificate_chain_file(tls->ctx, options->certificate) != 1)
		return probe_fail(report, "certificate",
				  "use a readable PEM file for --cert", "%s: %s",
				  options->certificate, tls_error_reason());
	if (options->key != NULL &&
	    SSL_CTX_use_PrivateKey_file(tls->ctx, options->key, SSL_FILETYPE_PEM) != 1)
		return probe_fail(report, "certificate",
				  "use the PEM file of the certificate's key for --key",
				  "%s: %s", options->key, tls_error_reason());
	return true;
}

/* Their certificate is verified afterwards, so that a wrong one is shown, too. */
static bool shake_hands(struct probe_tls *tls, const struct probe_options *options,
			struct probe_report *report)
{
	uint64_t start = clock_monotonic_ns();

	tls->ssl = SSL_new(tls->ctx);
	assert(tls->fd >= 0);
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, tls->fd) != 1)
		return handshake_failed(tls, "handshake", report);

	X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
	SSL_set_verify(tls->ssl, SSL_VERIFY_NONE, NULL);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, options->name) != 1) {
		X509_VERIFY_PARAM_set1_host(param, options->name, 0);
		SSL_set_tlsext_host_name(tls->ssl, options->name);
	}
	ERR_clear_error();
	if (SSL_connect(tls->ssl) != 1)
		return handshake_failed(tls, "handshake", report);
	probe_ok(report, "handshake", "%s, %s, %.1f ms", SSL_get_version(tls->ssl),
		 SSL_get_cipher_name(tls->ssl), ms_since(start));
	show_certificates(tls, report);

	long result = SSL_get_verify_result(tls->ssl);
	if (result == X509_V_OK)
		return true;
	return probe_fail(report, "certificate",
			  result == X509_V_ERR_HOSTNAME_MISMATCH ||
					  result == X509_V_ERR_IP_ADDRESS_MISMATCH
				  ? "give a name that it has with --name, or reissue it"
			  : options->ca == NULL
				  ? "give mrasd's CA with --ca"
				  : "check that --ca is the CA of mrasd's certificate",
			  "mrasd's is not valid for %s: %s", options->name,
			  X509_verify_cert_error_string(result));
}

enum probe_reached probe_tls_open(const struct probe_options *options,
				  struct probe_report *report, struct probe_tls **out)
{
	struct probe_tls *tls = calloc(1, sizeof(*tls));

	*out = tls;
	if (tls == NULL) {
		probe_fail(report, "connect", "free memory", "out of memory");
		return PROBE_REFUSED;
	}
	tls->fd = -1;
	if (!load(tls, options, report))
		return PROBE_REFUSED;
	tls->fd = open_socket(options, report);
	if (tls->fd < 0)
		return PROBE_UNREACHABLE;
	return shake_hands(tls, options, report) ? PROBE_CONNECTED : PROBE_REFUSED;
}

void probe_tls_close(struct probe_tls *tls)
{
	if (tls == NULL)
		return;
	if (tls->ssl != NULL && SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->ctx);
	if (tls->fd >= 0)
		close(tls->fd);
	free(tls);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* Length of the whole response, or 0 until its headers are complete. */
static size_t response_len(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *line = text;
	size_t body_len = 0;

	if (end == NULL)
		return 0;
	while ((line = strstr(line, "\r\n")) != NULL && line < end) {
		line += 2;
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			body_len = strtoul(line + 15, NULL, 10);
			break;
		}
	}
	/* The sum must not wrap: what is too long stays so. */
	return (size_t)(end + 4 - text) +
	       (body_len < RESPONSE_MAX ? body_len : RESPONSE_MAX);
}

static bool no_response(struct probe_tls *tls, struct probe_report *report, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	if (error == SSL_ERROR_SSL && !tls->heard)
		return handshake_failed(tls, "access", report);
	return probe_fail(report, "answer", "see the log of mrasd", "%s",
			  error == SSL_ERROR_WANT_READ ||
					  (error == SSL_ERROR_SYSCALL && errno == EAGAIN)
				  ? "timeout"
				  : "the connection was closed");
}

bool probe_tls_ask(struct probe_tls *tls, struct probe_report *report,
		   const char *request, size_t len, struct probe_response *response)
{
	size_t used = 0, wanted = 0;
	int n = 0;

	*response = (struct probe_response){.text = calloc(1, RESPONSE_MAX + 1)};
	if (response->text == NULL)
		return probe_fail(report, "request", "free memory", "out of memory");
	ERR_clear_error();
	errno = 0;
	if (SSL_write(tls->ssl, request, (int)len) <= 0)
		return no_response(tls, report, -1);
	while ((wanted == 0 || used < wanted) && used < RESPONSE_MAX) {
		n = SSL_read(tls->ssl, response->text + used, (int)(RESPONSE_MAX - used));
		if (n <= 0)
			return no_response(tls, report, n);
		tls->heard = true;
		used += (size_t)n;
		assert(used <= RESPONSE_MAX);
		response->text[used] = '\0';
		wanted = response_len(response->text);
	}

	const char *end = strstr(response->text, "\r\n\r\n");
	if (end == NULL || used < wanted ||
	    sscanf(response->text, "%*[^ ] %d", &response->status) != 1)
		return probe_fail(report, "answer", "is that mrasd?",
				  "malformed response");
	response->body = end + 4;
	assert(wanted >= (size_t)(response->body - response->text));
	response->body_len = wanted - (size_t)(response->body - response->text);
	return true;
}
