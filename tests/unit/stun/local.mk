unit_programs += \
	tests/unit/stun/test_dtls_hello \
	tests/unit/stun/test_ms_attr \
	tests/unit/stun/test_ms_framing \
	tests/unit/stun/test_ms_integrity \
	tests/unit/stun/test_ms_msg \
	tests/unit/stun/test_ms_vectors \
	tests/unit/stun/test_padding \
	tests/unit/stun/test_proxy_header \
	tests/unit/stun/test_pseudo_tls \
	tests/unit/stun/test_stun_attr \
	tests/unit/stun/test_stun_classify \
	tests/unit/stun/test_stun_endpoint \
	tests/unit/stun/test_stun_framing \
	tests/unit/stun/test_stun_integrity \
	tests/unit/stun/test_stun_msg \
	tests/unit/stun/test_stun_tables \
	tests/unit/stun/test_stun_vectors
tests_unit_stun_test_ms_vectors_SOURCES = tests/unit/stun/test_ms_vectors.c \
	tests/unit/stun/ms_attr_describe.c tests/unit/stun/ms_attr_describe.h tests/unit/lib/vectors.c
tests_unit_stun_test_ms_vectors_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_stun_test_stun_tables_SOURCES = tests/unit/stun/test_stun_tables.c tests/unit/lib/vectors.c
tests_unit_stun_test_stun_tables_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_stun_test_stun_vectors_SOURCES = tests/unit/stun/test_stun_vectors.c tests/unit/lib/vectors.c
tests_unit_stun_test_stun_vectors_LDADD = $(LDADD) $(JANSSON_LIBS)
EXTRA_DIST += tests/unit/stun/bytes.h tests/unit/lib/vectors.h
