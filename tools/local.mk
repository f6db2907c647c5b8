# tools/: avedgectl and avedge-load. Link with $(TOOLS_LIBS).

# What of avedgectl the fuzz targets need, too.
noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	tools/ctl/ctl.c tools/ctl/ctl.h \
	tools/ctl/ctl_frame.c tools/ctl/ctl_frame.h \
	tools/ctl/ctl_text.c tools/ctl/ctl_text.h \
	tools/import/import_conf.c tools/import/import_conf.h \
	tools/import/import_options.c \
	tools/import/import_ports.c tools/import/import_ports.h \
	tools/import/import_range.c tools/import/import_range.h \
	tools/import/import_sides.c tools/import/import_sides.h \
	tools/import/import_write.c tools/import/import_write.h

# The TURN client of both programs.
noinst_LIBRARIES += libclient.a
libclient_a_SOURCES = \
	tools/client/client.c tools/client/client.h tools/client/client_config.h \
	tools/client/client_auth.c tools/client/client_auth.h \
	tools/client/client_credential.c \
	tools/client/client_dtls.c tools/client/client_dtls.h \
	tools/client/client_ietf.c tools/client/client_ietf.h \
	tools/client/client_link.c tools/client/client_link.h \
	tools/client/client_loop.c tools/client/client_loop.h \
	tools/client/client_ms.c tools/client/client_ms.h \
	tools/client/client_request.c tools/client/client_request.h \
	tools/client/client_server.c tools/client/client_server.h \
	tools/client/client_state.c tools/client/client_state.h \
	tools/client/client_tls.c tools/client/client_tls.h \
	tools/client/clock.h \
	tools/client/data_connection.c tools/client/data_connection.h \
	tools/client/packet_stream.c tools/client/packet_stream.h

bin_PROGRAMS += avedgectl
avedgectl_SOURCES = \
	tools/ctl/avedgectl.c \
	tools/ctl/ctl_allocation.c \
	tools/ctl/ctl_args.c tools/ctl/ctl_args.h \
	tools/ctl/ctl_command.c tools/ctl/ctl_command.h \
	tools/ctl/ctl_complete.c tools/ctl/ctl_complete.h \
	tools/ctl/ctl_counters.c \
	tools/ctl/ctl_credential.c \
	tools/ctl/ctl_daemon.c tools/ctl/ctl_daemon.h \
	tools/ctl/ctl_drain.c \
	tools/ctl/ctl_help.c tools/ctl/ctl_help.h \
	tools/ctl/ctl_import.c \
	tools/ctl/ctl_key.c \
	tools/ctl/ctl_live.c \
	tools/ctl/ctl_option.c tools/ctl/ctl_option.h \
	tools/ctl/ctl_ports.c \
	tools/ctl/ctl_ports_config.c \
	tools/ctl/ctl_probe.c \
	tools/ctl/ctl_records.c \
	tools/ctl/ctl_reload.c \
	tools/ctl/ctl_run.h \
	tools/ctl/ctl_status.c \
	tools/ctl/ctl_terminal.c tools/ctl/ctl_terminal.h \
	tools/ctl/ctl_top.c \
	tools/ctl/ctl_uris.c tools/ctl/ctl_uris.h \
	tools/ctl/ctl_view.c tools/ctl/ctl_view.h \
	tools/probe/probe.h \
	tools/probe/probe_call.c tools/probe/probe_call.h \
	tools/probe/probe_http.c \
	tools/probe/probe_nat.c tools/probe/probe_nat.h \
	tools/probe/probe_relay.c \
	tools/probe/probe_report.c \
	tools/probe/probe_sip.c \
	tools/probe/probe_tls.c \
	tools/probe/probe_turn.c tools/probe/probe_turn.h
# The schema of mediarelayd.conf is the relay's own.
avedgectl_LDADD = libctl.a libclient.a librelay.a libdaemon.a $(CORE_LIBS) $(TOOLS_LIBS) $(SYSTEMD_LIBS)

# What the unit tests of the load tool need of it, too.
noinst_LIBRARIES += libloadcore.a
libloadcore_a_SOURCES = \
	tools/load/histogram.c tools/load/histogram.h \
	tools/load/load_help.c \
	tools/load/load_options.c tools/load/load_options.h \
	tools/load/load_report.c tools/load/load_report.h \
	tools/load/load_result.c tools/load/load_result.h \
	tools/load/load_rules.c \
	tools/load/load_traffic.c tools/load/load_traffic.h \
	tools/load/pacer.c tools/load/pacer.h \
	tools/load/stamp.c tools/load/stamp.h

bin_PROGRAMS += avedge-load
avedge_load_SOURCES = \
	tools/load/avedge_load.c \
	tools/load/load_clients.c tools/load/load_clients.h \
	tools/load/load_clients_config.h \
	tools/load/load_json.c \
	tools/load/load_net.c tools/load/load_net.h \
	tools/load/load_peers.c tools/load/load_peers.h \
	tools/load/load_progress.c tools/load/load_progress.h \
	tools/load/load_run.c tools/load/load_run.h \
	tools/load/load_slot.c tools/load/load_slot.h \
	tools/load/load_streams.c tools/load/load_streams.h
avedge_load_LDADD = libclient.a libloadcore.a $(TOOLS_LIBS)
