#!/bin/sh
# Creates the databases of a Temporal server, or updates their schema. SQL_* has the connection. Safe to repeat.
set -eu

# schema DATABASE SCHEMA_NAME
schema() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

schema temporal temporal
schema temporal_visibility visibility
