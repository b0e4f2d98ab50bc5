#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE if it does not exist. RETENTION: how long the server keeps closed flows.
set -eu

# A server whose port is open may still be starting its services.
tries=0
until temporal operator cluster health > /dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
