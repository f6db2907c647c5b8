unit_programs += \
	tests/unit/test_control_api \
	tests/unit/test_control_socket \
	tests/unit/test_inbox \
	tests/unit/test_log \
	tests/unit/test_metrics_listener \
	tests/unit/test_openmetrics \
	tests/unit/test_privdrop \
	tests/unit/test_secret_file \
	tests/unit/test_sockaddr \
	tests/unit/test_socket_drops \
	tests/unit/test_udp_run \
	tests/unit/test_units \
	tests/unit/test_version \
	tests/unit/test_watchdog

tests_unit_test_control_api_LDADD = libdaemon.a $(JANSSON_LIBS) $(CHECK_LIBS)
tests_unit_test_control_socket_LDADD = libdaemon.a libbase.a $(MICROHTTPD_LIBS) \
	$(JANSSON_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_test_inbox_LDADD = libdaemon.a $(EVENT_LIBS) $(CHECK_LIBS)
tests_unit_test_log_LDADD = libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_test_metrics_listener_LDADD = libdaemon.a $(CORE_LIBS) libbase.a \
	$(MICROHTTPD_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_test_openmetrics_LDADD = libdaemon.a $(CHECK_LIBS)
tests_unit_test_socket_drops_LDADD = libdaemon.a $(CORE_LIBS) libbase.a $(CHECK_LIBS)
tests_unit_test_privdrop_LDADD = libbase.a $(CAPNG_LIBS) $(CHECK_LIBS)
tests_unit_test_watchdog_LDADD = libdaemon.a $(EVENT_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_test_secret_file_LDADD = libbase.a $(CHECK_LIBS)
