# relay/state/: what outlives the process.
noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = \
	relay/state/keeper.c \
	relay/state/keeper.h \
	relay/state/moved_records.c \
	relay/state/moved_records.h \
	relay/state/saved_allocation.c \
	relay/state/saved_allocation.h \
	relay/state/saved_owner.c \
	relay/state/saved_owner.h \
	relay/state/saved_shared.c \
	relay/state/saved_shared.h \
	relay/state/saved_stream.c \
	relay/state/saved_stream.h \
	relay/state/shared_keeper.c \
	relay/state/shared_keeper.h \
	relay/state/saved_peer.c \
	relay/state/saved_peer.h \
	relay/state/state_bytes.c \
	relay/state/state_bytes.h \
	relay/state/state_file.c \
	relay/state/state_file.h \
	relay/state/state_layout.h \
	relay/state/state_memory.c \
	relay/state/state_memory.h \
	relay/state/state_view.c \
	relay/state/state_view.h
