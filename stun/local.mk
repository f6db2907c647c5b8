# stun/: the pure codec. Includes nothing but libc and libcrypto.
noinst_LIBRARIES += libstun.a
libstun_a_SOURCES = \
	stun/attr.c stun/attr.h \
	stun/chandata.c stun/chandata.h \
	stun/classify.c stun/classify.h \
	stun/crc32.c \
	stun/endpoint.c stun/endpoint.h \
	stun/framing.c stun/framing.h \
	stun/integrity.c stun/integrity.h \
	stun/ip_prefix.c stun/ip_prefix.h \
	stun/msg.c stun/msg.h \
	stun/registry.c stun/registry.h \
	stun/wire.h
