credential_helpers = tests/unit/credential_ring.c tests/unit/credential_ring.h \
	tests/unit/vectors.c
unit_programs += \
	tests/unit/test_credential \
	tests/unit/test_keyfile \
	tests/unit/test_keyring \
	tests/unit/test_token
tests_unit_test_credential_SOURCES = tests/unit/test_credential.c $(credential_helpers)
tests_unit_test_credential_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_token_SOURCES = tests/unit/test_token.c $(credential_helpers)
tests_unit_test_token_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_keyfile_LDADD = libkeyfile.a $(LDADD)
tests_unit_test_keyring_SOURCES = tests/unit/test_keyring.c tests/unit/oom.c
tests_unit_test_keyring_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
