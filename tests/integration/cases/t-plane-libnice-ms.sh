#!/bin/bash
# timeout: 240
# libnice in OC2007R2 and OC2007 mode with the kernel plane: the calls of t-libnice-ms.sh, where over UDP the kernel must forward packets.
KERNEL_PLANE=on exec "$(dirname "$0")/t-libnice-ms.sh"
