unit_programs += \
	tests/unit/state/test_state_file

STATE_LIBS = libstate.a $(CORE_LIBS) libbase.a
tests_unit_state_test_state_file_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
