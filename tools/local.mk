# tools/: avedgectl and avedge-load. Link with $(TOOLS_LIBS).

# What of avedgectl the fuzz targets need, too.
noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	tools/ctl.c tools/ctl.h \
	tools/ctl_frame.c tools/ctl_frame.h \
	tools/ctl_text.c tools/ctl_text.h \
	tools/import_conf.c tools/import_conf.h \
	tools/import_options.c \
	tools/import_range.c tools/import_range.h \
	tools/import_write.c tools/import_write.h

# The TURN client of both programs.
noinst_LIBRARIES += libclient.a
libclient_a_SOURCES = \
	tools/client.c tools/client.h \
	tools/client_link.c tools/client_link.h \
	tools/client_ms.c tools/client_ms.h \
	tools/client_ms_data.c tools/client_ms_parts.h \
	tools/client_request.c tools/client_request.h \
	tools/clock.h

bin_PROGRAMS += avedgectl
avedgectl_SOURCES = \
	tools/avedgectl.c \
	tools/ctl_allocation.c tools/ctl_allocation.h \
	tools/ctl_args.c \
	tools/ctl_command.h \
	tools/ctl_commands.c \
	tools/ctl_complete.c \
	tools/ctl_credential.c \
	tools/ctl_daemon.c tools/ctl_daemon.h \
	tools/ctl_document.c tools/ctl_document.h \
	tools/ctl_drain.c tools/ctl_drain.h \
	tools/ctl_edge_ports.c tools/ctl_edge_ports.h \
	tools/ctl_help.c \
	tools/ctl_import.c \
	tools/ctl_key.c \
	tools/ctl_log.c \
	tools/ctl_manual.c \
	tools/ctl_mras.c \
	tools/ctl_options.c \
	tools/ctl_ports.c \
	tools/ctl_probe.c \
	tools/ctl_records.c \
	tools/ctl_relay.c \
	tools/ctl_reload.c \
	tools/ctl_run.h \
	tools/ctl_show.c \
	tools/ctl_table.c tools/ctl_table.h \
	tools/ctl_terminal.c tools/ctl_terminal.h \
	tools/ctl_top.c \
	tools/probe.h \
	tools/probe_http.c \
	tools/probe_relay.c \
	tools/probe_report.c \
	tools/probe_sip.c \
	tools/probe_tls.c
avedgectl_LDADD = libctl.a libclient.a libloadcore.a $(TOOLS_LIBS)

# What the unit tests of the load tool need of it, too.
noinst_LIBRARIES += libloadcore.a
libloadcore_a_SOURCES = \
	tools/histogram.c tools/histogram.h \
	tools/load_options.c tools/load_options.h \
	tools/load_report.c tools/load_report.h \
	tools/load_result.c tools/load_result.h \
	tools/load_traffic.c tools/load_traffic.h \
	tools/pacer.c tools/pacer.h \
	tools/packet_stream.c tools/packet_stream.h \
	tools/stamp.c tools/stamp.h

bin_PROGRAMS += avedge-load
avedge_load_SOURCES = \
	tools/avedge_load.c \
	tools/load_clients.c tools/load_clients.h \
	tools/load_dialect.c tools/load_dialect.h \
	tools/load_json.c \
	tools/load_net.c tools/load_net.h \
	tools/load_peers.c tools/load_peers.h \
	tools/load_run.c tools/load_run.h \
	tools/load_streams.c tools/load_streams.h
avedge_load_LDADD = libclient.a libloadcore.a $(TOOLS_LIBS)
