/*
 * opaque_string.c - the OpaqueString profile: FreeformClass of RFC 8264 section 4.3 with the rules
 * of its section 8, contextual rules of RFC 5892 appendix A.
 */
#include "auth/credential/opaque_string.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* A text, and a code point in it. */
struct place {
	struct slice text;
	size_t at;  /* where the code point begins */
	size_t end; /* and ends */
	ucs4_t code;
};

static bool is_one_of(ucs4_t code, const ucs4_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == code)
			return true;
	}
	return false;
}

/* The code points before and after; 0 at the ends of the text. */
static ucs4_t before(const struct place *place)
{
	ucs4_t code = 0;

	return u8_prev(&code, place->text.data + place->at, place->text.data) ? code : 0;
}

static ucs4_t after(const struct place *place)
{
	ucs4_t code = 0;

	if (place->end < place->text.len)
		u8_mbtouc(&code, place->text.data + place->end,
			  place->text.len - place->end);
	return code;
}

static bool has_script(ucs4_t code, const char *script)
{
	const uc_script_t *found = code != 0 ? uc_script(code) : NULL;

	return found != NULL && strcmp(found->name, script) == 0;
}

/* The first code point of the text that the test holds for. */
static bool any(struct slice text, bool (*test)(ucs4_t code))
{
	ucs4_t code;

	while (text.len > 0) {
		text = slice_skip(text, (size_t)u8_mbtouc(&code, text.data, text.len));
		if (test(code))
			return true;
	}
	return false;
}

static bool is_japanese(ucs4_t code)
{
	return has_script(code, "Hiragana") || has_script(code, "Katakana") ||
	       has_script(code, "Han");
}

static bool is_arabic_digit(ucs4_t code)
{
	return code >= 0x0660 && code <= 0x0669;
}

static bool is_extended_arabic_digit(ucs4_t code)
{
	return code >= 0x06F0 && code <= 0x06F9;
}

static bool is_virama(ucs4_t code)
{
	return code != 0 && uc_combining_class(code) == UC_CCC_VR;
}

/*
 * ZERO WIDTH NON-JOINER between letters that would join (RFC 5892 appendix A.1): to the left a
 * letter that joins on its left or both sides, to the right one that joins on its right or
 * both, with transparent marks in between.
 */
static bool parts_joining_letters(const struct place *place)
{
	const uint8_t *at = place->text.data + place->at;
	const uint8_t *end = place->text.data + place->end;
	const uint8_t *limit = place->text.data + place->text.len;
	int type = UC_JOINING_TYPE_T;
	ucs4_t code;

	while (type == UC_JOINING_TYPE_T) {
		at = u8_prev(&code, at, place->text.data);
		if (at == NULL)
			return false;
		type = uc_joining_type(code);
	}
	if (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D)
		return false;
	type = UC_JOINING_TYPE_T;
	while (type == UC_JOINING_TYPE_T) {
		if (end == limit)
			return false;
		end += u8_mbtouc(&code, end, (size_t)(limit - end));
		type = uc_joining_type(code);
	}
	return type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D;
}

/* CONTEXTJ and CONTEXTO: *decided says whether a rule is about that code point. */
static bool fits_context(const struct place *place, bool *decided)
{
	*decided = true;
	switch (place->code) {
	case 0x200C: /* ZERO WIDTH NON-JOINER */
		return is_virama(before(place)) || parts_joining_letters(place);
	case 0x200D: /* ZERO WIDTH JOINER */
		return is_virama(before(place));
	case 0x00B7: /* MIDDLE DOT */
		return before(place) == 'l' && after(place) == 'l';
	case 0x0375: /* GREEK LOWER NUMERAL SIGN */
		return has_script(after(place), "Greek");
	case 0x05F3: /* HEBREW PUNCTUATION GERESH, GERSHAYIM */
	case 0x05F4:
		return has_script(before(place), "Hebrew");
	case 0x30FB: /* KATAKANA MIDDLE DOT */
		return any(place->text, is_japanese);
	default:
		break;
	}
	if (is_arabic_digit(place->code))
		return !any(place->text, is_extended_arabic_digit);
	if (is_extended_arabic_digit(place->code))
		return !any(place->text, is_arabic_digit);
	*decided = false;
	return false;
}

/* RFC 8264 section 9.6, exceptions: RFC 5892 section 2.6. */
static const ucs4_t allowed[] = {0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007};
static const ucs4_t refused[] = {0x0640, 0x07FA, 0x302E, 0x302F, 0x3031,
				 0x3032, 0x3033, 0x3034, 0x3035, 0x303B};

/* RFC 5892 section 2.9: letters of Hangul that are parts of a syllable. */
static bool is_old_hangul_jamo(ucs4_t code)
{
	return (code >= 0x1100 && code <= 0x11FF) || (code >= 0xA960 && code <= 0xA97C) ||
	       (code >= 0xD7B0 && code <= 0xD7FB);
}

