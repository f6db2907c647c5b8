/*
 * token_keyfile.c - see token_keyfile.h.
 */
#include "auth/credential/token_keyfile.h"

#include <stdio.h>
#include <string.h>

#include "auth/credential/private_file.h"

struct token_keyring *token_keyfile_load(const char *path, char *error, size_t error_size)
{
	struct token_keyring *ring;
	struct keyring_error refused;
	size_t len;
	char *text = private_file_read(
		path, "file of token keys",
		"create it with a line 'kid base64-key A256GCM' for each key", &len,
		error, error_size);

	if (text == NULL)
		return NULL;
	ring = token_keyring_parse(text, len, &refused);
	private_file_release(text);
	if (ring == NULL && refused.line > 0)
		snprintf(error, error_size, "%s:%u: %s", path, refused.line,
			 refused.reason);
	else if (ring == NULL)
		snprintf(error, error_size, "%s: %s", path, refused.reason);
	return ring;
}
