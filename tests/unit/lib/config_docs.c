/*
 * config_docs.c - see config_docs.h.
 */
#include "tests/unit/lib/config_docs.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/config_value.h"
#include "tests/unit/lib/source_file.h"

void config_docs_check_key(const char *name, const struct config_key *key)
{
	static const char *const section_ends[] = {"\n.Ss ", "\n.Sh ", NULL};
	static const char *const item_ends[] = {"\n.It ", "\n.El", NULL};
	char start[128], value[128];
	char *page = source_file(name);

	if (*key->section == '\0')
		snprintf(start, sizeof(start), "\n.Ss General\n");
	else
		snprintf(start, sizeof(start), "\n.Ss Section %s", key->section);
	char *section = source_part(page, start, section_ends);
	ck_assert_msg(section != NULL, "no section %s", key->section);

	snprintf(start, sizeof(start), "\n.It Ic %s No = ", key->name);
	char *item = source_part(section, start, item_ends);
	ck_assert_msg(item != NULL, "no key %s.%s", key->section, key->name);

	if (!key->fallback)
		snprintf(value, sizeof(value), "\nRequired.\n");
	else if (*key->fallback == '\0')
		snprintf(value, sizeof(value), "\nDefault: empty.\n");
	else if (strcmp(key->fallback, "{}") == 0)
		snprintf(value, sizeof(value), "\nDefault: none.\n");
	else
		snprintf(value, sizeof(value), "\nDefault:\n.Ql %s .\n", key->fallback);
	ck_assert_msg(strstr(item, value) != NULL, "default of %s.%s", key->section,
		      key->name);
	ck_assert_msg(strstr(item, key->effect != RELOAD_EFFECT_RESTART
					   ? "\nApplied by a reload."
					   : "\nNeeds a restart") != NULL,
		      "reload of %s.%s", key->section, key->name);
	free(item);
	free(section);
	free(page);
}

/* "#key = value" is a default; "# words" is prose. */
size_t config_docs_uncomment(char *text)
{
	size_t shown = 0;

	for (char *p = text; (p = strstr(p, "\n")); p++) {
		char *mark = p + 1 + strspn(p + 1, "\t");

		if (mark[0] == '#' && mark[1] >= 'a' && mark[1] <= 'z')
			*mark = ' ';
		mark += strspn(mark, " ");
		shown += *mark >= 'a' && *mark <= 'z' &&
			 strcspn(mark, "=") < strcspn(mark, "{\n");
	}
	return shown;
}
