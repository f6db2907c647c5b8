# relay/dialect/: message -> core -> reply. Part of libcore.a.
libcore_a_SOURCES +=
