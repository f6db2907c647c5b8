# Fuzz targets of the daemon's edges; they need more than the pure libraries.
fuzz_programs += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/config

fuzz_programs += tests/fuzz/fuzz_metrics_request
tests_fuzz_fuzz_metrics_request_LDADD = $(FUZZ_LIBS) libdaemon.a $(CORE_LIBS) libbase.a \
	$(MICROHTTPD_LIBS) $(SYSTEMD_LIBS)
EXTRA_DIST += tests/fuzz/corpus/metrics_request

fuzz_programs += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c tests/fuzz/no_check.c \
	$(control_text) $(control_fixture)
tests_fuzz_fuzz_control_LDADD = $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/control

fuzz_programs += tests/fuzz/fuzz_dtls
tests_fuzz_fuzz_dtls_SOURCES = tests/fuzz/fuzz_dtls.c $(dtls_fixture)
tests_fuzz_fuzz_dtls_LDADD = libfixture.a libstate.a $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/dtls

fuzz_programs += tests/fuzz/fuzz_state_file
tests_fuzz_fuzz_state_file_LDADD = libstate.a $(FUZZ_LIBS)
EXTRA_DIST += tests/fuzz/corpus/state_file

fuzz_programs += tests/fuzz/fuzz_take_over
tests_fuzz_fuzz_take_over_LDADD = $(FUZZ_LIBS) libdaemon.a
EXTRA_DIST += tests/fuzz/corpus/take_over

fuzz_programs += tests/fuzz/fuzz_loader_message
tests_fuzz_fuzz_loader_message_LDADD = $(FUZZ_LIBS) librelay.a
EXTRA_DIST += tests/fuzz/corpus/loader_message

fuzz_programs += tests/fuzz/fuzz_route_message
tests_fuzz_fuzz_route_message_LDADD = $(FUZZ_LIBS) librelay.a libdaemon.a libbase.a libstun.a
EXTRA_DIST += tests/fuzz/corpus/route_message

fuzz_programs += tests/fuzz/fuzz_parity
tests_fuzz_fuzz_parity_SOURCES = tests/fuzz/fuzz_parity.c $(parity)
tests_fuzz_fuzz_parity_LDADD = libnativeprogram.a libfixture.a libstate.a $(FUZZ_LIBS) $(RELAY_LIBS)
EXTRA_DIST += tests/fuzz/corpus/parity
