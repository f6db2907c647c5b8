# tests/integration/: run by scripts/test, not by make check.
