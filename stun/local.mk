# stun/: the pure codec. Includes nothing but libc and libcrypto.
noinst_LIBRARIES += libstun.a
libstun_a_SOURCES = \
	stun/attr.c stun/attr.h \
	stun/chandata.c stun/chandata.h \
	stun/classify.c stun/classify.h \
	stun/crc32.c stun/crc32.h \
	stun/endpoint.c stun/endpoint.h \
	stun/framing.c stun/framing.h \
	stun/integrity.c stun/integrity.h \
	stun/ip_prefix.c stun/ip_prefix.h \
	stun/ms_attr.c stun/ms_attr.h \
	stun/ms_bandwidth.c stun/ms_bandwidth.h \
	stun/ms_integrity.c stun/ms_integrity.h \
	stun/ms_msg.c stun/ms_msg.h \
	stun/ms_registry.c stun/ms_registry.h \
	stun/msg.c stun/msg.h \
	stun/padding.c stun/padding.h \
	stun/dtls_hello.c stun/dtls_hello.h \
	stun/proxy_header.c stun/proxy_header.h \
	stun/pseudo_tls.c stun/pseudo_tls.h \
	stun/registry.c stun/registry.h \
	stun/wire.h
