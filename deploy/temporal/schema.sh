#!/bin/sh
# Creates the databases of a Temporal server, or updates their schema. The variables SQL_* have the address and the login
# of the database server. You can repeat this script at any time.
set -eu

# schema DATABASE SCHEMA_NAME
schema() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

schema temporal temporal
schema temporal_visibility visibility
