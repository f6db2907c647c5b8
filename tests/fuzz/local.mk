# tests/fuzz/: what takes bytes. fuzz_NAME.c defines LLVMFuzzerTestOneInput(); its corpus is
# tests/fuzz/corpus/NAME/. Without --enable-fuzzer each program replays its corpus in
# make check; with it, make fuzz searches for FUZZ_SECONDS with each.
#
# To add one (two lines):
#   fuzz_programs += tests/fuzz/fuzz_NAME
#   tests_fuzz_fuzz_NAME_LDADD = $(FUZZ_LIBS)
fuzz_programs =

control_text = tests/fuzz/control_text.c tests/fuzz/control_text.h

check_PROGRAMS += $(fuzz_programs)
EXTRA_DIST += tests/fuzz/fuzz.h tests/fuzz/cuts.h

if ENABLE_FUZZER
FUZZ_LIBS = $(FUZZER_LDFLAGS) $(CORE_LIBS) libbase.a
else
FUZZ_LIBS = libreplay.a $(CORE_LIBS) libbase.a
TESTS += $(fuzz_programs)
endif

check_LIBRARIES += libreplay.a
libreplay_a_SOURCES = tests/fuzz/replay.c

FUZZ_SECONDS = 60
.PHONY: fuzz
fuzz: $(fuzz_programs)
	@test -n '$(FUZZER_LDFLAGS)' || { echo "configure with --enable-fuzzer CC=clang first"; exit 1; }
	@for program in $(fuzz_programs); do \
		name=$${program##*/fuzz_}; \
		mkdir -p fuzz-found/$$name && \
		./$$program -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=fuzz-found/ \
			fuzz-found/$$name $(srcdir)/tests/fuzz/corpus/$$name || exit 1; \
	done

include tests/fuzz/auth.mk
include tests/fuzz/core.mk
include tests/fuzz/issuer.mk
include tests/fuzz/stun.mk
include tests/fuzz/relay.mk
include tests/fuzz/tools.mk
