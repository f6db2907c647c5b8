# stun/: the pure codec. Includes nothing but libc and libcrypto.
noinst_LIBRARIES += libstun.a
libstun_a_SOURCES =
