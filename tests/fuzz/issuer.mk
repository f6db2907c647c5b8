# Fuzz targets of mrasd's edges.
fuzz_programs += tests/fuzz/fuzz_json_request tests/fuzz/fuzz_mras_config
tests_fuzz_fuzz_json_request_LDADD = $(FUZZ_LIBS) $(ISSUER_LIBS)
tests_fuzz_fuzz_mras_config_LDADD = $(FUZZ_LIBS) $(ISSUER_LIBS)
EXTRA_DIST += tests/fuzz/corpus/json_request tests/fuzz/corpus/mras_config

fuzz_programs += tests/fuzz/fuzz_mras_control
tests_fuzz_fuzz_mras_control_SOURCES = tests/fuzz/fuzz_mras_control.c $(control_text)
tests_fuzz_fuzz_mras_control_LDADD = $(FUZZ_LIBS) libissuerfixture.a $(ISSUER_LIBS)
EXTRA_DIST += tests/fuzz/corpus/mras_control
