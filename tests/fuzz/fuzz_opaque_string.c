/*
 * fuzz_opaque_string.c - bytes become the name of a REST credential, or are refused.
 */
#include <string.h>

#include "auth/credential/credential.h"
#include "auth/credential/opaque_string.h"
#include "tests/fuzz/fuzz.h"

#define EXPIRES INT64_C(1767225600)

static const struct key *any_key(void)
{
	static struct key key = {.not_before_s = INT64_MIN,
				 .not_after_s = INT64_MAX,
				 .secret = "0123456789abcdef",
				 .secret_len = 16};

	return &key;
}

/* The relay reads from the issued name what was issued. */
static void issue(struct slice name)
{
	char want[CREDENTIAL_USER_MAX + 1], again[CREDENTIAL_USER_MAX + 1];
	struct credential_pair pair;
	struct credential cred;
	bool fits = name.len <= credential_rest_room(EXPIRES, NULL);

	FUZZ_CHECK(credential_issue_rest(any_key(), name, EXPIRES, NULL, &pair) == fits);
	if (!fits)
		return;
	FUZZ_CHECK(strlen(pair.username) <= CREDENTIAL_ISSUED_MAX);
	FUZZ_CHECK(credential_parse((struct slice){(const uint8_t *)pair.username,
						   strlen(pair.username)},
				    false, &cred) == CREDENTIAL_OK);
	credential_show_user(name, want);
	FUZZ_CHECK(cred.expires_s == EXPIRES && strcmp(cred.user, want) == 0);
	credential_read_user(want, again);
	FUZZ_CHECK(strcmp(again, want) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t name[600], again[600];
	struct opaque_string_error error;
	size_t len, again_len;
	char why[128];

	if (!opaque_string_enforce((struct slice){data, size}, name, sizeof(name), &len,
				   &error)) {
		FUZZ_CHECK(error.fault != OPAQUE_STRING_OK && len == 0);
		opaque_string_explain(&error, why, sizeof(why));
		FUZZ_CHECK(strlen(why) > 0);
		return 0;
	}
	FUZZ_CHECK(error.fault == OPAQUE_STRING_OK && len > 0 && len <= sizeof(name));
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(name[i] >= ' ' && name[i] != 0x7F);
	/* What has the profile stays as it is. */
	FUZZ_CHECK(opaque_string_enforce((struct slice){name, len}, again, sizeof(again),
					 &again_len, &error));
	FUZZ_CHECK(again_len == len && memcmp(again, name, len) == 0);
	issue((struct slice){name, len});
	return 0;
}
