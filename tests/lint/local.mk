# tests/lint/: what a compiler does not check.

# The core links with the pure libraries and libcrypto alone; -l of anything else is missing
# on purpose.
check_PROGRAMS += tests/lint/link_core
TESTS += tests/lint/link_core
tests_lint_link_core_LDADD = $(WHOLE_ARCHIVE) libcore.a libcredential.a libstun.a \
	$(NO_WHOLE_ARCHIVE) $(CRYPTO_LIBS)
tests_lint_link_core_DEPENDENCIES = libcore.a libcredential.a libstun.a

lint_scripts = \
	tests/lint/conformance \
	tests/lint/conformance-test \
	tests/lint/core-symbols \
	tests/lint/headers-alone \
	tests/lint/include-circles \
	tests/lint/include-circles-test \
	tests/lint/include-directions \
	tests/lint/include-directions-test \
	tests/lint/map \
	tests/lint/map-test \
	tests/lint/man-pages \
	tests/lint/openapi \
	tests/lint/requirements \
	tests/lint/requirements-test \
	tests/lint/shell-scripts \
	tests/lint/unique-symbols
TESTS += $(lint_scripts)
EXTRA_DIST += $(lint_scripts) tests/lint/requirement-ids.txt
CLEANFILES += tests/lint/shell-scripts.stamp tests/lint/shell-scripts.stamp.new
