# tests/cli/: the tools as a user meets them; run from the top of the build directory.
cli_tests = \
	tests/cli/avedgectl-test \
	tests/cli/check-test \
	tests/cli/completion-test \
	tests/cli/control-test \
	tests/cli/guides-test \
	tests/cli/import-test \
	tests/cli/manual-test \
	tests/cli/mediarelayd-test \
	tests/cli/top-test
TESTS += $(cli_tests)
EXTRA_DIST += $(cli_tests) tests/cli/fake_daemon.py
