credential_helpers = tests/unit/auth/credential_ring.c tests/unit/auth/credential_ring.h \
	tests/unit/lib/vectors.c
unit_programs += \
	tests/unit/auth/test_access_token \
	tests/unit/auth/test_token_keyring \
	tests/unit/auth/test_credential \
	tests/unit/auth/test_keyfile \
	tests/unit/auth/test_keyring \
	tests/unit/auth/test_opaque_string \
	tests/unit/auth/test_token
tests_unit_auth_test_opaque_string_SOURCES = tests/unit/auth/test_opaque_string.c \
	tests/unit/lib/vectors.c
tests_unit_auth_test_opaque_string_LDADD = libopaquestring.a $(LDADD) $(JANSSON_LIBS) \
	$(UNISTRING_LIBS)
tests_unit_auth_test_access_token_SOURCES = tests/unit/auth/test_access_token.c \
	tests/unit/lib/vectors.c
tests_unit_auth_test_access_token_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_auth_test_token_keyring_LDADD = libkeyfile.a $(LDADD)
tests_unit_auth_test_credential_SOURCES = tests/unit/auth/test_credential.c $(credential_helpers)
tests_unit_auth_test_credential_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_auth_test_token_SOURCES = tests/unit/auth/test_token.c $(credential_helpers)
tests_unit_auth_test_token_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_auth_test_keyfile_LDADD = libkeyfile.a $(LDADD)
tests_unit_auth_test_keyring_SOURCES = tests/unit/auth/test_keyring.c tests/unit/lib/oom.c
tests_unit_auth_test_keyring_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)

# mrasd: what it decides, in the fixture of mras_fixture.h.
check_LIBRARIES += libmrasfixture.a
libmrasfixture_a_SOURCES = tests/unit/auth/mras_fixture.c tests/unit/auth/mras_fixture.h
mras_test_libs = libmrasfixture.a $(MRAS_LIBS) $(CHECK_LIBS)
unit_programs += \
	tests/unit/auth/test_http_framing \
	tests/unit/auth/test_identity \
	tests/unit/auth/test_mras_answer \
	tests/unit/auth/test_mras_drain \
	tests/unit/auth/test_mras_memory \
	tests/unit/auth/test_mras_xml \
	tests/unit/auth/test_service \
	tests/unit/auth/test_sip \
	tests/unit/auth/test_sip_framing \
	tests/unit/auth/test_sip_torture \
	tests/unit/auth/test_mras_counters \
	tests/unit/auth/test_text \
	tests/unit/auth/test_xml_bombs
tests_unit_auth_test_http_framing_LDADD = $(mras_test_libs)
tests_unit_auth_test_identity_LDADD = $(mras_test_libs)
tests_unit_auth_test_mras_drain_LDADD = $(mras_test_libs)
tests_unit_auth_test_service_LDADD = $(mras_test_libs)
tests_unit_auth_test_mras_memory_SOURCES = tests/unit/auth/test_mras_memory.c tests/unit/lib/oom.c
tests_unit_auth_test_mras_memory_LDADD = $(mras_test_libs)
tests_unit_auth_test_mras_memory_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
tests_unit_auth_test_mras_answer_SOURCES = tests/unit/auth/test_mras_answer.c \
	tests/unit/auth/mras_requests.h tests/unit/auth/mras_schema.c tests/unit/auth/mras_schema.h
tests_unit_auth_test_mras_answer_LDADD = $(mras_test_libs)
tests_unit_auth_test_mras_xml_SOURCES = tests/unit/auth/test_mras_xml.c tests/unit/auth/mras_requests.h
tests_unit_auth_test_mras_xml_LDADD = $(mras_test_libs)
tests_unit_auth_test_sip_LDADD = $(mras_test_libs)
tests_unit_auth_test_sip_framing_LDADD = $(mras_test_libs)
tests_unit_auth_test_sip_torture_LDADD = $(mras_test_libs)
tests_unit_auth_test_mras_counters_LDADD = $(mras_test_libs)
tests_unit_auth_test_text_SOURCES = tests/unit/auth/test_text.c tests/unit/lib/oom.c
tests_unit_auth_test_text_LDADD = $(mras_test_libs)
tests_unit_auth_test_text_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
tests_unit_auth_test_xml_bombs_LDADD = $(mras_test_libs)
tests_unit_auth_test_xml_bombs_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=XML_ParserCreateNS
