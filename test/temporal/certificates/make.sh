#!/bin/sh
# Makes the certificates of the tests, valid from 2020 to 2120: two certificate authorities, the certificate of a server
# on loopback, and a client certificate of each authority.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
cat >"$work/ca.cnf" <<CONFIG
[ca]
default_ca = all
[all]
database = $work/index.txt
new_certs_dir = $work
serial = $work/serial
default_md = sha256
policy = any
default_startdate = 20200101000000Z
default_enddate = 21200101000000Z
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
[end]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
subjectAltName = DNS:localhost, IP:127.0.0.1
CONFIG
touch "$work/index.txt"
echo 01 >"$work/serial"

# issue NAME EXTENSIONS [SIGNING OPTIONS]
issue() {
  name=$1 extensions=$2
  shift 2
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions "$extensions" -in "$work/$name.csr" -out "$name.pem" "$@"
}
for number in 1 2; do
  openssl req $key -keyout "$work/ca-$number.key" -out "$work/ca-$number.csr" -subj "/CN=test authority $number"
  issue "ca-$number" authority -selfsign -keyfile "$work/ca-$number.key"
done
for pair in server:1 client-1:1 client-2:2; do
  name=${pair%:*} authority=ca-${pair#*:}
  openssl req $key -keyout "$name.key" -out "$work/$name.csr" -subj "/CN=$name"
  issue "$name" end -cert "$authority.pem" -keyfile "$work/$authority.key"
done
