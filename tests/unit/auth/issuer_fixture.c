/*
 * issuer_fixture.c - mrasd without sockets, in a directory of its own.
 */
#include "tests/unit/auth/issuer_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/server/mras_connections.h"

#define MUST(claim)                                                      \
	do {                                                             \
		if (!(claim)) {                                          \
			fprintf(stderr, "issuer_fixture: %s\n", #claim); \
			abort();                                         \
		}                                                        \
	} while (0)

const char *issuer_fixture_path(const struct issuer_fixture *fixture, const char *name)
{
	static char path[FIXTURE_PATH_SIZE];

	MUST(snprintf(path, sizeof(path), "%s/%s", fixture->directory, name) <
	     (int)sizeof(path));
	return path;
}

static FILE *create(const struct issuer_fixture *fixture, const char *name)
{
	FILE *file = fopen(issuer_fixture_path(fixture, name), "w");

	MUST(file != NULL && fchmod(fileno(file), 0640) == 0);
	return file;
}

void issuer_fixture_write(const struct issuer_fixture *fixture, const char *name,
			  const char *text)
{
	FILE *file = create(fixture, name);

	MUST(fputs(text, file) >= 0);
	MUST(fclose(file) == 0);
}

void issuer_fixture_configure(const struct issuer_fixture *fixture, const char *more)
{
	FILE *file = create(fixture, "mrasd.conf");
	const char *directory = fixture->directory;

	fprintf(file,
		"addresses = {10.0.0.5}\n"
		"keys = \"%s/keys\"\n"
		"tls { certificate = \"%s/cert.pem\" private_key = \"%s/key.pem\"\n"
		"      ca = \"%s/cert.pem\" }\n"
		"server fe01.lab.example { }\n"
		"server web01.lab.example { identities = {\"@lab.example\"} }\n"
		"relay { location = outside host = av1.lab.example }\n"
		"relay { location = outside host = av2.lab.example address = 192.0.2.2 }\n"
		"relay { location = inside host = edge-in.lab.example address = 10.0.0.5 }\n"
		"%s",
		directory, directory, directory, directory, more);
	MUST(fclose(file) == 0);
}

void issuer_fixture_certify(const struct issuer_fixture *fixture, long lasts_s)
{
	static long serial;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	FILE *file;

	MUST(key != NULL && certificate != NULL);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), lasts_s);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)"lab", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	MUST(X509_sign(certificate, key, EVP_sha256()) > 0);

	file = create(fixture, "cert.pem");
	MUST(PEM_write_X509(file, certificate) == 1 && fclose(file) == 0);
	file = create(fixture, "key.pem");
	MUST(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	     fclose(file) == 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void issuer_fixture_revoke(const struct issuer_fixture *fixture, long lasts_s)
{
	FILE *file = fopen(issuer_fixture_path(fixture, "cert.pem"), "r");
	MUST(file != NULL);
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);

	file = fopen(issuer_fixture_path(fixture, "key.pem"), "r");
	MUST(file != NULL);
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);

	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -60);
	ASN1_TIME *to = X509_gmtime_adj(NULL, lasts_s);

	MUST(certificate != NULL && key != NULL && list != NULL && from && to);
	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate));
	X509_CRL_set1_lastUpdate(list, from);
	X509_CRL_set1_nextUpdate(list, to);
	MUST(X509_CRL_sign(list, key, EVP_sha256()) > 0);
	file = create(fixture, "crl.pem");
	MUST(PEM_write_X509_CRL(file, list) == 1 && fclose(file) == 0);

	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(list);
	EVP_PKEY_free(key);
	X509_free(certificate);
}

void issuer_fixture_make(struct issuer_fixture *fixture, const char *more)
{
	char error[512];

	*fixture = (struct issuer_fixture){.directory = P_tmpdir "/avedge-issuer-XXXXXX"};
	MUST(mkdtemp(fixture->directory) != NULL);
	issuer_fixture_write(fixture, "keys",
			     "one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
	issuer_fixture_certify(fixture, 86400);
	issuer_fixture_configure(fixture, more);

	struct config *config = config_load(&mras_config_schema,
					    issuer_fixture_path(fixture, "mrasd.conf"),
					    error, sizeof(error));

	issuer_begin(&fixture->issuer);
	fixture->issuer.memory = service_memory_new();
	fixture->issuer.connections = mras_connections_new();
	if (config != NULL)
		fixture->mras_reload =
			mras_reload_new(&fixture->issuer, config, error, sizeof(error));
	if (fixture->mras_reload == NULL) {
		fprintf(stderr, "issuer_fixture: %s\n", error);
		abort();
	}
	fixture->reload = mras_reload_engine(fixture->mras_reload);
	fixture->control =
		(struct issuer_control){&fixture->issuer, fixture->reload, NULL};
}

void issuer_fixture_free(struct issuer_fixture *fixture)
{
	DIR *directory = opendir(fixture->directory);
	const struct dirent *entry;

	mras_connections_free(fixture->issuer.connections);
	mras_reload_free(fixture->mras_reload);
	service_memory_free(fixture->issuer.memory);
	MUST(directory != NULL);
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.')
			unlink(issuer_fixture_path(fixture, entry->d_name));
	}
	closedir(directory);
	MUST(rmdir(fixture->directory) == 0);
}
