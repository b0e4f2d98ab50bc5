#!/bin/sh
# Used in place of the entrypoint of Temporal's server. Runs the dev server of the Temporal CLI, on SQLite.
exec temporal server start-dev --ip 0.0.0.0 --headless --log-level warn --db-filename /var/lib/temporal/dev.db \
  --sqlite-pragma journal_mode=WAL --sqlite-pragma synchronous=NORMAL \
  --dynamic-config-value history.transferProcessorMaxPollRPS=1000 \
  --dynamic-config-value system.enableActivityEagerExecution=true \
  --dynamic-config-value matching.enableFairness=true
