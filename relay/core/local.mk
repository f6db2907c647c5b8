# relay/core/: what TURN is. No sockets, no clock, no log; see tests/lint.
# The library holds relay/dialect/ too (relay/dialect/local.mk adds to the list).
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES =
