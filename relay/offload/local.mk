# relay/offload/: the kernel plane.
relay_offload_sources = \
	relay/offload/flow_layout.h \
	relay/offload/flow_of.h \
	relay/offload/flow_table.c relay/offload/flow_table.h \
	relay/offload/flows.h \
	relay/offload/loader_message.c relay/offload/loader_message.h \
	relay/offload/offload.c relay/offload/offload.h \
	relay/offload/offload_mode.h

include relay/offload/bpf/local.mk
