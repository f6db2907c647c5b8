unit_programs += \
	tests/unit/relay/test_addresses \
	tests/unit/relay/test_change \
	tests/unit/relay/test_clients \
	tests/unit/relay/test_config \
	tests/unit/relay/test_config_compare \
	tests/unit/relay/test_continuity \
	tests/unit/relay/test_control \
	tests/unit/relay/test_control_memory \
	tests/unit/relay/test_discovery_fronts \
	tests/unit/relay/test_association \
	tests/unit/relay/test_dtls \
	tests/unit/relay/test_explain \
	tests/unit/relay/test_metrics \
	tests/unit/relay/test_network \
	tests/unit/relay/test_next_hops \
	tests/unit/relay/test_proxy \
	tests/unit/relay/test_page \
	tests/unit/relay/test_past \
	tests/unit/relay/test_peer_conn \
	tests/unit/relay/test_peer_kill \
	tests/unit/relay/test_peer_queue \
	tests/unit/relay/test_fronts \
	tests/unit/relay/test_heartbeat \
	tests/unit/relay/test_loop \
	tests/unit/relay/test_rates \
	tests/unit/relay/test_inherited_pipes \
	tests/unit/relay/test_loader_message \
	tests/unit/relay/test_relay_sockets \
	tests/unit/relay/test_record \
	tests/unit/relay/test_records \
	tests/unit/relay/test_self_test \
	tests/unit/relay/test_status_line \
	tests/unit/relay/test_steering \
	tests/unit/relay/test_relocation \
	tests/unit/relay/test_stray \
	tests/unit/relay/test_take_up \
	tests/unit/relay/test_unsaved \
	tests/unit/relay/test_urgent \
	tests/unit/relay/test_stream_handover \
	tests/unit/relay/test_stream_io \
	tests/unit/relay/test_stream_padding \
	tests/unit/relay/test_stream_times \
	tests/unit/relay/test_streams_survive \
	tests/unit/relay/test_watched \
	tests/unit/relay/test_trace

tests_unit_relay_test_addresses_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_config_SOURCES = tests/unit/relay/test_config.c \
	tests/unit/lib/config_docs.c tests/unit/lib/config_docs.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_relay_test_config_compare_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_config_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_discovery_fronts_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_loader_message_LDADD = librelay.a $(CHECK_LIBS)
tests_unit_relay_test_explain_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_page_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_past_LDADD = libbase.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_metrics_LDADD = libfixture.a libstate.a $(RELAY_LIBS) $(CHECK_LIBS)
dtls_fixture = tests/unit/relay/dtls_fixture.c tests/unit/relay/dtls_fixture.h
tests_unit_relay_test_association_SOURCES = tests/unit/relay/test_association.c $(dtls_fixture)
tests_unit_relay_test_association_LDADD = libfixture.a libstate.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_dtls_SOURCES = tests/unit/relay/test_dtls.c $(dtls_fixture)
tests_unit_relay_test_dtls_LDADD = libturnclient.a libfixture.a libstate.a $(RELAY_LIBS) $(CHECK_LIBS)
relay_fixture = tests/unit/relay/relay_fixture.c tests/unit/relay/relay_fixture.h
control_fixture = tests/unit/relay/control_fixture.c tests/unit/relay/control_fixture.h $(relay_fixture)
tests_unit_relay_test_change_SOURCES = tests/unit/relay/test_change.c $(relay_fixture)
tests_unit_relay_test_change_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_control_SOURCES = tests/unit/relay/test_control.c $(control_fixture) \
	tests/unit/lib/openapi_routes.c tests/unit/lib/openapi_routes.h \
	tests/unit/lib/json_schema.c tests/unit/lib/json_schema.h \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_relay_test_control_memory_SOURCES = tests/unit/relay/test_control_memory.c $(control_fixture)
tests_unit_relay_test_control_memory_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_control_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_peer_kill_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_peer_conn_SOURCES = tests/unit/relay/test_peer_conn.c $(relay_fixture)
tests_unit_relay_test_peer_conn_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_peer_queue_SOURCES = tests/unit/relay/test_peer_queue.c $(relay_fixture)
tests_unit_relay_test_peer_queue_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_record_SOURCES = tests/unit/relay/test_record.c \
	tests/unit/lib/source_file.c tests/unit/lib/source_file.h
tests_unit_relay_test_record_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_stray_LDADD = $(fixture_libs) $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_inherited_pipes_LDADD = libbase.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_relay_sockets_LDADD = libbase.a $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_relocation_LDADD = $(fixture_libs) $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_take_up_SOURCES = tests/unit/relay/test_take_up.c $(relay_fixture) $(images)
tests_unit_relay_test_take_up_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_stream_handover_SOURCES = tests/unit/relay/test_stream_handover.c $(relay_fixture)
tests_unit_relay_test_stream_handover_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_streams_survive_SOURCES = tests/unit/relay/test_streams_survive.c $(relay_fixture)
tests_unit_relay_test_streams_survive_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_stream_io_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_fronts_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_loop_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_heartbeat_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_self_test_SOURCES = tests/unit/relay/test_self_test.c $(relay_fixture)
tests_unit_relay_test_self_test_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_status_line_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_rates_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_records_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_network_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_unsaved_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_urgent_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_steering_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_proxy_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_next_hops_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_clients_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_stream_padding_SOURCES = tests/unit/relay/test_stream_padding.c $(relay_fixture)
tests_unit_relay_test_stream_padding_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_stream_times_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_continuity_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_watched_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)
tests_unit_relay_test_trace_LDADD = $(RELAY_LIBS) $(CHECK_LIBS)

# Both daemons in one program: no global symbol of theirs has the same name.
unit_programs += tests/unit/base/test_both_daemons
tests_unit_base_test_both_daemons_SOURCES = tests/unit/base/test_both_daemons.c $(relay_fixture)
tests_unit_base_test_both_daemons_LDADD = libissuerfixture.a libissuer.a libmras.a \
	libopaquestring.a $(UNISTRING_LIBS) $(RELAY_LIBS) \
	$(EXPAT_LIBS) $(OSIP_LIBS) $(CHECK_LIBS)
