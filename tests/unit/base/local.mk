unit_programs += \
	tests/unit/base/test_byte_pump \
	tests/unit/base/test_tcp_progress \
	tests/unit/base/test_client_hello \
	tests/unit/base/test_control_api \
	tests/unit/base/test_connection_store \
	tests/unit/base/test_control_socket \
	tests/unit/base/test_daemon \
	tests/unit/base/test_fd_store \
	tests/unit/base/test_half_open \
	tests/unit/base/test_host_remarks \
	tests/unit/base/test_inbox \
	tests/unit/base/test_inherited \
	tests/unit/base/test_take_over \
	tests/unit/base/test_log \
	tests/unit/base/test_metrics_listener \
	tests/unit/base/test_openmetrics \
	tests/unit/base/test_privdrop \
	tests/unit/base/test_restarts \
	tests/unit/base/test_secret_file \
	tests/unit/base/test_sockaddr \
	tests/unit/base/test_udp_batch \
	tests/unit/base/test_udp_errors \
	tests/unit/base/test_udp_header \
	tests/unit/base/test_units \
	tests/unit/base/test_version \
	tests/unit/base/test_watchdog
EXTRA_DIST += tests/unit/base/udp_pair.h

tests_unit_base_test_byte_pump_LDADD = libdaemon.a libstun.a $(SSL_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_base_test_tcp_progress_LDADD = libdaemon.a $(CHECK_LIBS)
tests_unit_base_test_client_hello_LDADD = libdaemon.a $(CHECK_LIBS)
tests_unit_base_test_control_api_LDADD = libdaemon.a $(JANSSON_LIBS) $(CHECK_LIBS)
tests_unit_base_test_control_socket_LDADD = libdaemon.a libbase.a $(MICROHTTPD_LIBS) \
	$(JANSSON_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_connection_store_LDADD = libdaemon.a $(CORE_LIBS) libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_daemon_LDADD = libdaemon.a $(CORE_LIBS) libbase.a $(EVENT_LIBS) $(MICROHTTPD_LIBS) \
	$(JANSSON_LIBS) $(SYSTEMD_LIBS) $(CAPNG_LIBS) $(CHECK_LIBS)
tests_unit_base_test_fd_store_LDADD = libdaemon.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_half_open_LDADD = libdaemon.a $(CORE_LIBS) $(CHECK_LIBS)
tests_unit_base_test_host_remarks_LDADD = libdaemon.a $(CORE_LIBS) libbase.a $(SYSTEMD_LIBS) $(CAPNG_LIBS) $(CHECK_LIBS)
tests_unit_base_test_inbox_LDADD = libdaemon.a $(EVENT_LIBS) $(CHECK_LIBS)
tests_unit_base_test_take_over_LDADD = libdaemon.a libbase.a $(SYSTEMD_LIBS) $(EVENT_LIBS) $(CHECK_LIBS)
tests_unit_base_test_inherited_LDADD = libdaemon.a libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_log_LDADD = libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_metrics_listener_LDADD = libdaemon.a $(CORE_LIBS) libbase.a \
	$(MICROHTTPD_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_openmetrics_LDADD = libdaemon.a $(CHECK_LIBS)
tests_unit_base_test_privdrop_LDADD = libbase.a $(CAPNG_LIBS) $(CHECK_LIBS)
tests_unit_base_test_watchdog_LDADD = libdaemon.a $(EVENT_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_restarts_LDADD = libdaemon.a libbase.a $(SYSTEMD_LIBS) $(CHECK_LIBS)
tests_unit_base_test_secret_file_LDADD = libbase.a $(CHECK_LIBS)
