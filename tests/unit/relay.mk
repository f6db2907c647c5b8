unit_programs += \
	tests/unit/test_config

tests_unit_test_config_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
