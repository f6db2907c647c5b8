unit_programs += \
	tests/unit/test_addresses \
	tests/unit/test_change \
	tests/unit/test_config \
	tests/unit/test_config_compare \
	tests/unit/test_control \
	tests/unit/test_control_memory \
	tests/unit/test_explain \
	tests/unit/test_metrics \
	tests/unit/test_network \
	tests/unit/test_page \
	tests/unit/test_peer_conn \
	tests/unit/test_peer_queue \
	tests/unit/test_pulse \
	tests/unit/test_rates \
	tests/unit/test_record \
	tests/unit/test_records \
	tests/unit/test_self_test \
	tests/unit/test_status_line \
	tests/unit/test_stream_io \
	tests/unit/test_stream_times \
	tests/unit/test_watched \
	tests/unit/test_trace

tests_unit_test_addresses_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_config_compare_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_config_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_explain_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_page_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_metrics_LDADD = libworld.a $(RELAY_LIBS) $(CHECK_LIBS)
relay_world = tests/unit/relay_world.c tests/unit/relay_world.h
control_world = tests/unit/control_world.c tests/unit/control_world.h $(relay_world)
tests_unit_test_change_SOURCES = tests/unit/test_change.c $(relay_world)
tests_unit_test_change_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_control_SOURCES = tests/unit/test_control.c $(control_world) \
	tests/unit/described_routes.c tests/unit/described_routes.h \
	tests/unit/json_schema.c tests/unit/json_schema.h \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_control_memory_SOURCES = tests/unit/test_control_memory.c $(control_world)
tests_unit_test_control_memory_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_control_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_peer_conn_SOURCES = tests/unit/test_peer_conn.c $(relay_world)
tests_unit_test_peer_conn_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_peer_queue_SOURCES = tests/unit/test_peer_queue.c $(relay_world)
tests_unit_test_peer_queue_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_record_SOURCES = tests/unit/test_record.c \
	tests/unit/source_file.c tests/unit/source_file.h
tests_unit_test_record_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_stream_io_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_pulse_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_self_test_SOURCES = tests/unit/test_self_test.c $(relay_world)
tests_unit_test_self_test_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_status_line_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_rates_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_records_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_network_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_stream_times_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_watched_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_test_trace_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
