# What a test program that fails allocations on purpose is linked with; see tests/unit/oom.h.
oom_wrap = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc \
	-Wl,--wrap=free

unit_programs += \
	tests/unit/test_counters \
	tests/unit/test_five_tuple \
	tests/unit/test_limiter \
	tests/unit/test_nonce \
	tests/unit/test_out_of_memory \
	tests/unit/test_port_pool \
	tests/unit/test_quota \
	tests/unit/test_reservation
EXTRA_DIST += tests/unit/random.h

tests_unit_test_out_of_memory_SOURCES = tests/unit/test_out_of_memory.c tests/unit/oom.c \
	tests/unit/oom.h
tests_unit_test_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(oom_wrap)
