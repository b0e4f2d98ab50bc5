#!/bin/sh
# with-password.sh VARIABLE COMMAND…: runs the command with the password of PostgreSQL in the variable. Refuses a password
# that a program of Temporal would read differently. Temporal's server puts the password between quotes into a YAML text.
# Temporal's tools put the password into a URL, where a blank becomes "+".
set -eu
LC_ALL=C

refuse() {
  echo "The file of POSTGRES_PASSWORD_FILE $1." >&2
  exit 1
}

[ -r /run/secrets/postgres-password ] || refuse 'can not be read by this process: give it the owner 1000 and the mode 600'
password=$(cat /run/secrets/postgres-password)
case $password in
  '') refuse 'is empty' ;;
  *[![:graph:]]* | *[\"\\]*) refuse 'has a blank, a quote ("), a backslash or a character outside ASCII: choose another password' ;;
esac
export "$1=$password"
shift
exec "$@"
