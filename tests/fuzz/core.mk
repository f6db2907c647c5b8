fuzz_programs += tests/fuzz/fuzz_session
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c tests/fuzz/session_model.c \
	tests/fuzz/session_model.h
tests_fuzz_fuzz_session_LDADD = libturnclient.a libfixture.a libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/session

fuzz_programs += tests/fuzz/fuzz_ms_session
tests_fuzz_fuzz_ms_session_SOURCES = tests/fuzz/fuzz_ms_session.c \
	tests/fuzz/ms_model.c tests/fuzz/ms_model.h \
	tests/fuzz/session_model.c tests/fuzz/session_model.h
tests_fuzz_fuzz_ms_session_LDADD = libmsclient.a libturnclient.a libfixture.a libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/ms_session

fuzz_programs += tests/fuzz/fuzz_revoked_users
tests_fuzz_fuzz_revoked_users_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/revoked_users

fuzz_programs += tests/fuzz/fuzz_mobility_ticket
tests_fuzz_fuzz_mobility_ticket_LDADD = $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/mobility_ticket

fuzz_programs += tests/fuzz/fuzz_tcp_session
tests_fuzz_fuzz_tcp_session_LDADD = libturnclient.a libfixture.a libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/tcp_session

fuzz_programs += tests/fuzz/fuzz_saved_allocation
tests_fuzz_fuzz_saved_allocation_SOURCES = tests/fuzz/fuzz_saved_allocation.c $(images)
tests_fuzz_fuzz_saved_allocation_LDADD = libnextstate.a libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/saved_allocation

fuzz_programs += tests/fuzz/fuzz_take_up
tests_fuzz_fuzz_take_up_LDADD = libfixture.a libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/take_up

fuzz_programs += tests/fuzz/fuzz_saved_peer
tests_fuzz_fuzz_saved_peer_LDADD = libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/saved_peer

fuzz_programs += tests/fuzz/fuzz_saved_stream
tests_fuzz_fuzz_saved_stream_LDADD = libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/saved_stream
