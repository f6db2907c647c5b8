unit_programs += \
	tests/unit/test_log \
	tests/unit/test_sockaddr \
	tests/unit/test_units \
	tests/unit/test_version

tests_unit_test_log_LDADD = libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
