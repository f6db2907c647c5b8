# tests/: everything here but integration/ and bench/ is run by make check.
# A test finds data files under $TOP_SRCDIR. Check's own four seconds are too few for the longest
# on a machine that has other work; what hangs is still ended.
AM_TESTS_ENVIRONMENT = \
	TOP_SRCDIR='$(abs_top_srcdir)'; export TOP_SRCDIR; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-60}; export CK_DEFAULT_TIMEOUT; \
	CC='$(CC)'; NM='$(NM)'; HEADER_FLAGS='$(AM_CPPFLAGS)'; export CC NM HEADER_FLAGS;

include tests/vectors/local.mk
# These first: they wait more than they work.
include tests/cli/local.mk
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/lint/local.mk
include tests/integration/local.mk
include tests/bench/local.mk
