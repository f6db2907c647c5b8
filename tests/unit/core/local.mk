# What a test program that fails allocations on purpose is linked with; see tests/unit/lib/oom.h.
oom_wrap = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc \
	-Wl,--wrap=free

unit_programs += \
	tests/unit/core/test_admission \
	tests/unit/core/test_allocation \
	tests/unit/core/test_allocation_move \
	tests/unit/core/test_auth \
	tests/unit/core/test_channel \
	tests/unit/core/test_counters \
	tests/unit/core/test_expiry \
	tests/unit/core/test_five_tuple \
	tests/unit/core/test_forward \
	tests/unit/core/test_hot \
	tests/unit/core/test_icmp \
	tests/unit/core/test_ip_header \
	tests/unit/core/test_ip_prefix \
	tests/unit/core/test_limiter \
	tests/unit/core/test_mobility_ticket \
	tests/unit/core/test_nonce \
	tests/unit/core/test_out_of_memory \
	tests/unit/core/test_owner_store \
	tests/unit/core/test_peer_policy \
	tests/unit/core/test_peer_policy_model \
	tests/unit/core/test_permission \
	tests/unit/core/test_port_pool \
	tests/unit/core/test_quota \
	tests/unit/core/test_relay_port \
	tests/unit/core/test_reservation \
	tests/unit/core/test_sequence \
	tests/unit/core/test_tcp_allocation \
	tests/unit/core/test_tcp_restore \
	tests/unit/core/test_tcp_relay \
	tests/unit/core/test_threads \
	tests/unit/core/test_tokens \
	tests/unit/core/test_user_groups
EXTRA_DIST += tests/unit/core/create_check.h tests/unit/core/one_fixture.h tests/unit/core/random.h

# The fixture of fake_edge.h; a program that uses it has libfixture.a in front of the libraries.
check_LIBRARIES += libfixture.a
libfixture_a_SOURCES = tests/unit/core/fake_edge.c tests/unit/core/fake_edge.h \
	tests/unit/core/records.c tests/unit/core/records.h \
	tests/unit/state/images.c tests/unit/state/images.h
fixture_libs = libfixture.a libstate.a $(LDADD)
tests_unit_core_test_admission_LDADD = $(fixture_libs)
tests_unit_core_test_allocation_move_LDADD = $(fixture_libs)
tests_unit_core_test_allocation_LDADD = $(fixture_libs)
tests_unit_core_test_auth_SOURCES = tests/unit/core/test_auth.c tests/unit/core/auth_request.c \
	tests/unit/core/auth_request.h
tests_unit_core_test_auth_LDADD = $(fixture_libs)
tests_unit_core_test_auth_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=stun_verify,--wrap=stun_key_long_term,--wrap=HMAC
tests_unit_core_test_channel_LDADD = $(fixture_libs)
tests_unit_core_test_forward_LDADD = $(fixture_libs)
tests_unit_core_test_hot_LDADD = $(fixture_libs)
tests_unit_core_test_icmp_LDADD = $(fixture_libs)
tests_unit_core_test_ip_header_LDADD = $(fixture_libs)
tests_unit_core_test_user_groups_LDADD = $(fixture_libs)
tests_unit_core_test_permission_LDADD = $(fixture_libs)
tests_unit_core_test_relay_port_LDADD = $(fixture_libs)
tcp_fixture = tests/unit/core/tcp_fixture.c tests/unit/core/tcp_fixture.h
tests_unit_core_test_tcp_restore_SOURCES = tests/unit/core/test_tcp_restore.c $(tcp_fixture)
tests_unit_core_test_tcp_restore_LDADD = $(fixture_libs)
tests_unit_core_test_tcp_allocation_SOURCES = tests/unit/core/test_tcp_allocation.c $(tcp_fixture)
tests_unit_core_test_tcp_allocation_LDADD = $(fixture_libs)
tests_unit_core_test_tcp_relay_SOURCES = tests/unit/core/test_tcp_relay.c $(tcp_fixture)
tests_unit_core_test_tcp_relay_LDADD = $(fixture_libs)

policy_fixture = tests/unit/core/policy_fixture.c tests/unit/core/policy_fixture.h
tests_unit_core_test_peer_policy_SOURCES = tests/unit/core/test_peer_policy.c $(policy_fixture)
tests_unit_core_test_peer_policy_model_SOURCES = tests/unit/core/test_peer_policy_model.c \
	tests/unit/core/policy_oracle.c tests/unit/core/policy_oracle.h $(policy_fixture)

tests_unit_core_test_out_of_memory_SOURCES = tests/unit/core/test_out_of_memory.c tests/unit/lib/oom.c \
	tests/unit/lib/oom.h
tests_unit_core_test_out_of_memory_LDADD = $(fixture_libs)
tests_unit_core_test_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
