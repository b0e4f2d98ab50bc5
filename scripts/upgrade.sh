#!/bin/sh
# The steps of an upgrade of versioned workers, by the Temporal command line. docs/upgrades.md has the order of the steps.
#
#   scripts/upgrade.sh DEPLOYMENT status               the current version, the ramping version and all versions
#   scripts/upgrade.sh DEPLOYMENT ramp BUILD PERCENT   gives this share of the flows to the workers of BUILD
#   scripts/upgrade.sh DEPLOYMENT stop-ramp BUILD      gives all flows to the workers of the current version again
#   scripts/upgrade.sh DEPLOYMENT current BUILD        gives all flows to the workers of BUILD, also for a rollback
#
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS_* name the server. TEMPORAL_CLI_PATH is the path
# of Temporal's command line, if it is not on the PATH.
set -eu

usage() {
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
[ $# -ge 2 ] || usage
deployment=$1 step=$2
shift 2
deployments() {
  command=$1
  shift
  "${TEMPORAL_CLI_PATH:-temporal}" worker deployment "$command" "$@"
}

case $step/$# in
  status/0) deployments describe --name "$deployment" ;;
  ramp/2) deployments set-ramping-version --deployment-name "$deployment" --build-id "$1" --percentage "$2" --yes ;;
  stop-ramp/1) deployments set-ramping-version --deployment-name "$deployment" --build-id "$1" --delete --yes ;;
  current/1) deployments set-current-version --deployment-name "$deployment" --build-id "$1" --yes ;;
  *) usage ;;
esac
