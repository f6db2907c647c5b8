# Fuzz targets of the daemon's edges; they need more than the pure libraries.
fuzz_programs += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/config
