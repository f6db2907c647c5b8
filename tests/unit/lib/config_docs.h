/*
 * config_docs.h - the manual page and the default file of a configuration, compared with its
 * schema.
 */
#ifndef TESTS_UNIT_LIB_CONFIG_DOCS_H
#define TESTS_UNIT_LIB_CONFIG_DOCS_H

#include <stddef.h>

#include "base/config/config_schema.h"

/* Fails the test unless the manual page NAME has the key, its default, and whether a reload applies it. */
void config_docs_check_key(const char *name, const struct config_key *key);

/* Turn each "#key = value" of a default file into a setting; returns the number of settings. */
size_t config_docs_uncomment(char *text);

#endif
