# tests/vectors/: test vectors read by the unit tests. List them in EXTRA_DIST.
