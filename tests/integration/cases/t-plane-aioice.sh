#!/bin/bash
# aioice with the kernel plane: the calls of t-aioice.sh, where over UDP the kernel must forward packets.
KERNEL_PLANE=on exec "$(dirname "$0")/t-aioice.sh"
