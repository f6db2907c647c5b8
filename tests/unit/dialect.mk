# The client of turn_client.h talks to dispatch.h in the world of fake_edge.h (core.mk).
check_LIBRARIES += libturnclient.a
libturnclient_a_SOURCES = tests/unit/turn_client.c tests/unit/turn_client.h
client_libs = libturnclient.a $(world_libs)
EXTRA_DIST += tests/unit/dialect_check.h tests/unit/flow_check.h

unit_programs += \
	tests/unit/test_attacks \
	tests/unit/test_bandwidth \
	tests/unit/test_binding \
	tests/unit/test_dispatch \
	tests/unit/test_drain \
	tests/unit/test_retired \
	tests/unit/test_revocation \
	tests/unit/test_share \
	tests/unit/test_turn_allocate \
	tests/unit/test_turn_auth \
	tests/unit/test_turn_channel \
	tests/unit/test_turn_dual \
	tests/unit/test_turn_permission \
	tests/unit/test_turn_refresh \
	tests/unit/test_turn_relayed \
	tests/unit/test_turn_send
tests_unit_test_attacks_LDADD = $(client_libs)
tests_unit_test_bandwidth_LDADD = $(client_libs)
tests_unit_test_binding_LDADD = $(client_libs)
tests_unit_test_dispatch_LDADD = $(client_libs)
tests_unit_test_turn_allocate_LDADD = $(client_libs)
tests_unit_test_turn_auth_LDADD = $(client_libs)
tests_unit_test_turn_channel_LDADD = $(client_libs)
tests_unit_test_turn_dual_LDADD = $(client_libs)
tests_unit_test_turn_permission_LDADD = $(client_libs)
tests_unit_test_turn_refresh_LDADD = $(client_libs)
tests_unit_test_turn_relayed_LDADD = $(client_libs)
tests_unit_test_turn_send_LDADD = $(client_libs)

# The client of the MS dialect, and its tests.
check_LIBRARIES += libmsclient.a
libmsclient_a_SOURCES = tests/unit/ms_client.c tests/unit/ms_client.h
ms_client_libs = libmsclient.a $(client_libs)
EXTRA_DIST += tests/unit/ms_check.h

unit_programs += \
	tests/unit/test_ms_turn_allocate \
	tests/unit/test_ms_turn_auth \
	tests/unit/test_ms_turn_data \
	tests/unit/test_ms_turn_destination \
	tests/unit/test_ms_turn_dual \
	tests/unit/test_ms_turn_mixed \
	tests/unit/test_ms_turn_vectors
tests_unit_test_drain_LDADD = $(ms_client_libs)
tests_unit_test_retired_LDADD = $(ms_client_libs)
tests_unit_test_revocation_LDADD = $(ms_client_libs)
tests_unit_test_share_LDADD = $(client_libs)
tests_unit_test_ms_turn_allocate_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_auth_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_data_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_destination_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_dual_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_mixed_LDADD = $(ms_client_libs)
tests_unit_test_ms_turn_vectors_SOURCES = tests/unit/test_ms_turn_vectors.c \
	tests/unit/vectors.c
tests_unit_test_ms_turn_vectors_LDADD = $(ms_client_libs) $(JANSSON_LIBS)
