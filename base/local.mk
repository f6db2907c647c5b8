# base/: plumbing without protocol or policy, shared by all programs.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/log.c base/log.h \
	base/log_writer.c base/log_writer.h \
	base/config/nearest.c base/config/nearest.h \
	base/config/dscp.c base/config/dscp.h \
	base/privdrop.c base/privdrop.h \
	base/secret_file.c base/secret_file.h \
	base/self_name.c base/self_name.h \
	base/sockaddr.c base/sockaddr.h \
	base/tls_error.c base/tls_error.h \
	base/udp/steering.c base/udp/steering.h \
	base/udp/udp_batch.c base/udp/udp_batch.h \
	base/udp/udp_calls.h \
	base/udp/udp_errors.c base/udp/udp_errors.h \
	base/udp/udp_queue.c base/udp/udp_queue.h \
	base/units.c base/units.h \
	base/version.c base/version.h \
	base/whole_file.c base/whole_file.h

# What daemons share besides; it uses libstun.a and stands before it.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = \
	base/descriptors/connections.c base/descriptors/connections.h \
	base/descriptors/fd_parcel.c base/descriptors/fd_parcel.h \
	base/descriptors/connection_store.c base/descriptors/connection_store.h \
	base/descriptors/fd_store.c base/descriptors/fd_store.h \
	base/descriptors/store_health.c base/descriptors/store_health.h \
	base/descriptors/inherited.c base/descriptors/inherited.h \
	base/descriptors/predecessor.c base/descriptors/predecessor.h \
	base/descriptors/restarts.c base/descriptors/restarts.h \
	base/descriptors/take_over.c base/descriptors/take_over.h \
	base/descriptors/take_over_listener.c base/descriptors/take_over_listener.h \
	base/descriptors/take_over_message.c base/descriptors/take_over_message.h \
	base/descriptors/take_over_packet.c base/descriptors/take_over_packet.h \
	base/config/command_line.c base/config/command_line.h \
	base/config/config.c base/config/config.h \
	base/config/config_address.c base/config/config_address.h \
	base/config/config_remark.c \
	base/config/config_schema.c base/config/config_schema.h \
	base/config/config_syntax.c base/config/config_syntax.h \
	base/config/config_token.c base/config/config_token.h \
	base/config/config_value.c base/config/config_value.h \
	base/control/control_api.c base/control/control_api.h \
	base/control/control_common.c base/control/control_common.h \
	base/control/control_socket.c base/control/control_socket.h \
	base/daemon/daemon.c base/daemon/daemon.h \
	base/secret_copy.c base/secret_copy.h \
	base/daemon/daemon_run.c base/daemon/daemon_run.h \
	base/daemon/daemon_successor.c base/daemon/daemon_successor.h \
	base/config/explain.c base/config/explain.h \
	base/config/host_remarks.c base/config/host_remarks.h \
	base/config/tls_remarks.c base/config/tls_remarks.h \
	base/file_stamp.c base/file_stamp.h \
	base/net/client_hello.c base/net/client_hello.h \
	base/net/byte_pump.c base/net/byte_pump.h \
	base/net/half_open.c base/net/half_open.h \
	base/net/route_socket.c base/net/route_socket.h \
	base/net/tcp_progress.c base/net/tcp_progress.h \
	base/net/unix_listener.c base/net/unix_listener.h \
	base/http_body.c base/http_body.h \
	base/http_status.c base/http_status.h \
	base/fail.h \
	base/inbox.c base/inbox.h \
	base/metrics/metrics_listener.c base/metrics/metrics_listener.h \
	base/notify.c base/notify.h \
	base/metrics/openmetrics.c base/metrics/openmetrics.h \
	base/metrics/process_metrics.c base/metrics/process_metrics.h \
	base/config/reload.c base/config/reload.h \
	base/siphash.c base/siphash.h \
	base/tls_server.c base/tls_server.h \
	base/watchdog.c base/watchdog.h
