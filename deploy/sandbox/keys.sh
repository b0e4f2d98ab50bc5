#!/bin/sh
# keys.sh WORKER_FOLDER SERVICE_FOLDER: creates the keys of worker and service, readable for the owner only. Does not
# replace existing keys. The folder of the service has no private sealing key. Use this script only for the sandbox. Create
# the keys for production by hand, and keep a copy of them (docs/operating.md).
set -eu
umask 077

# make FILE COMMAND…: writes the output of the command to the file, unless the file already has content.
make() {
  file=$1
  shift
  [ -s "$file" ] && return
  "$@" > "$file.new"
  mv "$file.new" "$file"
}

make "$1/private.json" node dist/cli/main.js keys generate
make "$2/public.json" node dist/cli/main.js keys public "$1/private.json"
make "$2/session.json" node -p 'JSON.stringify({keys: [{kty: "oct", k: require("crypto").randomBytes(32).toString("base64url")}]})'
