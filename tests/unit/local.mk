# tests/unit/: one libcheck program per noun.
#
# test_NOUN is built from test_NOUN.c and linked with LDADD (the pure libraries and libcheck)
# unless tests_unit_test_NOUN_SOURCES or _LDADD say otherwise. To add one, append it to
# unit_programs in the fragment of its area.
LDADD = $(CORE_LIBS) libbase.a $(CHECK_LIBS)

unit_programs =
include tests/unit/relay/local.mk
include tests/unit/base/local.mk
include tests/unit/stun/local.mk
include tests/unit/core/local.mk
include tests/unit/dialect/local.mk
include tests/unit/auth/local.mk
include tests/unit/auth/server.mk
include tests/unit/offload/local.mk
include tests/unit/state/local.mk
include tests/unit/tools/local.mk

check_PROGRAMS += $(unit_programs)
TESTS += $(unit_programs)
EXTRA_DIST += tests/unit/lib/configs.h tests/unit/lib/notify_listener.h tests/unit/lib/unit.h
