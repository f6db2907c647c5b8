# tests/unit/: one libcheck program per noun.
#
# test_NOUN is built from test_NOUN.c and linked with LDADD (the pure libraries and libcheck)
# unless tests_unit_test_NOUN_SOURCES or _LDADD say otherwise. To add one, append it to
# unit_programs in the fragment of its area.
LDADD = $(CORE_LIBS) libbase.a $(CHECK_LIBS)

unit_programs =
include tests/unit/base.mk
include tests/unit/stun.mk
include tests/unit/core.mk
include tests/unit/dialect.mk
include tests/unit/auth.mk
include tests/unit/issuer.mk
include tests/unit/relay.mk
include tests/unit/tools.mk

check_PROGRAMS += $(unit_programs)
TESTS += $(unit_programs)
EXTRA_DIST += tests/unit/unit.h
