unit_programs += \
	tests/unit/test_credential \
	tests/unit/test_keyfile \
	tests/unit/test_keyring
tests_unit_test_credential_SOURCES = tests/unit/test_credential.c tests/unit/vectors.c
tests_unit_test_credential_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_keyfile_LDADD = libkeyfile.a $(LDADD)
tests_unit_test_keyring_SOURCES = tests/unit/test_keyring.c tests/unit/oom.c
tests_unit_test_keyring_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
