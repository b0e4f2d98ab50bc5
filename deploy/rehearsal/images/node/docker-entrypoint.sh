#!/bin/sh
# As in the image that this one stands for: runs a command, or a script by node.
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ]; then set -- node "$@"; fi
exec "$@"
