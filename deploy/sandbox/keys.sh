#!/bin/sh
# keys.sh WORKER_FOLDER SERVICE_FOLDER: creates the keys of worker and service, readable for the owner only. Existing keys
# stay. The service's folder has no private key. For the sandbox only: create keys for production by hand, and keep a
# copy (docs/operating.md).
set -eu
umask 077

# make FILE COMMAND…
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