/* Letters, marks, numbers, spaces, symbols, punctuation. */
static bool has_free_category(ucs4_t code)
{
	const uint32_t mask = UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
			      UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_Zs |
			      UC_CATEGORY_MASK_S | UC_CATEGORY_MASK_P;

	return uc_is_general_category_withtable(code, mask);
}

/*
 * The derivation of RFC 8264 section 8 for FreeformClass, in its order. What has a
 * compatibility mapping is allowed there whatever its category; all of it has a free one.
 */
static bool is_free(const struct place *place)
{
	const ucs4_t code = place->code;
	bool decided;

	if (is_one_of(code, allowed, sizeof(allowed) / sizeof(allowed[0])))
		return true;
	if (is_one_of(code, refused, sizeof(refused) / sizeof(refused[0])))
		return false;
	bool fits = fits_context(place, &decided);
	if (decided)
		return fits;
	if (code > ' ' && code < 0x7F)
		return true;
	return !is_old_hangul_jamo(code) &&
	       !uc_is_property_default_ignorable_code_point(code) &&
	       !uc_is_property_not_a_character(code) && has_free_category(code);
}

static bool fail(struct opaque_string_error *error, enum opaque_string_fault fault)
{
	error->fault = fault;
	return false;
}

/* Preparation (RFC 8265 section 4.2.1). */
static bool prepare(struct slice text, struct opaque_string_error *error)
{
	struct place place = {.text = text};

	for (; place.at < text.len; place.at = place.end) {
		int len = u8_mbtoucr(&place.code, text.data + place.at,
				     text.len - place.at);

		if (len <= 0)
			return fail(error, OPAQUE_STRING_NOT_UTF8);
		place.end = place.at + (size_t)len;
		if (is_free(&place))
			continue;
		error->code_point = place.code;
		return fail(error, OPAQUE_STRING_DISALLOWED);
	}
	return true;
}

/* Spaces other than U+0020 become that; none of them is shorter. Returns the length. */
static size_t map_spaces(struct slice text, uint8_t *out)
{
	size_t at = 0;
	ucs4_t code;

	while (text.len > 0) {
		int len = u8_mbtouc(&code, text.data, text.len);

		if (code != ' ' &&
		    uc_is_general_category_withtable(code, UC_CATEGORY_MASK_Zs)) {
			out[at++] = ' ';
		} else {
			memcpy(out + at, text.data, (size_t)len);
			at += (size_t)len;
		}
		text = slice_skip(text, (size_t)len);
	}
	return at;
}

enum {
	TEXT_MAX = 4096, /* far beyond any user name */
	/* The most that NFC makes of one: three times as much, in UTF-8. */
	NORMAL_MAX = 3 * TEXT_MAX,
};

/* NFC into NORMAL_MAX bytes. False if the library has no memory. */
static bool normalize(struct slice text, uint8_t *normal, size_t *len)
{
	uint8_t *result;

	*len = NORMAL_MAX;
	result = u8_normalize(UNINORM_NFC, text.data, text.len, normal, len);
	if (result != normal)
		free(result);
	return result == normal;
}

bool opaque_string_enforce(struct slice text, uint8_t *out, size_t size, size_t *len,
			   struct opaque_string_error *error)
{
	uint8_t spaced[TEXT_MAX], normal[NORMAL_MAX];
	struct slice result = {normal, 0};

	*error = (struct opaque_string_error){.fault = OPAQUE_STRING_OK};
	*len = 0;
	if (text.len == 0)
		return fail(error, OPAQUE_STRING_EMPTY);
	if (text.len > sizeof(spaced))
		return fail(error, OPAQUE_STRING_TOO_LONG);
	if (!prepare(text, error))
		return false;
	if (!normalize((struct slice){spaced, map_spaces(text, spaced)}, normal,
		       &result.len) ||
	    result.len > size)
		return fail(error, OPAQUE_STRING_TOO_LONG);
	/* A letter may have merged with a mark that a rule of context needed beside it. */
	if (!prepare(result, error))
		return false;
	assert(result.len > 0 && memchr(normal, 0, result.len) == NULL);
	memcpy(out, normal, result.len);
	*len = result.len;
	return true;
}

void opaque_string_explain(const struct opaque_string_error *error, char *buf,
			   size_t size)
{
	switch (error->fault) {
	case OPAQUE_STRING_OK:
		snprintf(buf, size, "is a valid user name");
		return;
	case OPAQUE_STRING_EMPTY:
		snprintf(buf, size, "is empty");
		return;
	case OPAQUE_STRING_NOT_UTF8:
		snprintf(buf, size, "is not UTF-8");
		return;
	case OPAQUE_STRING_DISALLOWED:
		snprintf(
			buf, size,
			"has U+%04X where no user name may have it (RFC 8265 section 4.2)",
			(unsigned)error->code_point);
		return;
	case OPAQUE_STRING_TOO_LONG:
		break;
	}
	snprintf(buf, size, "is too long for a user name");
}
