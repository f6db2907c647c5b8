# tests/: everything here but integration/ and bench/ is run by make check.
# A test finds data files under $TOP_SRCDIR.
AM_TESTS_ENVIRONMENT = \
	TOP_SRCDIR='$(abs_top_srcdir)'; export TOP_SRCDIR; \
	CC='$(CC)'; NM='$(NM)'; HEADER_FLAGS='$(AM_CPPFLAGS)'; export CC NM HEADER_FLAGS;

include tests/vectors/local.mk
include tests/unit/local.mk
include tests/cli/local.mk
include tests/fuzz/local.mk
include tests/lint/local.mk
include tests/integration/local.mk
include tests/bench/local.mk
