unit_programs += \
	tests/unit/test_histogram \
	tests/unit/test_load_options \
	tests/unit/test_pacer \
	tests/unit/test_stamp
tests_unit_test_histogram_LDADD = libload.a $(CHECK_LIBS)
tests_unit_test_load_options_LDADD = libload.a libstun.a libbase.a $(CHECK_LIBS)
tests_unit_test_pacer_LDADD = libload.a $(CHECK_LIBS)
tests_unit_test_stamp_LDADD = libload.a $(CHECK_LIBS)
