# relay/offload/: the kernel plane.
relay_offload_sources = \
	relay/offload/flow_credit.c relay/offload/flow_credit.h \
	relay/offload/flow_layout.h \
	relay/offload/flow_of.c relay/offload/flow_of.h \
	relay/offload/flow_table.c relay/offload/flow_table.h \
	relay/offload/flows.c relay/offload/flows.h \
	relay/offload/loader_message.c relay/offload/loader_message.h \
	relay/offload/offload.c relay/offload/offload.h \
	relay/offload/offload_mode.h \
	relay/offload/pairs.c relay/offload/pairs.h

include relay/offload/bpf/local.mk
include relay/offload/loader/local.mk
