/*
 * page.c - the document and its policy. The document contains its script and style; the policy
 * names them by their hashes, so that nothing else can run in it.
 */
#include "relay/ops/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "relay/ops/page_html.h"

enum { HASH_LEN = 32, HASH_TEXT = (HASH_LEN + 2) / 3 * 4 + 1, POLICY_MAX = 512 };

char *page_html(size_t *len)
{
	char *copy = malloc(page_html_len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, page_html_bytes, page_html_len);
	copy[page_html_len] = '\0';
	*len = page_html_len;
	return copy;
}

/* The hash of what stands between two tags, base64 (CSP level 3, section 2.3.1). */
static bool hash_between(const char *html, const char *from, const char *to,
			 char text[HASH_TEXT])
{
	unsigned char hash[HASH_LEN];
	const char *begin = strstr(html, from);
	const char *end = begin != NULL ? strstr(begin, to) : NULL;
	size_t len = 0;

	if (end == NULL)
		return false;
	begin += strlen(from);
	if (EVP_Q_digest(NULL, "SHA256", NULL, begin, (size_t)(end - begin), hash,
			 &len) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *)text, hash, HASH_LEN);
	return true;
}

char *page_policy(void)
{
	char script[HASH_TEXT], style[HASH_TEXT], policy[POLICY_MAX];
	size_t len;
	char *html = page_html(&len);
	bool found = html != NULL &&
		     hash_between(html, "<script>", "</script>", script) &&
		     hash_between(html, "<style>", "</style>", style);

	free(html);
	if (!found)
		return NULL;
	snprintf(
		policy, sizeof(policy),
		"default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
		"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'",
		script, style);
	return strdup(policy);
}
