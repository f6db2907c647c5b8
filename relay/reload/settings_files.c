/*
 * settings_files.c - see settings_files.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RELOAD
#include "relay/reload/settings_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/credential/keyfile.h"
#include "base/daemon.h"
#include "base/log.h"
#include "relay/core/revoked_users.h"
#include "relay/front/tls.h"
#include "relay/reload/revoked_file.h"

/* The sentence begins with the file that it is about. */
static void blame_tls(const struct config *config, char *error, size_t error_size)
{
	const char *key_file = config->tls.private_key;

	if (strncmp(error, key_file, strlen(key_file)) == 0)
		config_blame(config, config->lines.private_key, "tls.private_key", error,
			     error_size);
	else
		config_blame(config, config->lines.certificate, "tls.certificate", error,
			     error_size);
}

/* See settings_files.h: an expired certificate is served, but never changed to. */
static bool accept_expiry(SSL_CTX *tls, const struct config *config,
			  const struct settings_files *in_force, char *error,
			  size_t error_size)
{
	if (tls_context_expires(tls) > time(NULL))
		return true;
	if (in_force != NULL && !tls_context_same(tls, in_force->tls)) {
		snprintf(error, error_size, "%s: the certificate has expired; renew it",
			 config->tls.certificate);
		return false;
	}
	log_warning(
		"%s: the certificate has expired; TLS clients will refuse it; renew it",
		config->tls.certificate);
	return true;
}

/* What is wrong with a keyring is said for everybody who reads one; what to do is ours. */
static void add_remedy(char *error, size_t error_size)
{
	size_t len = strlen(error);

	if (len > 0 && error[len - 1] == '.')
		len--;
	snprintf(error + len, error_size - len,
		 "; correct it, or make a keyring with 'avedgectl key new'");
}

static bool read_keys(struct settings_files *files, const struct config *config,
		      char *error, size_t error_size)
{
	files->keyring = keyfile_load(config->keys, error, error_size);
	if (files->keyring == NULL) {
		if (strchr(error, ';') == NULL && strstr(error, "avedgectl") == NULL)
			add_remedy(error, error_size);
		config_blame(config, config->lines.keys, "keys", error, error_size);
		return false;
	}
	daemon_tell_copy(config->keys);
	return true;
}

static bool read_revoked(struct settings_files *files, const struct config *config,
			 char *error, size_t error_size)
{
	if (config->revoked_users == NULL)
		return true;
	files->revoked = revoked_file_load(config->revoked_users, error, error_size);
	if (files->revoked == NULL)
		config_blame(config, config->lines.revoked_users, "revoked_users", error,
			     error_size);
	return files->revoked != NULL;
}

static bool read_tls(struct settings_files *files, const struct config *config,
		     const struct settings_files *in_force, char *error,
		     size_t error_size)
{
	if (config->tls.certificate == NULL)
		return true;
	files->tls = tls_context_new(config->tls.certificate, config->tls.private_key,
				     error, error_size);
	if (files->tls != NULL &&
	    accept_expiry(files->tls, config, in_force, error, error_size))
		return true;
	blame_tls(config, error, error_size);
	return false;
}

struct settings_files *settings_files_read(const struct config *config,
					   const struct settings_files *in_force,
					   char *error, size_t error_size)
{
	struct settings_files *files = calloc(1, sizeof(*files));

	if (files == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	files->references = 1;
	if (read_keys(files, config, error, error_size) &&
	    read_revoked(files, config, error, error_size) &&
	    read_tls(files, config, in_force, error, error_size))
		return files;
	settings_files_unref(files);
	return NULL;
}

struct settings_files *settings_files_ref(struct settings_files *files)
{
	__atomic_add_fetch(&files->references, 1, __ATOMIC_RELAXED);
	return files;
}

void settings_files_unref(struct settings_files *files)
{
	if (files == NULL ||
	    __atomic_sub_fetch(&files->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	keyring_free(files->keyring);
	revoked_users_free(files->revoked);
	SSL_CTX_free(files->tls);
	free(files);
}
