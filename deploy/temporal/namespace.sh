#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE, unless it is there. RETENTION: how long a closed flow can be looked at.
set -eu

# A server that listens may still be finding its own parts.
tries=0
until temporal operator cluster health > /dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
