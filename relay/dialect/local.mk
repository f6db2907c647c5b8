# relay/dialect/: message -> core -> reply. Part of libcore.a.
libcore_a_SOURCES += \
	relay/dialect/ietf/allocate.c \
	relay/dialect/attributes.c \
	relay/dialect/attributes.h \
	relay/dialect/binding.c \
	relay/dialect/binding.h \
	relay/dialect/discovery.c \
	relay/dialect/discovery.h \
	relay/dialect/dispatch.c \
	relay/dialect/dispatch.h \
	relay/dialect/ms/ms_admission.c \
	relay/dialect/ms/ms_allocate.c \
	relay/dialect/ms/ms_reply.c \
	relay/dialect/ms/ms_reply.h \
	relay/dialect/ms/ms_request.h \
	relay/dialect/ms/ms_turn.c \
	relay/dialect/ms/ms_turn.h \
	relay/dialect/reply.c \
	relay/dialect/reply.h \
	relay/dialect/request.h \
	relay/dialect/ietf/mobile.c \
	relay/dialect/ietf/mobile.h \
	relay/dialect/ietf/refresh.c \
	relay/dialect/ietf/refresh.h \
	relay/dialect/ietf/turn.c \
	relay/dialect/ietf/turn.h \
	relay/dialect/ietf/turn_tcp.c \
	relay/dialect/ietf/turn_tcp.h
