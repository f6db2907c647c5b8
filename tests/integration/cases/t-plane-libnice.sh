#!/bin/bash
# libnice in RFC 5245 mode with the kernel plane: the calls of t-libnice.sh, where over UDP the kernel must forward packets.
KERNEL_PLANE=on exec "$(dirname "$0")/t-libnice.sh"
