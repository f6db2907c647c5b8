/*
 * identity.c - the user that a credential is for.
 */
#include "auth/mras/identity.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* Length of the UTF-8 sequence at the front (RFC 3629 section 4); 0: not UTF-8. */
static size_t utf8_sequence(struct slice text)
{
	static const struct {
		uint8_t first_min, first_max;
		uint8_t second_min, second_max;
		size_t len;
	} forms[] = {
		{0x20, 0x7E, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2},
		{0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
		{0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
		{0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4},
		{0xF4, 0xF4, 0x80, 0x8F, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (text.data[0] < forms[i].first_min ||
		    text.data[0] > forms[i].first_max)
			continue;
		if (text.len < forms[i].len)
			return 0;
		if (forms[i].len > 1 && (text.data[1] < forms[i].second_min ||
					 text.data[1] > forms[i].second_max))
			return 0;
		for (size_t j = 2; j < forms[i].len; j++) {
			if ((text.data[j] & 0xC0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

bool identity_is_text(struct slice identity)
{
	if (identity.len == 0)
		return false;
	while (identity.len > 0) {
		size_t len = utf8_sequence(identity);

		if (len == 0)
			return false;
		identity = slice_skip(identity, len);
	}
	return true;
}

static struct slice before_any(struct slice text, const char *stops)
{
	size_t len = 0;

	while (len < text.len &&
	       (text.data[len] == '\0' || !strchr(stops, text.data[len])))
		len++;
	return (struct slice){text.data, len};
}

/* Of a URI's "sip:" or "sips:", 0 for other names. */
static size_t sip_scheme_len(struct slice identity)
{
	const char *text = (const char *)identity.data;

	if (identity.len >= 4 && strncasecmp(text, "sip:", 4) == 0)
		return 4;
	if (identity.len >= 5 && strncasecmp(text, "sips:", 5) == 0)
		return 5;
	return 0;
}

/*
 * The name in an identity: of a SIP URI user@domain, without scheme, password, port,
 * parameters and headers; of anything else all of it. Borrowed from identity.
 */
struct name {
	struct slice user;   /* all of a name that has no '@' */
	struct slice domain; /* compared without case */
	bool has_domain;
	bool is_ambiguous; /* more than one '@': readers disagree about its domain */
};

static struct name name_in(struct slice identity)
{
	struct name name = {.has_domain = false};
	size_t scheme_len = sip_scheme_len(identity);
	struct slice rest = slice_skip(identity, scheme_len);
	struct slice user = before_any(rest, "@");

	name.user = user;
	if (user.len < rest.len) {
		name.has_domain = true;
		name.domain = slice_skip(rest, user.len + 1);
		name.is_ambiguous = before_any(name.domain, "@").len < name.domain.len;
	} else if (scheme_len > 0) {
		/* sip:domain: the server itself. */
		name.has_domain = true;
		name.user = (struct slice){rest.data, 0};
		name.domain = rest;
	}
	if (scheme_len > 0) {
		name.user = before_any(name.user, ":");
		name.domain = before_any(name.domain, ":;?");
	}
	return name;
}

static bool is_word(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') || byte >= 0x80;
}

static bool ends_with(struct slice text, struct slice suffix, bool ignore_case)
{
	const char *tail;

	if (suffix.len > text.len)
		return false;
	if (suffix.len == 0)
		return true;
	tail = (const char *)text.data + (text.len - suffix.len);
	return ignore_case ? strncasecmp(tail, (const char *)suffix.data, suffix.len) == 0
			   : memcmp(tail, suffix.data, suffix.len) == 0;
}

/* The same, but a suffix that begins with a letter or digit begins at the start of a word. */
static bool ends_with_words(struct slice text, struct slice suffix, bool ignore_case)
{
	if (suffix.len == 0 || !ends_with(text, suffix, ignore_case))
		return false;
	return text.len == suffix.len || !is_word(suffix.data[0]) ||
	       !is_word(text.data[text.len - suffix.len - 1]);
}

bool identity_has_suffix(struct slice identity, const char *suffix)
{
	struct name name = name_in(identity);
	struct slice wanted = {(const uint8_t *)suffix, strlen(suffix)};
	struct slice user = before_any(wanted, "@");

	if (name.is_ambiguous || wanted.len == 0)
		return false;
	if (user.len == wanted.len) {
		/* No '@': the end of a domain, or of a name without one. */
		return name.has_domain ? ends_with_words(name.domain, wanted, true)
				       : ends_with_words(name.user, wanted, false);
	}
	struct slice domain = slice_skip(wanted, user.len + 1);
	if (!name.has_domain || domain.len != name.domain.len ||
	    !ends_with(name.domain, domain, true))
		return false;
	if (user.len == 0)
		return true;
	if (is_word(user.data[0]))
		return user.len == name.user.len && ends_with(name.user, user, false);
	return ends_with(name.user, user, false);
}

const char *identity_suffix_fault(const char *suffix)
{
	const struct slice text = {(const uint8_t *)suffix, strlen(suffix)};
	const char *at = strchr(suffix, '@');
	const char *domain = at ? at + 1 : suffix;
	size_t len = strlen(suffix);

	if (sip_scheme_len(text) > 0)
		return "identities are compared without \"sip:\"; write what follows it";
	if (strchr(suffix, '*'))
		return "\"*\" is no wildcard; write the end of the identities, such as "
		       "\"@lab.example\"";
	if (strpbrk(suffix, " \t"))
		return "it contains a blank; remove it";
	if (at && strchr(domain, '@'))
		return "it has two \"@\"; write one user@domain in each element";
	if (*domain == '\0')
		return "no domain follows the \"@\"; write one";
	if (len > 1 && suffix[len - 1] == '.')
		return "it ends with a dot; write the domain without it";
	if (at && strpbrk(domain, ":;?/"))
		return "a domain has no port or parameters; write the domain alone";
	return NULL;
}

size_t identity_key(struct slice identity, uint8_t *key)
{
	struct name name = name_in(identity);
	struct slice whole = name.is_ambiguous ? identity : name.user;
	size_t len = 0;

	for (size_t i = 0; i < whole.len; i++)
		key[len++] = whole.data[i];
	if (name.has_domain && !name.is_ambiguous) {
		if (len < identity.len)
			key[len++] = '@';
		for (size_t i = 0; i < name.domain.len && len < identity.len; i++)
			key[len++] = name.domain.data[i];
	}
	assert(len <= identity.len);
	for (size_t i = 0; i < len; i++) {
		if (key[i] >= 'A' && key[i] <= 'Z')
			key[i] = (uint8_t)(key[i] | 0x20);
	}
	return len;
}
