#!/bin/sh
# Runs a command, or runs a script by node, as the entrypoint of the official image does.
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ]; then set -- node "$@"; fi
exec "$@"
