# scripts/: for people with a source tree; nothing here is installed.
EXTRA_DIST += \
	.ci/run \
	scripts/install-deps \
	scripts/lab \
	scripts/test
