fuzz_programs += \
	tests/fuzz/fuzz_chandata \
	tests/fuzz/fuzz_classify \
	tests/fuzz/fuzz_dtls_hello \
	tests/fuzz/fuzz_client_hello \
	tests/fuzz/fuzz_framing \
	tests/fuzz/fuzz_ms_framing \
	tests/fuzz/fuzz_ms_msg \
	tests/fuzz/fuzz_proxy_header \
	tests/fuzz/fuzz_pseudo_tls \
	tests/fuzz/fuzz_stun_msg
tests_fuzz_fuzz_chandata_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_classify_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_dtls_hello_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_client_hello_LDADD = $(FUZZ_LIBS) libdaemon.a
tests_fuzz_fuzz_framing_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_ms_framing_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_ms_msg_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_proxy_header_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_pseudo_tls_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_stun_msg_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += \
	tests/fuzz/corpus/chandata \
	tests/fuzz/corpus/classify \
	tests/fuzz/corpus/dtls_hello \
	tests/fuzz/corpus/client_hello \
	tests/fuzz/corpus/framing \
	tests/fuzz/corpus/ms_framing \
	tests/fuzz/corpus/ms_msg \
	tests/fuzz/corpus/proxy_header \
	tests/fuzz/corpus/pseudo_tls \
	tests/fuzz/corpus/stun_msg
