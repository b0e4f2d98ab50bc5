#!/bin/sh
# Makes the databases of a Temporal server, or brings them up to its version. The connection is in SQL_*. Safe to repeat.
set -eu

# schema DATABASE NAME-OF-ITS-SCHEMA
schema() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

schema temporal temporal
schema temporal_visibility visibility
