#!/bin/bash
# Chromium with the kernel plane: the calls of t-chromium.sh, where over UDP the kernel must forward packets.
KERNEL_PLANE=on exec "$(dirname "$0")/t-chromium.sh"
