fuzz_programs += tests/fuzz/fuzz_session
tests_fuzz_fuzz_session_LDADD = libturnclient.a libworld.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/session
