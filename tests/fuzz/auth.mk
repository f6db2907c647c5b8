fuzz_programs += tests/fuzz/fuzz_credential
tests_fuzz_fuzz_credential_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/credential

# mrasd
fuzz_programs += \
	tests/fuzz/fuzz_http_framing \
	tests/fuzz/fuzz_mras_xml \
	tests/fuzz/fuzz_sip_framing \
	tests/fuzz/fuzz_sip_message
tests_fuzz_fuzz_http_framing_LDADD = libmras.a $(FUZZ_LIBS)
tests_fuzz_fuzz_mras_xml_LDADD = libmras.a $(FUZZ_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS)
tests_fuzz_fuzz_sip_framing_LDADD = libmras.a $(FUZZ_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS)
tests_fuzz_fuzz_sip_message_LDADD = libmras.a $(FUZZ_LIBS) $(EXPAT_LIBS) $(OSIP_LIBS)
EXTRA_DIST += tests/fuzz/corpus/http_framing tests/fuzz/corpus/mras_xml tests/fuzz/corpus/sip_framing \
	tests/fuzz/corpus/sip_message
