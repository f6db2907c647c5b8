# What a test program that fails allocations on purpose is linked with; see tests/unit/lib/oom.h.
oom_wrap = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc \
	-Wl,--wrap=free

unit_programs += \
	tests/unit/core/test_admission \
	tests/unit/core/test_allocation \
	tests/unit/core/test_auth \
	tests/unit/core/test_channel \
	tests/unit/core/test_counters \
	tests/unit/core/test_expiry \
	tests/unit/core/test_five_tuple \
	tests/unit/core/test_forward \
	tests/unit/core/test_ip_prefix \
	tests/unit/core/test_limiter \
	tests/unit/core/test_nonce \
	tests/unit/core/test_out_of_memory \
	tests/unit/core/test_peer_policy \
	tests/unit/core/test_peer_policy_model \
	tests/unit/core/test_permission \
	tests/unit/core/test_port_pool \
	tests/unit/core/test_quota \
	tests/unit/core/test_relay_port \
	tests/unit/core/test_reservation \
	tests/unit/core/test_sequence \
	tests/unit/core/test_tcp_allocation \
	tests/unit/core/test_tcp_relay \
	tests/unit/core/test_threads \
	tests/unit/core/test_tokens
EXTRA_DIST += tests/unit/core/create_check.h tests/unit/core/one_world.h tests/unit/core/random.h

# The world of fake_edge.h; a program that uses it has libworld.a in front of the libraries.
check_LIBRARIES += libworld.a
libworld_a_SOURCES = tests/unit/core/fake_edge.c tests/unit/core/fake_edge.h
world_libs = libworld.a $(LDADD)
tests_unit_core_test_admission_LDADD = $(world_libs)
tests_unit_core_test_allocation_LDADD = $(world_libs)
tests_unit_core_test_auth_SOURCES = tests/unit/core/test_auth.c tests/unit/core/auth_request.c \
	tests/unit/core/auth_request.h
tests_unit_core_test_auth_LDADD = $(world_libs)
tests_unit_core_test_auth_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=stun_verify,--wrap=stun_key_long_term,--wrap=HMAC
tests_unit_core_test_channel_LDADD = $(world_libs)
tests_unit_core_test_forward_LDADD = $(world_libs)
tests_unit_core_test_permission_LDADD = $(world_libs)
tests_unit_core_test_relay_port_LDADD = $(world_libs)
tcp_world = tests/unit/core/tcp_world.c tests/unit/core/tcp_world.h
tests_unit_core_test_tcp_allocation_SOURCES = tests/unit/core/test_tcp_allocation.c $(tcp_world)
tests_unit_core_test_tcp_allocation_LDADD = $(world_libs)
tests_unit_core_test_tcp_relay_SOURCES = tests/unit/core/test_tcp_relay.c $(tcp_world)
tests_unit_core_test_tcp_relay_LDADD = $(world_libs)

policy_world = tests/unit/core/policy_world.c tests/unit/core/policy_world.h
tests_unit_core_test_peer_policy_SOURCES = tests/unit/core/test_peer_policy.c $(policy_world)
tests_unit_core_test_peer_policy_model_SOURCES = tests/unit/core/test_peer_policy_model.c \
	tests/unit/core/policy_oracle.c tests/unit/core/policy_oracle.h $(policy_world)

tests_unit_core_test_out_of_memory_SOURCES = tests/unit/core/test_out_of_memory.c tests/unit/lib/oom.c \
	tests/unit/lib/oom.h
tests_unit_core_test_out_of_memory_LDADD = $(world_libs)
tests_unit_core_test_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
