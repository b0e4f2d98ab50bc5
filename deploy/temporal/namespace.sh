#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE if it does not exist. RETENTION is the time for which the server keeps closed
# runs.
set -eu

# Waits until the server is ready, because a server with an open port can still be starting its services.
tries=0
until temporal operator cluster health > /dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
