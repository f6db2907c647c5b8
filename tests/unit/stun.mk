unit_programs += \
	tests/unit/test_ms_attr \
	tests/unit/test_ms_framing \
	tests/unit/test_ms_integrity \
	tests/unit/test_ms_msg \
	tests/unit/test_ms_vectors \
	tests/unit/test_pseudo_tls \
	tests/unit/test_stun_attr \
	tests/unit/test_stun_classify \
	tests/unit/test_stun_endpoint \
	tests/unit/test_stun_framing \
	tests/unit/test_stun_integrity \
	tests/unit/test_stun_msg \
	tests/unit/test_stun_tables \
	tests/unit/test_stun_vectors
tests_unit_test_ms_vectors_SOURCES = tests/unit/test_ms_vectors.c \
	tests/unit/ms_attr_describe.c tests/unit/ms_attr_describe.h tests/unit/vectors.c
tests_unit_test_ms_vectors_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_stun_tables_SOURCES = tests/unit/test_stun_tables.c tests/unit/vectors.c
tests_unit_test_stun_tables_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_stun_vectors_SOURCES = tests/unit/test_stun_vectors.c tests/unit/vectors.c
tests_unit_test_stun_vectors_LDADD = $(LDADD) $(JANSSON_LIBS)
EXTRA_DIST += tests/unit/bytes.h tests/unit/vectors.h
