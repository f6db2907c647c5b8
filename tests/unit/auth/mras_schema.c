/*
 * mras_schema.c - holds messages of [MS-AVEDGEA] to tests/vectors/mras/mrasp.xsd.
 */
#include "tests/unit/auth/mras_schema.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool mras_schema_is_available(void)
{
	return system("command -v xmllint >/dev/null 2>&1") == 0;
}

const char *mras_schema_fault(const char *xml)
{
	static char fault[4096];
	const char *top = getenv("TOP_SRCDIR");
	char file[] = "/tmp/avedge-mras-XXXXXX";
	char command[2 * PATH_MAX];
	int fd = mkstemp(file);
	size_t len;
	FILE *out;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, xml, strlen(xml)), (ssize_t)strlen(xml));
	close(fd);
	snprintf(
		command, sizeof(command),
		"xmllint --nonet --noout --schema '%s/tests/vectors/mras/mrasp.xsd' %s 2>&1",
		top != NULL ? top : ".", file);
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	len = fread(fault, 1, sizeof(fault) - 1, out);
	fault[len] = '\0';
	if (pclose(out) == 0)
		fault[0] = '\0';
	unlink(file);
	return fault;
}
