/*
 * mras_schema.h - holds messages of [MS-AVEDGEA] to tests/vectors/mras/mrasp.xsd.
 */
#ifndef TESTS_UNIT_AUTH_MRAS_SCHEMA_H
#define TESTS_UNIT_AUTH_MRAS_SCHEMA_H

#include <stdbool.h>

/* Is there an xmllint to ask? */
bool mras_schema_is_available(void);

/* What xmllint finds wrong with it, static; "" if it is valid. */
const char *mras_schema_fault(const char *xml);

#endif
