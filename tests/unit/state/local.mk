unit_programs += \
	tests/unit/state/test_saved_allocation \
	tests/unit/state/test_state_file

STATE_LIBS = libstate.a $(CORE_LIBS) libbase.a
images = tests/unit/state/images.c tests/unit/state/images.h
tests_unit_state_test_saved_allocation_SOURCES = tests/unit/state/test_saved_allocation.c \
	tests/unit/state/next_saved_allocation.c tests/unit/state/next_saved_allocation.h $(images)
tests_unit_state_test_saved_allocation_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
tests_unit_state_test_state_file_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
