# relay/offload/bpf/: the programs for the kernel, compiled for BPF, and a library that brings them there.
bpf_sources = \
	relay/offload/bpf/flow.bpf.c \
	relay/offload/bpf/packet.h \
	relay/offload/bpf/rewrite.h \
	relay/offload/bpf/sum.h \
	relay/offload/bpf/verdict.h \
	relay/offload/flow_layout.h
flow_program_sources = \
	relay/offload/bpf/flow_program.c \
	relay/offload/bpf/flow_program.h

EXTRA_DIST += $(bpf_sources) $(flow_program_sources)

if WITH_OFFLOAD
# What is linked with libflowprogram.a.
FLOW_PROGRAM_LIBS = libflowprogram.a $(BPF_LIBS)

noinst_LIBRARIES += libflowprogram.a
libflowprogram_a_SOURCES = $(flow_program_sources)
libflowprogram_a_CPPFLAGS = $(AM_CPPFLAGS) $(BPF_CFLAGS)
nodist_libflowprogram_a_SOURCES = relay/offload/bpf/flow_skeleton.inc
relay/offload/bpf/libflowprogram_a-flow_program.$(OBJEXT): relay/offload/bpf/flow_skeleton.inc
BUILT_SOURCES += relay/offload/bpf/flow_skeleton.inc
CLEANFILES += relay/offload/bpf/flow_skeleton.inc relay/offload/bpf/flow.whole.o \
	relay/offload/bpf/flow.bpf.o

# The paths of the build stay out of it: bpftool leaves out what only a debugger needs.
relay/offload/bpf/flow.bpf.o: $(bpf_sources) Makefile
	$(AM_V_GEN)$(MKDIR_P) relay/offload/bpf && $(BPF_CLANG) -O2 -g -mcpu=v3 -target bpf \
		-std=gnu11 -Wall -Wextra -Werror -I$(srcdir) $(BPF_CFLAGS) $(BPF_CPPFLAGS) \
		-c $(srcdir)/relay/offload/bpf/flow.bpf.c -o relay/offload/bpf/flow.whole.o && \
		{ $(BPFTOOL) gen object $@ relay/offload/bpf/flow.whole.o || { rm -f $@; false; }; }
relay/offload/bpf/flow_skeleton.inc: relay/offload/bpf/flow.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton relay/offload/bpf/flow.bpf.o name flow_skeleton >$@.part && \
		mv $@.part $@
endif
