unit_programs += \
	tests/unit/state/test_keeper \
	tests/unit/state/test_moved_records \
	tests/unit/state/test_saved_allocation \
	tests/unit/state/test_saved_peer \
	tests/unit/state/test_state_file

STATE_LIBS = libstate.a $(CORE_LIBS) libbase.a
images = tests/unit/state/images.c tests/unit/state/images.h
# The product's own code, compiled as an upgrade is; see next_saved_allocation.h.
check_LIBRARIES += libnextstate.a
libnextstate_a_SOURCES = relay/state/saved_allocation.c tests/unit/state/next_saved_allocation.h
libnextstate_a_CPPFLAGS = $(AM_CPPFLAGS) -DAVEDGE_NEXT_STATE \
	-Dsaved_allocation_write=next_saved_allocation_write \
	-Dsaved_allocation_read=next_saved_allocation_read \
	-Dsaved_allocation_proof=next_saved_allocation_proof
tests_unit_state_test_saved_allocation_SOURCES = tests/unit/state/test_saved_allocation.c $(images)
tests_unit_state_test_saved_allocation_LDADD = libnextstate.a $(STATE_LIBS) $(CHECK_LIBS)
tests_unit_state_test_state_file_LDADD = $(STATE_LIBS) $(CHECK_LIBS)

unit_programs += tests/unit/state/test_state_faults
tests_unit_state_test_state_faults_LDADD = $(STATE_LIBS) $(CHECK_LIBS)

unit_programs += tests/unit/state/test_state_view
# The reader of a release whose files have the next layout.
check_LIBRARIES += libnextview.a
libnextview_a_SOURCES = relay/state/state_view.c
libnextview_a_CPPFLAGS = $(AM_CPPFLAGS) -DSTATE_FILE_VERSION=2 \
	-Dstate_view_open=next_state_view_open \
	-Dstate_view_next=next_state_view_next \
	-Dstate_view_window=next_state_view_window \
	-Dstate_verdict_name=next_state_verdict_name
tests_unit_state_test_state_view_LDADD = libnextview.a $(STATE_LIBS) $(CHECK_LIBS)

unit_programs += tests/unit/state/test_shared_keeper
tests_unit_state_test_shared_keeper_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
tests_unit_state_test_saved_peer_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
tests_unit_state_test_keeper_LDADD = $(fixture_libs)
tests_unit_state_test_moved_records_SOURCES = tests/unit/state/test_moved_records.c $(images)
tests_unit_state_test_moved_records_LDADD = $(STATE_LIBS) $(CHECK_LIBS)

unit_programs += tests/unit/state/test_saved_stream
tests_unit_state_test_saved_stream_LDADD = $(STATE_LIBS) $(CHECK_LIBS)
