# relay/offload/: the kernel plane.
relay_offload_sources = \
	relay/offload/flow_credit.c relay/offload/flow_credit.h \
	relay/offload/flow_layout.h \
	relay/offload/flow_mapping.c relay/offload/flow_mapping.h \
	relay/offload/flow_of.c relay/offload/flow_of.h \
	relay/offload/flow_place.c relay/offload/flow_place.h \
	relay/offload/flow_table.c relay/offload/flow_table.h \
	relay/offload/flows.c relay/offload/flows.h \
	relay/offload/links.c relay/offload/links.h \
	relay/offload/loader_link.c relay/offload/loader_link.h \
	relay/offload/loader_message.c relay/offload/loader_message.h \
	relay/offload/offload.c relay/offload/offload.h \
	relay/offload/offload_mode.h \
	relay/offload/offload_plane.c relay/offload/offload_plane.h \
	relay/offload/offload_view.c relay/offload/offload_view.h \
	relay/offload/offload_wanted.h \
	relay/offload/pairs.c relay/offload/pairs.h \
	relay/offload/plane_devices.c relay/offload/plane_devices.h \
	relay/offload/route_asker.c relay/offload/route_asker.h \
	relay/offload/route_message.c relay/offload/route_message.h \
	relay/offload/route_watch.c relay/offload/route_watch.h \
	relay/offload/routes.c relay/offload/routes.h

include relay/offload/bpf/local.mk
include relay/offload/loader/local.mk
