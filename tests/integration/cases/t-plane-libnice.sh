#!/bin/bash
# libnice in RFC 5245 mode with the kernel plane: the calls of t-libnice.sh, where over UDP the kernel must forward
# packets, and the records must have exactly those of the link.
KERNEL_PLANE=counted exec "$(dirname "$0")/t-libnice.sh"
