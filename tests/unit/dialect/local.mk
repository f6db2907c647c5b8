# The client of turn_client.h talks to dispatch.h in the fixture of fake_edge.h (core.mk).
check_LIBRARIES += libturnclient.a
libturnclient_a_SOURCES = tests/unit/dialect/turn_client.c tests/unit/dialect/turn_client.h
client_libs = libturnclient.a $(fixture_libs)
EXTRA_DIST += tests/unit/dialect/checked_dispatch.h tests/unit/dialect/dialect_check.h tests/unit/dialect/flow_check.h

unit_programs += \
	tests/unit/dialect/test_attacks \
	tests/unit/dialect/test_bandwidth \
	tests/unit/dialect/test_binding \
	tests/unit/dialect/test_discovery \
	tests/unit/dialect/test_dispatch \
	tests/unit/dialect/test_drain \
	tests/unit/dialect/test_reply \
	tests/unit/dialect/test_mobility \
	tests/unit/dialect/test_mobility_tcp \
	tests/unit/dialect/test_retired \
	tests/unit/dialect/test_saved_first \
	tests/unit/dialect/test_revocation \
	tests/unit/dialect/test_fair_share \
	tests/unit/dialect/test_second_hop \
	tests/unit/dialect/test_token_auth \
	tests/unit/dialect/test_turn_allocate \
	tests/unit/dialect/test_turn_auth \
	tests/unit/dialect/test_turn_channel \
	tests/unit/dialect/test_turn_dual \
	tests/unit/dialect/test_turn_permission \
	tests/unit/dialect/test_turn_refresh \
	tests/unit/dialect/test_turn_relayed \
	tests/unit/dialect/test_turn_send \
	tests/unit/dialect/test_turn_tcp
tests_unit_dialect_test_attacks_LDADD = $(client_libs)
tests_unit_dialect_test_bandwidth_LDADD = $(client_libs)
tests_unit_dialect_test_binding_LDADD = $(client_libs)
tests_unit_dialect_test_discovery_LDADD = $(client_libs)
tests_unit_dialect_test_dispatch_LDADD = $(client_libs)
tests_unit_dialect_test_reply_LDADD = $(client_libs)
tests_unit_dialect_test_mobility_LDADD = $(client_libs)
tests_unit_dialect_test_mobility_tcp_LDADD = $(client_libs)
tests_unit_dialect_test_token_auth_LDADD = $(client_libs)
tests_unit_dialect_test_turn_allocate_LDADD = $(client_libs)
tests_unit_dialect_test_turn_auth_LDADD = $(client_libs)
tests_unit_dialect_test_turn_channel_LDADD = $(client_libs)
tests_unit_dialect_test_turn_dual_LDADD = $(client_libs)
tests_unit_dialect_test_turn_permission_LDADD = $(client_libs)
tests_unit_dialect_test_turn_refresh_LDADD = $(client_libs)
tests_unit_dialect_test_turn_relayed_LDADD = $(client_libs)
tests_unit_dialect_test_turn_send_LDADD = $(client_libs)
tests_unit_dialect_test_turn_tcp_LDADD = $(client_libs)

# The client of the MS dialect, and its tests.
check_LIBRARIES += libmsclient.a
libmsclient_a_SOURCES = tests/unit/dialect/ms_client.c tests/unit/dialect/ms_client.h
ms_client_libs = libmsclient.a $(client_libs)
tests_unit_dialect_test_saved_first_LDADD = $(ms_client_libs)
EXTRA_DIST += tests/unit/dialect/ms_check.h tests/unit/dialect/restore_check.h

unit_programs += \
	tests/unit/dialect/test_allocation_restore \
	tests/unit/dialect/test_restore_mobility \
	tests/unit/dialect/test_restore_model \
	tests/unit/dialect/test_ms_admission \
	tests/unit/dialect/test_ms_turn_allocate \
	tests/unit/dialect/test_ms_turn_auth \
	tests/unit/dialect/test_ms_turn_data \
	tests/unit/dialect/test_ms_turn_destination \
	tests/unit/dialect/test_ms_turn_dual \
	tests/unit/dialect/test_ms_turn_mixed \
	tests/unit/dialect/test_ms_turn_vectors
tests_unit_dialect_test_allocation_restore_SOURCES = tests/unit/dialect/test_allocation_restore.c \
	tests/unit/state/images.c tests/unit/state/images.h
tests_unit_dialect_test_allocation_restore_LDADD = libmsclient.a libturnclient.a libfixture.a \
	libstate.a $(LDADD)
tests_unit_dialect_test_restore_mobility_SOURCES = tests/unit/dialect/test_restore_mobility.c \
	tests/unit/state/images.c tests/unit/state/images.h
tests_unit_dialect_test_restore_mobility_LDADD = libmsclient.a libturnclient.a libfixture.a \
	libstate.a $(LDADD)
tests_unit_dialect_test_restore_model_SOURCES = tests/unit/dialect/test_restore_model.c \
	tests/unit/state/images.c tests/unit/state/images.h
tests_unit_dialect_test_restore_model_LDADD = libmsclient.a libturnclient.a libfixture.a \
	libstate.a $(LDADD)
tests_unit_dialect_test_drain_LDADD = $(ms_client_libs)
tests_unit_dialect_test_retired_LDADD = $(ms_client_libs)
tests_unit_dialect_test_revocation_LDADD = $(ms_client_libs)
tests_unit_dialect_test_fair_share_LDADD = $(client_libs)
tests_unit_dialect_test_second_hop_LDADD = $(client_libs)
tests_unit_dialect_test_ms_admission_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_allocate_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_auth_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_data_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_destination_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_dual_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_mixed_LDADD = $(ms_client_libs)
tests_unit_dialect_test_ms_turn_vectors_SOURCES = tests/unit/dialect/test_ms_turn_vectors.c \
	tests/unit/lib/vectors.c
tests_unit_dialect_test_ms_turn_vectors_LDADD = $(ms_client_libs) $(JANSSON_LIBS)
