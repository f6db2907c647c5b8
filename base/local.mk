# base/: plumbing without protocol or policy, shared by all programs.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/log.h \
	base/sockaddr.h \
	base/units.c base/units.h \
	base/version.c base/version.h
