#!/bin/sh
# sealing-keys.sh FILE: makes the private keys there, for their owner alone, unless they are there. For trying things:
# keys that matter are made by somebody who keeps a copy.
set -eu
[ -s "$1" ] && exit 0
umask 077
node dist/client/cli/main.js keys generate > "$1.new"
mv "$1.new" "$1"
