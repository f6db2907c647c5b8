/*
 * test_xml_bombs.c - bodies built to cost more than their size. The test counts the peak
 * memory of expat and of our own code, in bytes, not time.
 *
 * The linker puts our XML_ParserCreateNS() in front of expat's, and our malloc() in front of
 * libc's for everything that is linked into this program.
 */
#include <expat.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mras/mras_xml.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

enum { MEMORY_MAX = 800 << 10, BOMB_SIZE = MRAS_BODY_MAX };

#define NS "xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\""
#define HEAD                                                                                     \
	"<request requestID=\"7\" version=\"2.0\" to=\"sip:m@lab.example\" from=\"sip:a@b\" " NS \
	">"
#define PART "<credentialsRequest credentialsRequestID=\"8\"><identity>a"

static size_t held, peak;

static void *taken(void *block)
{
	held += block ? malloc_usable_size(block) : 0;
	if (held > peak)
		peak = held;
	return block;
}

static void given(void *block)
{
	held -= block ? malloc_usable_size(block) : 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);
XML_Parser __wrap_XML_ParserCreateNS(const XML_Char *encoding, XML_Char separator);

void *__wrap_malloc(size_t size)
{
	return taken(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return taken(__real_calloc(count, size));
}

/* Old and new block exist at the same time, as they may. */
void *__wrap_realloc(void *old, size_t size)
{
	size_t old_size = old ? malloc_usable_size(old) : 0;
	void *block = taken(__real_realloc(old, size));

	if (block)
		held -= old_size;
	return block;
}

void __wrap_free(void *block)
{
	given(block);
	__real_free(block);
}

XML_Parser __wrap_XML_ParserCreateNS(const XML_Char *encoding, XML_Char separator)
{
	static const XML_Memory_Handling_Suite counting = {__wrap_malloc, __wrap_realloc,
							   __wrap_free};
	const XML_Char separators[] = {separator, '\0'};

	return XML_ParserCreate_MM(encoding, &counting, separators);
}

static char *body;
static size_t body_len;

static void make_body(void)
{
	body = __real_malloc(BOMB_SIZE + 1);
	body_len = 0;
	*body = '\0';
}

static void free_body(void)
{
	__real_free(body);
}

static void add(const char *text)
{
	size_t len = strlen(text);

	/* No assertion: libcheck writes a record for each, and there are millions. */
	if (body_len + len > BOMB_SIZE)
		ck_abort_msg("the bomb is too large for its buffer");
	memcpy(body + body_len, text, len + 1);
	body_len += len;
}

/* As often as fits into the largest body accepted. */
static void fill(const char *text)
{
	size_t len = strlen(text);

	while (body_len + len <= BOMB_SIZE - 256)
		add(text);
}

/* The same with a number that differs each time. */
static void fill_numbered(const char *before, const char *after)
{
	char text[128];

	for (unsigned i = 0; body_len < BOMB_SIZE - 256; i++) {
		snprintf(text, sizeof(text), "%s%u%s", before, i, after);
		add(text);
	}
}

static void billion_laughs(void)
{
	add("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">");
	for (int i = 1; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "<!ENTITY lol%d \"", i);
		add(name);
		if (i == 1)
			strcpy(name, "&lol;");
		else
			snprintf(name, sizeof(name), "&lol%d;", i - 1);
		for (int j = 0; j < 10; j++)
			add(name);
		add("\">");
	}
	add("]>" HEAD "<identity>&lol9;</identity>");
}

static void quadratic_blowup(void)
{
	add("<!DOCTYPE a [<!ENTITY a \"");
	for (int i = 0; i < 1000; i++)
		add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	add("\">]>" HEAD PART);
	fill("&a;");
}

static void parameter_entities(void)
{
	add("<!DOCTYPE a [<!ENTITY % a \"<!ENTITY &#37; b 'c'>\">");
	fill("%a;");
}

static void external_entity(void)
{
	add("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" HEAD PART "&x;");
}

static void long_doctype(void)
{
	add("<!DOCTYPE a [<!--");
	fill("x");
}

static void deep_nesting(void)
{
	add(HEAD);
	fill("<a>");
}

static void deep_nesting_of_long_names(void)
{
	add(HEAD);
	fill("<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>");
}

static void huge_attribute(void)
{
	add("<request requestID=\"");
	fill("aaaaaaaaaaaaaaaa");
	add("\"");
}

static void huge_name(void)
{
	add("<");
	fill("aaaaaaaaaaaaaaaa");
}

static void huge_comment(void)
{
	add(HEAD "<!--");
	fill("aaaaaaaaaaaaaaaa");
	add("-->");
}

static void huge_instruction(void)
{
	add("<?a ");
	fill("aaaaaaaaaaaaaaaa");
}

static void many_attributes(void)
{
	add("<request");
	fill_numbered(" a", "=\"\"");
	add(">");
}

static void many_elements_with_attributes(void)
{
	add(HEAD);
	fill_numbered("<x a", "=\"\"/>");
}

static void many_elements_of_many_names(void)
{
	add(HEAD);
	fill_numbered("<x", "/>");
}

static void many_elements_of_long_names(void)
{
	char name[512];

	add(HEAD);
	for (unsigned i = 0; body_len < BOMB_SIZE - 1024; i++) {
		snprintf(name, sizeof(name), "<a%0400u/>", i);
		add(name);
	}
}

static void many_namespaces(void)
{
	add(HEAD);
	fill_numbered("<x xmlns:n", "=\"urn:x\"/>");
}

/* Tags that are each short enough, with as many names as fit. */
static void many_tags_of_many(const char *before, const char *after)
{
	char text[64];

	add(HEAD);
	for (unsigned i = 0; body_len < BOMB_SIZE - 256; i++) {
		if (i % 300 == 0)
			add(i > 0 ? "/><x" : "<x");
		snprintf(text, sizeof(text), "%s%x%s", before, i, after);
		add(text);
	}
}

static void many_attributes_in_many_tags(void)
{
	many_tags_of_many(" a", "=\"\"");
}

static void many_namespaces_in_many_tags(void)
{
	many_tags_of_many(" xmlns:a", "=\"u\"");
}

static void huge_namespace(void)
{
	char name[8200];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	add(HEAD "<x xmlns=\"");
	add(name);
	add("\">");
	fill("<a/>");
}

static void huge_identity(void)
{
	add(HEAD PART);
	fill("aaaaaaaaaaaaaaaa");
}

static void huge_skipped_text(void)
{
	add(HEAD "<x>");
	fill("aaaaaaaaaaaaaaaa");
}

static void white_space(void)
{
	add(HEAD);
	fill("                ");
}

static void many_comments(void)
{
	add(HEAD);
	fill("<!---->");
}

static void many_references(void)
{
	add(HEAD PART);
	fill("&amp;");
}

static void utf16(void)
{
	static const char head[] = HEAD PART;

	/* Little endian; every character is two bytes. */
	memcpy(body, "\xFF\xFE", 2);
	body_len = 2;
	for (size_t i = 0; head[i]; i++) {
		body[body_len++] = head[i];
		body[body_len++] = '\0';
	}
	while (body_len < BOMB_SIZE - 256) {
		body[body_len++] = 'a';
		body[body_len++] = '\0';
	}
}

static const struct {
	const char *name;
	void (*make)(void);
} bombs[] = {
	{"billion laughs", billion_laughs},
	{"quadratic blowup", quadratic_blowup},
	{"parameter entities", parameter_entities},
	{"external entity", external_entity},
	{"long document type", long_doctype},
	{"deep nesting", deep_nesting},
	{"deep nesting of long names", deep_nesting_of_long_names},
	{"huge attribute", huge_attribute},
	{"huge name", huge_name},
	{"huge comment", huge_comment},
	{"huge processing instruction", huge_instruction},
	{"many attributes", many_attributes},
	{"many elements with attributes", many_elements_with_attributes},
	{"many elements of many names", many_elements_of_many_names},
	{"many elements of long names", many_elements_of_long_names},
	{"many namespaces", many_namespaces},
	{"many attributes in many tags", many_attributes_in_many_tags},
	{"many namespaces in many tags", many_namespaces_in_many_tags},
	{"huge namespace", huge_namespace},
	{"huge identity", huge_identity},
	{"huge text in an ignored element", huge_skipped_text},
	{"white space", white_space},
	{"many comments", many_comments},
	{"many references", many_references},
	{"UTF-16", utf16},
};

/* Bodies with only filler are read to the end and refused there. */
START_TEST(bomb_is_refused_in_bounded_memory)
{
	enum mras_reason reason;

	make_body();
	bombs[_i].make();
	held = peak = 0;
	struct mras_request *request = mras_request_parse(
		(struct slice){(const uint8_t *)body, body_len}, &reason);
	size_t reached = peak;

	mras_request_free(request);
	size_t left = held;
	ck_assert_msg(reason == MRAS_MALFORMED || reason == MRAS_TOO_LARGE, "%s: %s",
		      bombs[_i].name, mras_reason_phrase(reason));
	ck_assert_msg(left == 0, "%s leaks %zu bytes", bombs[_i].name, left);
	ck_assert_msg(reached > 0 && reached < MEMORY_MAX, "%s took %zu bytes",
		      bombs[_i].name, reached);
	free_body();
}
END_TEST

/* The counters work: a normal request is counted, with its identity. */
START_TEST(bomb_counter_sees_an_identity)
{
	enum mras_reason reason;

	make_body();
	add(HEAD PART);
	for (int i = 0; i < 60000; i++)
		add("a");
	add("</identity></credentialsRequest></request>");
	held = peak = 0;
	struct mras_request *request = mras_request_parse(
		(struct slice){(const uint8_t *)body, body_len}, &reason);
	size_t reached = peak;
	size_t kept = held;
	mras_request_free(request);
	size_t left = held;
	ck_assert_int_eq(reason, MRAS_OK);
	ck_assert_uint_ge(kept, 60000);
	ck_assert_uint_lt(reached, MEMORY_MAX);
	ck_assert_uint_eq(left, 0);
	free_body();
}
END_TEST

START_TEST(bomb_over_the_limit_is_not_read)
{
	static const uint8_t byte = '<';
	enum mras_reason reason;

	held = peak = 0;
	struct mras_request *request =
		mras_request_parse((struct slice){&byte, MRAS_BODY_MAX + 1}, &reason);
	size_t reached = peak;
	ck_assert_ptr_null(request);
	ck_assert_int_eq(reason, MRAS_TOO_LARGE);
	ck_assert_uint_eq(reached, 0);
}
END_TEST

static void xml_bombs_suite(Suite *suite)
{
	TCase *cases = tcase_create("bombs");

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, bomb_is_refused_in_bounded_memory, 0, ROWS(bombs));
	tcase_add_test(cases, bomb_counter_sees_an_identity);
	tcase_add_test(cases, bomb_over_the_limit_is_not_read);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("xml_bombs", xml_bombs_suite)
