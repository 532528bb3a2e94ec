#!/usr/bin/env bash
# Run by the PostgreSQL image when its data folder is new: a database for each service, owned by a
# role of the same name. psql reads the passwords from the environment, not from its command line.
set -euo pipefail
for name in mlflow prefect crm; do
  psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres \
    --set ON_ERROR_STOP=1 --set "name=$name" <<SQL
\\getenv password ${name^^}_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
