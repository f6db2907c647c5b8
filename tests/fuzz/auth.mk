fuzz_programs += tests/fuzz/fuzz_credential
tests_fuzz_fuzz_credential_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/credential

fuzz_programs += tests/fuzz/fuzz_access_token
tests_fuzz_fuzz_access_token_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/access_token

# mrasd
mras_fuzz_libs = libmras.a libopaquestring.a $(FUZZ_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS) $(UNISTRING_LIBS)
fuzz_programs += \
	tests/fuzz/fuzz_http_framing \
	tests/fuzz/fuzz_mras_xml \
	tests/fuzz/fuzz_sip_framing \
	tests/fuzz/fuzz_sip_message
tests_fuzz_fuzz_http_framing_LDADD = libmras.a $(FUZZ_LIBS)
tests_fuzz_fuzz_mras_xml_LDADD = $(mras_fuzz_libs)
tests_fuzz_fuzz_sip_framing_LDADD = $(mras_fuzz_libs)
tests_fuzz_fuzz_sip_message_LDADD = $(mras_fuzz_libs)
EXTRA_DIST += tests/fuzz/corpus/http_framing tests/fuzz/corpus/mras_xml tests/fuzz/corpus/sip_framing \
	tests/fuzz/corpus/sip_message

fuzz_programs += tests/fuzz/fuzz_opaque_string
tests_fuzz_fuzz_opaque_string_LDADD = libopaquestring.a $(FUZZ_LIBS) $(UNISTRING_LIBS)
EXTRA_DIST += tests/fuzz/corpus/opaque_string
