fuzz_programs += tests/fuzz/fuzz_credential
tests_fuzz_fuzz_credential_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/credential
