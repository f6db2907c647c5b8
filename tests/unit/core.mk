# What a test program that fails allocations on purpose is linked with; see tests/unit/oom.h.
oom_wrap = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc \
	-Wl,--wrap=free

unit_programs += \
	tests/unit/test_admission \
	tests/unit/test_allocation \
	tests/unit/test_auth \
	tests/unit/test_channel \
	tests/unit/test_counters \
	tests/unit/test_expiry \
	tests/unit/test_five_tuple \
	tests/unit/test_forward \
	tests/unit/test_ip_prefix \
	tests/unit/test_limiter \
	tests/unit/test_nonce \
	tests/unit/test_out_of_memory \
	tests/unit/test_peer_policy \
	tests/unit/test_peer_policy_model \
	tests/unit/test_permission \
	tests/unit/test_port_pool \
	tests/unit/test_quota \
	tests/unit/test_relay_port \
	tests/unit/test_reservation \
	tests/unit/test_sequence \
	tests/unit/test_tcp_allocation \
	tests/unit/test_tcp_relay \
	tests/unit/test_threads \
	tests/unit/test_tokens
EXTRA_DIST += tests/unit/create_check.h tests/unit/one_world.h tests/unit/random.h

# The world of fake_edge.h; a program that uses it has libworld.a in front of the libraries.
check_LIBRARIES += libworld.a
libworld_a_SOURCES = tests/unit/fake_edge.c tests/unit/fake_edge.h
world_libs = libworld.a $(LDADD)
tests_unit_test_admission_LDADD = $(world_libs)
tests_unit_test_allocation_LDADD = $(world_libs)
tests_unit_test_auth_SOURCES = tests/unit/test_auth.c tests/unit/auth_request.c \
	tests/unit/auth_request.h
tests_unit_test_auth_LDADD = $(world_libs)
tests_unit_test_auth_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=stun_verify,--wrap=stun_key_long_term,--wrap=HMAC
tests_unit_test_channel_LDADD = $(world_libs)
tests_unit_test_forward_LDADD = $(world_libs)
tests_unit_test_permission_LDADD = $(world_libs)
tests_unit_test_relay_port_LDADD = $(world_libs)
tcp_world = tests/unit/tcp_world.c tests/unit/tcp_world.h
tests_unit_test_tcp_allocation_SOURCES = tests/unit/test_tcp_allocation.c $(tcp_world)
tests_unit_test_tcp_allocation_LDADD = $(world_libs)
tests_unit_test_tcp_relay_SOURCES = tests/unit/test_tcp_relay.c $(tcp_world)
tests_unit_test_tcp_relay_LDADD = $(world_libs)

policy_world = tests/unit/policy_world.c tests/unit/policy_world.h
tests_unit_test_peer_policy_SOURCES = tests/unit/test_peer_policy.c $(policy_world)
tests_unit_test_peer_policy_model_SOURCES = tests/unit/test_peer_policy_model.c \
	tests/unit/policy_oracle.c tests/unit/policy_oracle.h $(policy_world)

tests_unit_test_out_of_memory_SOURCES = tests/unit/test_out_of_memory.c tests/unit/oom.c \
	tests/unit/oom.h
tests_unit_test_out_of_memory_LDADD = $(world_libs)
tests_unit_test_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
